"""The dynamics of Brown, von Neumann and Nash: types that earn more than the mean draw members from all others."""

from __future__ import annotations

from numpy.typing import ArrayLike

from ..arrays import Numbers
from .flow import flow
from .population_game import Payoffs, PopulationGame
from .replicator import growth_rates


def brown_von_neumann_nash(payoffs: Payoffs, start: ArrayLike, times: ArrayLike) -> Numbers:
    """Shares [time, ..., type] from shares [..., type], at times from 0 on.

        dx_i/dt = e_i - x_i sum_j e_j,    e_i = max(0, pi_i(x) - x . pi(x))

    It rests at the symmetric Nash equilibria and nowhere else. A type that is absent may come up. Brown and
    von Neumann 1950; Hofbauer 2000.
    """
    return flow(payoffs, start, times, _velocity)


def _velocity(game: PopulationGame, x: Numbers) -> Numbers:
    excess = growth_rates(game, x).clip(0)
    velocity: Numbers = excess - x * excess.sum(-1, keepdims=True)
    return velocity
