"""Several environments in one table: on a common scale if anchors are declared, else by votes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from ..finding import Finding
from ..options import AnalysisOptions
from ..report.chapters import Chapter, WrittenChapter
from .voting import borda, copeland, iterated_maximal_lotteries, preferences, ranked_pairs, schulze


@dataclass(frozen=True)
class Anchors:
    """Two payoffs that mean the same in every environment: say, mutual defection and mutual cooperation."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"Anchors are two payoffs, the low one first, not {self.low} and {self.high}.")


def across_environments(
    payoffs: pd.DataFrame,
    anchors: Mapping[str, Anchors] | None = None,
    weights: Mapping[str, float] | None = None,
) -> Finding:
    """A row for each agent, from payoffs with a row for each agent and a column for each environment.

    `anchored` is the weighted mean of (payoff - low) / (high - low). It is given only if every environment has
    anchors: raw payoffs of different games are never averaged. The other columns are voting rules in which each
    environment ranks the agents; a missing payoff abstains.
    """
    anchors = anchors or {}
    environments = list(payoffs.columns)
    table = pd.DataFrame({"agent": list(payoffs.index)})
    if not environments or payoffs.empty:
        return Finding(table, ("There are no payoffs to compare across environments.",))
    power = np.array([(weights or {}).get(name, 1.0) for name in environments])
    values = payoffs.to_numpy(dtype=np.float64)
    remarks = []
    gaps = [str(agent) for agent, row in zip(payoffs.index, values, strict=True) if not np.isfinite(row).all()]
    unanchored = [str(name) for name in environments if name not in anchors]
    if len(environments) == 1:
        remarks.append("There is one environment: its own ranking says more than any vote.")
    if unanchored:
        remarks.append(
            f"{', '.join(unanchored)} declared no anchors, so payoffs have no common scale: environments vote, "
            "and payoffs are not averaged."
        )
    else:
        scaled = [
            (values[:, i] - anchors[name].low) / (anchors[name].high - anchors[name].low)
            for i, name in enumerate(environments)
        ]
        table["anchored"] = np.average(np.stack(scaled, 1), axis=1, weights=power)
    if gaps:
        remarks.append(f"Not in every environment: {', '.join(gaps)}. A missing payoff abstains from the vote.")
    votes = np.where(np.isfinite(values), values, np.nan).T
    above = preferences(votes, power)
    table["borda"] = borda(votes, power)
    table["copeland"] = copeland(above)
    table["schulze"] = schulze(above)
    table["ranked_pairs"] = ranked_pairs(above)
    table["maximal_lotteries"] = iterated_maximal_lotteries(above)
    return Finding(table, tuple(remarks))


def environments_chapter(
    rankings: Mapping[str, pd.DataFrame], options: AnalysisOptions
) -> Iterator[WrittenChapter]:
    """The chapter on all environments together, from their rankings by label; nothing if there is only one."""
    environment = {label: str(table["environment"].iloc[0]) for label, table in rankings.items()}
    if len(set(environment.values())) < 2:
        return
    tables = [table[["agent", "payoff"]].assign(environment=label) for label, table in rankings.items()]
    joined = pd.concat([table.astype({"agent": str}) for table in tables])
    payoffs = joined.pivot_table(index="agent", columns="environment", values="payoff", observed=True, sort=False)
    declared = {label: options.anchors[of] for label, of in environment.items() if of in options.anchors}
    chapter = Chapter(
        "environments",
        "All environments together",
        "Environments vote on the agents, each by its ranking; only where all of them declare what payoffs count "
        "as 0 and as 1 (analysis.anchors) is there a mean over them.",
        partial(_judged, payoffs),
    )
    yield from chapter.write(declared, "all environments", environment="all environments")


def _judged(payoffs: pd.DataFrame, declared: Mapping[str, tuple[float, float]]) -> Finding:
    return across_environments(payoffs, {label: Anchors(*ends) for label, ends in declared.items()})
