"""Which agents differ, all pairs at once, and the ranks that each may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from ..cells import Flags, Indices, Numbers
from ..statistics.bootstrap import mean_freedom, moving, squared_half, weights
from ..statistics.influence_functions import Influence
from ..statistics.kinds import FEW
from ..statistics.moderation import Variance, moderated, pooled_freedom
from ..statistics.tails import LEVEL, normal_isf, t_isf, t_sf

Correction: TypeAlias = Literal["max_t", "holm"]
PAIRED = 0.5
"""How much other pairs may add to the freedom of a pair's variance over kinds: differences are less skewed."""
MINOR = 0.1
"""Flips of kinds' signs stand for all chance where repetitions make up at most this part of the variance."""
_BATCH = 8_000_000  # numbers held at once while flipping signs
_LEVELS = np.concatenate((np.logspace(-16, -1, 120, endpoint=False), np.linspace(0.1, 1, 41)))


@dataclass(frozen=True)
class PayoffContrasts:
    """Differences of the payoffs of pairs of agents, `first` less `second`, and how sure they are; all [pair]."""

    sampled: bool
    """Whether over other kinds of partners, else over repetitions with the same ones."""
    first: Indices
    second: Indices
    difference: Numbers
    partner: Variance
    """Over kinds of partners; 0 for the fixed field."""
    repetition: Variance
    noise: Numbers
    """The variance by single matches, which both count."""
    told: Numbers
    """The variance of what no repetition has shown."""
    known: Flags
    """Whether anything can be said."""
    p: Numbers
    """Two-sided, each pair alone; 1 where nothing can be said."""

    def half(self, level: float = LEVEL) -> Numbers:
        """Half the width of the difference's interval; NaN where nothing can be said."""
        squared = squared_half(self.partner, self.repetition, self.noise, level)
        return np.where(self.known, np.sqrt(squared + normal_isf((1 - level) / 2) ** 2 * self.told), np.nan)


@dataclass(frozen=True)
class RankSets:
    """The ranks `low` to `high` [agent] that the data leave open, for all agents at once."""

    low: Indices
    high: Indices
    p: Numbers
    """Adjusted for all pairs [agent, agent]."""


def payoff_contrasts(moved: Influence, *, sampled: bool = True) -> PayoffContrasts:
    """Every difference of two payoffs, paired by kind of partner and repetition, for the sampled or fixed field.

    The squared standard error of a difference is the sum of squares of the differences of influences, moderated by
    that of all pairs of kinds. Both sides of a pair are one match: where they are against each other, twice their
    covariance over the squared number of kinds comes on top. A difference is significant at a level where it is
    more than `squared_half` at it. In the sampled field agents of one kind don't differ, and nothing is known
    where one of them met fewer than `FEW` kinds; where the differences with all G kinds are the same, in the whole
    field, p is 2 / 2^G, that of their flips.
    """
    first, second = np.triu_indices(len(moved.payoff), 1)
    scale = max(float(np.abs(np.nan_to_num(moved.payoff)).max(initial=0)), 1.0)
    difference = moved.payoff[first] - moved.payoff[second]
    difference[np.abs(difference) < 1e-12 * scale] = 0.0
    apart = moved.kind[first] != moved.kind[second]
    told = moved.told[first] + moved.told[second]
    repetition = _over_repetitions(moved, first, second)
    known = ~np.isnan(difference)
    noise = np.zeros(len(first))
    partner = Variance(noise, np.ones(len(first)))
    if sampled:
        partner, noise = _over_partners(moved, first, second), _between(moved.noise, first, second)
        known &= np.minimum(moved.kinds[first], moved.kinds[second]) >= FEW
    else:
        known &= ~(moved.silent[first] | moved.silent[second])
    p = _p_values(difference, partner, repetition, noise, told)
    if sampled:
        exact = partner.value + repetition.value + told <= (1e-12 * scale) ** 2
        fewest = np.minimum(moved.kinds[first], moved.kinds[second])
        p = np.where(exact & (difference != 0), 2.0 ** (1 - fewest), p)
        p = np.where(apart, p, 1.0)
    p = np.where(known & (difference != 0), p, 1.0)
    return PayoffContrasts(sampled, first, second, difference, partner, repetition, noise, told, known, p)


