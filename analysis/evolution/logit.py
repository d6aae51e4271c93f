"""The logit dynamics: members pick a type anew, better ones more likely (Fudenberg and Levine 1998)."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq, root
from scipy.special import expit

from ..arrays import Numbers
from .flow import flow
from .population_game import Payoffs, checked_payoffs, compositions, population_game

_GRID = 12
"""Starts of the search for rest points of more than two types: shares in so many parts."""
_SAME = 1e-7


def logit(payoffs: Payoffs, start: ArrayLike, times: ArrayLike, noise: float) -> Numbers:
    """Shares [time, ..., type] from shares [..., type], at times from 0 on.

        dx_i/dt = exp(pi_i(x) / noise) / sum_j exp(pi_j(x) / noise) - x_i

    As noise goes to 0 this is the best-response dynamics.
    """
    _checked(noise)
    return flow(payoffs, start, times, lambda game, x: _choice(game(x), noise) - x)


def logit_rest_points(payoffs: ArrayLike, noise: float) -> Numbers:
    """Shares [point, type] at which the logit dynamics rest: the symmetric logit equilibria.

    McKelvey and Palfrey 1995. With two types, x = 1 / (1 + exp(-d(x) / noise)) with d the first's advantage: all
    of the one to three solutions. With more types, those that a search from a grid of starts finds. By falling
    share of the first type.
    """
    matrix = checked_payoffs(payoffs)
    _checked(noise)
    if len(matrix) == 2:
        return _of_two(matrix, noise)
    game = population_game(matrix)
    found: list[Numbers] = []

    def velocity(x: Numbers) -> Numbers:
        return _choice(game(x), noise) - x

    for start in _choice(game(compositions(_GRID, game.types) / _GRID), noise):
        x = np.asarray(root(velocity, start, tol=1e-13).x)
        rests = np.abs(velocity(x)).max() < 1e-10
        if rests and not any(np.abs(x - other).max() < _SAME for other in found):
            found.append(x)
    return np.array(sorted(found, key=lambda x: tuple(-x))).reshape(-1, game.types)


def _of_two(matrix: Numbers, noise: float) -> Numbers:
    """The roots of log(x / (1 - x)) = (d0 + d1 x) / noise, found between the turning points of the difference."""
    d0 = float(matrix[0, 1] - matrix[1, 1]) / noise
    d1 = float(matrix[0, 0] - matrix[1, 0]) / noise - d0

    def gap(z: float) -> float:  # in z = log(x / (1 - x)), where 0 and 1 are far away
        return d0 + d1 * float(expit(z)) - z

    far = abs(d0) + abs(d1) + 1
    turns = []
    if d1 > 4:  # d gap / dz = 0, where x (1 - x) = 1 / d1
        turn = 2 * math.acosh(math.sqrt(d1) / 2)
        turns = [turn, -turn]
    roots = [
        brentq(gap, low, high, xtol=1e-14, rtol=1e-14) if gap(low) * gap(high) < 0 else math.nan
        for high, low in pairwise([far, *turns, -far])
    ]
    z = np.array([root for root in roots if not math.isnan(root)])
    return np.column_stack((expit(z), expit(-z)))


def _choice(payoffs: Numbers, noise: float) -> Numbers:
    scaled = np.exp((payoffs - payoffs.max(-1, keepdims=True)) / noise)
    return np.asarray(scaled / scaled.sum(-1, keepdims=True))


def _checked(noise: float) -> None:
    if not 0 < noise < math.inf:
        raise ValueError(f"noise is {noise}: it must be a positive number, in units of payoff.")
