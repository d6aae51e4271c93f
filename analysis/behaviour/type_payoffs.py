"""Payoffs of a run as evolution takes them: of types in pairs, or in groups by who else is there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..arrays import Flags, Indices, Numbers
from ..report.chapters import Evidence
from ..statistics.bootstrap import bootstrap_cells, bootstrap_tables

if TYPE_CHECKING:
    from ..evolution.group_game import GroupGame

ALIKE = "Evolution needs agents that may take every seat; here seats have several roles."
ALL_MEET = "Evolution needs every payoff: let all agents meet, themselves included ([schedule] self_play = true)."
ALL_MIX = (
    'in groups more than two types mix: let agents meet in all compositions ([schedule] compositions = "all")'
)


@dataclass(frozen=True)
class TypePayoffs:
    """What types earn."""

    two: Numbers
    """Of two types at a time: A[own type, other type]; in groups [own type, other type, co-players of the own]."""
    whole: Numbers | GroupGame | None
    """Of all types at once: A, or the game that groups play; None where some compositions of groups never met."""

    @property
    def all(self) -> Numbers | GroupGame:
        """The whole; ValueError if it isn't known."""
        if self.whole is None:
            raise ValueError(ALL_MIX)
        return self.whole


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups of N in which the cells of a league were earned."""

    size: int
    """N."""
    own: Indices
    """The type that earned [cell]."""
    others: Indices
    """How many of each type the others were [cell, type]; fewer than N - 1 if some were no types."""

    @cached_property
    def casts(self) -> Indices:
        """Cells with the same number were earned in the same matches [cell]."""
        whole = self.others + np.eye(self.types, dtype=np.int64)[self.own]
        return np.asarray(np.unique(whole, axis=0, return_inverse=True)[1].reshape(-1), np.int64)

    @property
    def types(self) -> int:
        return int(self.others.shape[1])

    @property
    def _among_types(self) -> Flags:
        return np.asarray(self.others.sum(1) == self.size - 1)

    @cached_property
    def _pairs(self) -> tuple[Flags, Indices, Indices]:
        """Which cells are of two types or one, the other type of each, and its co-players of the own type."""
        cell = np.arange(len(self.own))
        like = self.others[cell, self.own]
        rest = self.others.copy()
        rest[cell, self.own] = 0
        other = np.where(like == self.size - 1, self.own, rest.argmax(1))
        return self._among_types & (rest.max(1) == self.size - 1 - like), other, like

    @cached_property
    def _compositions(self) -> tuple[Indices, Indices] | None:
        """Those of the others, in lexicographic order, and which one each cell has; None if some never met."""
        here = self._among_types
        known, which = np.unique(self.others[here], axis=0, return_inverse=True)
        which = which.reshape(-1)
        met = len(set(zip(self.own[here].tolist(), which.tolist(), strict=True)))
        every = math.comb(self.size + self.types - 2, self.types - 1)
        return (known, which) if len(known) == every and met == every * self.types else None

    def of(self, payoffs: Numbers) -> TypePayoffs:
        """From payoffs [cell]."""
        pure, other, like = self._pairs
        every = np.arange(self.types)
        two = np.full((self.types, self.types, self.size), np.nan)
        two[self.own[pure], other[pure], like[pure]] = payoffs[pure]
        two[..., -1] = two[every, every] = np.diagonal(two[..., -1])[:, None]
        if self._compositions is None:
            return TypePayoffs(two, None)
        from ..evolution.group_game import game_of

        others, which = self._compositions
        here = self._among_types
        paid = np.empty((self.types, len(others)))
        paid[self.own[here], which] = payoffs[here]
        return TypePayoffs(two, game_of(paid, others))


def why_not(evidence: Evidence) -> str | None:
    """Why evolution can't be worked out from these payoffs, as a sentence; None if it can."""
    cells, groups = evidence.cells, evidence.game["seats"] > 2
    if not (cells.square or cells.members) or (groups and len(set(evidence.game["roles"])) > 1):
        return ALIKE
    two = _groups(evidence).of(_earned(evidence)).two if groups else evidence.matrix
    return ALL_MEET if np.isnan(two).any() else None


def type_payoffs(evidence: Evidence, draws: int) -> Iterator[TypePayoffs]:
    """The run's payoffs, then those of bootstrap draws, if they differ."""
    cells, options = evidence.cells, evidence.options
    draws = min(draws, options.draws)
    if evidence.game["seats"] == 2:
        yield TypePayoffs(evidence.matrix, evidence.matrix)
        tables = bootstrap_tables(cells, draws, options.seed)
        if (tables != tables[:1]).any():
            yield from (TypePayoffs(table, table) for table in tables)
        return
    groups = _groups(evidence)
    yield groups.of(_earned(evidence))
    drawn = bootstrap_cells(cells, draws, options.seed, groups.casts)
    if (drawn != drawn[:1]).any():
        yield from map(groups.of, drawn)


def _earned(evidence: Evidence) -> Numbers:
    return evidence.table["payoff"].to_numpy(np.float64)


def _groups(evidence: Evidence) -> Groups:
    """The groups of a league whose seats are alike."""
    cells, size = evidence.cells, evidence.game["seats"]
    own, partner = cells.positions
    if cells.members:
        place = {name: index for index, name in enumerate(evidence.names)}
        company = np.zeros((len(cells.field), len(place)), dtype=np.int64)
        for row, index in enumerate(cells.field.tolist()):
            for (_, label), chairs in cells.members[index].items():
                if label in place:
                    company[row, place[label]] += chairs
        return Groups(size, own, company[partner])
    one = np.eye(len(cells.roster), dtype=np.int64)
    return Groups(size, own, one[own] * (cells.k - 1)[:, None] + one[partner] * (size - cells.k)[:, None])
