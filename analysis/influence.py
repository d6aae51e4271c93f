"""What each partner and each repetition does to an agent's payoff: all that intervals and tests need.

An agent's payoff is the mean over its partners, so what moves it splits into partners, repetitions and the noise
of single matches. Repetitions count as a whole, which is right whether or not they share chance (a training run,
say) across partners.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .cells import Cells, Flags, Indices, Numbers


@dataclass(frozen=True)
class Influence:
    """One environment's payoffs, in the order of `Cells.roster`, and what moves them."""

    payoff: Numbers
    """[agent]; NaN where nothing is known."""
    partner: Numbers
    """[agent, partner]: sqrt(n / (n - 1)) (payoff with the partner - payoff) / n, with n partners; the sum of
    squares is the squared standard error over partners. 0 where they never met."""
    met: Flags
    """[agent, partner]: whether they met."""
    repetition: Numbers
    """[agent, repetition]: likewise, for repetitions with these partners."""
    noise: Numbers
    """[agent, agent]: covariance by single matches, which `partner` and `repetition` both count."""
    told: Numbers
    """[agent]: variance that single matches tell of themselves, by their tables."""
    silent: Flags
    """[agent]: whether some played payoff has an unknown error over repetitions."""
    partners: Indices
    """How many each agent met [agent]."""
    repetitions: Numbers
    """How many a played cell of the agent has, in the mean; 0 where there is none of two or more [agent]."""
    shared: float
    """The covariance of both sides of a pair where it is negative, else 0."""


def payoff_matrix(cells: Cells, table: pd.DataFrame) -> Numbers:
    """Payoffs [agent, opponent] in the order of `cells.roster`, from its `cell_table`; NaN if never met."""
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
    """The influences on the payoffs of one environment, from its cells and their `cell_table`.

    With P and W a cell's payoff and weight sums by repetition and r = sum P / sum W, repetition t moves the cell
    by e_t = (P_t - r W_t) / sum W, widened by sqrt(R / (R - 1)) for its R repetitions: the delta method
    (Cochran 1977, chapter 6). Cells of one pair share that partner's weight.
    """
    size = len(cells.roster)
    agent, opponent = (np.searchsorted(cells.roster, index) for index in (cells.agent, cells.opponent))
    matrix = payoff_matrix(cells, table)
    met = ~np.isnan(matrix)
    partners = met.sum(1)
    count = partners.clip(1)
    payoff = np.where(partners > 0, np.where(met, matrix, 0.0).sum(1) / count, np.nan)
    off = np.where(met, matrix - payoff[:, None], 0.0)
    off[np.abs(off) < 1e-12 * np.abs(payoff).clip(1)[:, None]] = 0.0
    partner = off / np.sqrt(count * (count - 1).clip(1))[:, None]

    paid, weight = repetition_sums(cells)
    held = np.where(cells.exact, 0, (weight > 0).sum(1))
    several = held > 1
    effect = paid - (paid.sum(1) / weight.sum(1))[:, None] * weight
    effect[np.abs(effect) < 1e-12 * np.abs(paid)] = 0.0
    widened = np.where(several, np.sqrt(held / (held - 1).clip(1)), 0.0)
    effect *= (widened * cells.share / weight.sum(1) / count[agent])[:, None]
    repetition = np.zeros((size, effect.shape[1]))
    np.add.at(repetition, agent, effect)
    single = np.zeros((size * size, effect.shape[1]))
    np.add.at(single, agent * size + opponent, effect)
    even = np.where(met, 1 / count[:, None], 0.0)
    single = single.reshape(size, size, -1) - even[:, :, None] * repetition[:, None]
    single = (single * np.sqrt(count / (count - 1).clip(1))[:, None, None]).reshape(size, -1)

    told = (cells.share / count[agent]) ** 2 * table["standard_error"].to_numpy(np.float64) ** 2
    alone = held == 1
    played = np.bincount(agent[several], minlength=size)
    return Influence(
        payoff=payoff,
        partner=partner,
        met=met,
        repetition=repetition,
        noise=single @ single.T,
        told=np.bincount(agent[alone], np.nan_to_num(told[alone]), size).astype(np.float64),
        silent=np.bincount(agent[alone & np.isnan(told)], minlength=size) > 0,
        partners=partners,
        repetitions=np.bincount(agent[several], held[several], size) / played.clip(1),
        shared=_shared(matrix),
    )


def by_pair(cells: Cells, values: Numbers) -> Numbers:
    """Means over the cells of each pair that have a value [agent, opponent]."""
    size = len(cells.roster)
    agent, opponent = (np.searchsorted(cells.roster, index) for index in (cells.agent, cells.opponent))
    known = ~np.isnan(values)
    pair = (agent * size + opponent)[known]
    count = np.bincount(pair, minlength=size * size)
    total = np.bincount(pair, values[known], size * size)
    return np.where(count > 0, total / count.clip(1), np.nan).reshape(size, size)


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
