"""What is left to play of what a schedule asks for: counted as ranges, and made into chunks one by one.

No list of matches is ever there. Casts and their numbers of repetitions say which matches there are, and what is
stored is known by stretches of repetitions; a chunk is made when it is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..agents import CATALOGUE as AGENTS
from ..envs import CATALOGUE as ENVIRONMENTS
from ..envs.errors import DilemmaError
from .casts import cast_keys, match_keys
from .chunk import Chunk, Failure, whole_failure
from .engine import workers_of
from .how import HOW, How
from .keys import among, distinct
from .plan import Plan
from .recipe import recipe
from .schedules.schedule import Request
from .seating import seated
from .shard import Shard
from .stretches import NO_STRETCHES, Stretches

Indices: TypeAlias = NDArray[np.int64]

SMALLEST, LARGEST, SLOW = 1024, 65_536, 16
"""Matches of a chunk: the fewest worth sending, the most, and with a slow agent in each."""
MANY_SEATS = 16
"""Games with more seats have fewer matches in a chunk: what counts is the chairs."""


@dataclass(frozen=True, eq=False)
class Matches:
    """Repetitions of casts."""

    cast: Indices
    """Which of the plan's entrants sits where [match, seat]."""
    casts: Indices
    """The keys of the casts [match]."""
    repetition: Indices
    """-1 for exact payoffs [match]."""
    keys: Indices
    """[match]."""

    def select(self, which: Indices | NDArray[np.bool_]) -> Matches:
        return Matches(*(getattr(self, field.name)[which] for field in fields(self)))


