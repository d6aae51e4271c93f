"""Stationary laws of sparse chains whose states are in levels, each step within a level or to one beside it.

A state k that is taken out hands on what goes through it to l from j by q_jl += q_jk q_kl / sum_{i<k} q_ki. There
is no subtraction, so every probability is right to a few units in the last place, however weakly the chain hangs
together. Grassmann, Taksar and Heyman 1985; a level at a time, so that most of it is products of matrices.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from scipy.linalg import solve_triangular
from scipy.sparse import csr_array

from ..arrays import Numbers

_BLOCK = 8  # states that are taken out one by one; more of them tell the others by a product of matrices


def stationary_by_levels(rates: csr_array, levels: Sequence[slice]) -> Numbers:
    """The law pi with pi Q = 0 [state], from rates [state, state] of levels in order; the last is a single state.

    Diagonals count for nothing. Raises ValueError where the law spans more than floats do.
    """
    between = rates[levels[0], levels[0]].toarray()
    through: list[Numbers] = []
    with np.errstate(all="ignore"):
        for here, after in itertools.pairwise(levels):
            n, m = after.stop - after.start, here.stop - here.start
            both = np.empty((n + m, n + m))
            both[:n, :n], both[:n, n:] = rates[after, after].toarray(), rates[after, here].toarray()
            both[n:, :n], both[n:, n:] = rates[here, after].toarray(), between
            _take_out(both, n, n + m)
            between = both[:n, :n] + both[:n, n:] @ both[n:, :n]
            through.append(both[:, n:].copy())
        laws, logs = [np.ones(1)], [0.0]
        for columns in reversed(through):
            law = _read_off(laws[-1], columns)
            laws.append(law / law.max())
            logs.append(logs[-1] + float(np.log(law.max())))
    scales = np.exp(np.array(logs) - max(logs))
    law = np.concatenate([part * scale for part, scale in zip(laws[::-1], scales[::-1], strict=True)])
    if not np.isfinite(law).all():
        raise ValueError(
            "The rates of this chain span more orders of magnitude than floats do: lower the selection, "
            "raise the mutation, or take the limit of small mutation."
        )
    return np.asarray(law / law.sum(), np.float64)


def _take_out(rates: Numbers, low: int, high: int) -> None:
    """Take out the states from `high` - 1 to `low`, and tell their rows and columns, but not yet the others.

    Column k becomes q_jk / sum_{i<k} q_ki for j < k.
    """
    if high - low > _BLOCK:
        middle = (low + high) // 2
        _take_out(rates, middle, high)
        above = slice(middle, high)
        rates[:middle, low:middle] += rates[:middle, above] @ rates[above, low:middle]
        rates[low:middle, :low] += rates[low:middle, above] @ rates[above, :low]
        _take_out(rates, low, middle)
        return
    for k in range(high - 1, low - 1, -1):
        row, column = rates[k, :k], rates[:k, k]
        column /= row.sum()
        rates[:k, low:k] += column[:, None] * row[low:]
        rates[low:k, :low] += column[low:, None] * row[:low]


def _read_off(law: Numbers, columns: Numbers) -> Numbers:
    """pi_k = sum_{j<k} pi_j q_jk of the states taken out, from those left and the columns [left and out, out]."""
    left = len(law)
    return np.asarray(
        solve_triangular(-columns[left:], law @ columns[:left], trans="T", unit_diagonal=True, check_finite=False),
        np.float64,
    )
