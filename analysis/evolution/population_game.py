"""Population games: what each type earns, by the shares of all types (Sandholm 2010)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Indices, Numbers
from ..ratings.normal_form import checked_matrix

SUM = 1e-9
"""How far from 1 shares may add up to."""


@dataclass(frozen=True)
class PopulationGame:
    """Payoffs [..., type] as a function of the shares [..., type] in an infinite population."""

    types: int
    payoffs: Callable[[Numbers], Numbers]
    """For many populations at once."""

    def __call__(self, shares: Numbers) -> Numbers:
        return self.payoffs(shares)

    def spread(self) -> float:
        """How far apart payoffs lie, in populations of one type and in the even mix: the scale of all rates."""
        payoffs = self(np.vstack((np.eye(self.types), np.full(self.types, 1 / self.types))))
        return float(np.ptp(payoffs)) or 1.0


Payoffs: TypeAlias = ArrayLike | PopulationGame
"""A[own type, other type], or payoffs as a function of shares."""


def checked_payoffs(payoffs: Payoffs) -> Numbers:
    """A[own type, other type] as floats; ValueError unless it is one square matrix of finite numbers."""
    if isinstance(payoffs, PopulationGame):
        raise ValueError(
            "This takes a matrix [own type, other type]; payoffs of groups are none: they aren't linear in shares."
        )
    matrix = checked_matrix(payoffs)
    if matrix.ndim != 2:
        raise ValueError(f"Payoffs are one matrix [own type, other type]; these have the shape {matrix.shape}.")
    return matrix


def population_game(payoffs: Payoffs) -> PopulationGame:
    """Everybody meets everybody: a type earns A x at shares x. A game stays what it is."""
    if isinstance(payoffs, PopulationGame):
        return payoffs
    transposed = checked_payoffs(payoffs).T
    return PopulationGame(len(transposed), lambda shares: shares @ transposed)


def compositions(total: int, parts: int) -> Indices:
    """All ways to write `total` as an ordered sum of `parts` counts [way, part]."""
    bars = np.array(list(combinations(range(total + parts - 1), parts - 1)), dtype=np.int64)
    edges = np.pad(bars, ((0, 0), (1, 1)), constant_values=((0, 0), (-1, total + parts - 1)))
    return np.diff(edges, axis=1) - 1


def checked_shares(shares: ArrayLike, types: int) -> Numbers:
    """Shares [..., type] as floats; ValueError unless each is 0 or more and they add up to 1."""
    found = np.asarray(shares, dtype=np.float64)
    if not found.ndim or found.shape[-1] != types:
        raise ValueError(
            f"There are {types} types, so shares are [..., {types}]; these have the shape {found.shape}."
        )
    total = found.sum(-1)
    if not (found >= 0).all() or not (np.abs(total - 1) <= SUM).all():
        worst = float(total.flat[np.abs(total - 1).argmax()])
        raise ValueError(
            f"Shares are 0 or more and add up to 1; here the least is {found.min():g} and the sum {worst:g}."
        )
    return np.asarray(found / total[..., None])
