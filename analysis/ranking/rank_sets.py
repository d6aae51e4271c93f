"""Pairwise differences of payoffs, tested together, and the set of ranks that each agent may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from ..arrays import Flags, Indices, Numbers
from ..statistics.bootstrap import mean_degrees, partner_weights, repetition_weights, squared_half_width
from ..statistics.influence_functions import Influences
from ..statistics.kinds import MIN_KINDS
from ..statistics.moderation import Variance, moderated, pooled_freedom
from ..statistics.tails import CONFIDENCE, normal_isf, t_isf, t_sf

Correction: TypeAlias = Literal["max_t", "holm"]
PAIRED = 0.5
"""Bound on the degrees of freedom added to the variance of a pair over kinds: differences are less skewed."""
MINOR = 0.1
"""Sign flips of kinds account for all randomness if repetitions contribute at most this share of the variance."""
_BATCH = 8_000_000  # numbers held at once while flipping signs
_LEVELS = np.concatenate((np.logspace(-16, -1, 120, endpoint=False), np.linspace(0.1, 1, 41)))


@dataclass(frozen=True)
class PayoffContrasts:
    """Differences of payoffs of pairs of agents, `first` minus `second`, with their variances; all [pair]."""

    sampled: bool
    """Whether over other kinds of partners, or else over repetitions with the same partners."""
    first: Indices
    second: Indices
    difference: Numbers
    partner: Variance
    """Over kinds of partners; 0 for the fixed field."""
    repetition: Variance
    noise: Numbers
    """The variance of single matches, which both variances include."""
    unreplicated: Numbers
    """The variance that repetitions cannot show: of single matches, and of unseen events."""
    known: Flags
    """Whether the error of the difference is known."""
    p: Numbers
    """Two-sided p-value of each pair alone; 1 if unknown."""

    def half_width(self, level: float = CONFIDENCE) -> Numbers:
        """Half the width of the difference's interval; NaN if unknown."""
        squared = squared_half_width(self.partner, self.repetition, self.noise, level)
        return np.where(
            self.known, np.sqrt(squared + normal_isf((1 - level) / 2) ** 2 * self.unreplicated), np.nan
        )


@dataclass(frozen=True)
class RankSets:
    """The ranks `low` to `high` [agent] that the data leave open, simultaneously for all agents."""

    low: Indices
    high: Indices
    p: Numbers
    """Adjusted for all pairs [agent, agent]."""


def payoff_contrasts(influence: Influences, *, sampled: bool = True) -> PayoffContrasts:
    """All differences of payoffs, paired by kind of partner and repetition, in the sampled or fixed field.

    The squared standard error of a difference is the sum of squares of the differences of influences, moderated by
    that of all pairs of kinds. Both sides of a pair come from the same match: if they are negatively correlated,
    twice their covariance over the squared number of kinds is added. A difference is significant at a level if it
    exceeds the half width of its interval (`squared_half_width`) at that level.

    In the sampled field agents of one kind do not differ, and nothing is known if one of them met fewer than
    `MIN_KINDS` kinds. If the differences with all G kinds are equal in the whole field, p is 2 / 2^G, as by sign
    flips.
    """
    first, second = np.triu_indices(len(influence.payoff), 1)
    scale = max(float(np.abs(np.nan_to_num(influence.payoff)).max(initial=0)), 1.0)
    difference = influence.payoff[first] - influence.payoff[second]
    difference[np.abs(difference) < 1e-12 * scale] = 0.0
    apart = influence.kind[first] != influence.kind[second]
    unreplicated = influence.unreplicated[first] + influence.unreplicated[second]
    repetition = _over_repetitions(influence, first, second)
    known = ~np.isnan(difference)
    noise = np.zeros(len(first))
    partner = Variance(noise, np.ones(len(first)))
    if sampled:
        partner, noise = _over_partners(influence, first, second), _between(influence.noise, first, second)
        known &= np.minimum(influence.kinds[first], influence.kinds[second]) >= MIN_KINDS
    else:
        known &= ~(influence.error_unknown[first] | influence.error_unknown[second])
    p = _p_values(difference, partner, repetition, noise, unreplicated)
    if sampled:
        exact = partner.value + repetition.value + unreplicated <= (1e-12 * scale) ** 2
        fewest = np.minimum(influence.kinds[first], influence.kinds[second])
        p = np.where(exact & (difference != 0), 2.0 ** (1 - fewest), p)
        p = np.where(apart, p, 1.0)
    p = np.where(known & (difference != 0), p, 1.0)
    return PayoffContrasts(sampled, first, second, difference, partner, repetition, noise, unreplicated, known, p)


