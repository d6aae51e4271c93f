"""Smith's dynamics: members compare two types and switch to the better at a rate that is its advantage."""

from __future__ import annotations

from numpy.typing import ArrayLike

from ..arrays import Numbers
from .flow import flow
from .population_game import Payoffs, PopulationGame


def smith(payoffs: Payoffs, start: ArrayLike, times: ArrayLike) -> Numbers:
    """Shares [time, ..., type] from shares [..., type], at times from 0 on.

        dx_i/dt = sum_j x_j max(0, pi_i(x) - pi_j(x)) - x_i sum_j max(0, pi_j(x) - pi_i(x))

    It rests at the symmetric Nash equilibria and nowhere else. A type that is absent may come up. Smith 1984.
    """
    return flow(payoffs, start, times, _velocity)


def _velocity(game: PopulationGame, x: Numbers) -> Numbers:
    earned = game(x)
    better = (earned[..., :, None] - earned[..., None, :]).clip(0)  # [..., to, from]
    velocity: Numbers = (better * x[..., None, :]).sum(-1) - x * better.sum(-2)
    return velocity
