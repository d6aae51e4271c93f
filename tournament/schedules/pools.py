"""Pools: the matches of each pair of agents, by repetition, from which a population takes its payoffs.

Matches of one cast are independent draws, so it doesn't matter which two individuals get which of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from ...envs.chance import derive
from ..casts import cast_keys
from .graph_updates import Stock
from .schedule import History, Request

if TYPE_CHECKING:
    from ..plan import Plan

Indices: TypeAlias = NDArray[np.int64]
Numbers: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

FIRST = 16
"""The fewest matches of a cast that are asked for."""
MARGIN = 1.25
"""How many times as many as are likely to be taken, for who is there changes."""


class Unplayed(Exception):  # noqa: N818 (no error: what is asked for next)
    """More matches have to be played before the population can go on."""


class Exhausted(Exception):  # noqa: N818
    """A pair has no match that could be played."""


class Pools:
    """The pools of one environment; agents are counted in the plan's order, pairs are (first, second >= first).

    A payoff that is exact is a pool of one match that is never used up. A pool that runs out grows to what is
    likely to be taken, so that it is asked for a few times; after `at_most` matches they are drawn again, by
    chance and with replacement.
    """

    def __init__(self, plan: Plan, setting: int, history: History, at_most: int) -> None:
        self.setting = setting
        self._plan, self._history, self._most = plan, history, at_most
        kinds = len(plan.order)
        self.first, self.second = np.triu_indices(kinds)
        self.pair = np.zeros((kinds, kinds), dtype=np.int64)
        self.pair[self.first, self.second] = self.pair[self.second, self.first] = np.arange(len(self.first))
        self._casts = plan.order[np.stack([self.first, self.second], axis=1)]
        self.constant = plan.exact(setting, self._casts)
        self.taken = np.zeros(len(self._casts), dtype=np.int64)
        self._levels = self.constant.astype(np.int64)
        self._known = False
        self._means: Numbers | None = None
        self._again = torch.from_numpy(cast_keys(plan, setting, self._casts, "played"))

    def requests(self) -> list[Request]:
        """All that has been asked for so far."""
        levels = np.unique(self._levels[self._levels > 0]).tolist()
        return [Request(self.setting, self._casts[self._levels == level], level) for level in levels]

    @property
    def complete(self) -> bool:
        """Whether nothing can run out, nor lack."""
        return self._known and bool((self.constant & (self._lengths > 0)).all())

    def require(self, demand: Indices, times: int = 1) -> None:
        """So many matches of each pair [pair] are about to be taken, and most likely so many `times` over.

        Raises Unplayed where they have to be played first, Exhausted where they can't be.
        """
        wanted = np.where(demand > 0, self.taken + demand, self.taken)
        while True:
            length = self._lengths if self._known else np.zeros_like(self._levels)
            short = ~self.constant & (wanted > length) & (self._levels < self._most)
            if self._known and not short.any():
                break
            if short.any():
                self._grow(self.taken + times * demand, short)
            self._look()
        lacking = (demand > 0) & (self._lengths == 0)
        if lacking.any():
            raise Exhausted(f"no match of {self._name(lacking.argmax())} could be played")

    def ask_for(self, level: int) -> None:
        """Have so many matches of every pair that isn't exact. Raises Unplayed where they lack."""
        self._levels = np.where(self.constant, 1, level)
        self._look()

    def stock(self) -> Stock:
        """What there is by now, for `graph_updates`."""
        exact = self.constant[self.pair]
        values = self._values[:2] if len(self._repetitions) else np.zeros((2, 1))
        grows = ~self.constant & (self._levels < self._most)
        return Stock(self.mean_of_all[0], exact, self.pair, values, self._starts, self._lengths, grows)

    def take(self, pairs: Indices) -> Numbers:
        """The next match for each of these pairs, in this order.

        What its first and its second agent earned, and how often they cooperated [4, *pairs.shape].
        """
        flat = pairs.ravel()
        order = np.argsort(flat.astype(np.int16) if len(self.taken) < 2**15 else flat, kind="stable")
        counts = np.bincount(flat, minlength=len(self.taken))
        turn = np.empty(len(flat), dtype=np.int64)
        turn[order] = np.arange(len(flat)) - np.repeat(np.cumsum(counts) - counts - self.taken, counts)
        self.taken += np.where(self.constant, 0, counts)
        turn[self.constant[flat]] = 0
        over = turn >= self._lengths[flat]
        if over.any():
            which = flat[over]
            hashed = derive(self._again[torch.from_numpy(which)], torch.from_numpy(turn[over])).numpy()
            turn[over] = (hashed & (2**63 - 1)) % self._lengths[which]
        return self._values[:, self._starts[flat] + turn].reshape(4, *pairs.shape)

    @property
    def mean_of_all(self) -> Numbers:
        """Payoffs and cooperation [2, agent, partner]: exact, or means over a pool; 0 of empty ones."""
        if self._means is None:
            self._means = np.zeros((2, *self.pair.shape))
            for pair in np.flatnonzero(self._lengths > 0):
                first, second = self.first[pair], self.second[pair]
                self._means[:, first, second], self._means[:, second, first] = self._mean(
                    pair, self._starts[pair], self._starts[pair] + self._lengths[pair]
                )
        return self._means

    def means(self, begin: int, end: int) -> Numbers:
        """Mean payoffs and cooperation [2, agent, partner] over repetitions from `begin` to `end`, or exact ones.

        Raises Exhausted where a pair has none.
        """
        found = np.empty((2, *self.pair.shape))
        for pair, (first, second) in enumerate(zip(self.first, self.second, strict=True)):
            start, stop = self._starts[pair], self._starts[pair] + self._lengths[pair]
            if not self.constant[pair]:
                start, stop = start + np.searchsorted(self._repetitions[start:stop], (begin, end))
            if start == stop:
                raise Exhausted(f"no match of {self._name(pair)} could be played")
            found[:, first, second], found[:, second, first] = self._mean(pair, start, stop)
        return found

    def notes(self) -> Iterator[str]:
        """What is to be said of the pools: matches that failed, and matches that were used again."""
        if not self._known:
            return
        failed = np.where(self.constant, 0, self._levels - self._lengths)
        for pair in np.flatnonzero(failed > 0):
            of = f"{self._levels[pair]:,} matches of {self._name(pair)}"
            yield f"{failed[pair]:,} of {of} failed and were skipped"
        again = ~self.constant & (self.taken > self._lengths) & (self._lengths > 0)
        if again.any():
            worst = np.where(again, self.taken / np.maximum(self._lengths, 1), 0).argmax()
            yield (
                f"{again.sum()} of {len(again)} pairs met more often than they were played, and drew from the "
                f"same matches again; most of all {self._name(worst)}, who met {self.taken[worst]:,} times and "
                f"have {self._lengths[worst]:,} matches (schedule.at_most is {self._most:,})"
            )

    def _mean(self, pair: int | np.int64, start: int | np.int64, stop: int | np.int64) -> Numbers:
        """Of some matches of a pair: [first or second, payoff or cooperation]."""
        mean = self._values[:, start:stop].mean(axis=1).reshape(2, 2)
        if self.first[pair] == self.second[pair]:
            mean = np.repeat(mean.mean(axis=1, keepdims=True), 2, axis=1)
        means: Numbers = mean.T
        return means

    def _name(self, pair: int | np.int64) -> str:
        return " and ".join(self._plan.entrants[index].label for index in self._casts[pair])

    def _grow(self, likely: Indices, short: Flags) -> None:
        """Levels for what is likely to be taken, and some more for the pools that are short."""
        block = self._plan.learning.block
        for pair in np.flatnonzero(~self.constant & (short | (likely > self._levels))):
            level = max(FIRST, math.ceil(MARGIN * max(likely[pair], self._levels[pair])))
            self._levels[pair] = min(math.ceil(level / block) * block, self._most)

    def _look(self) -> None:
        """Read what has been asked for. Raises Unplayed where it isn't there."""
        if not self._known:
            self._read()
        ends = np.append(self._starts[1:], len(self._repetitions))
        self._lengths = np.array(
            [
                np.searchsorted(self._repetitions[start:end], level) if level else 0
                for start, end, level in zip(self._starts, ends, self._levels, strict=True)
            ],
            dtype=np.int64,
        )
        self._means = None
        if (self._lengths < self._levels).any() and not self._history.settled(self.requests()):
            raise Unplayed
        self._known = True

    def _read(self) -> None:
        """Sort the rows of this environment into pools."""
        plan, rows = self._plan, self._history.rows
        if len(rows):
            rows = rows[(rows["environment"] == plan.settings[self.setting].label).to_numpy()]
        place = {plan.entrants[entrant].label: place for place, entrant in enumerate(plan.order)}
        agent, other = (
            np.array([place.get(label, -1) for label in rows[name].cat.categories])[rows[name].cat.codes]
            if len(rows)
            else np.empty(0, np.int64)
            for name in ("agent", "opponent")
        )
        pair = self.pair[agent, other]
        repetition, seat = (
            rows[name].to_numpy(np.int64) if len(rows) else np.empty(0, np.int64)
            for name in ("repetition", "seat")
        )
        mine = self.constant[pair] == (repetition < 0)
        order = np.lexsort((seat, agent, repetition, pair))
        order = order[mine[order]].reshape(-1, 2)
        values = np.stack(
            [
                (rows[name].to_numpy(np.float64) if len(rows) else np.empty(0))[order]
                for name in ("payoff", "cooperation")
            ]
        )
        played = np.isfinite(values[0]).all(axis=1)
        self._values = np.moveaxis(values, 2, 1)[..., played].reshape(4, -1)
        self._repetitions = repetition[order[played, 0]]
        self._starts = np.searchsorted(pair[order[played, 0]], np.arange(len(self._casts)))
