"""The cost of agents: rounds, learning updates and processor time; and payoffs of learners at equal budgets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from ...chapter_columns import BUDGETS as BUDGETS_SCHEMA
from ...chapter_columns import COST
from ..arrays import Numbers
from ..finding import Finding
from ..game import Game
from ..report.chapters import Chapter, Evidence
from ..statistics.tails import CONFIDENCE, t_ppf
from .curves import LATE, Curves, curves_by_environment

COLUMNS = COST.without("role")
BUDGETS = ("rounds", "updates", "seconds")
BUDGET_COLUMNS = BUDGETS_SCHEMA.without("role")


def cost(costs: pd.DataFrame | None, ranking: pd.DataFrame | None = None) -> Finding:
    """A row for each environment and agent that played, cheapest first; `costs` has a row for each chunk.

    `rounds` counts the rounds of all chairs and tables of the agent, `updates` those of all its chairs, `seconds`
    the processor time in its own methods. A chair is one seat of one match. `rank` and `payoff` come from
    `ranking`, if given. Exact payoffs are not played, and cost nothing.
    """
    if costs is None or not len(costs):
        return Finding(_empty(COLUMNS), ("Nobody played: payoffs that are known exactly cost nothing.",))
    found = _totals(costs)
    found["rank"], found["payoff"] = np.nan, np.nan
    if ranking is not None and len(ranking):
        ranked = ranking.astype({"environment": str, "agent": str}).set_index(["environment", "agent"])
        keys = pd.MultiIndex.from_frame(found[["environment", "agent"]].astype(str))
        for name in ("rank", "payoff"):
            found[name] = ranked[name].reindex(keys).to_numpy(np.float64, na_value=np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        found["microseconds_per_round"] = 1e6 * found["seconds"] / found["rounds"]
    found = found.sort_values(["environment", "seconds_per_chair"], kind="stable", ignore_index=True)
    return Finding(found[list(COLUMNS)], tuple(_remarks(found)))


def equal_budgets(costs: pd.DataFrame | None, curves: pd.DataFrame | None, games: Mapping[str, Game]) -> Finding:
    """A row for each environment, budget and learner: its payoff after the budget that the cheapest learner needs.

    Budgets are rounds, updates and processor seconds of one chair; `amount` is the total of the cheapest learner.
    The others reach it after `share` of their own training, if each point of a curve costs the same. `payoff` is
    the mean over the last tenth of the points up to there, over matches first and then over partners; its 95 %
    interval is Student's, over partners. `payoff_at_end` is the payoff after the full training.
    """
    if costs is None or not len(costs) or curves is None or not len(curves):
        return Finding(_empty(BUDGET_COLUMNS), ("Nobody learned: there are no budgets to compare.",))
    totals = _totals(costs)
    rows, remarks = list[dict[str, object]](), list[str]()
    for part in curves_by_environment(curves, games):
        mine = totals[(totals["environment"].astype(str) == part.environment) & (totals["updates"] > 0)]
        agents = [str(agent) for agent in mine["agent"]]
        met = {agent: _partners(part, agent) for agent in agents}
        agents = [agent for agent in agents if met[agent]]
        if len(agents) < 2:
            remarks.append(f"{part.environment}: {len(agents) or 'no'} learner, no budgets to compare.")
            continue
        if len({frozenset(met[agent]) - set(agents) for agent in agents}) > 1:
            remarks.append(f"{part.environment}: learners met different partners, which moves their payoffs too.")
        each = mine.assign(agent=mine["agent"].astype(str)).set_index("agent").loc[agents]
        for budget in BUDGETS:
            used = each[f"{budget}_per_chair"]
            if not (used > 0).all():
                remarks.append(f"{part.environment}: {budget} were not measured for every learner.")
                continue
            for agent in agents:
                share, learned = float(used.min() / used[agent]), met[agent].values()
                rows.append(
                    {
                        "environment": part.environment,
                        "budget": budget,
                        "amount": float(used.min()),
                        "agent": agent,
                        "share": share,
                        **_mean(np.array([_reached(curve, share) for curve in learned])),
                        "payoff_at_end": float(np.mean([_reached(curve, 1) for curve in learned])),
                        "partners": len(learned),
                    }
                )
    if rows:
        remarks.append("Processor time is taken to be the same for each point of a learner's curve.")
    return Finding(pd.DataFrame(rows, columns=list(BUDGET_COLUMNS)), tuple(remarks))


def _totals(costs: pd.DataFrame) -> pd.DataFrame:
    """Sums over chunks for each environment and agent, and the cost of one chair."""
    sums = costs.groupby(["environment", "agent"], observed=True, sort=True)
    found = sums[["chairs", "rounds", "updates", "seconds"]].sum().reset_index()
    for name in BUDGETS:
        found[f"{name}_per_chair"] = found[name] / found["chairs"].where(found["chairs"] > 0)
    return found


def _partners(part: Curves, agent: str) -> dict[str, Numbers]:
    """The agent's mean payoff with each partner [point]; matches have the same weight, then seats."""
    found: dict[str, list[Numbers]] = {}
    index = part.agents.get_loc(agent)
    for number, matches in enumerate(part.parts()):
        if part.agent[number] == index:
            values = part.values["payoff"][matches]
            known = ~np.isnan(values)
            count = known.sum(0)
            mean = np.where(count > 0, np.where(known, values, 0).sum(0) / count.clip(1), np.nan)
            found.setdefault(str(part.agents[part.opponent[number]]), []).append(mean)
    return {partner: np.mean(means, axis=0) for partner, means in found.items()}


def _reached(curve: Numbers, share: float) -> float:
    """The payoff over the last tenth of the points up to this share of the curve."""
    known = curve[~np.isnan(curve)]
    upto = max(1, round(share * len(known)))
    late = known[upto - max(1, round(LATE * upto)) : upto]
    return float(late.mean()) if len(late) else np.nan


def _mean(values: Numbers) -> dict[str, float]:
    """The mean over partners and its interval; NaN with one partner."""
    values = values[~np.isnan(values)]
    count, mean = len(values), float(values.mean()) if len(values) else np.nan
    half = np.nan
    if count > 1:
        half = float(t_ppf((1 + CONFIDENCE) / 2, count - 1) * values.std(ddof=1) / np.sqrt(count))
    return {"payoff": mean, "low": mean - half, "high": mean + half}


def _remarks(found: pd.DataFrame) -> Iterator[str]:
    for label, part in found.groupby("environment", observed=True, sort=False):
        seconds = part["seconds"].to_numpy(np.float64)
        whole, most = seconds.sum(), int(seconds.argmax())
        if whole > 0 and len(part) > 1:
            who, share = part["agent"].iloc[most], seconds[most] / whole
            yield f"{label}: {who} took {share:.0%} of the {whole:.3g} processor seconds of all agents."


def _empty(columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=np.float64) for name in columns})


def _compute(evidence: Evidence) -> Finding | None:
    return None if evidence.costs is None or evidence.costs.empty else cost(evidence.costs, evidence.ranking)


def _budgets(evidence: Evidence) -> Finding | None:
    if evidence.costs is None or evidence.curves is None or evidence.curves.empty:
        return None
    return equal_budgets(evidence.costs, evidence.curves, {evidence.cells.environment: evidence.game})


CHAPTERS = (
    Chapter(
        "cost",
        "Cost",
        "What agents took: rounds played, learning updates and seconds of one core in their own code.",
        _compute,
    ),
    Chapter(
        "budgets",
        "Learners at equal budgets",
        "What each learner earned when it had used as much as the cheapest of them uses in all.",
        _budgets,
    ),
)
