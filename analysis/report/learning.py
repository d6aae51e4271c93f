"""The section on learning of one environment: curves and late means."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from ..behaviour.curves import POLICY, late_means, learning_curves, mean_curves
from ..game import Game
from .curve_figures import curves_plot, measures_plot, panels, policies_plot, range_of
from .curves_view import curves_view
from .drawing import Drawing
from .figure_writer import FigureWriter
from .tables import late_text

EARNED = ("payoff", "cooperation")
HEADINGS = dict(zip(POLICY, ("Start", "After CC", "After CD", "After DC", "After DD"), strict=True))


@dataclass(frozen=True)
class LearningTables:
    """One environment's part of `learning_curves`, `mean_curves` and `late_means`."""

    agents: Sequence[str]
    """All agents that learned or met a learner, in any environment, in order."""
    curves: pd.DataFrame
    mean: pd.DataFrame
    late: pd.DataFrame
    shares: Sequence[str] = ()
    """The measures that the environment declares as shares."""

    def of(self, agents: Collection[str]) -> LearningTables | None:
        """The part of these agents, or None if they have none."""
        curves, mean, late = (table[table["agent"].isin(agents)] for table in (self.curves, self.mean, self.late))
        return replace(self, curves=curves, mean=mean, late=late) if len(curves) else None


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
    mean = mean_curves(curves, games)
    met = set(late["agent"]) | set(late["opponent"])
    agents = [agent for agent in late["agent"].cat.categories if agent in met]
    for label, part in table.groupby("environment", observed=True, sort=False):
        shares = tuple(games[str(label)].get("shares", {})) if label in games else ()
        own_mean, own_late = (of[of["environment"] == label] for of in (mean, late))
        yield str(label), LearningTables(agents, part, own_mean, own_late, shares)


def learning_section(
    figure_writer: FigureWriter, tables: LearningTables, learners: Collection[str]
) -> LearningSection:
    """Draw the tables of an environment; a panel of curves for each of the learners, in this order."""
    curves, late = tables.curves, tables.late
    measures = [str(name) for name in curves["measure"].unique()]
    headings = {name: name.replace("_", " ").capitalize() for name in measures}
    learner_metrics = {name: headings[name] for name in measures if name not in (*EARNED, *tables.shares, *POLICY)}
    earned = {name: headings[name] for name in (*EARNED, *tables.shares) if name in measures}

    drawings = []
    shown = [agent for agent in learners if agent in set(curves["agent"])] or list(tables.agents)
    for name, heading in earned.items():
        of, mean = (table[table["measure"] == name] for table in (curves, tables.mean))
        drawn = panels(of, mean, shown)
        label, limits = ("payoff per round", None) if name == "payoff" else (heading.lower(), (-0.03, 1.03))
        caption = f"{heading} of each learner as it learns: the mean over opponents"
        if any(panel.mean["low"].notna().any() for panel in drawn):
            caption += ", with its 95 % band at each point"
        if any(len(panel.opponents) > 1 for panel in drawn):
            caption += "; grey: each opponent, the mean over matches"
        limits = limits or range_of(drawn)
        figure, view = curves_plot(drawn, label, limits), curves_view(drawn, label, limits)
        drawings.append(figure_writer.add(f"curve-{name}", caption, figure, view))
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
