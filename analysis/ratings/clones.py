"""Clones: agents of a league that behave alike, and the effect on ratings if an agent is entered several times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from ..arrays import Numbers
from ..finding import Finding
from ..report.chapters import Chapter, Evidence
from .normal_form import checked_matrix
from .ratings import RATINGS, Rating, chosen_ratings

BEHAVIOUR = ("cooperation", "cc", "cd", "dc", "dd")
ALIKE = 0.02
"""Two agents are clones if they differ by at most this with every partner."""
MAX_AGENTS = 100
"""In larger leagues the sensitivity of ratings to clones is not computed."""


def behavioural_distance(payoffs: pd.DataFrame) -> pd.DataFrame:
    """How differently two agents do with the partners that both met [agent, agent], from a payoff table.

    It is the largest difference over these partners, in cooperation, in the shares of CC, CD, DC and DD, and in
    payoff over its spread in the environment. An agent that differs with a single partner is no clone. NaN if they
    share no partner.
    """
    table = payoffs.copy()
    labels = table["agent"].astype(str).unique()
    earned = table.groupby("environment", observed=True)["payoff"]
    spread = earned.transform("max") - earned.transform("min")
    table["payoff"] = table["payoff"] / spread.where(spread > 0, 1)
    keys = ["environment", "opponent", "seat", "k"]
    for name in ("environment", "opponent", "seat", "agent"):
        table[name] = table[name].astype(str)
    # Self-play gets k = 1, so that it is comparable with a match against a clone.
    table["k"] = table["k"].where(table["agent"] != table["opponent"], 1)
    measures = [name for name in (*BEHAVIOUR, "payoff") if name in table]
    wide = table.pivot_table(index="agent", columns=keys, values=measures, observed=True).reindex(labels)
    values = wide.to_numpy(dtype=np.float64)
    distance = np.zeros((len(labels), len(labels)))
    for i, ours in enumerate(values):
        apart = np.abs(values - ours)
        known = np.isfinite(apart)
        distance[i] = np.where(known.any(1), np.where(known, apart, 0).max(1, initial=0), np.nan)
    return pd.DataFrame(distance, index=labels, columns=labels)


def near_clones(payoffs: pd.DataFrame, alike: float = ALIKE) -> Finding:
    """A row for each agent that has a near-clone: its cluster, and the agent most like it.

    In a cluster every two agents are within `alike` (complete linkage). Sampling error increases distances: equal
    agents that play noisily look further apart than they are.
    """
    distance = behavioural_distance(payoffs)
    columns = ["cluster", "agent", "nearest", "distance"]
    if len(distance) < 2:
        return Finding(pd.DataFrame(columns=columns), ("There are no clones among fewer than two agents.",))
    between = distance.fillna(1e9).to_numpy(copy=True)
    np.fill_diagonal(between, 0)
    cluster = fcluster(linkage(squareform(between, checks=False), "complete"), alike, "distance")
    np.fill_diagonal(between, np.inf)
    nearest = between.argmin(1)
    table = pd.DataFrame(
        {
            "cluster": cluster,
            "agent": distance.index,
            "nearest": distance.index[nearest],
            "distance": between[np.arange(len(between)), nearest],
        }
    )
    table = table[table.groupby("cluster")["agent"].transform("size") > 1].sort_values("cluster", kind="stable")
    table["cluster"] = pd.factorize(table["cluster"])[0] + 1
    groups = [", ".join(group) for _, group in table.groupby("cluster")["agent"]]
    if not groups:
        return Finding(table.reset_index(drop=True), (f"No two agents are within {alike:g} of each other.",))
    remarks = tuple(f"Near-clones: {group} differ by at most {alike:g} with every partner." for group in groups)
    return Finding(table.reset_index(drop=True), remarks)


def clone_sensitivity(
    matrix: ArrayLike,
    names: Sequence[str] = (),
    *,
    entries: Sequence[int] = (2, 5),
    ratings: Mapping[str, Rating] = RATINGS,
) -> Finding:
    """The change of each rating when one agent is entered k times, for each k of `entries`.

    A row for each agent; for each rating, the largest change of any score over those leagues, as a share of the
    spread of scores in the original league. If scores are shares, those of clones are added. 0 means no change.
    """
    payoffs = checked_matrix(matrix)
    names = list(names) or [f"agent {i}" for i in range(len(payoffs))]
    table = pd.DataFrame({"agent": names})
    remarks = []
    for rating in ratings.values():
        if len(names) * max(entries) > rating.agents or rating.refuses(payoffs, names):
            remarks.append(f"{rating.name}: sensitivity to clones was not computed.")
            continue
        scores = rating.score(payoffs[None])[0]
        spread = np.ptp(scores)
        change = [
            max(float(np.abs(_entered(rating, payoffs, agent, k) - scores).max()) for k in entries)
            for agent in range(len(names))
        ]
        table[rating.name] = np.array(change) / (spread if spread > 1e-12 else 1)
    largest = {name: table[name].to_numpy().max() for name in ratings if name in table}
    moved = [name for name, change in largest.items() if change > 1e-6]
    if moved:
        worst = max(moved, key=lambda name: float(largest[name]))
        agent = names[int(table[worst].to_numpy().argmax())]
        remarks.append(
            f"Entering one agent up to {max(entries)} times moves {', '.join(moved)}; most of all {worst}, by "
            f"{largest[worst]:.0%} of its spread, with {agent}."
        )
    still = [name for name in largest if name not in moved]
    if still:
        remarks.append(f"Clones move nothing in {', '.join(still)}.")
    return Finding(table, tuple(remarks))


def _entered(rating: Rating, payoffs: Numbers, agent: int, times: int) -> Numbers:
    """Scores [agent] of the league in which `agent` is entered `times` times."""
    who = np.repeat(np.arange(len(payoffs)), np.where(np.arange(len(payoffs)) == agent, times, 1))
    scores = rating.score(payoffs[np.ix_(who, who)][None])[0]
    total = np.bincount(who, scores).astype(np.float64)
    return total if rating.shares else total / np.bincount(who)


def _compute(evidence: Evidence) -> Finding | None:
    ratings = chosen_ratings(evidence)
    if not ratings or len(evidence.names) < 2:
        return None
    alike = near_clones(evidence.table)
    if np.isnan(evidence.matrix).any() or len(evidence.names) > MAX_AGENTS:
        return alike
    moved = clone_sensitivity(evidence.matrix, evidence.names, ratings=ratings)
    return Finding(moved.table, (*alike.remarks, *moved.remarks))


CHAPTERS = (
    Chapter(
        "clones",
        "Clones",
        "How far each rating moves, as a share of the spread of its scores, when one agent is entered twice or "
        "five times.",
        _compute,
        square=True,
    ),
)
