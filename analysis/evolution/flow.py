"""Following a differential equation of shares through time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp

from ..arrays import Numbers
from .population_game import Payoffs, PopulationGame, checked_shares, population_game

ABSENT = -1e5
"""The logarithm that stands for a share of 0: its exponential is 0, whatever is added on the way."""
RELATIVE, ABSOLUTE = 1e-11, 1e-13
"""The integrator's tolerances."""


def checked_times(times: ArrayLike) -> Numbers:
    """Times as floats; ValueError unless they are 0 or more and increase."""
    found = np.asarray(times, dtype=np.float64)
    if found.ndim != 1 or not found.size or not (np.diff(found, prepend=-1e-300) > 0).all():
        raise ValueError(
            f"Times are one or more numbers, 0 or more, each above the last; these are {_said(found)}."
        )
    return found


def integrate(
    velocity: Callable[[Numbers], Numbers], start: Numbers, times: Numbers, relative: float = RELATIVE
) -> Numbers:
    """States [time, ...] of dx/dt = velocity(x) from x(0) = start, by Dormand and Prince's pair of order 8."""

    def flat(_: float, state: Numbers) -> Numbers:
        return velocity(state.reshape(start.shape)).ravel()

    span, absolute = (0.0, max(float(times[-1]), 1e-12)), max(ABSOLUTE, 0.01 * relative)
    found = solve_ivp(flat, span, start.ravel(), "DOP853", times, rtol=relative, atol=absolute)
    if not found.success:
        raise ArithmeticError(f"The flow could not be followed to time {times[-1]:g}: {found.message}")
    return np.asarray(found.y.T.reshape(len(times), *start.shape))


def flow(
    payoffs: Payoffs, start: ArrayLike, times: ArrayLike, velocity: Callable[[PopulationGame, Numbers], Numbers]
) -> Numbers:
    """Shares [time, ..., type] of dx/dt = velocity(game, x) from shares [..., type]."""
    game = population_game(payoffs)
    states = integrate(lambda x: velocity(game, x), checked_shares(start, game.types), checked_times(times))
    return states.clip(0, 1)


def logarithms(shares: Numbers) -> Numbers:
    """Of shares, with `ABSENT` for 0."""
    return np.log(shares, where=shares > 0, out=np.full(shares.shape, ABSENT))


def shares_of(logs: Numbers, ends: Sequence[int] = ()) -> Numbers:
    """Shares from logarithms up to a constant for each population; populations end at `ends`, and at the end."""
    populations = [
        np.exp(part - part.max(-1, keepdims=True)) for part in np.split(logs, [int(end) for end in ends], axis=-1)
    ]
    return np.concatenate([part / part.sum(-1, keepdims=True) for part in populations], axis=-1)


def grow(
    growth: Callable[[Numbers], Numbers],
    logs: Numbers,
    times: Numbers,
    ends: Sequence[int] = (),
    relative: float = RELATIVE,
) -> Numbers:
    """Logarithms of shares [time, ..., type] of dx_i/dt = x_i growth_i(x).

    In logarithms a share can't turn negative, and one of 1e-200 keeps all its digits: orbits that come ever closer
    to the edges stay right.
    """
    present = logs > ABSENT / 2
    return integrate(lambda state: present * growth(shares_of(state, ends)), logs, times, relative)


def _said(numbers: Numbers) -> str:
    return np.array2string(numbers, threshold=6, edgeitems=2, separator=", ")
