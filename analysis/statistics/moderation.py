"""Moderated variances: an agent's own variance, shrunk towards that of the whole field.

With few partners an agent's payoffs may agree by chance, and its own variance is then too small. The variances of
other agents say how reliable it is: an empirical Bayes estimate whose prior is the distribution of variances
(Smyth 2004, there with moments of logarithms).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Numbers


@dataclass(frozen=True)
class Variance:
    """Variances and their degrees of freedom."""

    value: Numbers
    freedom: Numbers


def moderated(
    own: Numbers, freedom: Numbers, weight: Numbers, pooled: float, *, most: float = np.inf, keep: bool = False
) -> Variance:
    """Variances from the `own` ones with their `freedom`, and weights that make copies count once; all [unit].

    True variances are assumed to be v (d - 2) / d times those of a scaled inverse chi squared with d degrees and
    mean v. With h their squared coefficient of variation, d = 4 + 2 / h; h is estimated from the own variances,
    minus the 2 / freedom due to chance. Then
        variance = (d v (d - 2) / d + freedom own) / (d + freedom)
    with freedom + 1 / (h / 2 + 1 / (pooled - freedom)) degrees, where `pooled` are those of the mean of all: the
    more the variances differ, the fewer are added. Here h is increased by a third of its standard error. `most`
    bounds the added degrees, as a multiple of freedom. With `keep` reductions of a variance below its own are
    undone, the more so the more the variances differ.
    """
    mean = float(weight @ own) / (weight.sum() or 1.0)
    if not mean > 0:
        return Variance(own, freedom)
    weight = weight / weight.sum()
    chance = float(weight @ (2 / freedom))
    varied = float(weight @ (own - mean) ** 2) / mean**2
    h = max((varied - chance) / (1 + chance), 1e-9)
    d = 4 + 2 / h
    value = (mean * (d - 2) + freedom * own) / (d + freedom)
    if keep:
        value += min(1.0, 2 * h) * (own - value).clip(0)
    # The variance of a squared deviation of chi squared / freedom, over the number that `pooled` implies.
    few = float(weight @ freedom)
    error = np.sqrt((12 * (few + 4) / few**3 - 4 / few**2) * few / max(pooled, few)) / (1 + chance)
    added = 1 / ((h + error / 3) / 2 + 1 / np.maximum(pooled - freedom, 1e-9))
    return Variance(value, freedom + np.minimum(added, most * freedom))


def pooled_freedom(
    covariance: Numbers, freedom: float, weight: Numbers, *, independent: bool = False, centred: bool = False
) -> float:
    """Degrees of freedom of the mean of variances whose estimates are the diagonal of `covariance`.

    Weights of copies sum to 1. They are Satterthwaite's, freedom (tr S)^2 / tr S^2 for the true covariance S, with
    the unbiased estimate of tr S^2 from an observed one (Bai and Saranadasa 1996), or from its diagonal if units
    are `independent`. `centred`: the mean over units was subtracted, which removes one unit.
    """
    own = np.diag(covariance)
    total = float(weight @ own)
    if not total > 0 or freedom <= 0:
        return max(freedom, 1.0)
    units = max(1.0, float(weight.sum()) - centred)
    if independent:
        square = freedom / (freedom + 2) * float(weight @ own**2)
    else:
        square = float(weight @ covariance**2 @ weight) - total**2 / freedom
        square *= freedom**2 / max((freedom - 1) * (freedom + 2), 1e-9)
    return float(freedom * total**2 / max(square, total**2 / units))
