"""Forecasts: what a run has to do, about how long that takes and how much it leaves, from a few of its matches.

Matches that cost alike form a lot. What a chunk takes is a straight line in its matches and in its rounds, so that
short plays of a few matches say how long many long ones take. Nothing is kept of what is played here.
"""

from __future__ import annotations

import json
import math
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..envs import CATALOGUE as ENVIRONMENTS
from ..envs.environment import Environment
from .chunk import Chunk, Outcome, Rows, play_chunk
from .config import Config
from .how import HOW, How
from .plan import Plan
from .runner import SLOW, chunk_size, cut, work, workers_of
from .schedule import casts, cell, in_order, ways

Indices: TypeAlias = NDArray[np.int64]

PATIENCE, LEAST = 1.5, 0.1
"""Seconds that all plays of a forecast take, and the least for each lot."""
COVERED, CASTS = 200, 20
"""The most pairings of a sample, and of learners, each of which is tried by itself."""
NOTHING = np.empty(0, np.int64)
JUMP, SECOND = 8, 4.0
"""From one round, match or episode to so many, unless that might take so many seconds: one point is no line."""
MANY, LONGEST = 8192, 16_384
"""The most matches that are played side by side, and the most expectations worked out."""
BOOKKEEPING, SEARCH, RESPONSE = 15e-6, 0.008, 5000
"""Seconds for each match's identity and rows; seconds and bytes of a best response to a memory-one agent."""
FILE, COLUMN = 10_000, 0.9
"""Bytes of a file beside its rows, and what becomes in it of a byte that zlib leaves of a column."""


@dataclass(frozen=True)
class Lot:
    """Matches that cost alike: of one environment, known in one way, and as slow."""

    matches: int
    chunks: int
    """In which they are played."""
    agents: int
    """How many agents such a chunk has."""
    sample: Chunk
    """A few of the matches, in which most agents sit; of learners, one block."""
    slow: bool = False


@dataclass(frozen=True)
class Forecast:
    """What is to do: matches to play and payoffs to compute, and about what that takes."""

    played: int
    exact: int
    seconds: float
    """With all workers there are; exploiters that learn not counted."""
    bytes: float
    """Of rows and best responses."""


def forecast(config: Config, done: Indices | None = None) -> Forecast:
    """What a config asks for, less the matches that are `done` (their identities)."""
    lots = list(_left(config, done) if done is not None and len(done) else _whole(config))
    patience = max(LEAST, PATIENCE / max(1, len(lots)))
    costs = [cost(lot, patience, config.execution.timeout) for lot in lots]
    matches = sum(lot.matches for lot in lots)
    exact = sum(lot.matches for lot in lots if lot.sample.how == "exact")
    responses = _responses(config, done)
    workers = max(1, min(workers_of(config.execution), sum(lot.chunks for lot in lots)))
    return Forecast(
        played=matches - exact,
        exact=exact,
        seconds=sum(each.seconds for each in costs) / workers + BOOKKEEPING * matches + SEARCH * responses,
        bytes=sum(each.bytes for each in costs) + RESPONSE * responses,
    )


def _responses(config: Config, done: Indices | None) -> int:
    """How many exact best responses to automata a new run looks for."""
    if "exact" not in config.analysis.exploitability or done is not None:
        return 0
    plan = config.plan
    return sum(way == HOW.index("exact") for each in plan.settings for way in ways(plan, each))


