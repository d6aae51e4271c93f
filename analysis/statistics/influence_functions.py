"""What each kind of partner and each repetition does to an agent's payoff: all that intervals and tests need.

An agent's payoff is the mean over its partners, so what moves it splits into partners, repetitions and the noise
of single matches. Partners of one kind count together, as one draw from the field. Repetitions count as a whole,
which is right whether or not they share chance (a training run, say) across partners; where matches say which of
several trained runs sat there, these are the units (`runs.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..cells import Cells, Flags, Indices, Member, Numbers
from .kinds import FEW, kinds
from .runs import Units, units
from .unseen import unseen_by_agent


@dataclass(frozen=True)
class Influence:
    """One league's payoffs, in the order of `Cells.roster`, and what moves them."""

    payoff: Numbers
    """[agent]; NaN where nothing is known."""
    kind: Indices
    """[agent]: which kind of partner it is."""
    partner: Numbers
    """[agent, kind of partner]: c share (mean payoff with the kind - payoff), with the kind's share of the
    partners met; the sum of squares is the squared standard error over kinds. 0 where they never met. Companies
    have their members for kinds."""
    met: Flags
    """[agent, kind of partner]: whether they met."""
    freedom: Numbers
    """[agent]: degrees of freedom of that sum; kinds - 1 where all have the same share."""
    repetition: Numbers
    """[agent, unit]: sqrt(R / (R - 1)) (payoff in the repetition - payoff) / R, with R of them; then what trained
    runs do, where there are any."""
    noise: Numbers
    """[agent, agent]: covariance by single matches, which `partner` and `repetition` both count."""
    told: Numbers
    """[agent]: variance of cells with one match, and of what no match has shown."""
    silent: Flags
    """[agent]: whether some played payoff has an unknown error over repetitions."""
    partners: Indices
    """How many each agent met [agent]."""
    kinds: Indices
    """Of how many kinds they are [agent]."""
    repetitions: Numbers
    """How many a played cell of the agent has, in the mean; 0 where there is none of two or more [agent]. Where
    trained runs sit, 1 more than the degrees of freedom."""
    shared: float
    """The covariance of both sides of a pair of kinds where it is negative, else 0."""


def payoff_matrix(cells: Cells, table: pd.DataFrame) -> Numbers:
    """Payoffs [agent, partner] in the order of `cells.roster` and `field`, from its `cell_table`; NaN if unmet."""
    return by_pair(cells, table["payoff"].to_numpy(np.float64))


def repetition_sums(cells: Cells) -> tuple[Numbers, Numbers]:
    """Payoff and weight sums [cell, repetition]; an expectation is the same in every repetition."""
    played = ~np.repeat(cells.exact, cells.matches)
    number = cells.seats["repetition"].to_numpy()[cells.rows[cells.match_starts]]
    known, which = np.unique(number[played], return_inverse=True)
    repetition = np.zeros(len(number), dtype=np.int64)
    repetition[played] = which
    shape = len(cells.agent), max(1, len(known))
    at: Indices = np.repeat(np.arange(shape[0]), cells.matches) * shape[1] + repetition
    weights = cells.weights()

    def total(values: Numbers) -> Numbers:
        sums = np.bincount(at, cells.per_match(values), shape[0] * shape[1]).astype(np.float64, copy=False)
        sums = sums.reshape(shape)
        sums[cells.exact] = sums[cells.exact, :1]
        return sums

    return total(cells.column("payoff") * weights), total(weights)


