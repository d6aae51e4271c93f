"""Moderated variances: an agent's own spread, drawn towards that of the whole field.

With few partners an agent's payoffs may agree by chance, and then its own variance says that nothing could be
otherwise. What the other agents' payoffs do tells how much to believe of that: an empirical Bayes estimate with
the variances' own spread as prior (Smyth 2004, there with the moments of their logarithms).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cells import Numbers


@dataclass(frozen=True)
class Variance:
    """Variances and their degrees of freedom."""

    value: Numbers
    freedom: Numbers


def moderated(
    own: Numbers, freedom: Numbers, weight: Numbers, pooled: float, *, most: float = np.inf, keep: bool = False
) -> Variance:
    """Variances, given the `own` ones with their `freedom`, and weights that make copies count once; all [unit].

    True variances are taken to be v (d - 2) / d times those of a scaled inverse chi squared with d degrees and
    mean v. With h their squared coefficient of variation, d = 4 + 2 / h; h is that of the own ones, less 2 /
    freedom by chance. Then
        variance = (d v (d - 2) / d + freedom own) / (d + freedom)
    with freedom + 1 / (h / 2 + 1 / (pooled - freedom)) degrees, where `pooled` are those of the mean of all: the
    fewer, the more they differ; here h is taken to be larger by a third of its standard error. `most` bounds what
    is added to the freedom, in terms of it. `keep`: no variance gets less than its own, the more so the more they
    differ.
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
    # The variance of a squared deviation of chi squared / freedom, over as many as the pooled freedom holds.
    few = float(weight @ freedom)
    error = np.sqrt((12 * (few + 4) / few**3 - 4 / few**2) * few / max(pooled, few)) / (1 + chance)
    added = 1 / ((h + error / 3) / 2 + 1 / np.maximum(pooled - freedom, 1e-9))
    return Variance(value, freedom + np.minimum(added, most * freedom))


def pooled_freedom(
    covariance: Numbers, freedom: float, weight: Numbers, *, independent: bool = False, centred: bool = False
) -> float:
    """Degrees of freedom of the mean of variances whose estimates are the diagonal of `covariance`.

    Weights of copies add up to 1. Satterthwaite's, freedom (tr S)^2 / tr S^2 for the true covariance S, with the
    unbiased estimate of tr S^2 from an observed one (Bai and Saranadasa 1996); or, where units are `independent`,
    from its diagonal. `centred`: what units have in common was taken off, and with it one of them.
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
