"""The section on learning of one environment: curves and late means."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from ..behaviour.curves import POLICY, late_means, learning_curves
from ..game import Game
from .curve_figures import CROWD, curves_plot, measures_plot, panels, policies_plot
from .drawing import Drawing
from .figure_writer import FigureWriter
from .tables import late_text

EARNED = ("payoff", "cooperation")
HEADINGS = dict(zip(POLICY, ("Start", "After CC", "After CD", "After DC", "After DD"), strict=True))


@dataclass(frozen=True)
class LearningTables:
    """One environment's part of `learning_curves` and `late_means`."""

    agents: Sequence[str]
    """All agents that learned or met a learner, in any environment, in order."""
    curves: pd.DataFrame
    late: pd.DataFrame
    shares: Sequence[str] = ()
    """The measures that the environment declares as shares."""

    def of(self, agents: Collection[str]) -> LearningTables | None:
        """The part of these agents, or None if they have none."""
        curves, late = (table[table["agent"].isin(agents)] for table in (self.curves, self.late))
        return replace(self, curves=curves, late=late) if len(curves) else None


@dataclass(frozen=True)
class LearningSection:
    """The tables and figures as shown in the page."""

    tables: LearningTables
    drawings: Sequence[Drawing]
    learner_metrics: Drawing | None
    """The metrics that learners report."""
    policies: Drawing | None
    late_text: pd.DataFrame
    policies_text: pd.DataFrame


def learning_tables(
    curves: pd.DataFrame, games: Mapping[str, Game], seed: int
) -> Iterator[tuple[str, LearningTables]]:
    """Each environment's label and tables."""
    table, late = learning_curves(curves, games, seed=seed), late_means(curves, games)
    met = set(late["agent"]) | set(late["opponent"])
    agents = [agent for agent in late["agent"].cat.categories if agent in met]
    for label, part in table.groupby("environment", observed=True, sort=False):
        shares = tuple(games[str(label)].get("shares", {})) if label in games else ()
        yield str(label), LearningTables(agents, part, late[late["environment"] == label], shares)


def learning_section(figure_writer: FigureWriter, tables: LearningTables) -> LearningSection:
    """Draw the tables of an environment."""
    curves, late = tables.curves, tables.late
    measures = [str(name) for name in curves["measure"].unique()]
    headings = {name: name.replace("_", " ").capitalize() for name in measures}
    learner_metrics = {name: headings[name] for name in measures if name not in (*EARNED, *tables.shares, *POLICY)}
    earned = {name: headings[name] for name in (*EARNED, *tables.shares) if name in measures}

    drawings = []
    for name, heading in earned.items():
        drawn = panels(curves[curves["measure"] == name], tables.agents)
        label, limits = ("payoff per round", None) if name == "payoff" else (heading.lower(), (-0.03, 1.03))
        caption = f"{heading} as agents learn, each with each opponent: the mean over matches"
        if any(panel.banded for panel in drawn):
            caption += ", with its 95 % band at each point"
        if len(tables.agents) > CROWD:
            caption += "; thick: over all opponents"
        if not (curves["seat"] == "any").all():
            caption += "; where a pair is named, its first agent has seat 0 and its own double is dashed"
        figure = curves_plot(drawn, tables.agents, label, limits)
        drawings.append(figure_writer.add(f"curve-{name}", caption, figure))
    policy_measures = [name for name in POLICY if name in measures]
    known = late[late[policy_measures].notna().any(axis=1)] if policy_measures else late
    drawn_metrics = None
    if learner_metrics:
        figure = measures_plot(curves, list(learner_metrics), tables.agents)
        caption = "Metrics that learners report: means over matches, opponents and seats"
        drawn_metrics = figure_writer.add("measures", caption, figure)
    drawn_policies = None
    if len(policy_measures) == len(POLICY):
        caption = (
            "Probability to cooperate at the start, and after the last (own, other's) moves, over the last tenth "
            "of the curve; a square for each agent, a row for each opponent"
        )
        drawn_policies = figure_writer.add("policies", caption, policies_plot(known, tables.agents))
    return LearningSection(
        tables=tables,
        drawings=drawings,
        learner_metrics=drawn_metrics,
        policies=drawn_policies,
        late_text=late_text(late, {**earned, **learner_metrics}),
        policies_text=late_text(known, {**earned, **{name: HEADINGS[name] for name in policy_measures}}),
    )