def influence(cells: Cells, table: pd.DataFrame) -> Influence:
    """The influences on the payoffs of one league, from its cells and their `cell_table`.

    Cells of one pair share that partner's weight. A cell with one match has the mean variance of a match in the
    agent's other cells, or in all, unless it tells its own.
    """
    size, others = cells.shape
    agent, met_by = cells.at
    matrix = payoff_matrix(cells, table)
    met = ~np.isnan(matrix)
    partners = met.sum(1)
    count = partners.clip(1)
    payoff = np.where(partners > 0, np.where(met, matrix, 0.0).sum(1) / count, np.nan)

    held, moved = effects(cells)
    several = held > 1
    played = np.bincount(agent[several], minlength=size)
    single: Numbers = np.zeros((size * others, moved.effect.shape[1]))
    np.add.at(single, agent * others + met_by, moved.effect)
    single = single.reshape(size, others, -1)
    kind = kinds(matrix, single, declared(cells)) if cells.square else np.arange(size)

    member = of_kinds(cells, kind)
    share = met @ member / count[:, None]
    if cells.members:
        widening, freedom, known = _of_members(share, list(_members(cells)))
    else:
        widened, freedom = _of_shares(share)
        widening, known = widened[:, None], (share > 0).sum(1)
    off = np.where(met, matrix - payoff[:, None], 0.0)
    off[np.abs(off) < 1e-12 * np.abs(payoff).clip(1)[:, None]] = 0.0
    partner = off @ member / count[:, None] * widening

    if cells.members:
        repetition, noise = single.sum(1) / count[:, None], np.zeros((size, size))
    else:
        single = np.einsum("ijt,jk->ikt", single, member, optimize=True) / count[:, None, None]
        repetition = single.sum(1)
        single = ((single - share[:, :, None] * repetition[:, None]) * widening[:, :, None]).reshape(size, -1)
        noise = single @ single.T

    alone = held == 1
    told = (cells.share / count[agent]) ** 2 * _single_matches(cells, table)
    unseen = unseen_by_agent(cells, table)
    return Influence(
        payoff=payoff,
        kind=kind,
        partner=partner,
        met=share > 0,
        freedom=freedom,
        repetition=repetition,
        noise=noise,
        told=np.bincount(agent[alone], np.nan_to_num(told[alone]), size) + np.nan_to_num(unseen) ** 2,
        silent=(np.bincount(agent[alone & np.isnan(told)], minlength=size) > 0) | np.isnan(unseen),
        partners=partners,
        kinds=known,
        repetitions=np.where(played > 0, moved.freedom + 1, 0.0),
        shared=_shared(_of_kinds(matrix, member)) if cells.square else 0.0,
    )


def effects(cells: Cells) -> tuple[Indices, Units]:
    """How many repetitions each played cell has [cell], and what they and trained runs do to it.

    With P and W a cell's payoff and weight sums by repetition and r = sum P / sum W, repetition t moves the cell
    by e_t = (P_t - r W_t) / sum W, widened by sqrt(R / (R - 1)) for its R repetitions: the delta method
    (Cochran 1977, chapter 6).
    """
    paid, weight = repetition_sums(cells)
    held = np.where(cells.exact, 0, (weight > 0).sum(1))
    several = held > 1
    effect = paid - (paid.sum(1) / weight.sum(1))[:, None] * weight
    effect[np.abs(effect) < 1e-12 * np.abs(paid)] = 0.0
    widened = np.where(several, np.sqrt(held / (held - 1).clip(1)), 0.0)
    effect *= (widened * cells.share / weight.sum(1))[:, None]
    agent, size = np.searchsorted(cells.roster, cells.agent[several]), len(cells.roster)
    repetitions = np.bincount(agent, held[several], size) / np.bincount(agent, minlength=size).clip(1)
    return held, units(cells, effect, (repetitions - 1).clip(1))


def declared(cells: Cells) -> Indices | None:
    """A number for each agent [agent] that is declared to be a version of another one's kind, -1 for others."""
    names = [cells.versions.get(str(label)) for label in cells.agents[cells.roster]]
    known = {name: number for number, name in enumerate(dict.fromkeys(name for name in names if name))}
    return np.array([known.get(name or "", -1) for name in names], dtype=np.int64) if known else None


def _members(cells: Cells) -> dict[Member, int]:
    """The place of each member of the companies that were met."""
    return {each: at for at, each in enumerate(sorted({each for i in cells.field for each in cells.members[i]}))}


def of_kinds(cells: Cells, kind: Indices) -> Numbers:
    """How much of each kind every partner is [partner, kind]; `kind` is that of the agents.

    Companies have members in common: what is drawn is these, and a company is of each by its chairs. The opponents
    in another league are each of a kind of their own.
    """
    if cells.square:
        return np.eye(kind.max(initial=0) + 1)[kind]
    if not cells.members:
        return np.eye(len(cells.field))
    place = _members(cells)
    chairs = np.zeros((len(cells.field), len(place)))
    for row, company in enumerate(cells.field):
        for each, times in cells.members[company].items():
            chairs[row, place[each]] = times
    return chairs


