"""Forecasts: the number of matches of a run, and its estimated time and disk space, from timing a few matches.

Matches of equal cost form a group. The time of a chunk is linear in its matches and in its rounds, so that a few
short plays predict many long ones. Results of these plays are not kept.
"""

from __future__ import annotations

import json
import math
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..envs.matrix_game import two_by_two
from .chunk import Chunk, Outcome, Rows, game_of, play_chunk
from .engine import workers_of
from .how import HOW, How
from .plan import Plan
from .schedules.schedule import NOTHING_YET, Request
from .stretches import NO_STRETCHES, Stretches
from .work import SLOW, chunk_size, work

Indices: TypeAlias = NDArray[np.int64]

PATIENCE, LEAST, ENOUGH = 1.5, 0.1, 6.0
"""Seconds for all plays of a forecast, the least for each group, and those after which no more are timed."""
COVERED, CASTS = 200, 20
"""Most pairings in a sample; and of learners, whose pairings are timed separately."""
JUMP, SECOND = 8, 2.0
"""The second point of a line, after one round, match or episode, and the seconds that it may take."""
SLOW_ROUND = 0.7
"""Seconds of a round of a single match from which no whole block of learners is timed."""
MANY, LONGEST = 8192, 16_384
"""Most matches that are played side by side, and most expectations that are computed."""
BOOKKEEPING, SEARCH, RESPONSE = 15e-6, 0.008, 5000
"""Seconds for each match's identity and rows; seconds and bytes of a best response to a memory-one agent."""
FILE, COLUMN = 10_000, 0.9
"""Bytes of a file beside its rows; and bytes in Parquet for each byte of a column compressed by zlib."""


@dataclass(frozen=True)
class CostGroup:
    """Matches of equal cost: of one environment, evaluated in one way, fast or slow."""

    matches: int
    chunks: int
    """Number of chunks in which they are played."""
    agents: int
    """Number of agents in such a chunk."""
    sample: Chunk
    """A few of the matches, with most agents among them; for learners, one block."""
    slow: bool = False

    @property
    def rounds(self) -> float:
        """Rounds of all its matches, or expectations."""
        if self.sample.how == "exact":
            return self.matches
        return self.matches * self.sample.learning.episodes * game_of(self.sample).horizon


@dataclass(frozen=True)
class Forecast:
    """The remaining work: matches to play and payoffs to compute, with estimated time and space."""

    played: int
    exact: int
    seconds: float
    """With all workers; without exploiters that learn."""
    bytes: float
    """Of rows and best responses."""
    all: bool = True
    """Whether the schedule can ask for no more than this; if False, this is its first request."""


def forecast(plan: Plan, done: Stretches | None = None) -> Forecast:
    """The work of a plan, without the matches that are `done`."""
    most = plan.schedule.most(plan)
    requests = plan.schedule.ask(plan, NOTHING_YET) if most is None else most
    groups = list(_left(plan, requests, NO_STRETCHES if done is None else done))
    costs = costs_of(groups, plan.execution.timeout)
    matches = sum(group.matches for group in groups)
    exact = sum(group.matches for group in groups if group.sample.how == "exact")
    responses = _responses(plan, done)
    workers = max(1, min(workers_of(plan.execution), sum(group.chunks for group in groups)))
    return Forecast(
        played=matches - exact,
        exact=exact,
        seconds=sum(each.seconds for each in costs) / workers + BOOKKEEPING * matches + SEARCH * responses,
        bytes=sum(each.bytes for each in costs) + RESPONSE * responses,
        all=most is not None,
    )


def _responses(plan: Plan, done: Stretches | None) -> int:
    """Number of exact best responses to automata that a new run computes."""
    if "exact" not in plan.analysis.exploitability or done is not None:
        return 0
    return sum(
        int((plan.ways(index) == HOW.index("exact")).sum())
        for index, setting in enumerate(plan.settings)
        if two_by_two(setting.game)
    )


def _left(plan: Plan, requests: Sequence[Request], done: Stretches) -> Iterator[CostGroup]:
    """The matches of requests that are not done."""
    for grid in work(plan, requests, done).grids:
        if grid.matches:
            kind = 2 * HOW.index(grid.how) + grid.slow
            yield from _groups(plan, grid.setting, kind, grid.casts[grid.missing > 0], grid.matches)


