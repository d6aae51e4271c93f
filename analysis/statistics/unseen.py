"""Unseen events: what played matches may hide because it is rare.

Ten equal matches have no variance, but an event of one match in a hundred, such as a first move that an opponent
never forgives, may dominate a cell's payoff. With confidence 1 - level, an event that was not seen in n matches
has a probability of at most p(n) = 1 - level^(1/n), near 3 / n for level .05 (the rule of three: Hanley and
Lippman-Hand 1983; Jovanovic and Levy 1997). It shifts the mean by at most p(n) `reach`, where reach is the largest
possible distance of a payoff from the observed one. The standard error of the mean of n equal matches is therefore
set to
    p(n) reach / z(1 - level / 2),
so that the normal interval at this level just covers every rate that may be unseen.

If matches differ, randomness has been seen, and their own variance is used.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..arrays import Flags, Indices, Numbers
from ..cells import Cells
from .tails import normal_isf

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05
EQUAL = 1e-4
"""Matches count as equal if the standard deviation of their payoffs is at most this share of the reach."""


def unseen_error(matches: Numbers | Indices, reach: Numbers, level: float = LEVEL) -> Numbers:
    """The standard error [cell] of the mean of this many equal matches."""
    missed = -np.expm1(np.log(level) / np.maximum(matches, 1))
    return np.asarray(missed * reach / normal_isf(level / 2), dtype=np.float64)


def equal_matches(variance: Numbers, reach: Numbers) -> Flags:
    """Whether the matches of a cell all have the same payoff, from the variance of one match [cell]."""
    return np.asarray(variance <= np.nan_to_num(EQUAL * reach) ** 2, dtype=np.bool_)


def least_variance(variance: Numbers, matches: Numbers | Indices, reach: Numbers, level: float = LEVEL) -> Numbers:
    """The variance of one match to assume [cell], given the one observed in a cell's matches.

    It is the observed one, or n times the square of `unseen_error` if all matches are equal and that is larger.
    NaN stays NaN. Cells that cannot vary, such as expectations, have to be left out.
    """
    bound = np.maximum(matches, 1) * unseen_error(matches, reach, level) ** 2
    return np.where(equal_matches(variance, reach), np.maximum(variance, bound), variance)


def reach(cells: Cells, payoff: Numbers) -> Numbers:
    """The largest possible distance of a match's payoff from the cell's, given the extremes of the game [cell]."""
    least, most = cells.extremes
    return np.maximum(payoff - least, most - payoff)


def unseen_by_agent(cells: Cells, table: pd.DataFrame, level: float = LEVEL) -> Numbers:
    """The standard error that unseen events add to each agent's payoff [agent], in the order of `cells.roster`.

    The cells of an agent with equal matches are combined: that nothing shows in any of them has a probability of
    at least `level` only if sum n_j p_j <= -log(level), with rates p_j in n_j matches. With weights w_j of the
    cells in its payoff, this shifts it by at most
        min(-log(level) max_j w_j reach_j / n_j, sum_j w_j reach_j p(n_j)),
    which is divided by z as for one cell. 0 if no cell has equal matches; NaN if the reach is unknown.
    """
    size = len(cells.roster)
    agent = cells.positions[0]
    partners = np.bincount(agent, cells.share, size)
    far = reach(cells, table["payoff"].to_numpy(np.float64))
    matches = table["matches"].to_numpy(np.int64)
    quiet = ~cells.exact & (matches > 1) & equal_matches(table["variance"].to_numpy(np.float64), far)
    weight = cells.share / partners[agent] * far
    apart = np.bincount(agent[quiet], (weight * unseen_error(matches, np.ones(len(far)), level))[quiet], size)
    together = np.zeros(size)
    with np.errstate(invalid="ignore"):
        np.maximum.at(together, agent[quiet], weight[quiet] / matches[quiet])
    return np.asarray(np.minimum(apart, -math.log(level) / normal_isf(level / 2) * together), dtype=np.float64)