def _between(covariance: Numbers, first: Indices, second: Indices) -> Numbers:
    """Variances of differences [pair], of a covariance [agent, agent]."""
    own = np.diag(covariance)
    return np.asarray((own[first] + own[second] - 2 * covariance[first, second]).clip(0))


def _centred(values: Numbers, weight: Numbers) -> Numbers:
    """Values [agent, ...] less what all agents have in common."""
    return values - weight @ values / (weight.sum() or 1.0)


def _over_partners(moved: Influence, first: Indices, second: Indices) -> Variance:
    covariance = moved.partner @ moved.partner.T
    own = np.diag(covariance)
    fewer = np.minimum(moved.kinds[first], moved.kinds[second])
    observed = _between(covariance, first, second) - 2 * moved.shared / fewer.clip(1) ** 2
    observed = np.where(observed > 1e-12 * (own[first] + own[second]), observed, 0.0)
    freedom = np.minimum(moved.freedom[first], moved.freedom[second])
    weight = weights(moved)
    centred = _centred(moved.partner, weight)
    pooled = pooled_freedom(centred @ centred.T, mean_freedom(moved.freedom, weight), weight, centred=True)
    return moderated(observed, freedom, _of_pairs(moved, weight, first, second), pooled, most=PAIRED)


def _over_repetitions(moved: Influence, first: Indices, second: Indices) -> Variance:
    observed = _between(moved.repetition @ moved.repetition.T, first, second)
    repetitions = np.where(moved.repetitions > 0, moved.repetitions, np.inf)
    fewer = np.minimum(repetitions[first], repetitions[second])
    freedom = np.where(np.isfinite(fewer), fewer - 1, 1.0).clip(1)
    weight = moving(moved)
    centred = _centred(moved.repetition, weight)
    each = mean_freedom((moved.repetitions - 1).clip(1), weight)
    pooled = pooled_freedom(centred @ centred.T, each, weight, independent=True, centred=True)
    found = moderated(observed, freedom, _of_pairs(moved, weight, first, second), pooled, keep=True)
    moves = np.maximum(moved.repetitions[first], moved.repetitions[second]) > 0
    return Variance(np.where(moves, found.value, 0.0), found.freedom)


def _of_pairs(moved: Influence, weight: Numbers, first: Indices, second: Indices) -> Numbers:
    """The weight of each pair: those of two kinds count as one, those of one kind only if there are no others."""
    pair = weight[first] * weight[second]
    apart = np.where(moved.kind[first] != moved.kind[second], pair, 0.0)
    return apart if apart.any() else pair


