"""Invariant measures of Markov chains by state reduction: states are eliminated one by one, without subtraction.

When a state k is eliminated, the flow through it is passed on, from j < k to i < k at the rate

    q_ji + q_jk q_ki / sum_{l<k} q_kl

and the measure is then computed in the other direction. Sums, products and quotients of non-negative numbers have
no cancellation: the relative error of each entry is about 1e-16 times the number of states, even if the chain is
nearly decomposable. Diagonals are ignored. Grassmann, Taksar and Heyman 1985; the error bound: O'Cinneide 1993,
"Entrywise perturbation theory and error analysis for Markov chains".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...envs.errors import DilemmaError
from .chain import Numbers

LARGEST = 2**13
"""Largest number of connected states; it takes n^2 numbers and n^3 operations."""
_LARGEST_IN_LOGARITHMS = 2**10
_BLOCK = 8  # states eliminated one by one; larger blocks update the others by a matrix product
_SMALLEST = 1e-290  # products below this lose digits


def invariant(rates: Numbers) -> Numbers:
    """The measures m with sum_j m_j q_ji = m_i sum_j q_ij and m_0 = 1 [chain, n], of chains [chain, n, n].

    All states of a chain are connected, except padding states at its end without rates, whose measure is 0.
    Overwrites `rates`. Chains that exceed the range of floats are solved in logarithms; raises DilemmaError if
    that fails too.
    """
    n = rates.shape[1]
    if n > LARGEST:
        raise DilemmaError(
            f"{n:,} states of two automata hang together, more than the {LARGEST:,} that can be solved exactly: "
            "play these matches instead"
        )
    given = rates.copy() if n <= _LARGEST_IN_LOGARITHMS else None
    measure, sound = _in_floats(rates)
    if not sound.all():
        if given is not None:
            measure[~sound] = _in_logarithms(given[~sound])
        if given is None or not np.isfinite(measure).all():
            raise DilemmaError(
                "the probabilities of two automata span too many orders of magnitude for exact results: "
                "play these matches instead"
            )
    return measure


def _in_floats(rates: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
    """The measures, and which of them stayed within the range of floats."""
    n = rates.shape[1]
    measure = np.ones(rates.shape[:2])
    with np.errstate(all="ignore"):
        sound = _take_out(rates, 1, n)
        for k in range(1, n):
            measure[:, k] = (measure[:, :k] * rates[:, :k, k]).sum(1)
    return measure, sound & np.isfinite(measure).all(1)


def _take_out(rates: Numbers, low: int, high: int) -> NDArray[np.bool_]:
    """Eliminate the states from `high` - 1 to `low`, updating the rows and columns of these states only; column k
    becomes q_jk / sum_{l<k} q_kl. Returns which chains stayed within the range of floats."""
    sound = np.ones(len(rates), np.bool_)
    if high - low > _BLOCK:
        middle = (low + high) // 2
        sound &= _take_out(rates, middle, high)
        rates[:, :middle, low:middle] += rates[:, :middle, middle:high] @ rates[:, middle:high, low:middle]
        rates[:, low:middle, :low] += rates[:, low:middle, middle:high] @ rates[:, middle:high, :low]
        return sound & _take_out(rates, low, middle)
    for k in range(high - 1, low - 1, -1):
        row, column = rates[:, k, :k], rates[:, :k, k]
        leaving = row.sum(1)
        sound &= (leaving > 0) | ~column.any(1)
        column /= np.where(leaving > 0, leaving, 1)[:, None]
        sound &= _least(column) * _least(row) > _SMALLEST
        rates[:, :k, low:k] += column[:, :, None] * row[:, None, low:]
        rates[:, low:k, :low] += column[:, low:, None] * row[:, None, :low]
    return sound


def _least(values: Numbers) -> Numbers:
    """The smallest positive value of each row; infinite if there is none."""
    return np.asarray(np.where(values > 0, values, np.inf).min(1), np.float64)


def _in_logarithms(rates: Numbers) -> Numbers:
    count, n = rates.shape[:2]
    measure = np.zeros((count, n))
    with np.errstate(all="ignore"):
        logs = np.log(rates)
        for k in range(n - 1, 0, -1):
            leaving = np.logaddexp.reduce(logs[:, k, :k], axis=1)
            logs[:, :k, k] -= np.where(np.isfinite(leaving), leaving, 0)[:, None]
            logs[:, :k, :k] = np.logaddexp(logs[:, :k, :k], logs[:, :k, k, None] + logs[:, k, None, :k])
        for k in range(1, n):
            measure[:, k] = np.logaddexp.reduce(measure[:, :k] + logs[:, :k, k], axis=1)
        return np.asarray(np.exp(measure), np.float64)
