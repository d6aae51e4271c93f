"""Figures of learning: curves in small panels, and the policies that agents have at the end."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..behaviour.curves import POLICY
from .figures import INK, annotate, short, style, tidy

COLOURS = ("#3b82d0", "#d9730d", "#2f9e5f", "#d64577", "#8f68cf", "#a8801c", "#1796a6", "#7f8790")
"""Readable on white and on near-black, and distinguishable by colour-blind readers together with the dashes."""
Dashes: TypeAlias = Literal["-"] | tuple[float, tuple[float, ...]]
DASHES: tuple[Dashes, ...] = ("-", (0, (4, 1.6)), (0, (1.2, 1.4)))
PAIRS = 25
"""Up to this many panels each pair has its own; else each agent has one, with a line for each opponent."""
BANDED = 8
"""Panels with up to this many lines show bands."""
CROWD = 16
"""With more agents the lines of a panel are grey, except the mean: colours could not be distinguished."""
_WIDTH, _PANEL = 10.6, 3.6
"""Inches: of a figure at most, and of a panel at most."""
_NAME = 17
"""Letters of each agent in the title of a pair's panel."""
_TIME = "episode, or learning step in a policy game"


@dataclass(frozen=True)
class Pen:
    """How a line is drawn."""

    colour: str
    dashes: Dashes = "-"
    width: float = 1.3
    alpha: float = 1.0


@dataclass(frozen=True)
class Panel:
    """A title and, for each line, its pen and its rows of the table of curves."""

    title: str
    lines: Sequence[tuple[Pen, pd.DataFrame]]

    @property
    def banded(self) -> bool:
        """Whether the panel shows bands."""
        return len(self.lines) <= BANDED and any(line["low"].notna().any() for _, line in self.lines)


