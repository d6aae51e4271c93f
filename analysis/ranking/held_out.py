"""Held-out partners: how agents do with partners outside the field that they were ranked in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

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
    away = seats["match"].isin(seats.loc[seats["agent"].isin(list(background)), "match"])
    met = seats.loc[~away, "environment"].unique()
    return seats[~away | ~seats["environment"].isin(met)]


def held_out(cells: Cells, table: pd.DataFrame, background: Collection[str] | Mapping[str, float]) -> Finding:
    """A row for each ranked agent of one environment, from its cells and their `cell_table`.

    `field` is the mean payoff with the other ranked agents, `held_out` the mean payoff with the agents of
    `background`, which are not ranked; where these have shares, it is weighted by them, and counts as the mean of
    1 / sum share^2 partners (Kish's effective number). Self-play is in neither; `self_play` has it. `gap` is field
    minus held out, with Welch's 95 % interval over partners, which needs two of either kind. Held-out partners may
    be harder or softer for every agent: `gap_beyond_others` is the gap minus the mean gap of the other ranked
    agents. Raises ValueError for an unknown label.
    """
    unknown = sorted(set(background) - set(cells.agents))
    if unknown:
        raise ValueError(f"background: there is no agent {', '.join(unknown)}; there is {', '.join(cells.agents)}")
    names = cells.agents[cells.roster]
    out: Flags = np.asarray(names.isin(list(background)), dtype=np.bool_)
    matrix = payoff_matrix(cells, table)
    alone = np.diag(matrix)[~out]
    np.fill_diagonal(matrix, np.nan)
    shares = [background[str(name)] if isinstance(background, Mapping) else 1.0 for name in names[out]]
    field = _sample(matrix[~out][:, ~out], np.ones(int((~out).sum())))
    away = _sample(matrix[~out][:, out], np.array(shares))
    gap = field.mean - away.mean
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = [np.where(each.count > 1, each.spread**2 / each.effective, np.nan) for each in (field, away)]
        error = np.sqrt(parts[0] + parts[1])
        freedom = error**4 / (parts[0] ** 2 / (field.effective - 1) + parts[1] ** 2 / (away.effective - 1))
    half = t_ppf((1 + CONFIDENCE) / 2, np.where(error > 0, freedom, 1)) * error
    known = ~np.isnan(gap)
    rest = np.where(known & (known.sum() > 1), (np.nansum(gap) - gap) / max(1, known.sum() - 1), np.nan)
    columns = {
        "environment": cells.environment,
        "agent": pd.Categorical.from_codes(cells.roster[~out], cells.agents),
        "self_play": alone,
        "field": field.mean,
        "field_partners": field.count,
        "held_out": away.mean,
        "held_out_partners": away.count,
        "gap": gap,
        "gap_low": gap - half,
        "gap_high": gap + half,
        "gap_beyond_others": gap - rest,
    }
    found = pd.DataFrame(columns, columns=list(COLUMNS))
    held = [str(name) for name in names[out]]
    if isinstance(background, Mapping):
        held = [
            f"{name} ({share / sum(shares):.1%} of the partners)" for name, share in zip(held, shares, strict=True)
        ]
    return Finding(found, tuple(_remarks(found, held)))


@dataclass(frozen=True)
class _Sample:
    """The known values of each row, weighted."""

    mean: Numbers
    spread: Numbers
    """Their standard deviation."""
    count: Numbers
    effective: Numbers
    """The number of values of equal weight whose mean would vary as much."""


def _sample(matrix: Numbers, weight: Numbers) -> _Sample:
    known = ~np.isnan(matrix)
    count = known.sum(1).astype(np.float64)
    weights = np.where(known, weight, 0.0)
    total = np.where(count > 0, weights.sum(1), 1.0)
    mean = np.where(count > 0, (weights * np.where(known, matrix, 0)).sum(1) / total, np.nan)
    off = np.where(known, matrix - mean[:, None], 0.0)
    off[np.abs(off) < 1e-12] = 0.0
    share = weights / total[:, None]
    same = (share**2).sum(1)
    spread = np.sqrt((share * off**2).sum(1) / np.where(count > 1, 1 - same, 1.0))
    return _Sample(mean, spread, count, 1 / np.where(count > 0, same, 1.0))


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
