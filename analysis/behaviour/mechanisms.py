"""Mechanisms that share out a common pool: what each group of players has under them, and who lives off them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...chapter_columns import MECHANISMS
from ..arrays import Numbers
from ..cells import Cells
from ..finding import Finding
from ..report.chapters import Chapter, Evidence
from ..statistics.tails import CONFIDENCE, t_isf
from .pareto import dominates

MEASURES = ("surplus", "gini", "survived", "alive", "final_pool", "returned", "allocated", "excluded")
ROLE = "mechanism"


@dataclass(frozen=True, eq=False)
class Games:
    """The matches of one environment, by who sat where."""

    mechanism: NDArray[np.str_]
    """The label of each match's mechanism [match]."""
    players: NDArray[np.str_]
    """The labels of its players [match, player]."""
    payoff: Numbers
    """What each of them earned per round [match, player]."""
    measures: dict[str, Numbers]
    """Those of the mechanism's seat [match]."""

    @staticmethod
    def of(cells: Cells) -> Games:
        """Those in a league of mechanisms."""
        seats = cells.seats.iloc[np.flatnonzero((cells.seats["environment"] == cells.environment).to_numpy())]
        seats = seats[np.isfinite(seats["payoff"])].sort_values(["match", "seat"], kind="stable")
        size = len(cells.roles)
        count = seats.groupby("match", observed=True)["seat"].transform("size")
        seats = seats[(count == size).to_numpy()]
        labels = seats["agent"].astype(str).to_numpy(dtype=np.str_).reshape(-1, size)
        own = list(cells.roles).index(ROLE)
        payoff = seats["payoff"].to_numpy(np.float64).reshape(-1, size)
        measures = {
            name: seats[name].to_numpy(np.float64).reshape(-1, size)[:, own] for name in MEASURES if name in seats
        }
        others = np.arange(size) != own
        return Games(labels[:, own], labels[:, others], payoff[:, others], measures)

    def alike(self, mechanism: str, population: str) -> NDArray[np.bool_]:
        """The matches of players that are all of this type [match]."""
        return np.asarray((self.mechanism == mechanism) & (self.players == population).all(1), dtype=np.bool_)

    def deviators(self, mechanism: str, population: str) -> dict[str, Numbers]:
        """What a single other player earned among this type, by its label [match]."""
        other = self.players != population
        alone = (self.mechanism == mechanism) & (other.sum(1) == 1)
        who, paid = self.players[alone][other[alone]], self.payoff[alone][other[alone]]
        return {str(label): paid[who == label] for label in np.unique(who)}


def mechanisms(cells: Cells) -> Finding:
    """A row for each population of one type and each mechanism, from the cells of the mechanisms' league.

    Means over matches, with Student's intervals of 95 %; of the share of pools that survive it is Wilson's. `rank`
    is by surplus; on the front is who is not surpassed by another mechanism in surplus, equality and survival at
    once. `exploiter` is the agent that earns most as a single player among the population, and `gain` what it
    earns above what one of the population does where all are alike (Welch's interval).
    """
    games = Games.of(cells)
    rows = list[dict[str, object]]()
    for population in dict.fromkeys(map(str, games.players[:, 0])):
        there = list[dict[str, object]]()
        for mechanism in dict.fromkeys(map(str, games.mechanism)):
            mine = games.alike(mechanism, population)
            if mine.any():
                there.append({"agent": mechanism, "population": population, **_row(games, mine)})
                there[-1] |= _exploiter(games, mechanism, population, games.payoff[mine].mean(1))
        rows += _ranked(there) if there else []
    found = pd.DataFrame(rows, columns=list(MECHANISMS.without("environment", "role")))
    return Finding(found, tuple(_remarks(found)))


