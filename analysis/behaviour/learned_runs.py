"""Results of training runs: late payoffs, the area under the curve, and the share of runs that lock in.

The unit is the run (a match), never an episode or a table. Bands around whole curves are in `bands`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ...chapter_columns import RUNS
from ..arrays import Numbers
from ..finding import Finding
from ..game import Game, seat_names
from ..report.chapters import Chapter, Evidence
from ..statistics.tails import CONFIDENCE, t_ppf
from .curves import curves_by_environment

COLUMNS = RUNS.without("role")
LOCK_IN = 0.9
"""Late cooperation above this is lock-in on cooperation; below 1 minus this, on defection."""
FEW_RUNS = 10


def learned_runs(curves: pd.DataFrame, games: Mapping[str, Game]) -> Finding:
    """A row for each environment, agent, opponent and seat ("any" if all are interchangeable), over runs.

    `late` is the mean payoff in the last tenth of points, `late_iqm` its interquartile mean over runs, `area` the
    mean over the whole curve; their intervals are Student's over runs. `cooperating` and `defecting` are the
    shares of runs with late cooperation above 0.9 and below 0.1, with Wilson's intervals (1927).
    """
    rows: list[dict[str, object]] = []
    whole = list(curves_by_environment(curves, games))
    for part, late in zip(whole, curves_by_environment(curves, games, late=True), strict=True):
        # A run that lacks points at the end lacks only the late window; it stays in the rest.
        ends = dict(zip(zip(late.agent, late.opponent, late.seat, strict=True), late.parts(), strict=True))
        for index, runs in enumerate(part.parts()):
            key = part.agent[index], part.opponent[index], part.seat[index]
            if key not in ends:
                continue
            last = {name: values[ends[key], 0] for name, values in late.values.items()}
            payoff = _known(last["payoff"])
            rows.append(
                {
                    "environment": part.environment,
                    "agent": str(part.agents[key[0]]),
                    "opponent": str(part.agents[key[1]]),
                    "seat": seat_names(part.seat[[index]], part.roles)[0],
                    "runs": len(payoff),
                    **_mean("late", payoff),
                    "late_iqm": interquartile_mean(payoff),
                    **_mean("area", _known(_over_curve(part.values["payoff"][runs]))),
                    **_locked(_known(last.get("cooperation", np.empty(0)))),
                }
            )
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return Finding(table, tuple(_remarks(table)))


def interquartile_mean(values: Numbers) -> float:
    """The mean of the middle half, with parts of the values at its ends (Agarwal et al. 2021)."""
    size = len(values)
    if not size:
        return np.nan
    weight = np.minimum(np.arange(1, size + 1), size * 0.75) - np.maximum(np.arange(size), size * 0.25)
    weight = weight.clip(0)
    return float((np.sort(values) * weight).sum() / weight.sum())


def _known(values: Numbers) -> Numbers:
    return values[~np.isnan(values)]


def _over_curve(values: Numbers) -> Numbers:
    """Each run's mean over its points [run, point]."""
    known = ~np.isnan(values)
    count = known.sum(1)
    return np.where(count > 0, np.where(known, values, 0).sum(1) / count.clip(1), np.nan)


def _mean(name: str, values: Numbers) -> dict[str, float]:
    """The mean over runs and its interval; NaN with one run."""
    runs = len(values)
    mean = float(values.mean()) if runs else np.nan
    half = np.nan
    if runs > 1:
        half = float(t_ppf((1 + CONFIDENCE) / 2, runs - 1) * values.std(ddof=1) / np.sqrt(runs))
    return {name: mean, f"{name}_low": mean - half, f"{name}_high": mean + half}


def _locked(cooperation: Numbers) -> dict[str, float]:
    runs = len(cooperation)
    found: dict[str, float] = {}
    for name, count in (
        ("cooperating", int((cooperation > LOCK_IN).sum())),
        ("defecting", int((cooperation < 1 - LOCK_IN).sum())),
    ):
        if runs:
            from scipy.stats import binomtest  # takes half a second; most reports do not need it

            ends = binomtest(count, runs).proportion_ci(CONFIDENCE, method="wilson")
            found |= {name: count / runs, f"{name}_low": float(ends.low), f"{name}_high": float(ends.high)}
    return found


def _remarks(table: pd.DataFrame) -> list[str]:
    if not len(table):
        return ["Nobody learned: there are no runs to judge."]
    remarks = []
    fewest = int(table["runs"].min())
    if fewest < FEW_RUNS:
        remarks.append(
            f"Some pairings have {fewest} run{'s' if fewest != 1 else ''}: where runs end in cooperation or in "
            "defection and nowhere between, read the lock-in shares rather than the intervals of the mean."
        )
    split = table[(table["cooperating"] > 0) & (table["defecting"] > 0)]
    for row in split.head(5).to_dict("records"):
        remarks.append(
            f"{row['agent']} with {row['opponent']} ({row['environment']}): {row['cooperating']:.0%} of runs lock "
            f"in on cooperation and {row['defecting']:.0%} on defection."
        )
    return remarks


CHAPTERS = (
    Chapter[Evidence](
        "runs",
        "What training runs end with",
        "Payoff in the last tenth of a run and over all of it, and the share of runs that lock in on cooperation "
        "(above 0.9) and on defection (below 0.1). The run is the unit.",
        lambda evidence: evidence.runs,
    ),
)
