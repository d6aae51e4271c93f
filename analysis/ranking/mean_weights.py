"""Mean weights: the weight of each row of the seats table in its agent's mean payoff.

Rows have different weights: an exact payoff is one row, a played one has a row for each repetition, and in some
games a partner fills several. Every partner has the same weight in a mean; within a partner, every role and number
of seats; within those, every round.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..arrays import Numbers
from ..cells import Cells, cells_by_league, leagues
from ..game import Game
from .field import FailureRecords, common_field


def mean_weights(seats: pd.DataFrame, games: Mapping[str, Game], failures: FailureRecords = ()) -> Numbers:
    """Weights [row] that sum to 1 over each agent's rows in an environment and league: sum(weight * payoff) is its
    payoff in the ranking. 0 for rows that the ranking leaves out."""
    weights = np.zeros(len(seats))
    for all_cells in cells_by_league(seats, games):
        cells = common_field(all_cells, failures).cells
        if cells is not None:
            weights[cells.rows] = _weights(cells)
    return weights


def _weights(cells: Cells) -> Numbers:
    """The weights of `cells.rows`."""
    matches = np.repeat(np.arange(len(cells.match_starts)), cells.seats_held)
    rounds = cells.weights() / cells.seats_held[matches]
    cell = np.repeat(np.arange(len(cells.agent)), cells.matches)[matches]
    partners = np.bincount(cells.agent, cells.share)[cells.agent]
    share = cells.share / partners / np.bincount(cell, rounds)
    weights: Numbers = rounds * share[cell]
    return weights


def mean_payoffs(seats: pd.DataFrame, games: Mapping[str, Game]) -> pd.DataFrame:
    """A row for each environment, league and agent: the mean payoff, from rows with their `mean_weight`."""
    paid = seats.assign(
        payoff=seats["payoff"].where(seats["mean_weight"] > 0, 0.0) * seats["mean_weight"],
        role=leagues(seats, games),
    )
    keys = ["environment", "role", "agent"]
    sums = paid.groupby(keys, observed=True, sort=False)[["payoff", "mean_weight"]].sum()
    payoff = sums["payoff"].where(sums["mean_weight"] > 0)
    return (
        payoff.sort_values(ascending=False, kind="stable")
        .sort_index(level=["environment", "role"], sort_remaining=False)
        .reset_index()
    )