def _between(covariance: Numbers, first: Indices, second: Indices) -> Numbers:
    """Variances of differences [pair], from a covariance [agent, agent]."""
    own = np.diag(covariance)
    return np.asarray((own[first] + own[second] - 2 * covariance[first, second]).clip(0))


def _centred(values: Numbers, weight: Numbers) -> Numbers:
    """Values [agent, ...] minus their weighted mean over agents."""
    return values - weight @ values / (weight.sum() or 1.0)


def _over_partners(influence: Influences, first: Indices, second: Indices) -> Variance:
    covariance = influence.partner @ influence.partner.T
    own = np.diag(covariance)
    fewer = np.minimum(influence.kinds[first], influence.kinds[second])
    observed = _between(covariance, first, second) - 2 * influence.shared / fewer.clip(1) ** 2
    observed = np.where(observed > 1e-12 * (own[first] + own[second]), observed, 0.0)
    freedom = np.minimum(influence.freedom[first], influence.freedom[second])
    weight = partner_weights(influence)
    centred = _centred(influence.partner, weight)
    pooled = pooled_freedom(centred @ centred.T, mean_degrees(influence.freedom, weight), weight, centred=True)
    return moderated(observed, freedom, _of_pairs(influence, weight, first, second), pooled, most=PAIRED)


def _over_repetitions(influence: Influences, first: Indices, second: Indices) -> Variance:
    observed = _between(influence.repetition @ influence.repetition.T, first, second)
    repetitions = np.where(influence.repetitions > 0, influence.repetitions, np.inf)
    fewer = np.minimum(repetitions[first], repetitions[second])
    freedom = np.where(np.isfinite(fewer), fewer - 1, 1.0).clip(1)
    weight = repetition_weights(influence)
    centred = _centred(influence.repetition, weight)
    each = mean_degrees((influence.repetitions - 1).clip(1), weight)
    pooled = pooled_freedom(centred @ centred.T, each, weight, independent=True, centred=True)
    found = moderated(observed, freedom, _of_pairs(influence, weight, first, second), pooled, keep=True)
    moves = np.maximum(influence.repetitions[first], influence.repetitions[second]) > 0
    return Variance(np.where(moves, found.value, 0.0), found.freedom)


def _of_pairs(influence: Influences, weight: Numbers, first: Indices, second: Indices) -> Numbers:
    """The weight of each pair.

    All pairs of the same two kinds count as one; pairs within a kind count only if there are no others.
    """
    pair = weight[first] * weight[second]
    apart = np.where(influence.kind[first] != influence.kind[second], pair, 0.0)
    return apart if apart.any() else pair


