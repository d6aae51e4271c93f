"""Figures of populations with reputations: their course, and who chooses whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import matplotlib
import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from numpy.typing import NDArray

from ..arrays import Numbers
from ..behaviour.population_measures import ANSWERS, CLASSES, NORM, OUTCOMES
from ..behaviour.reputation import DRAWN, Populations
from .curve_figures import COLOURS, DASHES, Dashes, tidy_panel
from .figures import INK, PAPER, heatmap, style
from .labels import short_labels

Drawn: TypeAlias = Iterator[tuple[str, tuple[str, Figure]]]
"""Names of figures, each with its caption."""
PANELS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("cooperation", ("cooperation",)),
    ("welfare per round", ("gross", "net")),
    ("punished share", ("just_punishment", "unjust_punishment")),
    ("reputation spread", ("reputation_spread",)),
    ("assortment of partners", ("assortment",)),
    ("inequality (Gini)", ("gini", "gini_gross", "chosen_gini")),
    ("outcomes", OUTCOMES),
    ("learners' strategies", CLASSES),
    ("learners cooperate with", ANSWERS),
    ("learners call good", NORM),
)
"""The panels of a course, each with its measures."""
NAMES = {
    "just_punishment": "of defections",
    "unjust_punishment": "of cooperations",
    "gini": "net",
    "gini_gross": "gross",
    "chosen_gini": "being chosen",
    "p_good": "the good",
    "p_bad": "the bad",
    "good_c_to_good": "C to the good",
    "good_c_to_bad": "C to the bad",
    "good_d_to_good": "D to the good",
    "good_d_to_bad": "D to the bad",
}
DOT_DASHED: Dashes = (0, (6.0, 1.5, 1.2, 1.5))
_WIDTH, _HEIGHT, _ROW = 2.5, 1.75, 4
"""Inches of a panel, and panels in a row."""
_SIDE, _LEAST = 5.2, 0.35
"""Inches of a network; the width of its thinnest edge."""
OFTEN = 1.5
"""An arrow is drawn where a member chooses another so many times as often as by lot among all."""
HELD = 1.0
"""What draws a member to all others together, in shares of its choices: else groups would drift apart."""
SPLIT = 0.14
"""How much the two edges between two members bend apart."""


def population_drawings(evidence: Populations, tables: Mapping[str, pd.DataFrame]) -> Drawn:
    """The figures of the first populations, from the tables of the chapters `course` and `selected`."""
    for number, each in enumerate(evidence.played[:DRAWN], start=1):
        course, chosen = (_of(tables.get(name), each.label) for name in ("course", "selected"))
        if course is not None:
            caption = f"{each.label}: means over {len(each.match)} repetitions by episode, with 95 % intervals"
            frozen = "" if evidence.frozen_at is None else "; dotted, where learners are frozen"
            yield f"course-{number}", (caption + frozen, course_plot(course, evidence.frozen_at))
        if each.label not in evidence.chosen:
            continue
        first, count = evidence.network(each)
        least = OFTEN / (each.agents.shape[1] - 1)
        by_lot = f", {OFTEN:g} times as many as by lot" if evidence.all_meet else ""
        caption = (
            f"{each.label}, the first repetition: whom each chooses in {least:.0%} of its choices or more{by_lot}."
            " The wider an arrow, the larger that share; the larger a member, the more it is chosen"
        )
        network = selection_network(count, each.values["cooperation"][first], each.agents[first].tolist(), least)
        yield f"selected-{number}", (caption, network)
        if chosen is not None:
            caption = f"{each.label}, mean over repetitions: how often a type (row) chooses another (column)"
            yield f"selected-types-{number}", (caption, selection_matrix(chosen))


def _of(table: pd.DataFrame | None, population: str) -> pd.DataFrame | None:
    """The rows of a population; None without any."""
    mine = None if table is None or table.empty else table[table["population"] == population]
    return mine if mine is not None and len(mine) else None


def course_plot(table: pd.DataFrame, frozen_at: float | None) -> Figure:
    """Panels of measures by episode, with their intervals; dotted, where learners are frozen.

    `table` has the columns of `course`, and one population.
    """
    there = {str(name): part for name, part in table.groupby("measure", sort=False)}
    panels = [(title, own) for title, names in PANELS if (own := [name for name in names if name in there])]
    columns = min(_ROW, len(panels))
    rows = -(-len(panels) // columns)
    points = np.unique(table["point"])
    with matplotlib.rc_context(style()):
        figure = Figure(figsize=(columns * _WIDTH, rows * _HEIGHT), facecolor="none")
        space = {"left": 0, "right": 1, "bottom": 0, "top": 1, "wspace": 0.28, "hspace": 0.75}
        grid = figure.subplots(rows, columns, squeeze=False, gridspec_kw=space)
        for axes, (title, names) in zip(grid.flat, panels, strict=False):
            for name, colour, dashes in zip(names, COLOURS, (*DASHES, DOT_DASHED), strict=False):
                part = there[name]
                axes.fill_between(part["point"], part["low"], part["high"], color=colour, alpha=0.2, linewidth=0)
                label = NAMES.get(name, name.replace("_", " "))
                marker = "o" if len(part) == 1 else None
                axes.plot(part["point"], part["mean"], color=colour, linestyle=dashes, linewidth=1.4, label=label)
                axes.plot(part["point"], part["mean"], color=colour, linestyle="", marker=marker, markersize=3)
            if frozen_at is not None and points[0] < frozen_at <= points[-1]:
                axes.axvline(frozen_at - 0.5, color=INK, linewidth=0.9, linestyle=":", alpha=0.7)
            _finish(axes, title, points, several=len(names) > 1)
        for axes in list(grid.flat)[len(panels) :]:
            axes.set_axis_off()
        figure.text(0.5, -0.62 / (rows * _HEIGHT), "episode", fontsize=9, ha="center", va="top")
    return figure


def _finish(axes: Axes, title: str, points: Numbers, *, several: bool) -> None:
    tidy_panel(axes, title)
    axes.set_xlim(points[0], max(points[-1], points[0] + 1))
    if several:
        axes.legend(
            loc="upper left",
            bbox_to_anchor=(0, -0.13),
            ncols=2,
            columnspacing=1.0,
            fontsize=7,
            frameon=False,
            borderpad=0,
            handlelength=2.0,
            labelspacing=0.2,
        )


def selection_network(count: Numbers, cooperation: Numbers, agents: Sequence[str], least: float) -> Figure:
    """Who chooses whom in one match: an arrow where that is this share of the member's choices or more.

    `count` is [chooser, chosen]. The wider an arrow, the larger the share of the chooser's choices; the larger a
    member, the more often it is chosen; its colour is its `cooperation` [member].
    """
    share = count / np.maximum(count.sum(1, keepdims=True), 1)
    drawn = np.where(share >= least, share, 0.0)
    place = _places(share)
    size = 60 + 420 * share.sum(0) / max(float(share.sum(0).max()), 1e-9)
    colours = matplotlib.colormaps["cividis"]
    with matplotlib.rc_context(style()):
        figure = Figure(figsize=(_SIDE, _SIDE), facecolor="none")
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), facecolor="none")
        for one, other in np.argwhere(drawn > 0).tolist():
            axes.add_patch(
                FancyArrowPatch(
                    tuple(place[one]),
                    tuple(place[other]),
                    arrowstyle="-|>",
                    mutation_scale=5 + 8 * drawn[one, other],
                    connectionstyle=f"arc3,rad={SPLIT}",
                    shrinkA=np.sqrt(size[one]) / 2,
                    shrinkB=np.sqrt(size[other]) / 2,
                    linewidth=_LEAST + 4 * drawn[one, other],
                    color=INK,
                    alpha=0.45,
                )
            )
        dots = axes.scatter(
            place[:, 0],
            place[:, 1],
            s=size,
            c=np.nan_to_num(cooperation),
            cmap=colours,
            vmin=0,
            vmax=1,
            edgecolors=INK,
            zorder=3,
        )
        if len(set(agents)) > 1:
            for where, name, area in zip(place.tolist(), short_labels(agents), size, strict=True):
                gap = (0, -np.sqrt(area) / 2 - 2)
                axes.annotate(
                    name,
                    where,
                    gap,
                    textcoords="offset points",
                    fontsize=8,
                    ha="center",
                    va="top",
                    zorder=4,
                    bbox={"facecolor": PAPER, "edgecolor": "none", "alpha": 0.7, "pad": 0.6},
                )
        axes.margins(0.12)
        axes.set_axis_off()
        bar = figure.colorbar(dots, cax=figure.add_axes((1.02, 0.35, 0.022, 0.3)))
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8, length=2)
        bar.set_label("cooperation", fontsize=9)
    return figure


def _places(share: Numbers) -> NDArray[np.float64]:
    """Where members are drawn [member, 2]: those who choose each other often are close to each other."""
    members = len(share)
    graph = nx.from_numpy_array(share + share.T + HELD / members)
    start = nx.circular_layout(graph)
    apart = 2.2 / np.sqrt(members)
    found = nx.spring_layout(graph, pos=start, weight="weight", k=apart, iterations=300, seed=0)
    return np.array([found[node] for node in range(len(share))])


def selection_matrix(table: pd.DataFrame) -> Figure:
    """How often a type (row) chooses another (column); `table` has the columns of `selections`, one population."""
    names = list(dict.fromkeys(table["agent"].astype(str)))
    by_lot = bool(table["times"].notna().any())
    wide = table.pivot(index="agent", columns="opponent", values="times" if by_lot else "share")
    values = wide.reindex(index=names, columns=names).to_numpy(np.float64)
    label = "times as often as by lot" if by_lot else "share of its choices"
    return heatmap(values, names, label, colours="cividis", limits=(0.0, max(1.0, float(np.nanmax(values)))))
