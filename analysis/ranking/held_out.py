"""Held-out partners: how agents do with partners outside the field that they were ranked in."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd

from ...chapter_columns import HELD_OUT
from ..arrays import Flags, Numbers
from ..cells import Cells
from ..finding import Finding
from ..report.chapters import Chapter, Evidence
from ..statistics.influence_functions import payoff_matrix
from ..statistics.tails import CONFIDENCE, t_ppf

COLUMNS = HELD_OUT.without("role")


def rivals(seats: pd.DataFrame, background: Collection[str]) -> pd.DataFrame:
    """The rows of matches among ranked agents; all rows of an environment in which ranked agents never met."""
    if not background:
        return seats
    away = seats["match"].isin(seats.loc[seats["agent"].isin(background), "match"])
    met = seats.loc[~away, "environment"].unique()
    return seats[~away | ~seats["environment"].isin(met)]


def held_out(cells: Cells, table: pd.DataFrame, background: Collection[str]) -> Finding:
    """A row for each ranked agent of one environment, from its cells and their `cell_table`.

    `field` is the mean payoff with the other ranked agents, `held_out` the mean payoff with the agents of
    `background`, which are not ranked. Self-play is in neither; `self_play` has it. `gap` is field minus held out,
    with Welch's 95 % interval over partners, which needs two of either kind. Held-out partners may be harder or
    softer for every agent: `gap_beyond_others` is the gap minus the mean gap of the other ranked agents. Raises
    ValueError for an unknown label.
    """
    unknown = sorted(set(background) - set(cells.agents))
    if unknown:
        raise ValueError(f"background: there is no agent {', '.join(unknown)}; there is {', '.join(cells.agents)}")
    names = cells.agents[cells.roster]
    out: Flags = np.asarray(names.isin(list(background)), dtype=np.bool_)
    matrix = payoff_matrix(cells, table)
    alone = np.diag(matrix)[~out]
    np.fill_diagonal(matrix, np.nan)
    field, away = _sample(matrix[~out][:, ~out]), _sample(matrix[~out][:, out])
    gap = field[0] - away[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = [np.where(count > 1, spread**2 / count, np.nan) for _, spread, count in (field, away)]
        error = np.sqrt(parts[0] + parts[1])
        freedom = error**4 / (parts[0] ** 2 / (field[2] - 1) + parts[1] ** 2 / (away[2] - 1))
    half = t_ppf((1 + CONFIDENCE) / 2, np.where(error > 0, freedom, 1)) * error
    known = ~np.isnan(gap)
    rest = np.where(known & (known.sum() > 1), (np.nansum(gap) - gap) / max(1, known.sum() - 1), np.nan)
    columns = {
        "environment": cells.environment,
        "agent": pd.Categorical.from_codes(cells.roster[~out], cells.agents),
        "self_play": alone,
        "field": field[0],
        "field_partners": field[2],
        "held_out": away[0],
        "held_out_partners": away[2],
        "gap": gap,
        "gap_low": gap - half,
        "gap_high": gap + half,
        "gap_beyond_others": gap - rest,
    }
    found = pd.DataFrame(columns, columns=list(COLUMNS))
    return Finding(found, tuple(_remarks(found, [str(name) for name in names[out]])))


def _sample(matrix: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Mean, standard deviation and number of the known values of each row."""
    known = ~np.isnan(matrix)
    count = known.sum(1).astype(np.float64)
    mean = np.where(count > 0, np.where(known, matrix, 0).sum(1) / count.clip(1), np.nan)
    off = np.where(known, matrix - mean[:, None], 0.0)
    off[np.abs(off) < 1e-12] = 0.0
    return mean, np.sqrt((off**2).sum(1) / (count - 1).clip(1)), count


def _remarks(found: pd.DataFrame, out: list[str]) -> Iterator[str]:
    if not out:
        yield "No partner is held out: name some in `schedule.background` to see how payoffs carry over to them."
        return
    if not len(found):
        yield "Every agent is held out: there is nobody whose payoff could carry over."
        return
    yield f"Held out: {', '.join(out)}."
    few = min(found["field_partners"].min(), found["held_out_partners"].min())
    if few < 2:
        yield "Some agents met fewer than two partners of a kind: their gap has no interval."
    away = found[(found["gap_low"] > 0) | (found["gap_high"] < 0)]
    for row in away.head(5).to_dict("records"):
        fate = "less" if row["gap"] > 0 else "more"
        yield f"{row['agent']} earns {abs(row['gap']):.3g} {fate} with partners held out than in the field."


def _compute(evidence: Evidence) -> Finding | None:
    if not evidence.options.background:
        return None
    if not evidence.all_cells.square:
        said = "Matches of three agents or more have no one partner: who is held out isn't told apart there."
        return Finding(pd.DataFrame(), (said,))
    return held_out(evidence.all_cells, evidence.all_table, evidence.options.background)


CHAPTERS = (
    Chapter(
        "held_out",
        "Partners held out",
        "Payoff with the other ranked agents, with the partners of the background, and the gap.",
        _compute,
        square=True,
    ),
)
