"""Forecasts: what a run has to do, about how long that takes and how much it leaves, from a few of its matches.

Matches that cost alike form a lot. What a chunk takes is a straight line in its matches and in its rounds, so that
short plays of a few matches say how long many long ones take. Nothing is kept of what is played here.
"""

from __future__ import annotations

import json
import math
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .chunk import Chunk, Outcome, Rows, game_of, play_chunk
from .how import HOW, How
from .plan import Plan
from .runner import SLOW, chunk_size, work, workers_of
from .schedules.schedule import NOTHING_YET, Request

Indices: TypeAlias = NDArray[np.int64]

PATIENCE, LEAST = 1.5, 0.1
"""Seconds that all plays of a forecast take, and the least for each lot."""
COVERED, CASTS = 200, 20
"""The most pairings of a sample, and of learners, each of which is tried by itself."""
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
    all: bool = True
    """Whether that is all that can come to be asked for; else it is what is asked for first."""


def forecast(plan: Plan, done: Indices | None = None) -> Forecast:
    """What a plan asks for, less the matches that are `done` (their identities)."""
    most = plan.schedule.most(plan)
    requests = plan.schedule.ask(plan, NOTHING_YET) if most is None else most
    lots = list(_left(plan, requests, done) if done is not None and len(done) else _whole(plan, requests))
    patience = max(LEAST, PATIENCE / max(1, len(lots)))
    costs = [cost_of(lot, patience, plan.execution.timeout) for lot in lots]
    matches = sum(lot.matches for lot in lots)
    exact = sum(lot.matches for lot in lots if lot.sample.how == "exact")
    responses = _responses(plan, done)
    workers = max(1, min(workers_of(plan.execution), sum(lot.chunks for lot in lots)))
    return Forecast(
        played=matches - exact,
        exact=exact,
        seconds=sum(each.seconds for each in costs) / workers + BOOKKEEPING * matches + SEARCH * responses,
        bytes=sum(each.bytes for each in costs) + RESPONSE * responses,
        all=most is not None,
    )


def _responses(plan: Plan, done: Indices | None) -> int:
    """How many exact best responses to automata a new run looks for."""
    if "exact" not in plan.analysis.exploitability or done is not None:
        return 0
    return sum(int((plan.ways(index) == HOW.index("exact")).sum()) for index in range(len(plan.settings)))


def _whole(plan: Plan, requests: Sequence[Request]) -> Iterator[Lot]:
    """All matches of requests, counted without making them."""
    lazy = np.array([entrant.agent.slow for entrant in plan.entrants])
    for request in requests:
        index, casts = request.setting, request.casts
        how = plan.ways(index)[casts].max(axis=1, initial=0)
        kinds = 2 * how + (lazy[casts].any(axis=1) | plan.settings[index].game.slow)
        for kind in np.unique(kinds).tolist():
            chosen = casts[kinds == kind]
            times = 1 if HOW[kind // 2] == "exact" else request.repetitions
            yield from _lots(plan, index, kind, chosen, len(chosen) * times)


def _left(plan: Plan, requests: Sequence[Request], done: Indices) -> Iterator[Lot]:
    """The matches of requests that are not done."""
    lazy = np.array([entrant.agent.slow for entrant in plan.entrants])
    kinds: dict[tuple[int, int], list[Chunk]] = {}
    for chunk in work(plan, requests, done):
        slow = plan.settings[chunk.setting].game.slow or bool(lazy[chunk.entrants].any())
        kinds.setdefault((chunk.setting, 2 * HOW.index(chunk.how) + slow), []).append(chunk)
    for (index, kind), chunks in kinds.items():
        cast = np.concatenate([chunk.entrants[chunk.cast] for chunk in chunks])
        yield from _lots(plan, index, kind, cast, len(cast))


def _lots(plan: Plan, index: int, kind: int, casts: Indices, matches: int) -> Iterator[Lot]:
    """The matches of these casts [cast, seat]; learners' casts differ so much that each is a lot."""
    how, slow = HOW[kind // 2], bool(kind % 2)
    setting = plan.settings[index]
    sample = _some(how, casts)
    if how == "learned":
        share = matches / len(sample)
        for cast in sample:
            [block] = work(plan, [Request(index, cast[None], plan.learning.block)])
            yield Lot(round(share), math.ceil(share / len(block)), len(block.agents), block, slow)
        return
    together = replace(plan, execution=plan.execution.model_copy(update={"chunk": len(sample)}))
    [few] = work(together, [Request(index, sample, 1)])
    size = plan.execution.chunk or (SLOW if slow else chunk_size(plan, index, matches))
    agents = min(len(np.unique(casts)), size * setting.game.seats)
    yield Lot(matches, math.ceil(matches / size), agents, few, slow)


def _some(how: How, casts: Indices) -> Indices:
    """Casts in which every agent sits, with partners by chance, so that all have their share of the cost."""
    if how == "learned":
        return casts[_spread(len(casts), CASTS)]
    shuffled = casts[np.random.default_rng(0).permutation(len(casts))]
    _, first = np.unique(shuffled, return_index=True)
    chosen = np.unique(first // casts.shape[1])
    few: Indices = shuffled[chosen[_spread(len(chosen), COVERED)]]
    return few


def _spread(count: int, most: int) -> list[int]:
    """Evenly spread indices, `most` at most."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most)).tolist()})


@dataclass(frozen=True)
class Cost:
    """Seconds of one worker, and bytes of rows."""

    seconds: float
    bytes: float


def cost_of(lot: Lot, patience: float, timeout: float | None = None) -> Cost:
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
        self._game = game_of(lot.sample)
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
