"""The influence of each kind of partner and each repetition on an agent's payoff: the input of intervals and
tests.

An agent's payoff is the mean over its partners, so its variation splits into partners, repetitions and the noise
of single matches. Partners of one kind are one draw from the field. Repetitions are treated as a whole, which is
valid whether or not they share randomness (a training run, say) across partners. If matches record which of
several trained runs was seated, the runs are the units instead (`runs.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..arrays import Flags, Indices, Numbers
from ..cells import Cells, Member
from .kinds import MIN_KINDS, kinds
from .runs import UnitEffects, unit_effects
from .unseen import unseen_by_agent


@dataclass(frozen=True)
class Influences:
    """The payoffs of one league, in the order of `Cells.roster`, and the influences on them."""

    payoff: Numbers
    """[agent]; NaN if unknown."""
    kind: Indices
    """[agent]: the kind of partner that it is."""
    partner: Numbers
    """[agent, kind of partner]: c share (mean payoff with the kind - payoff), where share is the kind's share of
    the partners met. The sum of squares is the squared standard error over kinds. 0 if they never met. For
    companies, the kinds are their members."""
    met: Flags
    """[agent, kind of partner]: whether they met."""
    freedom: Numbers
    """[agent]: degrees of freedom of that sum; kinds - 1 if all have the same share."""
    repetition: Numbers
    """[agent, unit]: sqrt(R / (R - 1)) (payoff in the repetition - payoff) / R, with R repetitions; followed by
    the effects of trained runs, if there are any."""
    noise: Numbers
    """[agent, agent]: covariance from single matches, which `partner` and `repetition` both include."""
    unreplicated: Numbers
    """[agent]: variance of cells with one match, and of unseen events."""
    error_unknown: Flags
    """[agent]: whether the error of some played payoff over repetitions is unknown."""
    partners: Indices
    """Number of partners met [agent]."""
    kinds: Indices
    """Number of kinds of these partners [agent]."""
    repetitions: Numbers
    """Mean number of repetitions of the played cells of an agent with two or more; 0 if there are none [agent].
    With trained runs: 1 more than the degrees of freedom."""
    shared: float
    """The covariance of both sides of a pair of kinds if it is negative, else 0."""


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


def influences(cells: Cells, table: pd.DataFrame) -> Influences:
    """The influences on the payoffs of one league, from its cells and their `cell_table`.

    Cells of one pair share that partner's weight. A cell with one match gets the mean variance of a match in the
    agent's other cells, or in all cells, unless its own is known.
    """
    size, others = cells.shape
    agent, partner_at = cells.positions
    matrix = payoff_matrix(cells, table)
    met = ~np.isnan(matrix)
    partners = met.sum(1)
    count = partners.clip(1)
    payoff = np.where(partners > 0, np.where(met, matrix, 0.0).sum(1) / count, np.nan)

    held, units = repetition_effects(cells)
    several = held > 1
    played = np.bincount(agent[several], minlength=size)
    single: Numbers = np.zeros((size * others, units.effect.shape[1]))
    np.add.at(single, agent * others + partner_at, units.effect)
    single = single.reshape(size, others, -1)
    kind = kinds(matrix, single, declared_versions(cells)) if cells.square else np.arange(size)

    member = kind_membership(cells, kind)
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
    unreplicated = (cells.share / count[agent]) ** 2 * _single_matches(cells, table)
    unseen = unseen_by_agent(cells, table)
    return Influences(
        payoff=payoff,
        kind=kind,
        partner=partner,
        met=share > 0,
        freedom=freedom,
        repetition=repetition,
        noise=noise,
        unreplicated=np.bincount(agent[alone], np.nan_to_num(unreplicated[alone]), size)
        + np.nan_to_num(unseen) ** 2,
        error_unknown=(np.bincount(agent[alone & np.isnan(unreplicated)], minlength=size) > 0) | np.isnan(unseen),
        partners=partners,
        kinds=known,
        repetitions=np.where(played > 0, units.freedom + 1, 0.0),
        shared=_shared(_of_kinds(matrix, member)) if cells.square else 0.0,
    )


def repetition_effects(cells: Cells) -> tuple[Indices, UnitEffects]:
    """The number of repetitions of each played cell [cell], and the effects of repetitions and trained runs on it.

    With P and W a cell's payoff and weight sums by repetition and r = sum P / sum W, repetition t shifts the cell
    by e_t = (P_t - r W_t) / sum W, widened by sqrt(R / (R - 1)) for its R repetitions: the delta method (Cochran
    1977, chapter 6).
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
    return held, unit_effects(cells, effect, (repetitions - 1).clip(1))


