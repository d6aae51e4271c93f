"""The two-way bootstrap, and intervals: what payoffs might have been with other repetitions and other partners.

*Fixed field*: the same partners, other repetitions. *Sampled field*: other kinds of partners as well.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..cells import Cells, Numbers
from .influence_functions import Influence, effects, repetition_sums
from .kinds import FEW
from .moderation import Variance, moderated, pooled_freedom
from .tails import LEVEL, f_sf, normal_isf, t_isf

TOGETHER = 0.1
"""Below this p repetitions are taken to move agents together."""
SKEWED = 0.25
"""How much other agents may add to the freedom of a variance over kinds, which are few and skewed: measured."""
_BATCH = 4_000_000  # numbers held at once while resampling


@dataclass(frozen=True)
class Drawn:
    """Drawn payoffs [agent, draw]."""

    fixed: Numbers
    sampled: Numbers


@dataclass(frozen=True)
class Interval:
    """Standard errors and ends of intervals [agent]; NaN where nothing is known of the error."""

    error: Numbers
    low: Numbers
    high: Numbers


def generator(environment: str, seed: int) -> np.random.Generator:
    """Random numbers of their own for each environment."""
    return np.random.default_rng([seed, zlib.crc32(environment.encode())])


def drawn_payoffs(moved: Influence, draws: int, random: np.random.Generator) -> Drawn:
    """Payoffs in draws of kinds of partners and of repetitions: the pigeonhole bootstrap (Owen 2007).

    A draw gives kinds and repetitions independent multinomial counts v and w, the same for all agents, and adds
        sum_t (w_t - 1) repetition_it   (fixed field)   + sum_k (v_k - 1) partner_ik   (sampled field)
    to agent i's payoff, and to both a normal draw of what its matches don't tell. The influences hold the factors
    that a bootstrap lacks. The term of second order in (v, w) is left out: it counts the noise of single matches
    once more. NaN for the sampled field where an agent met fewer than `FEW` kinds, and for the fixed one where its
    error is unknown.
    """

    def counts(size: int) -> Numbers:
        drawn = random.multinomial(size, np.full(size, 1 / size), draws).T
        return drawn.astype(np.float64) - 1

    partners, repetitions = counts(moved.partner.shape[1]), counts(moved.repetition.shape[1])
    fixed = moved.payoff[:, None] + moved.repetition @ repetitions
    if moved.told.any():
        fixed += np.sqrt(moved.told)[:, None] * random.standard_normal(fixed.shape)
    sampled = np.where((moved.kinds >= FEW)[:, None], fixed + moved.partner @ partners, np.nan)
    return Drawn(np.where(moved.silent[:, None], np.nan, fixed), sampled)


def drawn_tables(cells: Cells, draws: int, seed: int) -> NDArray[np.float64]:
    """Payoffs [draw, agent, opponent] of a square league, with these partners and other repetitions.

    Agents are in the order of `cells.roster`. Each unordered pair draws among its own repetitions, for both of its
    sides at once, whose matches they share; pairs are independent, as matches are. Deviations are widened by
    sqrt(R / (R - 1)). Trained runs are drawn for all pairs together, and add their effects to them. Expectations,
    and cells with one match, stay what they are.
    NaN where a pair never met.
    """
    size = len(cells.roster)
    agent, opponent = cells.at
    paid, weight = repetition_sums(cells)
    observed = paid.sum(1) / weight.sum(1)
    random = generator(cells.environment, seed)
    cell = agent * size + opponent
    total = np.bincount(cell, minlength=size * size)
    whole = np.bincount(cell, observed, size * size)
    with np.errstate(invalid="ignore"):
        table = np.where(total > 0, whole / total, np.nan)
    tables = np.tile(table, (draws, 1))
    held, moved = effects(cells)
    by_run = np.zeros((size * size, moved.effect.shape[1] - weight.shape[1]))
    if by_run.shape[1]:
        np.add.at(by_run, cell, moved.effect[:, weight.shape[1] :])
        drawn = random.multinomial(by_run.shape[1], np.full(by_run.shape[1], 1 / by_run.shape[1]), draws) - 1.0
        tables += drawn @ by_run.T
    moves = (held > 1) & ~moved.trained
    if not moves.any() or not draws:
        return tables.reshape(draws, size, size)
    pair, of = np.unique(np.minimum(agent, opponent) * size + np.maximum(agent, opponent), return_inverse=True)
    has = np.zeros((len(pair), weight.shape[1]), dtype=np.bool_)
    np.logical_or.at(has, of[moves], weight[moves] > 0)
    among = has.sum(1)
    chance = np.where(among[:, None] > 0, has / among.clip(1)[:, None], 1 / has.shape[1])
    wide = np.sqrt(held / (held - 1).clip(1))[moves]
    at, share = cell[moves], (1 / total[cell])[moves]
    order = np.argsort(at, kind="stable")
    at, share, wide, which = at[order], share[order], wide[order], np.flatnonzero(moves)[order]
    starts = np.flatnonzero(np.diff(at, prepend=-1))
    batch = max(1, _BATCH // weight.size)
    for first in range(0, draws, batch):
        counts = random.multinomial(among, chance, (min(batch, draws - first), len(pair)))[:, of[which]]
        weights = np.einsum("dct,ct->dc", counts, weight[which])
        payoffs = np.einsum("dct,ct->dc", counts, paid[which])
        drawn = np.where(weights > 0, payoffs / np.where(weights > 0, weights, 1), observed[which])
        off = (drawn - observed[which]) * wide * share
        tables[first : first + len(counts), at[starts]] += np.add.reduceat(off, starts, axis=1)
    return tables.reshape(draws, size, size)


def squared_half(partner: Variance, repetition: Variance, noise: Numbers, level: float = LEVEL) -> Numbers:
    """The square of half an interval's width, for variances over kinds of partners and over repetitions.

    With t the quantiles of Student's distributions at the degrees of freedom of each,
        t_partner^2 (V_partner - V_noise) + t_repetition^2 V_repetition,   at least the square for either alone:
    both variances count the noise of single matches. Other than Satterthwaite's approximation, a sum of squares,
    each with its own quantile, holds at any level, however few degrees either has (Banerjee 1961).
    """
    tail = (1 - level) / 2
    over_partners = t_isf(tail, partner.freedom) ** 2
    over_repetitions = np.where(repetition.value > 0, t_isf(tail, repetition.freedom) ** 2, 0.0)
    both = over_partners * (partner.value - noise).clip(0) + over_repetitions * repetition.value
    alone = np.maximum(over_partners * partner.value, over_repetitions * repetition.value)
    return np.asarray(np.maximum(both, alone), dtype=np.float64)


def intervals(moved: Influence, *, sampled: bool) -> Interval:
    """The interval of each payoff, for the fixed or the sampled field.

    The fixed field's is Student's over repetitions. The sampled field's is that of `squared_half`, with moderated
    variances; NaN below `FEW` kinds of partners, and where no payoff of the field varies over them. A percentile
    interval of the draws would be too short with few.
    """
    own = (moved.repetition**2).sum(1)
    known = ~moved.silent & ~np.isnan(moved.payoff)
    untold = normal_isf((1 - LEVEL) / 2) ** 2 * moved.told
    if sampled:
        known = (moved.kinds >= FEW) & ~np.isnan(moved.payoff)
        partner, repetition = over_partners(moved), over_repetitions(moved)
        variance = np.maximum(partner.value + repetition.value - np.diag(moved.noise), partner.value) + moved.told
        squared = squared_half(partner, repetition, np.diag(moved.noise)) + untold
        known &= squared > 0
    else:
        variance = own + moved.told
        freedom = (moved.repetitions - 1).clip(1)
        squared = np.where(own > 0, t_isf((1 - LEVEL) / 2, freedom) ** 2 * own, 0.0) + untold
    error = np.where(known, np.sqrt(variance), np.nan)
    half = np.where(known, np.sqrt(squared), np.nan)
    return Interval(error, moved.payoff - half, moved.payoff + half)


def weights(moved: Influence) -> Numbers:
    """The weight of each agent among all, so that those of a kind count as one; 0 for those with few partners."""
    enough = (moved.kinds >= FEW) & ~np.isnan(moved.payoff)
    of_kind = np.bincount(moved.kind, enough)
    return np.where(enough, 1 / of_kind.clip(1)[moved.kind], 0.0)


def over_partners(moved: Influence) -> Variance:
    """The moderated variance of each payoff over kinds of partners [agent]."""
    weight = weights(moved)
    covariance = moved.partner @ moved.partner.T
    pooled = pooled_freedom(covariance, mean_freedom(moved.freedom, weight), weight)
    return moderated(np.diag(covariance), moved.freedom, weight, pooled, most=SKEWED)


def over_repetitions(moved: Influence) -> Variance:
    """The moderated variance of each payoff over repetitions [agent].

    Where repetitions move agents together (an F test of their common part), agents tell no more than one does.
    """
    own = (moved.repetition**2).sum(1)
    freedom = (moved.repetitions - 1).clip(1)
    weight = moving(moved)
    if not weight.any():
        return Variance(own, freedom)
    mean = weight @ moved.repetition / weight.sum()
    each = mean_freedom(freedom, weight)
    units = float(weight.sum())
    apart = weight @ ((moved.repetition - mean) ** 2).sum(1) / weight.sum()
    if units > 1 and f_sf((units - 1) * (mean**2).sum() / apart, each, each * (units - 1)) < TOGETHER:
        return Variance(own, freedom)
    pooled = pooled_freedom(np.diag(own), each, weight, independent=True)
    found = moderated(own, freedom, weight, pooled, keep=True)
    return Variance(np.where(moved.repetitions > 0, found.value, own), found.freedom)


def moving(moved: Influence) -> Numbers:
    """The weight of each agent among those that repetitions move, so that those of a kind count as one."""
    moves = (moved.repetition != 0).any(1)
    return np.where(moves, 1 / np.bincount(moved.kind, moves).clip(1)[moved.kind], 0.0)


def mean_freedom(freedom: Numbers, weight: Numbers) -> float:
    """The weighted mean of degrees of freedom; 1 without weights."""
    return float(weight @ freedom / weight.sum()) if weight.any() else 1.0
