"""The arena: plays a chunk of matches of one environment side by side.

It knows nothing of files, workers or clocks. Matches are independent: the result of a match does not depend on
which others are in the chunk.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar

import torch
from pydantic import BaseModel
from torch import Tensor

from ..agents import global_generators
from ..agents.agent import Agent, Chairs, Observation, Player, Round, check_declared
from ..agents.automaton import Automaton, AutomatonPlayer
from ..envs import joint_action
from ..envs.catalogue import Adapted, parts
from ..envs.chance import Chance, sealed
from ..envs.environment import Environment, State, Step
from ..envs.errors import DilemmaError
from ..envs.joint_action import ActionView, seats_that_act_alike
from ..envs.neighbourhood import Neighbours
from .allowed import Allowed, measures_of, state_of
from .outcome_counts import Conduct, ConductRecorder
from .protocol import STRATEGIES, Protocol
from .recorders import Curve, PlayedRound, Recorder, Rounds, Selections, Tally
from .saving import Saver

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Played:
    """The results of a chunk of matches: weighted sums over rounds; float64 [match, seat, table]."""

    weight: Tensor
    """Sum of the weights of the rounds played: divide by it for a mean per round."""
    rounds: Tensor
    """Number of rounds played, unweighted."""
    payoff: Tensor
    cooperation: Tensor
    """NaN if the environment does not define it."""
    mutual: Tensor
    """Cooperation of all seats at once; NaN if the environment does not define it."""
    measures: dict[str, Tensor]
    """The environment's further measures."""
    conduct: Conduct | None
    """Outcome counts, in games of two players with two actions; summed over tables."""
    curves: dict[str, Tensor]
    """If somebody learns: payoff, cooperation and measures, means over tables [point, match, seat].

    NaN if a seat does not have the measure.
    """
    learned: list[Learned]
    """Learned states of the agents in `keep`."""
    costs: list[PlayCost]
    """Costs of each agent."""
    runs: Tensor | None = None
    """The trained run of the agent on each seat, int64 [match, seat]; -1 for none, None if nobody has any."""
    selections: Tensor | None = None
    """How often each seat chose to meet each other, over tables [match, seat, seat]; None where nobody chose."""

    def on_cpu(self) -> Played:
        """The same on the CPU."""
        sums = (self.weight, self.rounds, self.payoff, self.cooperation, self.mutual)
        weight, rounds, payoff, cooperation, mutual = (value.cpu() for value in sums)
        measures, curves = (
            {name: value.cpu() for name, value in named.items()} for named in (self.measures, self.curves)
        )
        learned = [
            replace(part, state={name: value.cpu() for name, value in part.state.items()}) for part in self.learned
        ]
        return replace(
            self,
            weight=weight,
            rounds=rounds,
            payoff=payoff,
            cooperation=cooperation,
            mutual=mutual,
            measures=measures,
            curves=curves,
            learned=learned,
            runs=None if self.runs is None else self.runs.cpu(),
            selections=None if self.selections is None else self.selections.cpu(),
        )


@dataclass(frozen=True)
class Learned:
    """The learned state of an agent on its chairs."""

    agent: int
    """Its index in the chunk."""
    chairs: Tensor
    """Its chairs: match * seats + seat [chair]."""
    state: dict[str, Tensor]
    """Each tensor starts with [chair]."""


@dataclass(frozen=True)
class PlayCost:
    """The cost of an agent, over all its chairs."""

    agent: int
    """Its index in the chunk."""
    seconds: float
    """Time in its own methods, on a single thread; automata share a player, and its time in proportion to chairs.
    """
    chairs: int
    rounds: float
    """Rounds of all chairs at all tables, inside the window or not."""
    updates: int
    """Number of learning updates of each chair: episodes, or rounds of a policy game."""


@dataclass(slots=True)
class PlayerMeter:
    """The cost of a player so far."""

    seconds: float = 0.0
    updates: int = 0