def pens(agents: Sequence[str]) -> dict[str, Pen]:
    """A colour and dashes for each agent, the same in all figures."""
    return {
        agent: Pen(COLOURS[index % len(COLOURS)], DASHES[index // len(COLOURS) % len(DASHES)])
        for index, agent in enumerate(agents)
    }


def panels(table: pd.DataFrame, agents: Sequence[str]) -> list[Panel]:
    """One environment's curves of one measure, from `learning_curves`; `agents` are all of the run, in order."""
    return _pairs(table, agents) or _by_agent(table, agents)


def curves_plot(
    panels: Sequence[Panel], agents: Sequence[str], label: str, limits: tuple[float, float] | None
) -> Figure:
    """Panels side by side, on the same axes."""
    table = pd.concat([line for panel in panels for _, line in panel.lines])
    several = (5, 4) if len(panels) > 12 else (5, 4, 3)
    columns = min(len(panels), min(several, key=lambda count: -len(panels) % count))
    rows = -(-len(panels) // columns)
    width = min(_PANEL, _WIDTH / columns) * columns
    height = 0.64 * width / columns * rows
    with matplotlib.rc_context(style()):
        figure = Figure(figsize=(width, height), facecolor="none")
        space = {"left": 0, "right": 1, "bottom": 0, "top": 1, "wspace": 0.08, "hspace": 0.26}
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False, gridspec_kw=space)
        for axes, panel in zip(grid.flat, panels, strict=False):
            _draw(axes, panel)
        for axes in list(grid.flat)[len(panels) :]:
            axes.set_axis_off()
        for axes in list(grid.flat)[len(panels) - columns : len(panels)]:
            axes.tick_params(labelbottom=True)
        grid[0, 0].set_ylim(limits or _limits(panels))
        points = table["point"]
        grid[0, 0].set_xlim(points.min(), max(points.max(), points.min() + 1))
        figure.text(0.5, -0.28 / height, _TIME, fontsize=9, ha="center", va="top")
        figure.text(-0.42 / width, 0.5, label, fontsize=9, ha="right", va="center", rotation=90)
        if len(agents) <= CROWD:
            _legend(figure, {*table["agent"], *table["opponent"]}, agents, columns)
    return figure


def measures_plot(table: pd.DataFrame, measures: Sequence[str], agents: Sequence[str]) -> Figure:
    """A panel for each measure, with a line for each agent that has it: the mean over opponents and seats."""
    pen = pens(agents)
    columns = min(4, len(measures))
    rows = -(-len(measures) // columns)
    width, height = 2.65 * columns, 1.75 * rows
    shown = table[table["measure"].isin(measures)]
    mean = shown.groupby(["measure", "agent", "point"], observed=True, sort=False)["mean"].mean().reset_index()
    with matplotlib.rc_context(style()):
        figure = Figure(figsize=(width, height), facecolor="none")
        space = {"left": 0, "right": 1, "bottom": 0, "top": 1, "wspace": 0.25, "hspace": 0.42}
        grid = figure.subplots(rows, columns, squeeze=False, gridspec_kw=space)
        for axes, measure in zip(grid.flat, measures, strict=False):
            here = mean[mean["measure"] == measure].assign(low=np.nan)
            lines = [(pen[agent], here[here["agent"] == agent]) for agent in agents if agent in set(here["agent"])]
            _draw(axes, Panel(measure.replace("_", " "), lines))
            axes.margins(x=0)
        for axes in list(grid.flat)[len(measures) :]:
            axes.set_axis_off()
        figure.text(0.5, -0.28 / height, _TIME, fontsize=9, ha="center", va="top")
        _legend(figure, set(mean["agent"]), agents, columns)
    return figure


def _draw(axes: Axes, panel: Panel) -> None:
    axes.set_facecolor("none")
    for pen, line in panel.lines:
        if panel.banded:
            axes.fill_between(line["point"], line["low"], line["high"], color=pen.colour, alpha=0.22, linewidth=0)
    for pen, line in panel.lines:
        marker = "o" if len(line) == 1 else None
        axes.plot(
            line["point"],
            line["mean"],
            color=pen.colour,
            linestyle=pen.dashes,
            linewidth=pen.width,
            alpha=pen.alpha,
            marker=marker,
            markersize=3,
        )
    axes.set_title(panel.title, fontsize=8.5, pad=3, loc="left", y=1)
    axes.tick_params(labelsize=7.5, length=0, pad=3)
    axes.locator_params(nbins=5)
    axes.grid(color=INK, alpha=0.13, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    tidy(axes)


def _limits(panels: Sequence[Panel]) -> tuple[float, float]:
    """Limits that include all means, and bands only up to half their range beyond: one wide band must not set the
    scale."""
    table = pd.concat([line for panel in panels for _, line in panel.lines])
    low, high = table["mean"].min(), table["mean"].max()
    room = 0.5 * (high - low)
    bands = [line[["low", "high"]] for panel in panels if panel.banded for _, line in panel.lines]
    if bands:
        shown = pd.concat(bands)
        low = min(low, max(shown["low"].min(), low - room))
        high = max(high, min(shown["high"].max(), high + room))
    margin = 0.03 * (high - low) or 0.5
    return low - margin, high + margin


def _legend(figure: Figure, drawn: set[str], agents: Sequence[str], columns: int) -> None:
    pen = pens(agents)
    handles = [
        Line2D([], [], linewidth=1.8, label=short(agent), color=pen[agent].colour, linestyle=pen[agent].dashes)
        for agent in agents
        if agent in drawn
    ]
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0, 1 + 0.2 / figure.get_figheight()),
        ncols=min(len(handles), 3 * columns if columns < 3 else 7),
        fontsize=8.5,
        frameon=False,
        borderpad=0,
        handlelength=2.2,
        columnspacing=1.6,
    )


def _pairs(table: pd.DataFrame, agents: Sequence[str]) -> list[Panel]:
    """A panel for each pair with both agents' lines; in an asymmetric game one for each order. [] if there are too
    many."""
    by_curve = _curves(table)
    symmetric = all(seat == "any" for _, _, seat in by_curve)
    if not symmetric and any(seat not in ("0", "1") for _, _, seat in by_curve):
        return []
    first, second = ("any", "any") if symmetric else ("0", "1")
    pen = pens(agents)
    panels = []
    for i, row in enumerate(agents):
        for column in agents[i if symmetric else 0 :]:
            both = [(pen[row], by_curve.get((row, column, first)))]
            if not symmetric or row != column:
                other = replace(pen[column], dashes=DASHES[1]) if row == column else pen[column]
                both.append((other, by_curve.get((column, row, second))))
            lines = [(with_pen, line) for with_pen, line in both if line is not None]
            title = f"{short(row, _NAME)} – {'itself' if row == column else short(column, _NAME)}"
            if lines:
                panels.append(Panel(title, lines))
    return panels if len(panels) <= PAIRS else []


def _by_agent(table: pd.DataFrame, agents: Sequence[str]) -> list[Panel]:
    """A panel for each agent, with a line for each opponent (averaged over seats); grey lines if there are many
    agents."""
    numbers = ["mean", "low", "high"]
    pooled = table.groupby(["agent", "opponent", "point"], observed=True, sort=False)[numbers].mean().reset_index()
    if len({seat for _, _, seat in _curves(table)}) > 1:
        pooled[["low", "high"]] = np.nan
    by_curve = _curves(pooled.assign(seat="any"))
    pen = pens(agents)
    crowd = len(agents) > CROWD
    panels = []
    for agent in agents:
        lines: list[tuple[Pen, pd.DataFrame]] = [
            (Pen(INK, "-", 0.7, 0.3) if crowd else pen[opponent], by_curve[agent, opponent, "any"])
            for opponent in agents
            if (agent, opponent, "any") in by_curve
        ]
        if crowd and lines:
            mean = pd.concat([line for _, line in lines]).groupby("point")["mean"].mean().reset_index()
            lines.append((Pen(pen[agent].colour, "-", 2.0), mean.assign(low=np.nan, high=np.nan)))
        if lines:
            panels.append(Panel(short(agent), lines))
    return panels


def _curves(table: pd.DataFrame) -> dict[tuple[Hashable, ...], pd.DataFrame]:
    """Each curve's rows, by (agent, opponent, seat)."""
    labels = [table[name].astype(str) for name in ("agent", "opponent", "seat")]
    return {tuple(key): part for key, part in table.groupby(labels, sort=False)}


def policies_plot(late: pd.DataFrame, agents: Sequence[str]) -> Figure:
    """For each agent, its final probability to cooperate (columns) against each opponent (rows)."""
    mean = late.groupby(["agent", "opponent"], observed=True, sort=False)[list(POLICY)].mean().dropna(how="all")
    mean.index = mean.index.map(lambda pair: (str(pair[0]), str(pair[1])))
    present = {agent: [other for other in agents if (agent, other) in mean.index] for agent in agents}
    present = {agent: others for agent, others in present.items() if others}
    known = [other for other in agents if any(other in others for others in present.values())]
    columns = min(len(present), 4)
    rows = -(-len(present) // columns)
    cell = 0.27
    names = [short(other) for other in known]
    width, height = columns * 2.2, rows * (cell * len(known) + 0.45)
    with matplotlib.rc_context(style()):
        figure = Figure(figsize=(width, height), facecolor="none")
        space = {"left": 0, "right": 1, "bottom": 0, "top": 1, "wspace": 0.1, "hspace": 0.45 / (cell * len(known))}
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False, gridspec_kw=space)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, agent in zip(grid.flat, present, strict=False):
            axes.set_axis_on()
            values = mean.reindex([(agent, other) for other in known]).to_numpy(np.float64)
            axes.pcolormesh(np.ma.masked_invalid(values), cmap="cividis", vmin=0, vmax=1)
            axes.set_facecolor("none")
            axes.set_yticks(np.arange(len(known)) + 0.5, names, fontsize=8)
            axes.set_xticks(np.arange(5) + 0.5, ["start", "CC", "CD", "DC", "DD"], fontsize=7.5)
            axes.tick_params(length=0, pad=2, labeltop=True, labelbottom=False)
            axes.set_ylim(len(known), 0)
            axes.spines[:].set_visible(False)
            axes.set_title(short(agent), fontsize=9, pad=16, loc="left", fontweight="bold", y=1)
            annotate(axes, values, "cividis", 0, 1, 7.5)
            tidy(axes)
    return figure
