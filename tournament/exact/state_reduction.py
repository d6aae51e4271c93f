"""Invariant measures of Markov chains by state reduction: states are taken out one by one, without a subtraction.

A state k that is taken out hands on what goes through it, to i < k from j < k at the rate

    q_ji + q_jk q_ki / sum_{l<k} q_kl

and the measure is then read off in the other direction. Sums, products and quotients of numbers that aren't
negative lose no digits: each entry of the result is right to some 1e-16 times the number of states, however
weakly the chain hangs together. Diagonals count for nothing. Grassmann, Taksar and Heyman 1985; the error:
O'Cinneide 1993, "Entrywise perturbation theory and error analysis for Markov chains".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...envs.errors import DilemmaError
from .chain import Numbers

LARGEST = 2**13
"""States that hang together; it takes n^2 numbers and n^3 operations."""
_LARGEST_IN_LOGARITHMS = 2**10
_BLOCK = 8  # states that are taken out one by one; more of them tell the others by a product of matrices
_SMALLEST = 1e-290  # a product below it loses digits


def invariant(rates: Numbers) -> Numbers:
    """The measures m with sum_j m_j q_ji = m_i sum_j q_ij and m_0 = 1 [chain, n], of chains [chain, n, n].

    The states of a chain can all be reached from each other, but for some at its end that have no rates at all,
    whose measure is 0. Overwrites `rates`. What floats are too short for is done in logarithms; raises
    DilemmaError where neither will do.
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
    """The measures, and which of them floats could hold."""
    n = rates.shape[1]
    measure = np.ones(rates.shape[:2])
    with np.errstate(all="ignore"):
        sound = _take_out(rates, 1, n)
        for k in range(1, n):
            measure[:, k] = (measure[:, :k] * rates[:, :k, k]).sum(1)
    return measure, sound & np.isfinite(measure).all(1)


def _take_out(rates: Numbers, low: int, high: int) -> NDArray[np.bool_]:
    """Take out the states from `high` - 1 to `low`, and tell the rows and columns of these states, but not yet the
    others; column k becomes q_jk / sum_{l<k} q_kl. Returns for which chains floats could hold it."""
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
    """The least positive of each row; infinite where there is none."""
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
