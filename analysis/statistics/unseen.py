"""What played matches may hide: events too rare to have been seen.

Ten equal matches show no variance, and yet an event of one match in a hundred, such as a first move that another
never forgives, may decide a cell's payoff. What was not seen in n matches has with 1 - level a probability of at
most p(n) = 1 - level^(1/n), near 3 / n for level .05 (the rule of three: Hanley and Lippman-Hand 1983; Jovanovic
and Levy 1997). It moves the mean by at most p(n) `reach`, how far the game's payoffs go from what was seen. The
standard error of the mean of n equal matches is hence taken to be
    p(n) reach / z(1 - level / 2),
so that the normal interval at this level just holds every rate that may have gone unseen.

Where matches differ, chance has been seen at work: their own variance stands.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..cells import Cells, Flags, Indices, Numbers
from .tails import normal_isf

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05
EQUAL = 1e-4
"""Matches whose payoffs have a standard deviation of at most so much of the reach are equal."""


def unseen_error(matches: Numbers | Indices, reach: Numbers, level: float = LEVEL) -> Numbers:
    """The standard error [cell] of the mean of so many equal matches."""
    missed = -np.expm1(np.log(level) / np.maximum(matches, 1))
    return np.asarray(missed * reach / normal_isf(level / 2), dtype=np.float64)


def equal_matches(variance: Numbers, reach: Numbers) -> Flags:
    """Whether the matches of a cell show nothing but one payoff, by the variance of one [cell]."""
    return np.asarray(variance <= np.nan_to_num(EQUAL * reach) ** 2, dtype=np.bool_)


def least_variance(variance: Numbers, matches: Numbers | Indices, reach: Numbers, level: float = LEVEL) -> Numbers:
    """The variance of one match to reckon with [cell], given the one observed in a cell's matches.

    The observed one, but where all matches are equal n times the square of `unseen_error`. NaN stays NaN. A cell
    that can't vary, such as an expectation, has to be left out.
    """
    bound = np.maximum(matches, 1) * unseen_error(matches, reach, level) ** 2
    return np.where(equal_matches(variance, reach), np.maximum(variance, bound), variance)


def reach(cells: Cells, payoff: Numbers) -> Numbers:
    """How far the payoff of a match may lie from a cell's, by what the game can pay [cell]."""
    least, most = cells.extremes
    return np.maximum(payoff - least, most - payoff)


def unseen_by_agent(cells: Cells, table: pd.DataFrame, level: float = LEVEL) -> Numbers:
    """The standard error that unseen events add to each agent's payoff [agent], in the order of `cells.roster`.

    An agent's cells of equal matches tell together: that nothing shows in any of them has a probability of at
    least `level` only where sum n_j p_j <= -log(level), with rates p_j in n_j matches. With weights w_j of the
    cells in its payoff, that moves it by at most
        min(-log(level) max_j w_j reach_j / n_j, sum_j w_j reach_j p(n_j)),
    which is divided by z as for one cell. 0 where no cell has equal matches; NaN where the reach is unknown.
    """
    size = len(cells.roster)
    agent = cells.at[0]
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