def _p_values(
    difference: Numbers, partner: Variance, repetition: Variance, noise: Numbers, told: Numbers
) -> Numbers:
    """The level at which each difference just leaves its interval.

    Student's where only one of the variances is there, else interpolated between levels from 1e-16 to 1.
    """
    p = np.empty(len(difference))
    squared = difference**2
    both = (repetition.value > 0) & (partner.value > 0) | (told > 0)
    still = repetition.value == 0
    for variance, alone in ((partner, ~both & still), (repetition, ~both & ~still)):
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.sqrt(squared[alone] / variance.value[alone])
        p[alone] = 2 * t_sf(np.nan_to_num(t, posinf=np.inf), variance.freedom[alone])
    batch = max(1, _BATCH // len(_LEVELS))
    for begin in range(0, len(p), batch):
        some = begin + np.flatnonzero(both[begin : begin + batch])
        p[some] = _crossing(squared[some], _of(partner, some), _of(repetition, some), noise[some], told[some])
    return p


def _of(variance: Variance, some: Indices) -> Variance:
    return Variance(variance.value[some], variance.freedom[some])


def _crossing(squared: Numbers, partner: Variance, repetition: Variance, noise: Numbers, told: Numbers) -> Numbers:
    if not len(squared):
        return squared
    reached = np.zeros((len(_LEVELS), len(squared)))
    # Rounded down, freedoms are few.
    free, which = np.unique(np.floor(partner.freedom * 64) / 64, return_inverse=True)
    free_too, which_too = np.unique(np.floor(repetition.freedom * 64) / 64, return_inverse=True)
    tail = _LEVELS[:, None] / 2
    quantiles, quantiles_too = (np.square(t_isf(tail, of)) for of in (free, free_too))
    normal = np.square(normal_isf(_LEVELS / 2))
    for at in range(len(_LEVELS)):
        one, other = quantiles[at, which], quantiles_too[at, which_too]
        both = one * (partner.value - noise).clip(0) + other * repetition.value
        most = np.maximum(both, np.maximum(one * partner.value, other * repetition.value))
        reached[at] = most + normal[at] * told
    # `reached` falls with the level: the first one that the difference is beyond.
    after = (reached > squared).sum(0)
    inside = np.clip(after, 1, len(_LEVELS) - 1)
    columns = np.arange(len(squared))
    above, below = (np.sqrt(reached[inside - step, columns]) for step in (1, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.nan_to_num((above - np.sqrt(squared)) / (above - below)).clip(0, 1)
    low, high = np.log(_LEVELS[inside - 1]), np.log(_LEVELS[inside])
    return np.asarray(np.exp(low + part * (high - low)))


def rank_sets(
    moved: Influence, found: PayoffContrasts, draws: int, random: np.random.Generator, correction: Correction
) -> RankSets:
    """Ranks from 1 + (how many are significantly better) to n - (how many are significantly worse).

    The sets hold for all agents at once with 95 % (Mogstad, Romano, Shaikh and Wilhelm 2024), whatever the ties.
    For the sampled field two kinds of agents are one hypothesis, with the largest p of its pairs. Max-T flips
    signs of kinds of partners: where repetitions make up more than `MINOR` of the variance, Holm adjusts.
    """
    ranked = ~np.isnan(moved.payoff)
    pairs = np.flatnonzero(ranked[found.first] & ranked[found.second])
    over_partners = found.partner.value[pairs]
    repeated = found.repetition.value[pairs] + found.told[pairs]
    minor = bool((repeated <= MINOR * (over_partners + repeated)).all())
    known = bool(found.known[pairs].all())
    if found.sampled:
        pairs = pairs[moved.kind[found.first[pairs]] != moved.kind[found.second[pairs]]]
    first, second, alone = found.first[pairs], found.second[pairs], found.p[pairs]
    group = _hypotheses(moved.kind, first, second) if found.sampled else np.arange(len(pairs))
    largest = np.zeros(group.max(initial=-1) + 1)
    np.maximum.at(largest, group, alone)
    if correction == "max_t" and found.sampled and minor and known:
        adjusted = max_t(largest[group], moved, first, second, draws, random)
    else:
        adjusted = holm(largest)[group]
    p = np.ones((len(moved.payoff),) * 2)
    p[first, second] = p[second, first] = adjusted
    difference = np.zeros_like(p)
    difference[found.first, found.second] = found.difference
    difference -= difference.T
    different: Flags = p <= 1 - LEVEL
    better = (different & (difference < 0)).sum(1)
    worse = (different & (difference > 0)).sum(1)
    return RankSets(1 + better, int(ranked.sum()) - worse, p)


def _hypotheses(kind: Indices, first: Indices, second: Indices) -> Indices:
    """Which pair of kinds each pair is of, without gaps."""
    one, other = np.minimum(kind[first], kind[second]), np.maximum(kind[first], kind[second])
    return np.asarray(np.unique(one * (kind.max(initial=0) + 1) + other, return_inverse=True)[1], dtype=np.int64)


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

    A draw flips the signs e_k of whole kinds of partners, the same for all agents. A pair's influences d_k give
        q = (sum_k e_k d_k)^2 / (n sum_k d_k^2),   t^2 = (n - 1) q / (1 - q),
    with n kinds: a t statistic with its own standard deviation in each draw. Observed p-values are compared with
    the largest t by Student's quantiles at n - 1 degrees of freedom.
    """
    size = len(p)
    if not size or not draws:
        return np.ones(size)
    met = moved.met.astype(np.float64)
    n = (moved.kinds[first] + moved.kinds[second] - (met @ met.T)[first, second]).clip(2)
    squared = np.minimum(t_isf(p / 2, n - 1), 1e100) ** 2
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
