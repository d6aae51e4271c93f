"""A league as a game in normal form: each player picks an agent to play for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Numbers


def checked_matrix(matrix: ArrayLike) -> Numbers:
    """A symmetric game's payoffs [..., agent, opponent] as floats; ValueError unless square and finite."""
    payoffs = np.asarray(matrix, dtype=np.float64)
    if payoffs.ndim < 2 or payoffs.shape[-1] != payoffs.shape[-2] or not payoffs.shape[-1]:
        raise ValueError(f"A payoff matrix has as many rows as columns, one or more; this one is {payoffs.shape}.")
    return _finite(payoffs)


def payoff_tensor(payoffs: ArrayLike) -> Numbers:
    """A game's payoffs [player, n_1, ..., n_N] as floats; ValueError unless there is one axis for each player."""
    tensor = np.asarray(payoffs, dtype=np.float64)
    if tensor.ndim < 2 or tensor.ndim != tensor.shape[0] + 1 or not tensor.size:
        raise ValueError(
            f"Payoffs of N players have N + 1 axes, [player, n_1, ..., n_N]; these have the shape {tensor.shape}."
        )
    return _finite(tensor)


def symmetric_game(matrix: ArrayLike) -> Numbers:
    """[M, M^T]: the two-player game in which both may pick any agent of the league."""
    payoffs = checked_matrix(matrix)
    if payoffs.ndim != 2:
        raise ValueError(f"One payoff matrix makes a game; these are {payoffs.shape}.")
    return np.stack((payoffs, payoffs.T))


def deviation_gains(payoffs: ArrayLike) -> Numbers:
    """The gain of each strategy of each player over each profile [player and strategy, profile].

    gain[(p, a'), a] = G_p(a', a_-p) - G_p(a), players and their strategies in order, profiles in C order.
    """
    tensor = payoff_tensor(payoffs)
    gains = []
    for player, payoff in enumerate(tensor):
        switched = np.moveaxis(payoff, player, 0)
        gain = np.expand_dims(switched, player + 1) - payoff
        gains.append(np.broadcast_to(gain, (len(switched), *payoff.shape)).reshape(len(switched), -1))
    return np.concatenate(gains)


def _finite(payoffs: Numbers) -> Numbers:
    if not np.isfinite(payoffs).all():
        count = int((~np.isfinite(payoffs)).sum())
        raise ValueError(f"{count} of {payoffs.size} payoffs are missing or infinite; a game needs all of them.")
    return payoffs
