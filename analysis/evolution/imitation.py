"""Imitation: members compare themselves with a random other and copy it, more likely the more it earns."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Numbers
from .flow import checked_times, grow, logarithms, shares_of
from .population_game import Payoffs, checked_shares, population_game


def imitation(payoffs: Payoffs, start: ArrayLike, times: ArrayLike, selection: float) -> Numbers:
    """Shares [time, ..., type] from shares [..., type], at times from 0 on.

        dx_i/dt = x_i sum_j x_j tanh(selection (pi_i(x) - pi_j(x)) / 2)

    The limit of pairwise comparison by Fermi's rule, 1 / (1 + exp(-selection (pi_model - pi_own))), in large
    populations; for weak selection, the replicator slowed by selection / 2. Traulsen, Nowak and Pacheco 2006.
    """
    game = population_game(payoffs)
    if not 0 <= selection < math.inf:
        raise ValueError(f"selection is {selection}: it must be a finite number, 0 or more.")

    def growth(x: Numbers) -> Numbers:
        half = selection / 2 * game(x)
        return np.asarray((np.tanh(half[..., :, None] - half[..., None, :]) * x[..., None, :]).sum(-1))

    return shares_of(grow(growth, logarithms(checked_shares(start, game.types)), checked_times(times)))