def _p_values(
    difference: Numbers, partner: Variance, repetition: Variance, noise: Numbers, unreplicated: Numbers
) -> Numbers:
    """The level at which each difference just leaves its interval.

    Student's if only one of the variances is present, else interpolated between levels from 1e-16 to 1.
    """
    p = np.empty(len(difference))
    squared = difference**2
    both = (repetition.value > 0) & (partner.value > 0) | (unreplicated > 0)
    still = repetition.value == 0
    for variance, alone in ((partner, ~both & still), (repetition, ~both & ~still)):
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.sqrt(squared[alone] / variance.value[alone])
        p[alone] = 2 * t_sf(np.nan_to_num(t, posinf=np.inf), variance.freedom[alone])
    batch = max(1, _BATCH // len(_LEVELS))
    for begin in range(0, len(p), batch):
        some = begin + np.flatnonzero(both[begin : begin + batch])
        p[some] = _crossing(
            squared[some], _of(partner, some), _of(repetition, some), noise[some], unreplicated[some]
        )
    return p


def _of(variance: Variance, some: Indices) -> Variance:
    return Variance(variance.value[some], variance.freedom[some])


def _crossing(
    squared: Numbers, partner: Variance, repetition: Variance, noise: Numbers, unreplicated: Numbers
) -> Numbers:
    if not len(squared):
        return squared
    reached = np.zeros((len(_LEVELS), len(squared)))
    # Degrees of freedom are rounded down, so that few distinct ones remain.
    free, which = np.unique(np.floor(partner.freedom * 64) / 64, return_inverse=True)
    free_too, which_too = np.unique(np.floor(repetition.freedom * 64) / 64, return_inverse=True)
    tail = _LEVELS[:, None] / 2
    quantiles, quantiles_too = (np.square(t_isf(tail, of)) for of in (free, free_too))
    normal = np.square(normal_isf(_LEVELS / 2))
    for at in range(len(_LEVELS)):
        one, other = quantiles[at, which], quantiles_too[at, which_too]
        both = one * (partner.value - noise).clip(0) + other * repetition.value
        most = np.maximum(both, np.maximum(one * partner.value, other * repetition.value))
        reached[at] = most + normal[at] * unreplicated
    # `reached` decreases with the level: find the first one that the difference exceeds.
    after = (reached > squared).sum(0)
    inside = np.clip(after, 1, len(_LEVELS) - 1)
    columns = np.arange(len(squared))
    above, below = (np.sqrt(reached[inside - step, columns]) for step in (1, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.nan_to_num((above - np.sqrt(squared)) / (above - below)).clip(0, 1)
    low, high = np.log(_LEVELS[inside - 1]), np.log(_LEVELS[inside])
    return np.asarray(np.exp(low + part * (high - low)))


def rank_sets(
    influence: Influences, found: PayoffContrasts, draws: int, random: np.random.Generator, correction: Correction
) -> RankSets:
    """Ranks from 1 + (number of significantly better agents) to n - (number of significantly worse agents).

    The sets hold simultaneously for all agents with 95 % (Mogstad, Romano, Shaikh and Wilhelm 2024), also with
    ties. In the sampled field each pair of kinds is one hypothesis, with the largest p of its pairs. Max-T flips
    the signs of kinds of partners; if repetitions contribute more than `MINOR` of the variance, Holm's adjustment
    is used instead.
    """
    ranked = ~np.isnan(influence.payoff)
    pairs = np.flatnonzero(ranked[found.first] & ranked[found.second])
    over_partners = found.partner.value[pairs]
    repeated = found.repetition.value[pairs] + found.unreplicated[pairs]
    minor = bool((repeated <= MINOR * (over_partners + repeated)).all())
    known = bool(found.known[pairs].all())
    if found.sampled:
        pairs = pairs[influence.kind[found.first[pairs]] != influence.kind[found.second[pairs]]]
    first, second, alone = found.first[pairs], found.second[pairs], found.p[pairs]
    group = _hypotheses(influence.kind, first, second) if found.sampled else np.arange(len(pairs))
    largest = np.zeros(group.max(initial=-1) + 1)
    np.maximum.at(largest, group, alone)
    if correction == "max_t" and found.sampled and minor and known:
        adjusted = max_t(largest[group], influence, first, second, draws, random)
    else:
        adjusted = holm(largest)[group]
    p = np.ones((len(influence.payoff),) * 2)
    p[first, second] = p[second, first] = adjusted
    difference = np.zeros_like(p)
    difference[found.first, found.second] = found.difference
    difference -= difference.T
    different: Flags = p <= 1 - CONFIDENCE
    better = (different & (difference < 0)).sum(1)
    worse = (different & (difference > 0)).sum(1)
    return RankSets(1 + better, int(ranked.sum()) - worse, p)


def _hypotheses(kind: Indices, first: Indices, second: Indices) -> Indices:
    """The number of the pair of kinds that each pair belongs to, without gaps."""
    one, other = np.minimum(kind[first], kind[second]), np.maximum(kind[first], kind[second])
    return np.asarray(np.unique(one * (kind.max(initial=0) + 1) + other, return_inverse=True)[1], dtype=np.int64)


def holm(p: Numbers) -> Numbers:
    """Holm's step-down adjustment, valid under any dependence (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return adjusted


def max_t(
    p: Numbers, influence: Influences, first: Indices, second: Indices, draws: int, random: np.random.Generator
) -> Numbers:
    """Step-down max-T adjustment (Westfall and Young 1993, Romano and Wolf 2005) of the p-values of these pairs.

    A draw flips the signs e_k of whole kinds of partners, the same for all agents. The influences d_k of a pair
    give
        q = (sum_k e_k d_k)^2 / (n sum_k d_k^2),   t^2 = (n - 1) q / (1 - q),
    with n kinds: a t statistic with its own standard deviation in each draw. Observed p-values are compared with
    the largest t by Student's quantiles at n - 1 degrees of freedom.
    """
    size = len(p)
    if not size or not draws:
        return np.ones(size)
    met = influence.met.astype(np.float64)
    n = (influence.kinds[first] + influence.kinds[second] - (met @ met.T)[first, second]).clip(2)
    squared = np.minimum(t_isf(p / 2, n - 1), 1e100) ** 2
    observed = squared / (n - 1 + squared)
    order = np.argsort(observed, kind="stable")
    first, second, observed = first[order], second[order], observed[order]
    partner = influence.partner.astype(np.float32)
    covariance = influence.partner @ influence.partner.T
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
    # An adjusted p-value is never below the unadjusted one.
    return np.maximum(adjusted, p)
