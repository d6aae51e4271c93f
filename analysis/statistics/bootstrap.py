"""The two-way bootstrap and intervals of payoffs, over repetitions and over kinds of partners.

*Fixed field*: the same partners, other repetitions. *Sampled field*: other kinds of partners as well.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Indices, Numbers
from ..cells import Cells
from .influence_functions import Influences, repetition_effects, repetition_sums
from .kinds import MIN_KINDS
from .moderation import Variance, moderated, pooled_freedom
from .tails import CONFIDENCE, f_sf, normal_isf, t_isf

TOGETHER = 0.1
"""Repetitions are taken to shift agents together if the p-value is below this."""
SKEWED = 0.25
"""Bound on the degrees of freedom that other agents add to a variance over kinds, which are few and skewed
(measured)."""
_BATCH = 4_000_000  # numbers held at once while resampling


@dataclass(frozen=True)
class BootstrapPayoffs:
    """Bootstrap payoffs [agent, draw]."""

    fixed: Numbers
    sampled: Numbers


@dataclass(frozen=True)
class Interval:
    """Standard errors and ends of intervals [agent]; NaN if the error is unknown."""

    error: Numbers
    low: Numbers
    high: Numbers


def generator(environment: str, seed: int) -> np.random.Generator:
    """A random generator for each environment."""
    return np.random.default_rng([seed, zlib.crc32(environment.encode())])


def bootstrap_payoffs(influence: Influences, draws: int, random: np.random.Generator) -> BootstrapPayoffs:
    """Payoffs in draws of kinds of partners and of repetitions: the pigeonhole bootstrap (Owen 2007).

    A draw gives kinds and repetitions independent multinomial counts v and w, the same for all agents, and adds
        sum_t (w_t - 1) repetition_it   (fixed field)   + sum_k (v_k - 1) partner_ik   (sampled field)
    to agent i's payoff, and to both a normal draw with the `unreplicated` variance. The influences include the
    factors that a bootstrap lacks. The second-order term in (v, w) is omitted: it would count the noise of single
    matches again. NaN for the sampled field if an agent met fewer than `MIN_KINDS` kinds, and for the fixed field
    if its error is unknown.
    """

    def counts(size: int) -> Numbers:
        drawn = random.multinomial(size, np.full(size, 1 / size), draws).T
        return drawn.astype(np.float64) - 1

    partners, repetitions = counts(influence.partner.shape[1]), counts(influence.repetition.shape[1])
    fixed = influence.payoff[:, None] + influence.repetition @ repetitions
    if influence.unreplicated.any():
        fixed += np.sqrt(influence.unreplicated)[:, None] * random.standard_normal(fixed.shape)
    sampled = np.where((influence.kinds >= MIN_KINDS)[:, None], fixed + influence.partner @ partners, np.nan)
    return BootstrapPayoffs(np.where(influence.error_unknown[:, None], np.nan, fixed), sampled)


def bootstrap_tables(cells: Cells, draws: int, seed: int) -> NDArray[np.float64]:
    """Payoffs [draw, agent, opponent] of a square league, with these partners and other repetitions; NaN if a pair
    never met.

    Agents are in the order of `cells.roster`. Each unordered pair draws among its own repetitions, for both sides
    at once, because they share matches; pairs are independent.
    """
    size = len(cells.roster)
    agent, opponent = cells.positions
    pair = np.minimum(agent, opponent) * size + np.maximum(agent, opponent)
    return _drawn(cells, draws, seed, agent * size + opponent, size * size, pair).reshape(draws, size, size)


def bootstrap_cells(cells: Cells, draws: int, seed: int, unit: Indices) -> NDArray[np.float64]:
    """Payoffs [draw, cell] with other repetitions; cells of one `unit` [cell] share matches, and draw the same."""
    every = np.arange(len(cells.agent))
    return _drawn(cells, draws, seed, every, len(every), unit)


def _drawn(
    cells: Cells, draws: int, seed: int, entry: Indices, entries: int, unit: Indices
) -> NDArray[np.float64]:
    """Payoffs [draw, entry], the means over cells of one `entry` [cell]; NaN if it has no cell.

    Deviations are widened by sqrt(R / (R - 1)). Trained runs are drawn for all cells together, and their effects
    are added. Expectations, and cells with one match, do not vary.
    """
    paid, weight = repetition_sums(cells)
    observed = paid.sum(1) / weight.sum(1)
    random = generator(cells.environment, seed)
    total = np.bincount(entry, minlength=entries)
    whole = np.bincount(entry, observed, entries)
    with np.errstate(invalid="ignore"):
        table = np.where(total > 0, whole / total, np.nan)
    tables = np.tile(table, (draws, 1))
    held, units = repetition_effects(cells)
    share = 1 / total[entry]
    by_run = np.zeros((entries, units.effect.shape[1] - weight.shape[1]))
    if by_run.shape[1]:
        np.add.at(by_run, entry, units.effect[:, weight.shape[1] :] * (share / cells.share)[:, None])
        drawn = random.multinomial(by_run.shape[1], np.full(by_run.shape[1], 1 / by_run.shape[1]), draws) - 1.0
        tables += drawn @ by_run.T
    moves = (held > 1) & ~units.trained
    if not moves.any() or not draws:
        return tables
    which, of = np.unique(unit, return_inverse=True)
    has = np.zeros((len(which), weight.shape[1]), dtype=np.bool_)
    np.logical_or.at(has, of[moves], weight[moves] > 0)
    among = has.sum(1)
    chance = np.where(among[:, None] > 0, has / among.clip(1)[:, None], 1 / has.shape[1])
    wide = np.sqrt(held / (held - 1).clip(1))[moves]
    at, share = entry[moves], share[moves]
    order = np.argsort(at, kind="stable")
    at, share, wide, moving = at[order], share[order], wide[order], np.flatnonzero(moves)[order]
    starts = np.flatnonzero(np.diff(at, prepend=-1))
    batch = max(1, _BATCH // weight.size)
    for first in range(0, draws, batch):
        counts = random.multinomial(among, chance, (min(batch, draws - first), len(which)))[:, of[moving]]
        weights = np.einsum("dct,ct->dc", counts, weight[moving])
        payoffs = np.einsum("dct,ct->dc", counts, paid[moving])
        drawn = np.where(weights > 0, payoffs / np.where(weights > 0, weights, 1), observed[moving])
        off = (drawn - observed[moving]) * wide * share
        tables[first : first + len(counts), at[starts]] += np.add.reduceat(off, starts, axis=1)
    return tables


def squared_half_width(
    partner: Variance, repetition: Variance, noise: Numbers, level: float = CONFIDENCE
) -> Numbers:
    """The square of half an interval's width, for variances over kinds of partners and over repetitions.

    With t the quantiles of Student's distributions at the degrees of freedom of each,
        t_partner^2 (V_partner - V_noise) + t_repetition^2 V_repetition,   at least the square for either alone.
    Both variances include the noise of single matches. Unlike Satterthwaite's approximation, a sum of squares with
    a quantile for each is valid at any level and for few degrees of freedom (Banerjee 1961).
    """
    tail = (1 - level) / 2
    over_partners = t_isf(tail, partner.freedom) ** 2
    over_repetitions = np.where(repetition.value > 0, t_isf(tail, repetition.freedom) ** 2, 0.0)
    both = over_partners * (partner.value - noise).clip(0) + over_repetitions * repetition.value
    alone = np.maximum(over_partners * partner.value, over_repetitions * repetition.value)
    return np.asarray(np.maximum(both, alone), dtype=np.float64)


def intervals(influence: Influences, *, sampled: bool) -> Interval:
    """The interval of each payoff, for the fixed or the sampled field.

    For the fixed field it is Student's over repetitions. For the sampled field it is that of `squared_half_width`,
    with moderated variances; NaN below `MIN_KINDS` kinds of partners, and if no payoff of the field varies over
    them. A percentile interval of the draws would be too short with few kinds.
    """
    own = (influence.repetition**2).sum(1)
    known = ~influence.error_unknown & ~np.isnan(influence.payoff)
    unreplicated = normal_isf((1 - CONFIDENCE) / 2) ** 2 * influence.unreplicated
    if sampled:
        known = (influence.kinds >= MIN_KINDS) & ~np.isnan(influence.payoff)
        partner, repetition = over_partners(influence), over_repetitions(influence)
        variance = (
            np.maximum(partner.value + repetition.value - np.diag(influence.noise), partner.value)
            + influence.unreplicated
        )
        squared = squared_half_width(partner, repetition, np.diag(influence.noise)) + unreplicated
        known &= squared > 0
    else:
        variance = own + influence.unreplicated
        freedom = (influence.repetitions - 1).clip(1)
        squared = np.where(own > 0, t_isf((1 - CONFIDENCE) / 2, freedom) ** 2 * own, 0.0) + unreplicated
    error = np.where(known, np.sqrt(variance), np.nan)
    half = np.where(known, np.sqrt(squared), np.nan)
    return Interval(error, influence.payoff - half, influence.payoff + half)


def partner_weights(influence: Influences) -> Numbers:
    """The weight of each agent, such that the agents of a kind count as one; 0 for agents with few partners."""
    enough = (influence.kinds >= MIN_KINDS) & ~np.isnan(influence.payoff)
    of_kind = np.bincount(influence.kind, enough)
    return np.where(enough, 1 / of_kind.clip(1)[influence.kind], 0.0)


def over_partners(influence: Influences) -> Variance:
    """The moderated variance of each payoff over kinds of partners [agent]."""
    weight = partner_weights(influence)
    covariance = influence.partner @ influence.partner.T
    pooled = pooled_freedom(covariance, mean_degrees(influence.freedom, weight), weight)
    return moderated(np.diag(covariance), influence.freedom, weight, pooled, most=SKEWED)


def over_repetitions(influence: Influences) -> Variance:
    """The moderated variance of each payoff over repetitions [agent].

    If repetitions shift agents together (an F test of their common part), the variances of other agents add no
    information, and the own variance is kept.
    """
    own = (influence.repetition**2).sum(1)
    freedom = (influence.repetitions - 1).clip(1)
    weight = repetition_weights(influence)
    if not weight.any():
        return Variance(own, freedom)
    mean = weight @ influence.repetition / weight.sum()
    each = mean_degrees(freedom, weight)
    units = float(weight.sum())
    apart = weight @ ((influence.repetition - mean) ** 2).sum(1) / weight.sum()
    if units > 1 and f_sf((units - 1) * (mean**2).sum() / apart, each, each * (units - 1)) < TOGETHER:
        return Variance(own, freedom)
    pooled = pooled_freedom(np.diag(own), each, weight, independent=True)
    found = moderated(own, freedom, weight, pooled, keep=True)
    return Variance(np.where(influence.repetitions > 0, found.value, own), found.freedom)


def repetition_weights(influence: Influences) -> Numbers:
    """The weight of each agent that varies over repetitions, such that the agents of a kind count as one."""
    moves = (influence.repetition != 0).any(1)
    return np.where(moves, 1 / np.bincount(influence.kind, moves).clip(1)[influence.kind], 0.0)


def mean_degrees(freedom: Numbers, weight: Numbers) -> float:
    """The weighted mean of degrees of freedom; 1 if all weights are 0."""
    return float(weight @ freedom / weight.sum()) if weight.any() else 1.0