def declared_versions(cells: Cells) -> Indices | None:
    """For each agent that is declared to be a version of something the number of that thing, else -1 [agent]."""
    names = [cells.versions.get(str(label)) for label in cells.agents[cells.roster]]
    known = {name: number for number, name in enumerate(dict.fromkeys(name for name in names if name))}
    return np.array([known.get(name or "", -1) for name in names], dtype=np.int64) if known else None


def _members(cells: Cells) -> dict[Member, int]:
    """The index of each member of the companies that were met."""
    return {each: at for at, each in enumerate(sorted({each for i in cells.field for each in cells.members[i]}))}


def kind_membership(cells: Cells, kind: Indices) -> Numbers:
    """The amount of each kind in every partner [partner, kind]; `kind` is that of the agents.

    Companies share members, so the members are what is drawn, and a company counts for each by its chairs.
    Opponents of another league are each a kind of their own.
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
    """The widening of the influences of members [agent, member], their degrees of freedom, and the number of
    members.

    Members are drawn role by role. Each role in which an agent met several members has its own widening, and the
    role with the fewest limits what is known. A role with a single member is part of the game.
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
    known = np.where(fewest >= MIN_KINDS, total, fewest)
    known = np.where(np.isfinite(fewest), known, np.minimum(total, 1)).astype(np.int64)
    return widening, np.where(np.isfinite(freedom), freedom, 1.0), known


def _of_shares(share: Numbers) -> tuple[Numbers, Numbers]:
    """The widening of the influences of kinds, and the degrees of freedom of their sum of squares, from `share`s
    w.

    For kinds with payoffs m_k of equal variance, E sum w_k^2 (m_k - sum_l w_l m_l)^2 is the variance of the mean
    times (s2 - 2 s3 + s2^2) / s2, where s2 and s3 are the sums of squares and cubes of w. The degrees of freedom
    are Satterthwaite's, (tr A)^2 / tr A^2 for the matrix A of this quadratic form (Bell and McCaffrey 2002).
    """
    s2, s3, s4, s5 = ((share**power).sum(1) for power in (2, 3, 4, 5))
    trace = s2 - 2 * s3 + s2**2
    square = s4 + 2 * s3**2 + s2**4 + 4 * (s2 * s4 - s5 - s2**2 * s3)
    several = (share > 0).sum(1) > 1
    widening = np.sqrt(np.divide(s2, trace, out=np.zeros_like(s2), where=several))
    return widening, np.divide(trace**2, square, out=np.ones_like(s2), where=several)


def _single_matches(cells: Cells, table: pd.DataFrame) -> Numbers:
    """The variance of one match [cell]: known, else the mean over the agent's cells with several, or over all
    cells."""
    size = len(cells.roster)
    agent = cells.positions[0]
    several = ~cells.exact & (cells.matches > 1)
    variance = table["variance"].to_numpy(np.float64)
    count = np.bincount(agent[several], minlength=size)
    mean = np.bincount(agent[several], variance[several], size) / count.clip(1)
    overall = variance[several].mean() if several.any() else np.nan
    pooled = np.where(count > 0, mean, overall)[agent]
    return np.where(np.isnan(variance), pooled, variance)


def _of_kinds(matrix: Numbers, member: Numbers) -> Numbers:
    """Mean payoffs [kind, kind]; NaN if none met."""
    met = ~np.isnan(matrix)
    count = member.T @ met @ member
    total = member.T @ np.where(met, matrix, 0.0) @ member
    return np.where(count > 0, total / count.clip(1), np.nan)


def by_pair(cells: Cells, values: Numbers) -> Numbers:
    """Means over the known values of the cells of each agent and partner [agent, partner]."""
    size, others = cells.shape
    agent, partner = cells.positions
    known = ~np.isnan(values)
    pair = (agent * others + partner)[known]
    count = np.bincount(pair, minlength=size * others)
    total = np.bincount(pair, values[known], size * others)
    return np.where(count > 0, total / count.clip(1), np.nan).reshape(size, others)


def _shared(matrix: Numbers) -> float:
    """The covariance over pairs of the residuals of both sides, without row and column means."""
    met = ~np.isnan(matrix)
    rows, columns = met.sum(1).clip(1), met.sum(0).clip(1)
    if met.sum() < 4:
        return 0.0
    off = np.where(met, matrix - matrix[met].mean(), 0.0)
    rest = np.where(met, off - (off.sum(1) / rows)[:, None] - off.sum(0) / columns, 0.0)
    both = met & met.T & ~np.eye(len(matrix), dtype=np.bool_)
    return min(0.0, float((rest * rest.T)[both].mean())) if both.any() else 0.0