def _of_members(share: Numbers, members: Sequence[Member]) -> tuple[Numbers, Numbers, Indices]:
    """What widens the influences of members [agent, member], their degrees of freedom, and how many they are.

    Members are drawn role by role: a role in which an agent met several has its own widening, and the one with
    fewest decides what can be said; one that is always the same is part of the game.
    """
    widening, freedom = np.zeros_like(share), np.full(len(share), np.inf)
    roles, fewest = np.array([role for role, _ in members]), np.full(len(share), np.inf)
    for role in np.unique(roles):
        mine = roles == role
        within = share[:, mine] / share[:, mine].sum(1, keepdims=True).clip(1e-300)
        number = (within > 0).sum(1)
        widened, free = _of_shares(within)
        widening[:, mine] = widened[:, None]
        freedom = np.minimum(freedom, np.where(number > 1, free, np.inf))
        fewest = np.minimum(fewest, np.where(number > 1, number, np.inf))
    total = (share > 0).sum(1)
    known = np.where(fewest >= FEW, total, fewest)
    known = np.where(np.isfinite(fewest), known, np.minimum(total, 1)).astype(np.int64)
    return widening, np.where(np.isfinite(freedom), freedom, 1.0), known


def _of_shares(share: Numbers) -> tuple[Numbers, Numbers]:
    """What widens the influences of kinds, and the degrees of freedom of their sum of squares, by `share`s w.

    For kinds with payoffs m_k of equal variance, E sum w_k^2 (m_k - sum_l w_l m_l)^2 is the variance of the mean
    times (s2 - 2 s3 + s2^2) / s2, s2 and s3 being the sums of squares and cubes of w. The freedom is
    Satterthwaite's, (tr A)^2 / tr A^2 for the matrix A of this quadratic form (Bell and McCaffrey 2002).
    """
    s2, s3, s4, s5 = ((share**power).sum(1) for power in (2, 3, 4, 5))
    trace = s2 - 2 * s3 + s2**2
    square = s4 + 2 * s3**2 + s2**4 + 4 * (s2 * s4 - s5 - s2**2 * s3)
    several = (share > 0).sum(1) > 1
    widening = np.sqrt(np.divide(s2, trace, out=np.zeros_like(s2), where=several))
    return widening, np.divide(trace**2, square, out=np.ones_like(s2), where=several)


def _single_matches(cells: Cells, table: pd.DataFrame) -> Numbers:
    """The variance of one match [cell]: told, or else the mean over the agent's cells with more, or over all."""
    size = len(cells.roster)
    agent = cells.at[0]
    several = ~cells.exact & (cells.matches > 1)
    variance = table["variance"].to_numpy(np.float64)
    count = np.bincount(agent[several], minlength=size)
    mean = np.bincount(agent[several], variance[several], size) / count.clip(1)
    overall = variance[several].mean() if several.any() else np.nan
    pooled = np.where(count > 0, mean, overall)[agent]
    return np.where(np.isnan(variance), pooled, variance)


def _of_kinds(matrix: Numbers, member: Numbers) -> Numbers:
    """Mean payoffs [kind, kind]; NaN where none met."""
    met = ~np.isnan(matrix)
    count = member.T @ met @ member
    total = member.T @ np.where(met, matrix, 0.0) @ member
    return np.where(count > 0, total / count.clip(1), np.nan)


def by_pair(cells: Cells, values: Numbers) -> Numbers:
    """Means over the cells of each agent and partner that have a value [agent, partner]."""
    size, others = cells.shape
    agent, partner = cells.at
    known = ~np.isnan(values)
    pair = (agent * others + partner)[known]
    count = np.bincount(pair, minlength=size * others)
    total = np.bincount(pair, values[known], size * others)
    return np.where(count > 0, total / count.clip(1), np.nan).reshape(size, others)


def _shared(matrix: Numbers) -> float:
    """The covariance over pairs of what remains of both sides without the means of rows and columns."""
    met = ~np.isnan(matrix)
    rows, columns = met.sum(1).clip(1), met.sum(0).clip(1)
    if met.sum() < 4:
        return 0.0
    off = np.where(met, matrix - matrix[met].mean(), 0.0)
    rest = np.where(met, off - (off.sum(1) / rows)[:, None] - off.sum(0) / columns, 0.0)
    both = met & met.T & ~np.eye(len(matrix), dtype=np.bool_)
    return min(0.0, float((rest * rest.T)[both].mean())) if both.any() else 0.0