def _groups(plan: Plan, index: int, kind: int, casts: Indices, matches: int) -> Iterator[CostGroup]:
    """The matches of these casts [cast, seat]; each cast of learners is a group, because they differ so much."""
    how, slow = HOW[kind // 2], bool(kind % 2)
    setting = plan.settings[index]
    sample = _some(how, casts)
    if how == "learned":
        shares = np.diff(np.arange(len(sample) + 1) * matches // len(sample)).tolist()
        for cast, share in zip(sample, shares, strict=True):
            [block] = work(plan, [Request(index, cast[None], plan.learning.block)])
            yield CostGroup(share, math.ceil(share / len(block)), len(block.agents), block, slow)
        return
    together = replace(plan, execution=plan.execution.model_copy(update={"chunk": len(sample)}))
    [few] = work(together, [Request(index, sample, 1)])
    size = plan.execution.chunk or (SLOW if slow else chunk_size(plan, index, matches))
    agents = min(len(np.unique(casts)), size * setting.game.seats)
    yield CostGroup(matches, math.ceil(matches / size), agents, few, slow)


def _some(how: How, casts: Indices) -> Indices:
    """Casts that contain every agent, with random partners, so that each contributes its share of the cost."""
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


def costs_of(groups: Sequence[CostGroup], timeout: float | None = None) -> list[Cost]:
    """The costs of groups: timed, and when that has taken long enough, as the others of their kind cost a round.

    Of each kind (exact, played, called one by one, learned) one group is timed in any case.
    """
    patience, until = max(LEAST, PATIENCE / max(1, len(groups))), time.perf_counter() + ENOUGH
    timed = dict[int, Cost]()
    kinds = defaultdict[tuple[How, bool], list[int]](list)
    for number in np.random.default_rng(0).permutation(len(groups)).tolist():
        kind = kinds[groups[number].sample.how, groups[number].slow]
        kind.append(number)
        if kind[0] == number or time.perf_counter() < until:
            timed[number] = cost_of(groups[number], patience, timeout)
    for kind in kinds.values():
        known = [number for number in kind if number in timed]
        each = sum(timed[number].seconds for number in known) / sum(groups[number].rounds for number in known)
        space = sum(timed[number].bytes for number in known) / sum(groups[number].matches for number in known)
        timed |= {
            number: Cost(groups[number].rounds * each, groups[number].matches * space)
            for number in kind
            if number not in timed
        }
    return [timed[number] for number in range(len(groups))]


def cost_of(group: CostGroup, patience: float, timeout: float | None = None) -> Cost:
    """The cost of a group, from plays of about `patience` seconds; at least one match and one round."""
    trial = TimingRun(group, patience, timeout)
    if group.sample.how == "exact":
        return trial.exact()
    if group.sample.how == "learned":
        return trial.learned()
    return trial.slow() if group.slow else trial.together()


@dataclass(frozen=True)
class Line:
    """A straight line."""

    start: float
    each: float

    def at(self, number: float) -> float:
        return self.start + self.each * number


class TimingRun:
    """Short plays of a group's sample, and the extrapolated cost of the whole group."""

    def __init__(self, group: CostGroup, patience: float, timeout: float | None) -> None:
        self._group, self._patience, self._timeout = group, patience, timeout
        self._game = game_of(group.sample)
        self._spent = 0.0

    def exact(self) -> Cost:
        """Expectations: linear in matches."""
        group, sample = self._group, self._group.sample
        _, outcome = self._play(sample)
        line, _ = self._line(lambda times: self._play(_often(sample, times))[0], LONGEST // len(sample))
        each = line.each / len(sample)
        return Cost(group.chunks * line.start + group.matches * each, self._bytes(outcome, len(sample)))

    def slow(self) -> Cost:
        """Matches with agents that are called one by one: linear in rounds for each match."""
        group = self._group
        first, _ = self._play(group.sample.select(slice(1)), 1)
        matches = max(1, min(len(group.sample), int(self._patience / 4 / max(first, 1e-6))))
        part = group.sample.select(np.array(_spread(len(group.sample), matches)))
        line, _ = self._rounds(part)
        _, outcome = self._play(part, 1)
        return Cost(group.matches / len(part) * line.at(self._horizon(1)), self._bytes(outcome, len(part)))

    def together(self) -> Cost:
        """Matches that are played side by side: linear in rounds, for a few matches and for many."""
        group, sample = self._group, self._group.sample
        self._play(sample.select(slice(1)), 1)
        few, longest = self._rounds(sample)
        more = max(2, min(group.matches // group.chunks, MANY) // len(sample))
        many, _ = self._rounds(_often(sample, more))
        _, outcome = self._play(sample, longest)
        rounds = self._horizon(group.matches / group.chunks)
        each = max(0.0, many.at(rounds) - few.at(rounds)) / ((more - 1) * len(sample))
        start = max(0.0, few.at(rounds) - each * len(sample)) * max(1.0, group.agents / len(sample.agents))
        return Cost(group.chunks * start + group.matches * each, self._bytes(outcome, len(sample)))

    def learned(self) -> Cost:
        """Blocks of learners: linear in rounds of each episode, and in episodes."""
        group, sample = self._group, self._group.sample
        first, outcome = self._play(sample.select(slice(1)), 1)
        if first > SLOW_ROUND and len(sample) > 1:
            return self._in_matches(first, outcome)
        _, outcome = self._play(sample, 1)
        episodes, most = sample.learning.episodes, self._horizon(1)
        rounds, longest = self._rounds(sample)
        line, _ = self._line(lambda times: self._play(sample, longest, times)[0], episodes)
        each = line.each + rounds.each * (most - longest)
        points = most if self._game.curve == "round" else episodes
        seconds = line.start + episodes * each
        return Cost(group.matches / len(sample) * seconds, self._bytes(outcome, len(sample), points))

    def _in_matches(self, first: float, outcome: Outcome) -> Cost:
        """The same where a round of a single match takes long: linear in matches, as one and two of them show."""
        group, sample = self._group, self._group.sample
        second, _ = self._play(sample.select(slice(2)), 1)
        a_round = first + max(0.0, second - first) * (len(sample) - 1)
        seconds = sample.learning.episodes * self._horizon(1) * a_round
        points = self._horizon(1) if self._game.curve == "round" else sample.learning.episodes
        return Cost(group.matches / len(sample) * seconds, self._bytes(outcome, 1, points))

    def _horizon(self, matches: float) -> float:
        """Expected rounds until the last of this many matches ends."""
        game = self._game
        lasting = getattr(game, "continuation", 1.0)
        whole = rounds_of(self._group.sample)
        if lasting >= 1:
            return whole
        last = (1 + math.log(max(1.0, matches))) / -math.log(max(lasting, 1e-9))
        return float(min(whole, last * whole / game.horizon))

    def _rounds(self, chunk: Chunk) -> tuple[Line, int]:
        """Seconds of a chunk by number of rounds, and the number that was played."""
        return self._line(lambda rounds: self._play(chunk, rounds)[0], self._horizon(1))

    def _line(self, play: Callable[[int], float], most: float) -> tuple[Line, int]:
        """Seconds as a line in a number, which is increased until time runs out; and the largest number tried."""
        number, before, less, more = 1, 0, 0.0, play(1)
        ahead, started = int(min(JUMP, most, SECOND / max(more, 1e-6))), self._spent
        while ahead > number:
            number, before, less = ahead, number, more
            more = play(number)
            ahead = int(min(2 * number, most))
            if self._spent - started + 2 * more > self._patience / 2:
                break
        each = max(0.0, more - less) / (number - before)
        return Line(max(0.0, more - each * number), each), number

    def _play(self, chunk: Chunk, rounds: int | None = None, episodes: int = 1) -> tuple[float, Outcome]:
        began = time.perf_counter()
        outcome = play_chunk(chunk if rounds is None else shortened(chunk, rounds, episodes), self._timeout)
        taken = time.perf_counter() - began
        self._spent += taken
        return taken, outcome

    def _bytes(self, outcome: Outcome, matches: int, points: float = 1) -> float:
        """Bytes of the files of the whole group."""
        rows = sum(map(_packed, outcome.rows)) / matches
        curves = 0.0
        for table in outcome.curves:
            curves += _packed(table) / matches / len(np.unique(table["point"])) * points
        files = self._group.chunks * (1 + bool(outcome.curves) + bool(outcome.costs))
        return files * FILE + self._group.matches * (rows + curves)


def _packed(table: Rows) -> float:
    """Bytes of a table in a file."""
    return COLUMN * sum(len(zlib.compress(column.tobytes(), 1)) for column in table.values())


def _often(chunk: Chunk, times: int) -> Chunk:
    """A chunk with each match repeated."""
    return chunk.select(np.tile(np.arange(len(chunk)), times))


def rounds_of(chunk: Chunk) -> float:
    """Rounds of an episode, as its game counts them: each may take several of the arena's."""
    return float(json.loads(chunk.game.parameters).get("rounds", game_of(chunk).horizon))


def shortened(chunk: Chunk, rounds: int, episodes: int) -> Chunk:
    """A chunk with this many rounds and episodes."""
    parameters = json.loads(chunk.game.parameters)
    if "rounds" in parameters:
        parameters["rounds"] = min(rounds, parameters["rounds"])
    game = replace(chunk.game, parameters=json.dumps(parameters))
    return replace(chunk, game=game, learning=replace(chunk.learning, episodes=episodes, window=None))
