"""The figures of a ranking's section: who earns what, who cooperates with whom, how ratings agree, who is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..cells import Cells
from . import figures
from .chapters import WrittenChapter
from .drawing import Drawing
from .figure_writer import FigureWriter
from .headline import gains
from .pairs_view import orders, pairs_view
from .rating_figures import agreement_plot, ranks_plot, ranks_view
from .views import ranking_view, shares_view


def section_drawings(
    writer: FigureWriter,
    cells: Cells,
    ranking: pd.DataFrame,
    table: pd.DataFrame,
    chapters: Sequence[WrittenChapter],
    evolution: Mapping[str, tuple[str, Figure]],
    shares: pd.DataFrame | None,
) -> list[Drawing]:
    """The figures of one ranking, from its payoff table and chapters.

    `evolution` has further figures by name, with their captions; `shares` the mean shares of a population by
    generation and agent, if one evolved.
    """
    found = list[Drawing]()
    if shares is not None:
        from .evolution_figures import stack_plot  # which brings all of evolution along

        wide = shares.pivot(index="generation", columns="agent", values="share")
        times, names = wide.index.to_numpy(np.float64), [str(name) for name in wide]
        caption = "Share of each agent in the population, the mean over all populations"
        figure = stack_plot(times, wide.to_numpy(np.float64), names)
        found.append(writer.add("generations", caption, figure, shares_view(wide)))
    found += [writer.add(kind, caption, figure) for kind, (caption, figure) in evolution.items()]
    caption = "Payoff per round of each agent, with its 95 % intervals"
    found.append(writer.add("ranking", caption, figures.ranking_plot(ranking), ranking_view(ranking)))
    if cells.square:
        found += _pairs(writer, ranking, table, chapters)
    return found


def illustrated(
    writer: FigureWriter, ranking: pd.DataFrame, chapters: Sequence[WrittenChapter]
) -> list[WrittenChapter]:
    """The chapters, with the figures of those that have some: ratings and Schelling diagrams."""
    return [replace(chapter, drawings=_of_chapter(writer, ranking, chapter)) for chapter in chapters]


def _of_chapter(writer: FigureWriter, ranking: pd.DataFrame, chapter: WrittenChapter) -> Sequence[Drawing]:
    table = chapter.finding.table
    if chapter.name == "ratings":
        return _agreement(writer, ranking, ratings_of(table))
    if chapter.name == "schelling" and len(table):
        from .schelling_figures import PANELS, schelling_plot

        pairs = len(table.drop_duplicates(["cooperator", "defector", "beside"]))
        few = f"; the first {PANELS} of {pairs} pairs" if pairs > PANELS else ""
        caption = (
            f"Payoff per round of a cooperator (filled) and of a defector (hollow) by how many of the others are "
            f"cooperators, with 95 % intervals{few}"
        )
        return [writer.add("schelling", caption, schelling_plot(table))]
    return chapter.drawings


def _agreement(
    writer: FigureWriter, ranking: pd.DataFrame, ratings: Mapping[str, pd.Series[float]]
) -> list[Drawing]:
    if not ratings or len(ranking) < 2:
        return []
    payoff = ranking.set_index(ranking["agent"].astype(str))["payoff"]
    table = pd.DataFrame({"payoff": payoff} | {name.replace("_", " "): score for name, score in ratings.items()})
    caption = "Rank of each agent by each rating, the highest on top; ties share the mean of their ranks"
    drawings = [writer.add("ranks", caption, ranks_plot(table), ranks_view(table))]
    caption = "How far ratings order the agents alike: Kendall's tau-b, 1 if they do, -1 if the other way round"
    return [*drawings, writer.add("agreement", caption, agreement_plot(table))]


def _pairs(
    writer: FigureWriter, ranking: pd.DataFrame, table: pd.DataFrame, chapters: Sequence[WrittenChapter]
) -> list[Drawing]:
    """Heat maps, in the order of the ranking."""
    agents = [str(agent) for agent in ranking["agent"]]
    payoff, error, cooperation = (
        figures.square(table, agents, name) for name in ("payoff", "standard_error", "cooperation")
    )
    tables = {chapter.name: chapter.finding.table for chapter in chapters}
    scores = {"exploitability": np.asarray(gains(tables.get("exploitability"), ranking), dtype=np.float64)}
    scores |= {
        name.replace("_", " "): np.asarray(score.reindex(agents), dtype=np.float64)
        for name, score in ratings_of(tables.get("ratings")).items()
    }
    order = orders(ranking, payoff, scores)
    shown = {"payoff": payoff}
    if np.nanmax(error, initial=0.0) > 0:
        shown["standard error"] = error
    known = not np.isnan(cooperation).all()
    if known:
        shown["cooperation"] = cooperation
    caption = "Payoff per round of the row's agent against the column's"
    figure = figures.heatmap(payoff, agents, "payoff per round")
    found = [writer.add("payoff", caption, figure, pairs_view(agents, shown, order))]
    if known:
        caption = "Share of rounds in which the row's agent cooperated with the column's"
        figure = figures.heatmap(cooperation, agents, "cooperation", colours="cividis", limits=(0.0, 1.0))
        view = pairs_view(agents, {"cooperation": cooperation}, order, colours="cividis", limits=(0.0, 1.0))
        found.append(writer.add("cooperation", caption, figure, view))
    return found


def ratings_of(table: pd.DataFrame | None) -> dict[str, pd.Series[float]]:
    """Each rating but the payoff of a table of ratings, by agent."""
    if table is None or "agent" not in table:
        return {}
    by_agent = table.set_index(table["agent"].astype(str))
    return {str(name): by_agent[name] for name in by_agent if f"{name}_low" in by_agent and name != "payoff"}
