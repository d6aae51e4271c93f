"""What games on lattices and on networks have in common: what is asked, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Numbers
from ..ratings.normal_form import checked_matrix

Types: TypeAlias = NDArray[np.unsignedinteger]
"""The type of each player, by its row in the payoffs."""
Counts: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class StructuredRun:
    """What became of a population: how many were of each type, and who is what at the end."""

    counts: Counts
    """[..., step, type], the start first."""
    final: Types
    """As the start was given: the start of a run that goes on from here."""

    @property
    def shares(self) -> Numbers:
        part: Numbers = self.counts / self.counts.sum(-1, keepdims=True)
        return part


def one_game(payoffs: ArrayLike) -> Numbers:
    """A[own type, other type] as floats; ValueError unless it is one square table of finite numbers."""
    table = checked_matrix(payoffs)
    if table.ndim != 2:
        raise ValueError(f"Payoffs of one game are a table [own type, other type]; these have {table.ndim} axes.")
    return table


def checked_types(start: ArrayLike, types: int) -> Types:
    """A copy of a start in small integers; ValueError unless each is a row of the payoffs."""
    given = np.asarray(start)
    if not np.issubdtype(given.dtype, np.integer) and given.dtype != np.bool_:
        raise ValueError(f"A start holds the type of each player, a whole number; this one holds {given.dtype}.")
    if given.size == 0 or given.min() < 0 or given.max() >= types:
        held = f"{given.min()} to {given.max()}" if given.size else "none"
        raise ValueError(f"A start holds types from 0 to {types - 1}, one or more; this one holds {held}.")
    return given.astype(np.min_scalar_type(types), order="C", copy=True)


def checked_steps(steps: int) -> int:
    if steps < 0:
        raise ValueError(f"The number of steps is 0 or more, not {steps}.")
    return steps


def checked_generator(random: np.random.Generator | None, update: str) -> np.random.Generator:
    if random is None:
        raise ValueError(f'The update "{update}" is random: pass random=numpy.random.default_rng(seed).')
    return random