def _row(games: Games, mine: NDArray[np.bool_]) -> dict[str, object]:
    """The measures of some matches, with their intervals."""
    from statsmodels.stats.proportion import proportion_confint

    each = {name: games.measures.get(name, np.full(len(mine), np.nan))[mine] for name in MEASURES}
    count = len(each["surplus"])
    row: dict[str, object] = {"matches": count}
    for name in ("surplus", "gini"):
        half = _half(each[name].var(ddof=1) / count, count - 1) if count > 1 else np.nan
        mean = float(each[name].mean())
        row |= {name: mean, f"{name}_low": mean - half, f"{name}_high": mean + half}
    alive = each["survived"].mean()
    row |= dict(zip(("survived_low", "survived_high"), (np.nan, np.nan), strict=True))
    # With several tables a match's survival is a share: counted as whole games it would be too certain.
    if np.isin(each["survived"], (0, 1)).all():
        low, high = proportion_confint(each["survived"].sum(), count, 1 - CONFIDENCE, method="wilson")
        row |= {"survived_low": low, "survived_high": high}
    allocated = each["allocated"].sum()
    row |= {
        "survived": alive,
        "alive": each["alive"].mean(),
        "final_pool": each["final_pool"].mean(),
        "return_rate": each["returned"].sum() / allocated if allocated else np.nan,
        "excluded": each["excluded"].mean(),
    }
    return row


def _exploiter(games: Games, mechanism: str, population: str, usual: Numbers) -> dict[str, object]:
    """Who earns most as a single player, and how much more than one of the population does."""
    others = games.deviators(mechanism, population)
    if not others:
        return {"exploiter": "", "gain": np.nan, "gain_low": np.nan, "gain_high": np.nan}
    best = max(others, key=lambda label: others[label].mean())
    paid, gain = others[best], float(others[best].mean() - usual.mean())
    half = np.nan
    if min(len(paid), len(usual)) > 1:
        parts = np.array([paid.var(ddof=1) / len(paid), usual.var(ddof=1) / len(usual)])
        if parts.sum():
            freedom = parts.sum() ** 2 / (parts**2 / np.array([len(paid) - 1, len(usual) - 1])).sum()
            half = _half(parts.sum(), freedom)
        else:
            half = 0.0
    return {"exploiter": best, "gain": gain, "gain_low": gain - half, "gain_high": gain + half}


def _half(variance: float, freedom: float) -> float:
    """Half of Student's interval of a mean with this variance."""
    return float(t_isf((1 - CONFIDENCE) / 2, freedom) * np.sqrt(variance))


def _ranked(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Mechanisms with one population, by surplus, with who is on the front."""
    rows = sorted(rows, key=lambda row: -float(str(row["surplus"])))
    points = np.array([[row["surplus"], row["gini"], row["survived"]] for row in rows], dtype=np.float64)
    over = dominates(points * [1, -1, 1])
    return [{**row, "rank": place + 1, "on_front": not over[:, place].any()} for place, row in enumerate(rows)]


def _remarks(found: pd.DataFrame) -> Iterator[str]:
    if found.empty:
        yield "No match has players of one type only: [schedule] self_play = true plays them."
        return
    exploited = found[found["gain_low"] > 0]
    if len(exploited):
        who = ", ".join(
            f"{row.agent} with {row.population} (by {row.exploiter}, {row.gain:.3g} per round more)"
            for row in exploited.itertuples()
        )
        yield f"A single other player earns more than one of the population does, under: {who}."
    if (found["exploiter"] != "").any():
        yield "The exploiter is the best of the agents that were there: a better one may exist."


def _compute(evidence: Evidence) -> Finding | None:
    cells = evidence.cells
    if ROLE not in cells.role_names or "surplus" not in cells.seats or "gini" not in cells.seats:
        return None
    return mechanisms(cells)


CHAPTERS = (
    Chapter(
        "mechanisms",
        "What mechanisms leave to a population",
        "Groups of one type under each mechanism: surplus, what a player keeps per round; Gini's coefficient over "
        "players; the share of pools that survive. On the front is who is surpassed by no other in all three. The "
        "exploiter is who earns most as a single player among them.",
        _compute,
    ),
)