@dataclass(frozen=True, slots=True)
class Seated:
    """A player and the chairs it sits on: flat (match, seat) indices, or None for all of them in order."""

    agents: tuple[Agent, ...]
    indices: tuple[int, ...]
    """Indices of these agents in the chunk."""
    chairs: Tensor | None
    player: Player
    seats: int
    """Number of its chairs."""
    neighbours: Neighbours | None
    """Neighbours of the chairs; None if the player has all chairs of two-seat matches."""
    asks: Agent | None = None
    """The agent whose declared needs decide what it may see; None for automata, whose transitions decide it."""
    allowed: Allowed | None = None
    """Its allowed actions; None for automata, which need no check."""
    runs: Tensor | None = None
    """The trained run on each chair, if the agent has several."""
    view: ActionView | None = None
    """How the chairs read and write the joint action; None if all seats act alike."""
    watched: bool = False
    """Whether its calls are checked not to use the global generators of the process."""
    meter: PlayerMeter = field(default_factory=PlayerMeter)

    def looks(self, state: State) -> Observation:
        """What these chairs see before they act."""
        return Observation(state, self.chairs, self.neighbours, self.asks)

    def sees(self, step: Step) -> Round:
        """A round as these chairs see it."""
        return Round(step, self.chairs, self.neighbours, self.asks, self.view)


class AgentError(Exception):
    """An agent raised, returned something not allowed, or exceeded the time limit; the cause says which."""

    def __init__(self, agents: tuple[Agent, ...]):
        super().__init__(" or ".join(sorted(set(map(_class_name, agents)))))
        self.agents = agents


def _class_name(agent: Agent) -> str:
    """The name of an agent's class, or of what it wraps."""
    if isinstance(agent, Adapted):
        return agent.adapted_name.rpartition(":")[2].removesuffix(">")
    return type(agent).__name__


class TimeUp(BaseException):
    """The time limit of a chunk is over."""


class Interrupt(KeyboardInterrupt):
    """Ctrl-C, as raised while chunks are played: a KeyboardInterrupt raised by an agent is the agent's failure."""


def play(
    game: Environment,
    agents: Sequence[Agent],
    cast: Tensor,
    keys: Tensor,
    protocol: Protocol = STRATEGIES,
    labels: Sequence[str] = (),
    recorders: Sequence[Recorder] = (),
    start: Mapping[int, Mapping[str, Tensor]] = MappingProxyType({}),
    saver: Saver | None = None,
) -> Played:
    """Play matches: `cast` [match, seat] says which of `agents` is on which seat, `keys` [match] are their chance.

    `labels` are the labels of the agents, by which `protocol` freezes them; `recorders` receive each round.
    `start` has the learned states [chair] that agents go on from. Where somebody learns from episode to episode,
    `saver` keeps how far it is, and what it has kept is gone on from. Raises AgentError if an agent raises.
    """
    learning = any(agents[index].learns for index in set(cast.flatten().tolist()))
    # Inference mode is faster, but learners must be able to differentiate what they have seen.
    with torch.no_grad() if learning else torch.inference_mode():
        seating = seat(game, agents, cast, keys, protocol.tables)
        for sitting in seating:
            for index in start.keys() & set(sitting.indices):
                state = {name: value.to(cast.device) for name, value in start[index].items()}
                _ask(sitting, sitting.player.load_state_dict, state)
        chance = Chance.at_tables(sealed(keys, 0), protocol.tables)
        episodes = Episodes(
            game, seating, (*cast.shape, protocol.tables), chance, protocol, labels, learning, recorders
        )
        # What co-players of a policy game have learned is no part of what follows: they begin each trial anew.
        episodes.play(saver if learning and game.curve == "episode" else None)
        learned = [
            Learned(index, _chairs(sitting, cast), _ask(sitting, _state, sitting))
            for sitting in seating
            for index in sitting.indices
            if labels and labels[index] in protocol.keep and agents[index].learns
        ]
    rounds = episodes.rounds.played * protocol.tables
    return Played(
        **episodes.tally.sums(),
        measures=episodes.tally.measures,
        conduct=episodes.conduct_recorder.conduct() if episodes.conduct_recorder else None,
        curves=dict(episodes.curve.columns()) if episodes.curve else {},
        learned=learned,
        costs=[cost for sitting in seating for cost in _costs(sitting, cast, rounds)],
        runs=_runs(seating, cast),
        selections=episodes.selections.count,
    )


