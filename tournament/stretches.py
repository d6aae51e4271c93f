"""Stretches: repetitions of casts as ranges, so that what is stored of many matches takes little memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Indices: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Stretches:
    """Repetitions `first` to `stop - 1` of casts [stretch], in ascending order; none touches another.

    An exact payoff is repetition -1.
    """

    casts: Indices
    """Keys of the casts."""
    first: Indices
    stop: Indices

    @staticmethod
    def of(casts: Indices, repetition: Indices) -> Stretches:
        """Those of matches [match], in any order; a match may be there several times."""
        casts, repetition = casts.astype(np.int64), repetition.astype(np.int64)
        step = np.diff(repetition)
        begins = np.ones(len(casts), dtype=np.bool_)
        begins[1:] = (np.diff(casts) != 0) | (step < 0) | (step > 1)
        starts = np.flatnonzero(begins)
        ends = np.append(starts[1:], len(casts))[: len(starts)] - 1
        return _joined(casts[starts], repetition[starts], repetition[ends] + 1)

    @staticmethod
    def union(parts: Iterable[Stretches]) -> Stretches:
        """All that is in any of them."""
        found = [part for part in parts if len(part.casts)]
        if len(found) <= 1:
            return found[0] if found else NO_STRETCHES
        return _joined(*(np.concatenate([getattr(part, name) for part in found]) for name in _COLUMNS))

    @property
    def matches(self) -> int:
        return int((self.stop - self.first).sum())


_COLUMNS = ("casts", "first", "stop")


def _joined(casts: Indices, first: Indices, stop: Indices) -> Stretches:
    """Stretches in ascending order, those that overlap or touch as one."""
    order = np.lexsort((first, casts))
    casts, first, stop = casts[order], first[order], stop[order]
    if not len(casts):
        return NO_STRETCHES
    new = np.ones(len(casts), dtype=np.bool_)
    new[1:] = np.diff(casts) != 0
    # The furthest stop so far of the same cast: casts are set apart by more than any repetition.
    apart = np.cumsum(new) * (int(stop.max()) + 2)
    reach = np.maximum.accumulate(stop + apart) - apart
    new[1:] |= first[1:] > reach[:-1]
    starts = np.flatnonzero(new)
    return Stretches(casts[starts], first[starts], np.maximum.reduceat(stop, starts))


NO_STRETCHES = Stretches(*(np.empty(0, dtype=np.int64) for _ in _COLUMNS))