def _whole(config: Config) -> Iterator[Lot]:
    """All matches of a config, counted without making them."""
    plan = config.plan
    background = np.array([entrant.label in plan.background for entrant in plan.entrants])
    lazy = np.array([entrant.agent.slow for entrant in plan.entrants])
    order = np.array(in_order(plan))
    first, second = (order[index] for index in np.triu_indices(len(order), 0 if plan.self_play else 1))
    meet = ~(background[first] & background[second])
    first, second = first[meet], second[meet]
    for index, setting in enumerate(plan.settings):
        known = np.array(ways(plan, setting))
        how = np.maximum(known[first], known[second])
        slow = lazy[first] | lazy[second] | setting.game.slow
        cells = np.where(first == second, 1, len(casts(setting.game)))
        for kind in np.unique(2 * how + slow).tolist():
            chosen = 2 * how + slow == kind
            times = 1 if HOW[kind // 2] == "exact" else plan.repetitions
            matches = int(cells[chosen].sum()) * times
            yield from _lots(config, index, kind, first[chosen], second[chosen], matches)


def _left(config: Config, done: Indices) -> Iterator[Lot]:
    """The matches of a config that are not done."""
    lazy = np.array([entrant.agent.slow for entrant in config.plan.entrants])
    kinds: dict[tuple[int, int], list[Chunk]] = {}
    for chunk in work(config, done):
        slow = config.plan.settings[chunk.setting].game.slow or bool(lazy[chunk.entrants].any())
        kinds.setdefault((chunk.setting, 2 * HOW.index(chunk.how) + slow), []).append(chunk)
    for (index, kind), chunks in kinds.items():
        cast = np.concatenate([chunk.entrants[chunk.cast] for chunk in chunks])
        yield from _lots(config, index, kind, cast.min(1), cast.max(1), len(cast))


def _lots(config: Config, index: int, kind: int, first: Indices, second: Indices, matches: int) -> Iterator[Lot]:
    """The matches of these pairs of agents [pair]; learners' pairings differ so much that each is a lot."""
    plan, how, slow = config.plan, HOW[kind // 2], bool(kind % 2)
    setting = plan.settings[index]
    pairs = _some(how, first, second)
    cells = [cell(plan, index, _cast(plan, index, *pair), how) for pair in pairs]
    if how == "learned":
        once = replace(plan, repetitions=min(plan.block, plan.repetitions))
        share = matches / len(cells)
        for each in cells:
            [sample] = cut(once, index, [each], how, NOTHING, config.execution)
            yield Lot(round(share), math.ceil(share / len(sample)), len(sample.agents), sample, slow)
        return
    together = config.execution.model_copy(update={"chunk": len(cells)})
    [sample] = cut(replace(plan, repetitions=1), index, cells, how, NOTHING, together)
    size = config.execution.chunk or (SLOW if slow else chunk_size(plan, index, matches, config.execution))
    agents = min(len(np.union1d(first, second)), size * setting.game.seats)
    yield Lot(matches, math.ceil(matches / size), agents, sample, slow)


def _some(how: How, first: Indices, second: Indices) -> list[tuple[int, int]]:
    """Pairs in which every agent sits, each with a partner by chance, so that all have their share of the cost."""
    if how == "learned":
        places = _spread(len(first), CASTS)
    else:
        shuffled = np.random.default_rng(0).permutation(len(first))
        chosen = np.union1d(_first_of_each(first, shuffled), _first_of_each(second, shuffled)).tolist()
        places = [chosen[place] for place in _spread(len(chosen), COVERED)]
    return [(int(first[place]), int(second[place])) for place in places]


def _first_of_each(agent: Indices, order: Indices) -> Indices:
    """The first place in this order at which each agent sits; `agent` is who sits at a place."""
    found = np.full(agent.max(initial=-1) + 1, -1)
    found[agent[order[::-1]]] = order[::-1]  # the last that is written stays
    return found[found >= 0]


def _spread(count: int, most: int) -> list[int]:
    """Evenly spread indices, `most` at most."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most)).tolist()})


def _cast(plan: Plan, index: int, first: int, second: int) -> tuple[int, ...]:
    """A cast in which two agents meet, or one meets itself."""
    game = plan.settings[index].game
    between = [(0,) * game.seats] if first == second else casts(game)
    return tuple((first, second)[place] for place in between[(first + second) % len(between)])


@dataclass(frozen=True)
class Cost:
    """Seconds of one worker, and bytes of rows."""

    seconds: float
    bytes: float


def cost(lot: Lot, patience: float, timeout: float | None = None) -> Cost:
    """What a lot takes, from plays of about so many seconds: a match and a round at least."""
    trial = Trial(lot, patience, timeout)
    if lot.sample.how == "exact":
        return trial.exact()
    if lot.sample.how == "learned":
        return trial.learned()
    return trial.slow() if lot.slow else trial.together()


@dataclass(frozen=True)
class Line:
    """A straight line."""

    start: float
    each: float

    def at(self, number: float) -> float:
        return self.start + self.each * number


class Trial:
    """Short plays of a lot's sample, and what they say of all of it."""

    def __init__(self, lot: Lot, patience: float, timeout: float | None) -> None:
        self._lot, self._patience, self._timeout = lot, patience, timeout
        self._game = _environment(lot.sample)
        self._spent = 0.0

    def exact(self) -> Cost:
        """Expectations: a line in matches."""
        lot, sample = self._lot, self._lot.sample
        _, outcome = self._play(sample)
        line, _ = self._line(lambda times: self._play(_often(sample, times))[0], LONGEST // len(sample))
        each = line.each / len(sample)
        return Cost(lot.chunks * line.start + lot.matches * each, self._bytes(outcome, len(sample)))

    def slow(self) -> Cost:
        """Matches whose agents are asked one by one: a line in rounds for each match."""
        lot = self._lot
        first, _ = self._play(lot.sample.select(slice(1)), 1)
        matches = max(1, min(len(lot.sample), int(self._patience / 4 / max(first, 1e-6))))
        part = lot.sample.select(np.array(_spread(len(lot.sample), matches)))
        line, _ = self._rounds(part)
        _, outcome = self._play(part, 1)
        return Cost(lot.matches / len(part) * line.at(self._horizon(1)), self._bytes(outcome, len(part)))

    def together(self) -> Cost:
        """Matches that are played side by side: lines in rounds, of a few matches and of many."""
        lot, sample = self._lot, self._lot.sample
        self._play(sample.select(slice(1)), 1)
        few, longest = self._rounds(sample)
        more = max(2, min(lot.matches // lot.chunks, MANY) // len(sample))
        many, _ = self._rounds(_often(sample, more))
        _, outcome = self._play(sample, longest)
        rounds = self._horizon(lot.matches / lot.chunks)
        each = max(0.0, many.at(rounds) - few.at(rounds)) / ((more - 1) * len(sample))
        start = max(0.0, few.at(rounds) - each * len(sample)) * max(1.0, lot.agents / len(sample.agents))
        return Cost(lot.chunks * start + lot.matches * each, self._bytes(outcome, len(sample)))

    def learned(self) -> Cost:
        """Blocks of learners: a line in rounds for each episode, and one in episodes."""
        lot, sample = self._lot, self._lot.sample
        self._play(sample, 1)
        episodes, most = sample.learning.episodes, self._horizon(1)
        rounds, longest = self._rounds(sample)
        line, _ = self._line(lambda times: self._play(sample, longest, times)[0], episodes)
        each = line.each + rounds.each * (most - longest)
        _, outcome = self._play(sample, 1)
        points = most if self._game.curve == "round" else episodes
        seconds = line.start + episodes * each
        return Cost(lot.matches / len(sample) * seconds, self._bytes(outcome, len(sample), points))

    def _horizon(self, matches: float) -> float:
        """Rounds until the last of so many matches is over."""
        game = self._game
        lasting = getattr(game, "continuation", 1.0)
        if lasting >= 1:
            return float(game.horizon)
        return min(game.horizon, (1 + math.log(max(1.0, matches))) / -math.log(max(lasting, 1e-9)))

    def _rounds(self, chunk: Chunk) -> tuple[Line, int]:
        """Seconds of a chunk by rounds, and how many were played."""
        return self._line(lambda rounds: self._play(chunk, rounds)[0], self._horizon(1))

    def _line(self, play: Callable[[int], float], most: float) -> tuple[Line, int]:
        """Seconds by a number that grows as long as that does not try the patience, and the largest tried."""
        number, before, less, more = 1, 0, 0.0, play(1)
        ahead, allowed, started = int(min(JUMP, most)), SECOND, self._spent
        while ahead > number and self._spent - started + 2 * more < allowed:
            number, before, less = ahead, number, more
            more = play(number)
            ahead, allowed = int(min(2 * number, most)), self._patience / 2
        each = max(0.0, more - less) / (number - before)
        return Line(max(0.0, more - each * number), each), number

    def _play(self, chunk: Chunk, rounds: int | None = None, episodes: int = 1) -> tuple[float, Outcome]:
        began = time.perf_counter()
        outcome = play_chunk(chunk if rounds is None else _short(chunk, rounds, episodes), self._timeout)
        taken = time.perf_counter() - began
        self._spent += taken
        return taken, outcome

    def _bytes(self, outcome: Outcome, matches: int, points: float = 1) -> float:
        """Of the files of the whole lot: what is random in a row takes its room in each."""
        rows = sum(map(_packed, outcome.rows)) / matches
        curves = 0.0
        for table in outcome.curves:
            curves += _packed(table) / matches / len(np.unique(table["point"])) * points
        files = self._lot.chunks * (1 + bool(outcome.curves) + bool(outcome.costs))
        return files * FILE + self._lot.matches * (rows + curves)


def _packed(table: Rows) -> float:
    """Bytes of a table in a file."""
    return COLUMN * sum(len(zlib.compress(column.tobytes(), 1)) for column in table.values())


def _environment(chunk: Chunk) -> Environment:
    game = chunk.game.thing or ENVIRONMENTS.build(chunk.game.name, json.loads(chunk.game.parameters))
    assert isinstance(game, Environment)
    return game


def _often(chunk: Chunk, times: int) -> Chunk:
    """A chunk with each match so many times."""
    return chunk.select(np.tile(np.arange(len(chunk)), times))


def _short(chunk: Chunk, rounds: int, episodes: int) -> Chunk:
    """A chunk with so many rounds and episodes."""
    parameters = json.loads(chunk.game.parameters)
    if "rounds" in parameters:
        parameters["rounds"] = min(rounds, parameters["rounds"])
    game = replace(chunk.game, parameters=json.dumps(parameters))
    return replace(chunk, game=game, learning=replace(chunk.learning, episodes=episodes, window=None))