def _runs(seating: Sequence[Seated], cast: Tensor) -> Tensor | None:
    """The trained run on each seat [match, seat], -1 for none; None if nobody has any."""
    if all(sitting.runs is None for sitting in seating):
        return None
    runs = torch.full_like(cast, -1)
    for sitting in seating:
        if sitting.runs is not None:
            runs.view(-1)[slice(None) if sitting.chairs is None else sitting.chairs] = sitting.runs
    return runs


def seat(game: Environment, agents: Sequence[Agent], cast: Tensor, keys: Tensor, tables: int) -> list[Seated]:
    """Seat every agent on all of its chairs; automata share one player.

    Where seats act in different ways, an agent has a player on its chairs of each role.
    """
    seats = cast.shape[1]
    flat = cast.flatten()
    seat_number = torch.arange(seats, device=cast.device).repeat(len(cast))
    match = torch.arange(len(cast), device=cast.device).repeat_interleave(seats)
    chair_keys = sealed(keys.repeat_interleave(seats), seat_number + 1)
    present = sorted(set(flat.tolist()))
    known = {index: automaton_of(agents[index], game) for index in present}
    automata = {index: automaton for index, automaton in known.items() if automaton is not None}
    groups = [list(automata)] if automata else []
    groups += [[index] for index in present if index not in automata]
    sides = seats_that_act_alike(game)
    seating = []
    for group, side in product(groups, sides):
        mine = torch.isin(flat, torch.tensor(group, device=cast.device))
        if len(sides) > 1:
            mine &= torch.isin(seat_number, torch.tensor(side, device=cast.device))
            if not mine.any():
                continue
        # A builtin agent on all chairs gets the tensors themselves; other agents get copies.
        chairs = (
            None if mine.all() and all(is_builtin(agents[index]) for index in group) else mine.nonzero().flatten()
        )
        own = slice(None) if chairs is None else chairs
        asks = None if group[0] in automata else agents[group[0]]
        rules = game if asks is None or is_builtin(asks) else copy.deepcopy(game)
        where = Chairs(rules, seat_number[own], Chance.at_tables(chair_keys[own], tables), asks, match[own])
        cast_agents = tuple(agents[index] for index in group)
        allowed, runs, watched = None, None, False
        if group[0] in automata:
            which = torch.searchsorted(torch.tensor(group, device=cast.device), flat[own])
            player: Player = _call(cast_agents, AutomatonPlayer, list(automata.values()), which, where)
        else:
            allowed = Allowed(game, where, cast_agents[0].learns)
            watched = global_generators.watched() and not is_builtin(cast_agents[0])
            sit = _untouched(_sit) if watched else _sit
            player = _call(cast_agents, sit, cast_agents[0], where)
            # Only of builtin agents: others could return anything.
            runs = _call(cast_agents, cast_agents[0].trained_runs, where) if is_builtin(cast_agents[0]) else None
        beside = Neighbours.of_chairs(game, len(cast), chairs, cast.device)
        view = ActionView.of_seats(game, side)
        seating.append(
            Seated(
                cast_agents,
                tuple(group),
                chairs,
                player,
                where.shape[0],
                beside,
                asks,
                allowed,
                runs,
                view,
                watched,
            )
        )
    return seating


def _sit(agent: Agent, where: Chairs) -> Player:
    player: object = agent.sit(where)
    if not isinstance(player, Player):
        raise DilemmaError(f"sit returned an object of type {type(player).__name__}; allowed is a Player")
    return player


def is_builtin(agent: BaseModel) -> bool:
    """Whether an agent's class comes with this package, and so do those of agents within it."""
    own = type(agent).__module__.partition(".")[0] == __name__.partition(".")[0]
    return own and all(is_builtin(part) for part in parts(agent))


def automaton_of(agent: Agent, game: Environment) -> Automaton | None:
    """The automaton of an agent in a game, or None. Raises AgentError if the agent raises."""

    def found() -> Automaton | None:
        automaton: object = agent.as_automaton(game)
        if automaton is not None and not isinstance(automaton, Automaton):
            kind = type(automaton).__name__
            raise DilemmaError(f"as_automaton returned an object of type {kind}; allowed is an Automaton or None")
        if automaton is not None and automaton.watches_others:
            check_declared(agent, "others_actions")
        return automaton

    return _call((agent,), found)


