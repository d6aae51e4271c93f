"""Where Markov chains end, and after how many steps, by state reduction: sums of what is positive, no subtraction.

A state k that is taken out hands on what goes through it, to l from j at the rate q_jk q_kl / leaving_k, and
its time. Grassmann, Taksar and Heyman 1985, for chains that end.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Numbers


def absorption(inner: Numbers, ends: Numbers) -> Numbers:
    """The probability of each end from each state [chain, state, end].

    From rates between states [chain, state, state] and to ends [chain, state, end]; diagonals count for nothing.
    """
    chances, _ = _solve(inner, ends, np.zeros(inner.shape[:2]))
    return chances


def steps(inner: Numbers, ends: Numbers, idle: bool = True) -> Numbers:
    """The mean number of steps before an end, from each state [chain, state], from probabilities of a step.

    Without `idle` a step that stays where it is does not count.
    """
    ones = np.ones(inner.shape[:2])
    moves = ends.sum(-1) + inner.sum(-1) - np.diagonal(inner, axis1=-2, axis2=-1)
    return _solve(inner, ends, ones if idle else moves)[1]


def _solve(inner: Numbers, ends: Numbers, times: Numbers) -> tuple[Numbers, Numbers]:
    """The probabilities of ends, and the mean sum of the `times` of the states that are visited."""
    n = inner.shape[-1]
    rates = np.concatenate([ends, inner], axis=-1)  # the ends first: the states that are left are in front
    times, e = times.copy(), ends.shape[-1]
    with np.errstate(all="ignore"):
        for k in range(n - 1, -1, -1):
            through = rates[:, :k, e + k] / rates[:, k, : e + k].sum(-1)[:, None]
            rates[:, :k, : e + k] += through[..., None] * rates[:, k, None, : e + k]
            times[:, :k] += through * times[:, k, None]
        chances = np.zeros((*inner.shape[:2], e))
        for k in range(n):
            leaving = rates[:, k, : e + k].sum(-1)
            met = rates[:, k, e : e + k]
            chances[:, k] = (rates[:, k, :e] + np.einsum("cl,cle->ce", met, chances[:, :k])) / leaving[:, None]
            times[:, k] = (times[:, k] + (met * times[:, :k]).sum(-1)) / leaving
    return chances, times