@dataclass(frozen=True, eq=False)
class Grid:
    """Casts of one environment by their repetitions, all known in one way, and which of these matches are missing.

    Each match has a place, cast by cast. Of learners, the repetitions of a cast are whole blocks.
    """

    plan: Plan
    setting: int
    how: How
    slow: bool
    """Whether somebody in each match is called for one match at a time."""
    casts: Indices
    """Which of the plan's entrants sits where [cast, seat]."""
    ends: Indices
    """The place after the last repetition of each cast [cast]."""
    begin: Indices
    stop: Indices
    """The places that are missing, as ranges in ascending order that don't touch [range]."""
    keys: Indices | None
    """The keys of the casts [cast]; None where nobody has looked."""
    shard: Shard | None
    """Whose matches they are; None for all."""

    @cached_property
    def matches(self) -> int:
        """How many are missing."""
        if self.shard is None:
            return int((self.stop - self.begin).sum())
        return sum(map(len, self._windows()))

    @property
    def missing(self) -> Indices:
        """How many matches of each cast are missing, of all shards [cast]."""
        return np.diff(self._before(np.append(0, self.ends)))

    def less(self, done: Stretches) -> Grid:
        """The same without the matches that are done."""
        if not len(done.casts):
            return self
        keys = cast_keys(self.plan, self.setting, self.casts, self.how) if self.keys is None else self.keys
        order = np.argsort(keys, kind="stable")
        low, high = (np.searchsorted(keys[order], done.casts, side=side) for side in ("left", "right"))
        count = high - low  # a cast may have been asked for several times
        stretch = np.repeat(np.arange(len(count)), count)
        cast = order[low[stretch] + np.arange(len(stretch)) - (np.cumsum(count) - count)[stretch]]
        begins = np.append(0, self.ends[:-1])[cast]
        ahead = self.how == "exact"  # whose only repetition is -1
        whole = self.ends[cast] - begins
        there, over = (np.clip(edge[stretch] + ahead, 0, whole) for edge in (done.first, done.stop))
        # What is missing lies between what is not: that is done, or was not missing.
        there = np.concatenate([begins + there, [0], self.stop])
        over = np.concatenate([begins + over, self.begin, self.ends[-1:]])
        order = np.argsort(there, kind="stable")
        begin, stop = np.maximum.accumulate(over[order])[:-1], there[order][1:]
        left = stop > begin
        return replace(self, begin=begin[left], stop=stop[left], keys=keys)

    def chunks(self) -> Iterator[Chunk]:
        """The missing matches; those without learners in chunks of one size, give or take one."""
        if self.how == "learned":
            yield from self._blocks()
        elif self.matches:
            size = _size(self.plan, self.setting, self.matches, slow=self.slow)
            count = math.ceil(self.matches / size)
            windows, waiting = self._windows(), np.empty(0, dtype=np.int64)
            for number in range(count):
                size = self.matches // count + (number < self.matches % count)
                while len(waiting) < size:
                    waiting = np.concatenate([waiting, next(windows)])
                yield _chunk(self.plan, self.setting, self.of(waiting[:size]), self.how)
                waiting = waiting[size:]

    def stretches(self) -> Iterator[Stretches]:
        """The missing matches as repetitions of casts, part by part."""
        for places in self._windows():
            matches = self.of(places)
            yield Stretches.of(matches.casts, matches.repetition)

    def alone(self, number: int) -> Chunk | None:
        """The missing match of this number among them, by itself; None if it is of another shard."""
        places = self.places(np.array([number]))
        return _chunk(self.plan, self.setting, self.of(places), self.how) if self.in_shard(places).all() else None

    def places(self, numbers: Indices) -> Indices:
        """The places of missing matches, by their numbers among these."""
        until = np.cumsum(self.stop - self.begin)
        which = np.searchsorted(until, numbers, side="right")
        return np.asarray(self.stop[which] - (until[which] - numbers), dtype=np.int64)

    def of(self, places: Indices) -> Matches:
        """The matches at these places."""
        which = np.searchsorted(self.ends, places, side="right")
        used, own = np.unique(which, return_inverse=True)
        if self.keys is None:
            casts = cast_keys(self.plan, self.setting, self.casts[used], self.how)[own]
        else:
            casts = self.keys[which]
        begins = np.append(0, self.ends)[which]
        repetition = places - begins if self.how != "exact" else np.full(len(places), -1)
        matches, game = match_keys(casts, repetition), self.plan.settings[self.setting].game
        sitting = seated(self.casts[which], matches, repetition, game.roles, game.seating)
        return Matches(sitting, casts, repetition, matches)

    def in_shard(self, places: Indices) -> NDArray[np.bool_]:
        """Whether matches are in the shard, those of learners by the first one of their block [place]."""
        if self.shard is None:
            return np.ones(len(places), dtype=np.bool_)
        block = self.plan.learning.block if self.how == "learned" else 1
        return self.shard.has(self.of(places - places % block).keys)

    def _windows(self) -> Iterator[Indices]:
        """The missing places, some at a time."""
        whole = int((self.stop - self.begin).sum())
        for start in range(0, whole, LARGEST):
            places = self.places(np.arange(start, min(start + LARGEST, whole)))
            yield places[self.in_shard(places)]

    def _blocks(self) -> Iterator[Chunk]:
        """Every block in which a match is missing, whole: in other company, its learners would give other bits."""
        learning, last = self.plan.learning, -1
        for begin, stop in zip(self.begin.tolist(), self.stop.tolist(), strict=True):
            for number in range(max(last + 1, begin // learning.block), math.ceil(stop / learning.block)):
                last = number
                places = np.arange(number * learning.block, (number + 1) * learning.block)
                if not self.in_shard(places[:1]).all():
                    continue
                matches = self.of(places)
                chunk = _chunk(self.plan, self.setting, matches, "learned")
                yield replace(
                    chunk,
                    learning=learning.protocol,
                    labels=tuple(self.plan.entrants[i].label for i in chunk.entrants),
                    device=learning.device,
                    wanted=matches.keys[self._before(places + 1) > self._before(places)],
                )

    def _before(self, places: Indices) -> Indices:
        """How many matches are missing before each of these places."""
        if not len(self.begin):
            return np.zeros_like(places)
        length = self.stop - self.begin
        which = np.maximum(np.searchsorted(self.begin, places, side="right") - 1, 0)
        inside = np.clip(places - self.begin[which], 0, length[which])
        before: Indices = np.cumsum(length)[which] - length[which] + inside
        return before


@dataclass(frozen=True, eq=False)
class Work:
    """What is left to play, as an iterable of chunks; its length is the number of matches."""

    grids: Sequence[Grid]

    def __len__(self) -> int:
        return sum(grid.matches for grid in self.grids)

    def __iter__(self) -> Iterator[Chunk]:
        for grid in self.grids:
            yield from grid.chunks()

    def less(self, done: Stretches) -> Work:
        """The same without the matches that are done."""
        return Work([grid.less(done) for grid in self.grids])

    def stretches(self) -> Stretches:
        """The matches as repetitions of casts."""
        return Stretches.union([each for grid in self.grids for each in grid.stretches()])


def work(
    plan: Plan, requests: Sequence[Request], done: Stretches = NO_STRETCHES, shard: Shard | None = None
) -> Work:
    """What is asked for, or a shard's share of it, less what is `done`.

    Raises DilemmaError where something is asked for that can't be played.
    """
    for request in requests:
        _check(plan, request)
    grids = list[Grid]()
    for index in range(len(plan.settings)):
        asked = [request for request in requests if request.setting == index]
        kinds = [_kinds(plan, request) for request in asked]
        for kind in sorted({kind for each in kinds for kind in np.unique(each).tolist()}):
            chosen = [request.casts[each == kind] for request, each in zip(asked, kinds, strict=True)]
            grids.append(_grid(plan, index, kind, chosen, [request.repetitions for request in asked], shard))
    return Work(grids).less(done)


def _kinds(plan: Plan, request: Request) -> NDArray[np.int8]:
    """Which casts are played in the same chunks [cast]: those known in one way, all of them slow or none.

    Of learners the slow ones are among the others.
    """
    game, entrants = plan.settings[request.setting].game, plan.entrants
    ways = plan.ways(request.setting)
    slow = np.array([entrant.agent.slow for entrant in entrants]) | game.slow
    found = np.zeros(len(request.casts), dtype=np.int8)
    lazy = np.zeros(len(request.casts), dtype=np.bool_)
    for seat in range(game.seats):  # far faster than along the last axis
        sitting = request.casts[:, seat]
        np.maximum(found, ways[sitting], out=found, casting="unsafe")
        lazy |= slow[sitting]
    return np.asarray(2 * found + (lazy & (found != HOW.index("learned"))), dtype=np.int8)


def _grid(
    plan: Plan, index: int, kind: int, casts: Sequence[Indices], times: Sequence[int], shard: Shard | None
) -> Grid:
    """All repetitions of casts of one kind; `times` are those of each part of the casts."""
    how, slow = HOW[kind // 2], bool(kind % 2)
    asked = [np.full(len(part), 1 if how == "exact" else each) for part, each in zip(casts, times, strict=True)]
    cast, repetitions = np.concatenate(casts), np.concatenate(asked)
    block = plan.learning.block if how == "learned" else 1
    ends = np.cumsum(-(-repetitions // block) * block)
    begin = np.append(0, ends[:-1])
    stop = begin + repetitions
    apart = begin[1:] > stop[:-1]
    begin, stop = begin[np.append(True, apart)], stop[np.append(apart, True)]
    return Grid(plan, index, how, slow, cast, ends, begin, stop, None, shard)


def _check(plan: Plan, request: Request) -> None:
    """Raises DilemmaError where a request has casts of a wrong size, or agents in roles that they don't take."""
    setting, casts = plan.settings[request.setting], request.casts
    if casts.ndim != 2 or casts.shape[1] != setting.game.seats:
        raise DilemmaError(
            f"the schedule asks for casts of shape {list(casts.shape)} in {setting.label}; allowed: [cast, seat] "
            f"with {setting.game.seats} seats"
        )
    for league in plan.leagues[request.setting]:
        there = np.zeros(len(plan.entrants), dtype=np.bool_)
        there[league.members] = True
        sitting = casts[:, league.seats]
        inside = (sitting >= 0) & (sitting < len(there))
        wrong = sitting[~(inside & there[np.where(inside, sitting, 0)])]
        if len(wrong):
            role = " or ".join(dict.fromkeys(league.roles))
            known = [plan.entrants[index].label for index in league.members]
            found = plan.entrants[wrong[0]].label if 0 <= wrong[0] < len(plan.entrants) else f"entrant {wrong[0]}"
            raise DilemmaError(
                f"the schedule asks for {found} as {role} in {setting.label}; allowed: {', '.join(known)}"
            )


def cut(plan: Plan, index: int, matches: Matches) -> Iterator[Chunk]:
    """Played matches as chunks; those with a slow agent in smaller ones."""
    slow_agents = [i for i, entrant in enumerate(plan.entrants) if entrant.agent.slow]
    slow = np.asarray(np.isin(matches.cast, slow_agents).any(axis=1)) | plan.settings[index].game.slow
    for selected, is_slow in ((~slow, False), (slow, True)):
        members = selected.nonzero()[0]
        if len(members):
            parts = math.ceil(len(members) / _size(plan, index, len(members), slow=is_slow))
            for part in np.array_split(members, parts):
                yield _chunk(plan, index, matches.select(part), "played")


def lost(chunks: Iterable[Chunk], known: Indices) -> Iterator[Failure]:
    """The matches of chunks that aren't among the `known`, those that have failed: nothing came of them.

    `known` is in ascending order.
    """
    for chunk in chunks:
        missing = ~among(chunk.keys, known) & among(chunk.keys, distinct(chunk.asked))
        if missing.any():
            reason = "it was to be played and nothing came of it, neither rows nor a reason"
            yield from whole_failure(chunk.select(missing), reason).failures


def _size(plan: Plan, index: int, matches: int, *, slow: bool) -> int:
    return plan.execution.chunk or (SLOW if slow else chunk_size(plan, index, matches))


def chunk_size(plan: Plan, index: int, matches: int) -> int:
    """Large enough that many chairs share the calls a round costs, small enough for caches and workers."""
    game = plan.settings[index].game
    called = sum(entrant.agent.as_automaton(game) is None for entrant in plan.entrants)
    most = min(16_384 + 512 * called, LARGEST)
    size = int(np.clip(math.ceil(matches / workers_of(plan.execution)), SMALLEST, most))
    return max(1, size * 2 // game.seats) if game.seats > MANY_SEATS else size


def _chunk(plan: Plan, index: int, matches: Matches, how: How) -> Chunk:
    present, local = np.unique(matches.cast, return_inverse=True)
    setting = plan.settings[index]
    members = [plan.entrants[i] for i in present]
    return Chunk(
        recipe(ENVIRONMENTS, setting.definition, setting.game),
        tuple(recipe(AGENTS, entrant.definition, entrant.agent) for entrant in members),
        index,
        present,
        local.reshape(matches.cast.shape),
        matches.casts,
        matches.repetition,
        matches.keys,
        how,
    )
