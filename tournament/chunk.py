"""Chunks: matches that are played together in one process, and their outcomes.

A chunk is plain data that can be sent to any worker. No exception leaves it: a failed match is a value with its
reason, and the other matches of the chunk are played again without it.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import threading
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import FrameType
from typing import TypeAlias, TypeVar
from weakref import WeakSet

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel
from threadpoolctl import threadpool_limits
from torch import Tensor

from ..agents import CATALOGUE as AGENTS
from ..agents import global_generators
from ..agents.agent import Agent
from ..envs import CATALOGUE as ENVIRONMENTS
from ..envs.catalogue import Catalogue
from ..envs.environment import Box, Discrete, Environment, MoveOrPartner, SelectiveMove
from ..envs.errors import DilemmaError
from ..envs.matrix_game import two_by_two
from .arena import AgentError, Interrupt, Played, TimeUp, automaton_of, play
from .deadline import time_limit
from .exact.exact_payoffs import exact_results
from .exact.geometric_series import series
from .how import HOW, How
from .patience import Patience
from .protocol import STRATEGIES, Protocol
from .reasons import clean, reason, trace
from .recipe import Recipe
from .recorders import Recorder
from .saving import Saver

T = TypeVar("T", bound=BaseModel)
LEFT_BEHIND: WeakSet[threading.Thread] = WeakSet()
"""Threads that agents have started, for which the end of this process need not wait."""
Rows: TypeAlias = dict[str, NDArray[np.generic]]
"""Columns of the seats table; agents and opponents are indices of the plan's entrants, `how` of HOW."""


