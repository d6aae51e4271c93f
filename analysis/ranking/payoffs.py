"""The payoff table: payoff per round of each agent with each partner, and its standard error."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ...columns import PAYOFFS
from ..arrays import Numbers
from ..cells import Cells, cells_by_league
from ..game import Game

MEASURES = ("margin", "cooperation", "cc", "cd", "dc", "dd")
COLUMNS = PAYOFFS.names
_GIVEN = {
    *("match", "environment", "how", "repetition", "seat", "agent", "opponent", "k", "run", "cast"),
    *("payoff", "weight", "mean_weight", "rounds", "variance", "standard_error", "opening", "win", "good"),
    *(f"{before}_{state}" for before in ("after", "c_after") for state in ("cc", "cd", "dc", "dd")),
}
_TIE = 1e-9


def payoff_table(seats: pd.DataFrame, games: Mapping[str, Game]) -> pd.DataFrame:
    """A row for each environment, agent, opponent or company, role with its seats ("any" for all of them), and k.

    Columns are as in `COLUMNS`, with `company` only if there is one, followed by any further measures in `seats`,
    averaged like cooperation.
    """
    tables = [cell_table(cells) for cells in cells_by_league(seats, games)]
    if not tables:
        return pd.DataFrame({name: pd.Series(dtype=np.float64) for name in COLUMNS})
    labels = seats["environment"].cat.categories.astype(str)
    table = pd.concat(tables, ignore_index=True)
    table["environment"] = pd.Categorical(table["environment"], labels)
    table["how"] = table["how"].astype("category")
    table = table[[*(name for name in COLUMNS if name in table), *(name for name in table if name not in COLUMNS)]]
    return table.astype({name: "category" for name in ("role", "company", "seat") if name in table})


def cell_table(cells: Cells) -> pd.DataFrame:
    """One league's part of the payoff table.

    P and W are the payoff and weight sums of a match. The payoff of a played cell is r = sum P / sum W over its n
    matches. Its delta-method standard error is sqrt(n / (n - 1) sum (P - r W)^2) / sum W (Cochran 1977, chapter
    6). With one match it is the root mean square of the errors that the match itself reports (the tables of a
    policy game are independent); NaN if it reports none.

    `variance` is the variance contributed by one match: known if the cell is exact, else n times the squared
    standard error, which for a fixed length is the variance of the matches' payoffs. `wins` is the share of
    matches in which the agent earned more than the mean of the others; in an exact cell it is the expected share,
    NaN if unknown.
    """
    weights = cells.weights()
    weight = cells.per_match(weights)
    paid = cells.per_match(cells.column("payoff") * weights)
    total = cells.per_cell(weight)
    payoff = cells.per_cell(paid) / total
    matches = np.where(cells.exact, 0, cells.matches)
    residual = cells.per_cell((paid - np.repeat(payoff, cells.matches) * weight) ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(matches > 1, np.sqrt(matches / (matches - 1.0) * residual), np.nan) / total
    reported = np.sqrt(cells.per_cell(cells.per_match(cells.column("standard_error") ** 2)))
    error = np.where(matches == 1, reported, error)
    known = cells.per_cell(cells.per_match(cells.column("variance"))) / cells.matches
    margin = cells.per_match(cells.column("margin") * weights) / weight
    wins = cells.per_cell((margin > _TIE).astype(np.float64)) / cells.matches
    wins[np.isnan(cells.per_cell(margin))] = np.nan
    # An agent on both seats of a match is not ahead of itself.
    alone = np.repeat(cells.self_play, cells.matches)
    expected = cells.per_cell(np.where(alone, 0.0, cells.per_match(cells.column("win"))))
    nobody = np.full(len(cells.agent), -1)
    columns: dict[str, object] = {
        "environment": cells.environment,
        "role": cells.role_names,
        "agent": pd.Categorical.from_codes(cells.agent, cells.agents),
        "opponent": pd.Categorical.from_codes(nobody if cells.members else cells.partner, cells.agents),
        "company": np.asarray(cells.partners)[cells.partner],
        "seat": cells.seat_names,
        "k": cells.k,
        "payoff": payoff,
        "standard_error": np.where(cells.exact, 0.0, error),
        "variance": np.where(cells.exact, known, matches * error**2),
        "wins": np.where(cells.exact, expected, wins),
        "matches": matches,
        "how": cells.how,
    }
    floats = (str(name) for name, dtype in cells.seats.dtypes.items() if dtype.kind == "f")
    further = [name for name in floats if name not in (*_GIVEN, *MEASURES)]
    for name in (*MEASURES, *further):
        columns[name] = _mean(cells, name, weights)
    found = pd.DataFrame(columns)[[*COLUMNS, *further]]
    return found if cells.members else found.drop(columns="company")


def _mean(cells: Cells, name: str, weights: Numbers) -> Numbers:
    """A measure's weighted mean over the rows of each cell that have it."""
    values = cells.column(name)
    known = ~np.isnan(values)
    if not known.any():
        return np.full(len(cells.agent), np.nan)
    starts = cells.match_starts[cells.cell_starts]
    weight = np.add.reduceat(np.where(known, weights, 0.0), starts)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean: Numbers = np.add.reduceat(np.where(known, values * weights, 0.0), starts) / weight
    return mean