class Episodes:
    """Plays the episodes of a chunk: calls the players and the recorders."""

    def __init__(
        self,
        game: Environment,
        seating: Sequence[Seated],
        shape: tuple[int, int, int],
        chance: Chance,
        protocol: Protocol,
        labels: Sequence[str],
        learning: bool,
        recorders: Sequence[Recorder],
    ):
        self._game, self._seating, self._shape, self._chance = game, seating, shape, chance
        self._protocol, self._labels, self._learning, self._others = protocol, labels, learning, recorders
        device = chance.keys.device
        # Points of the curve are rounds only if there is one episode; else an episode is a trial.
        self._by_round = learning and game.curve == "round" and protocol.episodes == 1
        points = int(game.horizon) if self._by_round else protocol.episodes
        self._first = 0 if protocol.window is None else max(0, points - protocol.window)
        self._point = 0
        self._action = joint_action.empty(game, shape, device)
        self.rounds = Rounds()
        self.curve = Curve(shape, device, by_round=self._by_round) if learning else None
        self._begin_window()

    def _begin_window(self) -> None:
        """Start the sums that form the result."""
        device = self._chance.keys.device
        self.tally = Tally(self._shape, device)
        self.conduct_recorder = ConductRecorder.watching(self._game, self._shape, device)
        self.selections = Selections()
        own = [self.tally, self.conduct_recorder, self.selections, self.curve, self.rounds]
        self._recorders = [*(recorder for recorder in own if recorder is not None), *self._others]

    def play(self, saver: Saver | None = None) -> None:
        """Play every episode, or those that are left of what `saver` has kept."""
        game, seating = self._game, self._seating
        kept = saver.kept() if saver else None
        first = 0 if kept is None else self._go_on(kept)
        for episode in range(first, self._protocol.episodes if self._learning else 1):
            state = game.reset(self._shape[0], self._shape[2], self._chance, episode)
            for sitting in seating:
                _ask(sitting, sitting.player.begin)
            while state.round < game.horizon:
                if self._by_round or state.round == 0:
                    self._open_point()
                for sitting in seating:
                    _ask(sitting, _act, sitting, state, self._action.flatten(0, 1))
                before, (state, step) = state, game.step(state, self._action, self._chance)
                played = PlayedRound(before, step, state, game.weight(before.round))
                for recorder in self._recorders:
                    recorder.record(played)
                over = state.playing is not None and not state.playing.any()
                if not over or self._learning:
                    for sitting in seating:
                        _ask(sitting, sitting.player.observe, sitting.sees(step))
                if self._by_round:
                    self._close_point()
                if over:
                    break
            if self._learning:
                for sitting in seating:
                    if sitting.player.learning:
                        _ask(sitting, sitting.player.learn)
                        sitting.meter.updates += not self._by_round
                if not self._by_round:
                    self._close_point()
            goes_on = self._learning and episode + 1 < self._protocol.episodes
            if saver and goes_on and saver.due and not any(sitting.player.midway for sitting in seating):
                saver.save(self._so_far(episode + 1))

    def _so_far(self, episodes: int) -> dict[str, Any]:
        """All that the rest depends on after so many episodes; chance, addressed by episode, has no state."""
        players = [_ask(sitting, _state, sitting) for sitting in self._seating]
        meters = [[sitting.meter.seconds, sitting.meter.updates] for sitting in self._seating]
        assert self.curve
        return {
            "episodes": episodes,
            "point": self._point,
            "players": [dict(state) for state in players],
            "learning": [int(sitting.player.learning) for sitting in self._seating],
            "meters": [list(meter) for meter in meters],
            "curve": dict(self.curve.columns()),
            **{name: dict(vars(each)) for name, each in self._sums().items()},
        }

    def _go_on(self, kept: Mapping[str, Any]) -> int:
        """Put everything as it was kept; returns the number of episodes that were played."""
        for sitting, state, learning, (seconds, updates) in zip(
            self._seating, kept["players"], kept["learning"], kept["meters"], strict=True
        ):
            if state:
                _ask(sitting, sitting.player.load_state_dict, state)
            sitting.player.learning = bool(learning)
            sitting.meter.seconds, sitting.meter.updates = seconds, updates
        assert self.curve
        self._point = kept["point"]
        if self._point > self._first > 0:
            self._begin_window()
        columns = kept["curve"]
        self.curve.points = [
            {name: column[point] for name, column in columns.items()} for point in range(self._point)
        ]
        for name, each in self._sums().items():
            vars(each).update(kept.get(name, {}))  # what an older version kept has no selections
        return int(kept["episodes"])

    def _sums(self) -> dict[str, object]:
        """What sums up rounds over episodes, by name; all their attributes are tensors and numbers."""
        found = {
            "tally": self.tally,
            "rounds": self.rounds,
            "selections": self.selections,
            "conduct": self.conduct_recorder,
        }
        return {name: each for name, each in found.items() if each is not None}

    def _open_point(self) -> None:
        """Begin a point of the curve; if due, start the window and freeze agents."""
        if self._point == self._first > 0:
            self._begin_window()
        for label, after in self._protocol.freeze_after:
            for sitting in self._seating:
                if self._point == after and any(self._labels[index] == label for index in sitting.indices):
                    sitting.player.learning = False

    def _close_point(self) -> None:
        """End a point of the curve: record its means and the metrics of learners [match, seat]."""
        assert self.curve
        point = self.curve.means()
        counted = dict(point)
        blank = torch.full_like(point["payoff"], torch.nan).flatten()
        for sitting in self._seating:
            if self._by_round:
                sitting.meter.updates += sitting.player.learning
            for name, mean in _ask(sitting, _measures, sitting, counted).items():
                values = point[name].flatten() if name in point else blank.clone()
                if sitting.chairs is None:
                    values = mean
                else:
                    values[sitting.chairs] = mean
                point[name] = values.view_as(point["payoff"])
        self.curve.close(point)
        self._point += 1