@dataclass(frozen=True)
class Chunk:
    """Matches of one environment."""

    game: Recipe
    agents: tuple[Recipe, ...]
    setting: int
    """Index of its environment in the plan."""
    entrants: NDArray[np.int64]
    """Index of each agent in the plan's entrants [agent]."""
    cast: NDArray[np.int64]
    """Index into `agents` for each seat [match, seat]."""
    casts: NDArray[np.int64]
    """Key of the cast that each match is a repetition of [match]."""
    repetition: NDArray[np.int64]
    """-1 for exact payoffs [match]."""
    keys: NDArray[np.int64]
    """The identity of each match, and the root of its chance [match]."""
    how: How
    learning: Protocol = STRATEGIES
    labels: tuple[str, ...] = ()
    """Labels of the agents, if somebody learns."""
    device: str = "cpu"
    wanted: NDArray[np.int64] | None = None
    """Matches whose rows are kept; others only complete a block [match]."""
    start: tuple[LearnedState, ...] = ()
    """What learners begin with, as it was kept of the same chairs."""
    saver: Saver | None = None
    """Keeps how far it is, and what it goes on from; None: if it is cut short, it begins anew."""
    given_up: tuple[tuple[int, str], ...] = ()
    """Agents whose matches have failed so often alike that they aren't played, by their index here, and why."""

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def has_foreign_code(self) -> bool:
        """Whether code outside this package plays, which may end its process."""
        return any(recipe.digest or recipe.thing is not None for recipe in (self.game, *self.agents))

    @property
    def asked(self) -> NDArray[np.int64]:
        """The matches whose rows are kept [match]."""
        return self.keys if self.wanted is None else self.wanted

    def select(self, which: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Chunk:
        """The chunk with only these matches."""
        return replace(
            self,
            **{name: getattr(self, name)[which] for name in ("cast", "casts", "repetition", "keys")},
        )

    def without(self, places: Collection[int]) -> Chunk:
        """The chunk without the matches at these places."""
        return self.select(np.setdiff1d(np.arange(len(self)), list(places)))


@dataclass(frozen=True)
class Failure:
    """A match that could not be played."""

    match: int
    setting: int
    cast: tuple[int, ...]
    """Indices of the plan's entrants by seat."""
    repetition: int
    reason: str
    traceback: str = ""
    blamed: tuple[int, ...] = ()
    """Indices of the plan's entrants that are at fault; empty if unknown."""


@dataclass(frozen=True)
class LearnedState:
    """The learned state of an agent in a chunk; each tensor of `state` has a row for each of its seats."""

    entrant: int
    rows: Rows
    """Match, seat, opponent and repetition of each row."""
    state: dict[str, Tensor]


@dataclass(frozen=True)
class Outcome:
    """The outcome of a chunk."""

    rows: list[Rows] = field(default_factory=list)
    curves: list[Rows] = field(default_factory=list)
    """Columns of the curves table: a row for each seat of each match and point of the learning curve."""
    checkpoints: list[LearnedState] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    costs: list[Rows] = field(default_factory=list)
    """A row for each agent that played: chairs, rounds, updates and seconds."""
    selections: list[Rows] = field(default_factory=list)
    """A row for each two seats of a match of which one chose to meet the other."""

    @property
    def matches(self) -> int:
        return sum(len(np.unique(rows["match"])) for rows in self.rows)


def play_chunk(chunk: Chunk, timeout: float | None = None, recorders: Sequence[Recorder] = ()) -> Outcome:
    """Play a chunk; failures are part of the outcome. Uses one thread, and restores the state of the process.

    `recorders` receive each round that is played.
    """
    outcome = Outcome()
    patience, process = Patience(dict(chunk.given_up)), os.getpid()
    with interruptible(), one_thread(), restored_process():
        _play(chunk, timeout, outcome, patience, recorders)
    if os.getpid() != process:  # an agent has forked: only the first process goes on
        os._exit(0)
    return outcome


def _play(
    chunk: Chunk, timeout: float | None, outcome: Outcome, patience: Patience, recorders: Sequence[Recorder] = ()
) -> None:
    if hopeless := patience.hopeless(chunk.cast, chunk.casts):
        if chunk.how == "learned":  # a block is played whole
            hopeless = dict.fromkeys(range(len(chunk)), next(iter(hopeless.values())))
        for place, (agent, why) in hopeless.items():
            guilty = [agent] if agent >= 0 else []
            outcome.failures.extend(_failures(chunk.select(np.array([place])), why, guilty=guilty))
        chunk = chunk.without(hopeless)
    if not len(chunk):
        return
    suspects: NDArray[np.bool_] = np.ones(len(chunk), dtype=np.bool_)
    guilty = []
    try:
        with np.errstate(invalid="ignore", divide="ignore"):
            played = _fairly(chunk, timeout, recorders)
    except AgentError as error:
        guilty = [index for index, agent in enumerate(_agents(chunk)) if agent in error.agents]
        suspects = np.asarray(np.isin(chunk.cast, guilty).any(axis=1))
        cause = error if error.__cause__ is None else error.__cause__
        why, where = clean(f"{error}: {_reason(cause, timeout)}"), trace(error)
    except Interrupt:
        raise
    except BaseException as error:
        why, where = _reason(error, timeout), trace(error)
    else:
        lost = _without_numbers(chunk, played, outcome)
        kept = np.setdiff1d(chunk.asked, lost)
        outcome.rows.extend(only(rows, kept) for rows in played.rows)
        outcome.curves.extend(only(rows, kept) for rows in played.curves)
        outcome.selections.extend(only(rows, kept) for rows in played.selections)
        outcome.checkpoints.extend(played.checkpoints)
        outcome.costs.extend(played.costs)
        patience.went_well(np.unique(chunk.cast).tolist(), np.unique(chunk.casts).tolist())
        return
    if chunk.how == "learned":  # without the failed match, the others would learn differently
        outcome.failures.extend(_failures(chunk, why, where, guilty))
        return
    if not suspects.all():
        _play(chunk.select(~suspects), timeout, outcome, patience)
    left = suspects.nonzero()[0]
    if len(left) == 1:
        outcome.failures.extend(_failures(chunk.select(left), why, where, guilty))
        patience.failed(guilty, int(chunk.casts[left[0]]), why)
    else:
        for half in np.array_split(left, 2):
            _play(chunk.select(half), timeout, outcome, patience)


def _fairly(chunk: Chunk, timeout: float | None, recorders: Sequence[Recorder]) -> Outcome:
    """Play; if the global generators of the process were used meanwhile, play again with a check on each call."""
    if chunk.how == "exact":
        with time_limit(timeout):
            return _exact(chunk)
    if not chunk.has_foreign_code:
        with time_limit(timeout):
            return _played(chunk, recorders)
    with global_generators.generators_kept() as generators:
        try:
            with time_limit(timeout):
                played = _played(chunk, recorders)
        except AgentError:
            if not generators.moved():
                raise
        else:
            if not generators.moved():
                return played
    if chunk.saver:
        chunk.saver.forget()
    with global_generators.generators_kept(), global_generators.watching(), time_limit(timeout):
        return _played(chunk, recorders)


def only(rows: Rows, matches: NDArray[np.int64]) -> Rows:
    """The rows of some matches."""
    kept = np.isin(rows["match"], matches)
    return rows if kept.all() else {name: column[kept] for name, column in rows.items()}


def _without_numbers(chunk: Chunk, played: Outcome, outcome: Outcome) -> NDArray[np.int64]:
    """The matches with values that are not finite; they are added to the failures."""
    [rows] = played.rows
    broken = np.unique(rows["match"][~np.isfinite(rows["payoff"].astype(float))])
    reasons = dict.fromkeys(broken.tolist(), "a payoff is not a finite number")
    for name, value in (item for curves in played.curves for item in curves.items()):
        if value.dtype != np.float64:
            continue
        number = value.reshape(-1, *chunk.cast.shape).astype(float)  # [point, match, seat]
        # A seat may never have a measure; losing it, or an infinite value, is a failure.
        has_values = np.isfinite(number).any(0) | (name == "payoff")
        wrong = (~np.isfinite(number) & has_values | np.isinf(number)).any(2)
        for match in wrong.any(0).nonzero()[0]:
            point = int(wrong[:, match].argmax())
            reasons[int(chunk.keys[match])] = (
                f"{name} is not a finite number at point {point} of the learning curve"
            )
    for key, why in reasons.items():
        outcome.failures.extend(_failures(chunk.select(chunk.keys == key), why))
    return np.array(list(reasons), dtype=np.int64)


def _reason(error: BaseException, timeout: float | None) -> str:
    if isinstance(error, TimeUp):
        return f"took longer than the time limit of {timeout:g} s"
    return reason(error)


def _failures(chunk: Chunk, reason: str, trace: str = "", guilty: Sequence[int] = ()) -> Iterator[Failure]:
    """All matches of the chunk as failed; `guilty` are the indices of agents at fault."""
    for cast, repetition, key in zip(chunk.cast, chunk.repetition, chunk.keys, strict=True):
        members = tuple(chunk.entrants[cast].tolist())
        blamed = tuple(chunk.entrants[sorted(set(cast.tolist()) & set(guilty))].tolist()) if guilty else ()
        yield Failure(int(key), chunk.setting, members, int(repetition), reason, trace, blamed)


def whole_failure(chunk: Chunk, reason: str) -> Outcome:
    """The outcome of a chunk whose worker died."""
    return Outcome(failures=list(_failures(chunk, reason)))


def _made(catalogue: Catalogue[T], recipe: Recipe) -> T:
    if recipe.thing is not None:
        return catalogue.checked(recipe.name, recipe.thing)
    made = catalogue.build(recipe.name, json.loads(recipe.parameters))
    if recipe.digest and (found := catalogue.digest(recipe.name, made)) != recipe.digest:
        raise DilemmaError(
            f"the code of {recipe.name} has changed while the tournament was played: its digest is {found}, was "
            f"{recipe.digest}"
        )
    return made


@lru_cache(maxsize=4096)
def _agent(recipe: Recipe) -> Agent:
    return _made(AGENTS, recipe)


@lru_cache(maxsize=256)
def _game(recipe: Recipe) -> Environment:
    return _made(ENVIRONMENTS, recipe)


def _agents(chunk: Chunk) -> list[Agent]:
    return [_agent(recipe) for recipe in chunk.agents]


def game_of(chunk: Chunk) -> Environment:
    """The environment of a chunk."""
    return _game(chunk.game)


def _moves(space: Discrete | Box) -> int:
    """How many moves a seat has; 0 where they can't be counted."""
    if isinstance(space, SelectiveMove | MoveOrPartner):
        return space.moves
    return space.n if isinstance(space, Discrete) else 0


def _played(chunk: Chunk, recorders: Sequence[Recorder] = ()) -> Outcome:
    game = game_of(chunk)
    keys, cast = (torch.from_numpy(each).to(chunk.device) for each in (chunk.keys, chunk.cast))
    start = {chunk.entrants.tolist().index(learned.entrant): learned.state for learned in chunk.start}
    agents, learning = _agents(chunk), chunk.learning
    played = play(game, agents, cast, keys, learning, chunk.labels, recorders, start, chunk.saver).on_cpu()
    weight = played.weight.sum(2)
    payoff, cooperation, mutual = (
        (value.sum(2) / weight).numpy() for value in (played.payoff, played.cooperation, played.mutual)
    )
    if any(_moves(game.actions(seat)) > 2 for seat in range(game.seats)):
        cooperation = np.full_like(cooperation, np.nan)
    outcomes = np.full((*payoff.shape, 4), np.nan)
    if game.seats == 2:
        cd, dc = cooperation - mutual, cooperation[:, ::-1] - mutual
        outcomes = np.stack((mutual, cd, dc, 1 - mutual - cd - dc), -1)
    rows = _seat_rows(chunk, payoff, cooperation, outcomes)
    rows["weight"] = (weight / played.weight.shape[2]).numpy().ravel()
    rows["rounds"] = played.rounds.mean(2).numpy().ravel()
    if played.runs is not None:
        rows["run"] = played.runs.numpy().ravel()
    if played.conduct:
        rows |= played.conduct.columns(weight.numpy())
    rows["variance"] = np.full(payoff.size, np.nan)
    rows["standard_error"] = np.full(payoff.size, np.nan)
    if game.curve == "round" and chunk.learning.tables > 1:  # there, tables are independent pairs
        spread = (played.payoff / played.weight).std(2) / math.sqrt(chunk.learning.tables)
        rows["standard_error"] = spread.numpy().ravel()
    for name, value in played.measures.items():
        rows[name] = (value.sum(2) / weight).numpy().ravel()
    address = _address(chunk)
    curves = [_curve_rows(address, played.curves)] if played.curves else []
    checkpoints = [
        LearnedState(
            int(chunk.entrants[learned.agent]),
            {name: address[name][learned.chairs.numpy()] for name in ("match", "seat", "opponent", "repetition")},
            learned.state,
        )
        for learned in played.learned
    ]
    selections = [] if played.selections is None else [_selection_rows(address, played.selections.numpy())]
    return Outcome([rows], curves, checkpoints, costs=[_cost_rows(chunk, played)], selections=selections)


def _selection_rows(address: Rows, count: NDArray[np.float64]) -> Rows:
    """`count` is [match, chooser, chosen]; who was never chosen has no row."""
    match, chooser, chosen = count.nonzero()
    seats = count.shape[1]
    names = ("match", "setting", "repetition", "seat", "agent")
    return {
        **{name: address[name][match * seats + chooser] for name in names},
        "opponent": address["agent"][match * seats + chosen],
        "chosen_seat": chosen,
        "count": count[match, chooser, chosen],
    }


def _cost_rows(chunk: Chunk, played: Played) -> Rows:
    agents = np.array([cost.agent for cost in played.costs])
    return {
        "setting": np.full(len(agents), chunk.setting),
        "agent": chunk.entrants[agents],
        "chairs": np.array([cost.chairs for cost in played.costs]),
        "rounds": np.array([cost.rounds for cost in played.costs]),
        "updates": np.array([cost.updates * cost.chairs for cost in played.costs]),
        "seconds": np.array([cost.seconds for cost in played.costs]),
    }


def _curve_rows(address: Rows, curves: Mapping[str, Tensor]) -> Rows:
    points, matches, seats = curves["payoff"].shape
    return {
        **{name: np.tile(column, points) for name, column in address.items()},
        "point": np.repeat(np.arange(points), matches * seats),
        **{name: value.double().numpy().ravel() for name, value in curves.items()},
    }


def _exact(chunk: Chunk) -> Outcome:
    game = two_by_two(game_of(chunk))
    if game is None:
        return _certain(chunk)
    automata = [(agent, automaton_of(agent, game)) for agent in _agents(chunk)]
    for agent, automaton in automata:
        if automaton is None:
            raise AgentError((agent,)) from DilemmaError("it was a finite automaton, and is none any more")
    found = exact_results(game, [automaton for _, automaton in automata if automaton], chunk.cast, leads=True)
    own = found.outcomes
    outcomes = np.stack((own, own[:, [0, 2, 1, 3]]), 1)
    rows = _seat_rows(chunk, found.payoff, found.cooperation, outcomes)
    length = series(game.continuation * game.discount, game.rounds)
    rows["weight"] = np.full(found.payoff.size, length)
    rows["rounds"] = np.full(found.payoff.size, found.rounds)
    rows |= found.conduct.columns(np.ones(found.payoff.shape))
    rows["variance"] = found.variance.ravel()
    rows["win"], rows["good"] = found.wins.ravel(), found.good.ravel()
    rows["standard_error"] = np.zeros(found.payoff.size)
    return Outcome([rows])


def _certain(chunk: Chunk) -> Outcome:
    """Matches in which nothing is left to chance: one is as good as all."""
    if not game_of(chunk).certain:
        raise DilemmaError("nothing was left to chance in it, and now something is")
    [rows] = _played(chunk).rows
    none = np.zeros(len(rows["payoff"]))
    ahead = (rows["margin"].astype(np.float64) > 1e-9).astype(np.float64)
    return Outcome([rows | {"variance": none, "standard_error": none, "win": ahead}])


def _seat_rows(
    chunk: Chunk, payoff: NDArray[np.float64], cooperation: NDArray[np.float64], outcomes: NDArray[np.float64]
) -> Rows:
    """The columns that every row of the seats table has; payoff and cooperation are [match, seat]."""
    matches, seats = chunk.cast.shape
    return {
        **_address(chunk),
        "how": np.full(matches * seats, HOW.index(chunk.how)),
        "payoff": payoff.ravel(),
        "margin": (payoff - (payoff.sum(1, keepdims=True) - payoff) / (seats - 1)).ravel(),
        "cooperation": cooperation.ravel(),
        **dict(zip(("cc", "cd", "dc", "dd"), outcomes.reshape(-1, 4).T, strict=True)),
    }


def _address(chunk: Chunk) -> Rows:
    """The columns that identify a row: match, cast, seat, agent, opponent; rows are [match, seat]."""
    matches, seats = chunk.cast.shape
    members = chunk.entrants[chunk.cast]
    opponent, k = opponents(members)
    return {
        "match": np.repeat(chunk.keys, seats),
        "cast": np.repeat(chunk.casts, seats),
        "setting": np.full(matches * seats, chunk.setting),
        "repetition": np.repeat(chunk.repetition, seats),
        "seat": np.tile(np.arange(seats), matches),
        "agent": members.ravel(),
        "opponent": opponent.ravel(),
        "k": k.ravel(),
    }


def opponents(members: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The opponent of each seat, and the number of seats of its agent in the match; all [match, seat].

    With two agents in a match, the opponent is the other one. An agent alone in a match is its own opponent. With
    three agents or more there is none (-1).
    """
    matches, seats = members.shape
    if seats == 2:
        return members[:, ::-1], np.where(members[:, :1] == members[:, 1:], 2, 1).repeat(2, 1)
    least, most = members.min(1, keepdims=True), members.max(1, keepdims=True)
    match = np.arange(matches)[:, None]
    _, which, count = np.unique(
        match * (members.max(initial=0) + 1) + members, return_inverse=True, return_counts=True
    )
    two = ((members == least) | (members == most)).all(1, keepdims=True)
    opponent = np.where(two, least + most - members, -1)
    return opponent, count[which].reshape(matches, seats)


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for torch and for BLAS within the context."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def restored_process() -> Iterator[None]:
    """Restore what agents may have changed: folder, default dtype, warnings, recursion limit."""
    dtype, deep, threads = torch.get_default_dtype(), sys.getrecursionlimit(), set(threading.enumerate())
    try:
        folder = os.getcwd()
    except OSError:  # it is gone
        folder = None
    try:
        with warnings.catch_warnings():
            yield
    finally:
        if folder is not None:
            os.chdir(folder)
        LEFT_BEHIND.update(one for one in threading.enumerate() if one not in threads and not one.daemon)
        torch.set_default_dtype(dtype)
        sys.setrecursionlimit(deep)


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the context Ctrl-C, and what is handled like it, raises Interrupt.

    If an agent has caught that, it is raised once more afterwards.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    before = {number: handler for number, handler in handlers.items() if callable(handler)}
    if not before or threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = []

    def hear(number: int, frame: FrameType | None) -> None:
        try:
            before[signal.Signals(number)](number, frame)
        except KeyboardInterrupt:
            heard.append(number)
            raise Interrupt from None

    for number in before:
        signal.signal(number, hear)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if heard:
        raise Interrupt
