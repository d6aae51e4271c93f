"""Correlated equilibria of largest entropy (Ortiz, Schapire and Kakade 2007)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Numbers
from .maximum_entropy import maximum_entropy
from .normal_form import deviation_gains, payoff_tensor


@dataclass(frozen=True)
class CorrelatedEquilibrium:
    """A distribution over profiles, and its violation of the equilibrium conditions."""

    joint: Numbers
    """Probabilities [n_1, ..., n_N]."""
    violation: float
    """The largest expected gain of a player that deviates; 0 or below, up to rounding."""


def correlated_equilibrium(payoffs: ArrayLike) -> CorrelatedEquilibrium:
    """No player gains by playing a' instead of its recommended action a:

    sum_{a_-p} sigma(a, a_-p) (G_p(a', a_-p) - G_p(a, a_-p)) <= 0 for all p, a, a'.
    """
    return _of_largest_entropy(_gains_by_recommendation(payoff_tensor(payoffs)), payoff_tensor(payoffs).shape[1:])


def coarse_correlated_equilibrium(payoffs: ArrayLike) -> CorrelatedEquilibrium:
    """No player gains by committing to a' beforehand: E_sigma[G_p(a', a_-p) - G_p(a)] <= 0 for all p, a'."""
    tensor = payoff_tensor(payoffs)
    return _of_largest_entropy(deviation_gains(tensor), tensor.shape[1:])


def equilibrium_payoffs(payoffs: ArrayLike, joint: Numbers) -> tuple[Numbers, ...]:
    """What each strategy of each player earns against what the others do in `joint` (Marris et al. 2022)."""
    tensor = payoff_tensor(payoffs)
    earned = []
    for player, payoff in enumerate(tensor):
        others = joint.sum(player)
        earned.append(np.moveaxis(payoff, player, 0).reshape(joint.shape[player], -1) @ others.reshape(-1))
    return tuple(earned)


def _of_largest_entropy(gains: Numbers, shape: tuple[int, ...]) -> CorrelatedEquilibrium:
    law = maximum_entropy(gains)
    return CorrelatedEquilibrium(joint=law.reshape(shape), violation=float((gains @ law).max(initial=0.0)))


def _gains_by_recommendation(tensor: Numbers) -> Numbers:
    """[player, recommended action and deviation; profile]."""
    rows = []
    gains = deviation_gains(tensor)
    first = 0
    for player, count in enumerate(tensor.shape[1:]):
        part = np.indices(tensor.shape[1:])[player].reshape(-1)
        for recommended in range(count):
            rows.append(np.delete(gains[first : first + count], recommended, 0) * (part == recommended))
        first += count
    return np.concatenate(rows)