def _chairs(sitting: Seated, cast: Tensor) -> Tensor:
    return torch.arange(cast.numel()) if sitting.chairs is None else sitting.chairs.cpu()


def _costs(sitting: Seated, cast: Tensor, rounds: float) -> Iterator[PlayCost]:
    sits = cast.flatten() if sitting.chairs is None else cast.flatten()[sitting.chairs]
    chairs = torch.bincount(sits, minlength=max(sitting.indices) + 1)[list(sitting.indices)]
    for index, agent, count in zip(sitting.indices, sitting.agents, chairs.tolist(), strict=True):
        share = count / int(chairs.sum())
        updates = sitting.meter.updates if agent.learns else 0
        yield PlayCost(index, sitting.meter.seconds * share, count, rounds * count, updates)


def _measures(sitting: Seated, taken: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return measures_of(sitting.player.measures(), sitting.seats, taken)


def _state(sitting: Seated) -> dict[str, Tensor]:
    return state_of(sitting.player.state_dict(), sitting.seats)


def _act(sitting: Seated, state: State, action: Tensor) -> None:
    """Write the actions of the player into `action` [chair, table]."""
    chosen = sitting.player.act(sitting.looks(state))
    if sitting.allowed:
        chosen = sitting.allowed.checked(chosen)
    if sitting.view:
        chosen = sitting.view.own.packed(chosen, sitting.view.joint)
    if sitting.chairs is None:
        action.copy_(chosen)
    else:
        action.index_copy_(0, sitting.chairs, chosen.to(action.dtype))


def _ask(sitting: Seated, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a player's method; an exception is the agent's fault, and the time taken is its cost."""
    start = time.perf_counter()
    try:
        called = _untouched(method) if sitting.watched else method
        return _call(sitting.agents, called, *args, **kwargs)
    finally:
        sitting.meter.seconds += time.perf_counter() - start


def _untouched(method: Callable[P, T]) -> Callable[P, T]:
    """A method that may not use the global generators of the process; raises DilemmaError if it does."""

    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        before = global_generators.Generators.now()
        result = method(*args, **kwargs)
        if moved := before.moved():
            before.restore()
            raise DilemmaError(
                f"it changed {' and '.join(moved)}, on which others' draws depend: take randomness from `chance`"
            )
        return result

    return called


def _call(agents: tuple[Agent, ...], method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call the code of agents: any exception, except a real Ctrl-C, is their fault."""
    process = os.getpid()
    try:
        return method(*args, **kwargs)
    except Interrupt:
        raise
    except BaseException as error:
        raise AgentError(agents) from error
    finally:
        if os.getpid() != process:
            os._exit(1)  # the agent has forked: only the original process goes on
