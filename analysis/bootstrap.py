"""The two-way bootstrap: what payoffs might have been with other repetitions, and with other partners.

*Fixed field*: the same partners, other repetitions. *Sampled field*: other partners of this kind as well.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .cells import Cells, Flags, Numbers
from .influence import Influence, payoff_matrix, repetition_sums

LEVEL = 0.95
_BATCH = 4_000_000  # numbers held at once while resampling

__all__ = ["LEVEL", "Drawn", "Interval", "combined", "drawn_payoffs", "drawn_tables", "intervals", "payoff_matrix"]


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
    """Payoffs in draws of partners and repetitions, with replacement: the pigeonhole bootstrap (Owen 2007).

    A draw gives partners and repetitions independent multinomial counts v and w, the same for all agents, and adds
        sum_t (w_t - 1) repetition_it   (fixed field)   + sum_j (v_j - 1) partner_ij   (sampled field)
    to agent i's payoff. The influences hold the factors n / (n - 1) that a bootstrap lacks. The term of second
    order in (v, w) is left out: it counts the noise of single matches once more.
    """

    def counts(size: int) -> Numbers:
        drawn = random.multinomial(size, np.full(size, 1 / size), draws).T
        return drawn.astype(np.float64) - 1

    partners, repetitions = counts(moved.partner.shape[1]), counts(moved.repetition.shape[1])
    fixed = moved.payoff[:, None] + moved.repetition @ repetitions
    return Drawn(fixed, fixed + moved.partner @ partners)


def drawn_tables(cells: Cells, draws: int, seed: int) -> NDArray[np.float64]:
    """Payoffs [draw, agent, opponent] with these partners and other repetitions, in the order of `cells.roster`.

    Each unordered pair draws among its own repetitions, for both of its sides at once, whose matches they share;
    pairs are independent, as matches are. Deviations are widened by sqrt(R / (R - 1)). Expectations, and cells
    with one match, stay what they are. NaN where a pair never met.
    """
    size = len(cells.roster)
    agent, opponent = (np.searchsorted(cells.roster, index) for index in (cells.agent, cells.opponent))
    paid, weight = repetition_sums(cells)
    observed = paid.sum(1) / weight.sum(1)
    random = generator(cells.environment, seed)
    cell = agent * size + opponent
    total = np.bincount(cell, minlength=size * size)
    whole = np.bincount(cell, observed, size * size)
    with np.errstate(invalid="ignore"):
        table = np.where(total > 0, whole / total, np.nan)
    tables = np.tile(table, (draws, 1))
    held = (weight > 0).sum(1)
    moves = ~cells.exact & (held > 1)
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
        moved = (drawn - observed[which]) * wide * share
        tables[first : first + len(counts), at[starts]] += np.add.reduceat(moved, starts, axis=1)
    return tables.reshape(draws, size, size)


def combined(
    partner: Numbers, repetition: Numbers, noise: Numbers, partners: Numbers, repetitions: Numbers
) -> tuple[Numbers, Numbers]:
    """Variance over partners and repetitions, and its degrees of freedom, from the variances of each.

    V = V_partner + V_repetition - V_noise, at least either alone; Satterthwaite's freedom
        V^2 / (V_partner^2 / (n - 1) + V_repetition^2 / (R - 1) + V_noise^2 / ((n - 1) (R - 1))).
    """
    free_partner, free_repetition = (partners - 1.0).clip(1), (repetitions - 1.0).clip(1)
    variance = partner + repetition - noise
    least = np.maximum(partner, repetition)
    spread = partner**2 / free_partner + repetition**2 / free_repetition
    spread = spread + noise**2 / (free_partner * free_repetition)
    freedom = np.divide(variance**2, spread, out=np.ones_like(variance), where=spread > 0)
    alone = np.where(partner >= repetition, free_partner, free_repetition)
    freedom = np.where(variance < least, alone, freedom)
    return np.maximum(variance, least), freedom.clip(1)


def intervals(moved: Influence, *, sampled: bool) -> Interval:
    """Student's interval of each payoff, for the fixed or the sampled field.

    A percentile interval of the draws is too short with few partners or repetitions; this one has the variance of
    the draws, less what they count twice, with Student's quantile at its degrees of freedom.
    """
    over_repetitions = (moved.repetition**2).sum(1)
    variance = over_repetitions + moved.told
    freedom = np.where(over_repetitions > 0, (moved.repetitions - 1).clip(1), np.inf)
    known = ~moved.silent & ~np.isnan(moved.payoff)
    if sampled:
        both, free = combined(
            (moved.partner**2).sum(1),
            over_repetitions,
            np.diag(moved.noise),
            moved.partners.astype(np.float64),
            moved.repetitions,
        )
        several: Flags = moved.partners > 1
        # Without a second partner only repetitions speak, unless there are none either.
        spoken = (moved.repetitions > 0) | (moved.told > 0)
        variance, freedom = np.where(several, both, variance), np.where(several, free, freedom)
        known = several | (known & spoken)
    error = np.where(known, np.sqrt(variance), np.nan)
    half = stats.t.ppf((1 + LEVEL) / 2, freedom) * error
    return Interval(error, moved.payoff - half, moved.payoff + half)
