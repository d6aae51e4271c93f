"""Which agents differ, all pairs at once, and the ranks that each may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy import stats

from .bootstrap import LEVEL, combined
from .cells import Flags, Indices, Numbers
from .influence import Influence

Correction: TypeAlias = Literal["max_t", "holm"]
_BATCH = 8_000_000  # numbers held at once while flipping signs


@dataclass(frozen=True)
class Contrasts:
    """Differences of payoffs over the sampled field [agent, agent]: row less column."""

    difference: Numbers
    error: Numbers
    freedom: Numbers
    p: Numbers
    """Student's, two-sided, each pair alone; 1 where nothing can be said."""


@dataclass(frozen=True)
class RankSets:
    """The ranks `low` to `high` [agent] that the data leave open, for all agents at once."""

    low: Indices
    high: Indices
    p: Numbers
    """Adjusted for all pairs [agent, agent]."""


def contrasts(moved: Influence) -> Contrasts:
    """Every difference of two payoffs, paired by partner and repetition.

    The squared standard error of a difference is the sum of squares of the differences of influences, combined
    over partners and repetitions as for one payoff. Both sides of a pair are one match: where they are against
    each other, twice their covariance over the squared number of partners comes on top.
    """

    def between(covariance: Numbers) -> Numbers:
        own = np.diag(covariance)
        return (own[:, None] + own - 2 * covariance).clip(0)

    over_partners = moved.partner @ moved.partner.T
    over_repetitions = moved.repetition @ moved.repetition.T
    fewer = np.minimum.outer(moved.partners, moved.partners).astype(np.float64)
    noisy = np.minimum.outer(moved.repetitions, moved.repetitions)
    partner = between(over_partners) - 2 * moved.shared / fewer.clip(1) ** 2
    told = np.where(fewer > 1, 0.0, np.add.outer(moved.told, moved.told))
    variance, freedom = combined(partner, between(over_repetitions), between(moved.noise), fewer, noisy)
    np.fill_diagonal(variance, 0.0)
    scale = np.abs(np.nan_to_num(moved.payoff)).max(initial=0)
    difference = moved.payoff[:, None] - moved.payoff
    difference[np.abs(difference) < 1e-12 * max(scale, 1)] = 0.0
    variance = np.where(variance < (1e-12 * max(scale, 1)) ** 2, 0.0, variance)
    freedom = np.where(variance == 0, np.inf, freedom)
    variance = variance + told
    error = np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(difference == 0, 0.0, np.abs(difference) / error)
    said = (fewer > 1) | (np.equal.outer(moved.partners, moved.partners) & (variance > 0))
    p = np.where(said & ~np.isnan(t), 2 * stats.t.sf(np.nan_to_num(t, posinf=np.inf), freedom), 1.0)
    return Contrasts(difference, error, freedom, p)


def rank_sets(
    moved: Influence, found: Contrasts, draws: int, random: np.random.Generator, correction: Correction = "max_t"
) -> RankSets:
    """Ranks from 1 + (how many are significantly better) to n - (how many are significantly worse).

    The sets hold for all agents at once with 95 % (Mogstad, Romano, Shaikh and Wilhelm 2024), whatever the ties.
    """
    ranked = np.flatnonzero(~np.isnan(moved.payoff))
    first, second = (ranked[index] for index in np.triu_indices(len(ranked), 1))
    alone = found.p[first, second]
    few = (moved.partners[ranked] < 3).any()
    adjusted = holm(alone) if correction == "holm" or few else max_t(alone, moved, first, second, draws, random)
    p = np.ones_like(found.p)
    p[first, second] = p[second, first] = adjusted
    different: Flags = p <= 1 - LEVEL
    better = (different & (found.difference < 0)).sum(1)
    worse = (different & (found.difference > 0)).sum(1)
    return RankSets(1 + better, len(ranked) - worse, p)


def holm(p: Numbers) -> Numbers:
    """Holm's step-down adjustment, right under any dependence (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return adjusted


def max_t(
    p: Numbers, moved: Influence, first: Indices, second: Indices, draws: int, random: np.random.Generator
) -> Numbers:
    """Step-down max-T (Westfall and Young 1993, Romano and Wolf 2005) of these pairs' p-values.

    A draw flips the signs e_j of whole partners, the same for all agents. A pair's influences d_j then give
        q = (sum_j e_j d_j)^2 / (n sum_j d_j^2),   t^2 = (n - 1) q / (1 - q),
    a t statistic with its own standard deviation in each draw, as the observed one has. Observed p-values, which
    also count repetitions, are compared with the largest t by Student's quantiles at n - 1 degrees of freedom.
    """
    size = len(p)
    if not size or not draws:
        return np.ones(size)
    met = moved.met.astype(np.float64)
    n = (moved.partners[first] + moved.partners[second] - (met @ met.T)[first, second]).clip(2)
    squared = np.minimum(stats.t.isf(p / 2, n - 1), 1e100) ** 2
    observed = squared / (n - 1 + squared)
    order = np.argsort(observed, kind="stable")
    first, second, observed = first[order], second[order], observed[order]
    partner = moved.partner.astype(np.float32)
    covariance = moved.partner @ moved.partner.T
    own = np.diag(covariance)
    squares = own[first] + own[second] - 2 * covariance[first, second]
    scale = np.where(squares > 1e-12 * own.max(initial=0), 1 / np.sqrt(squares.clip(1e-300) * n[order]), 0.0)
    root = np.sqrt(observed).astype(np.float32)[:, None] * np.float32(1 - 1e-6)
    scale32 = scale.astype(np.float32)[:, None]
    reached = np.zeros(size, dtype=np.int64)
    batch = max(1, _BATCH // size)
    for begin in range(0, draws, batch):
        signs = random.integers(0, 2, (partner.shape[1], min(batch, draws - begin))).astype(np.float32) * 2 - 1
        drawn = partner @ signs
        largest = drawn[first]
        largest -= drawn[second]
        np.abs(largest, out=largest)
        largest *= scale32
        np.maximum.accumulate(largest, axis=0, out=largest)
        reached += np.count_nonzero(largest >= root, axis=1)
    share = (1 + reached) / (draws + 1)
    adjusted = np.empty(size)
    adjusted[order] = np.maximum.accumulate(share[::-1])[::-1]
    # No correction makes a pair surer than it is alone.
    return np.maximum(adjusted, p)
