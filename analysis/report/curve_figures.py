"""Figures of learning: a panel of curves for each learner, and the policies that agents have at the end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..behaviour.curves import POLICY
from .figures import ACCENT, INK, annotate, style, tidy
from .labels import short_labels

COLOURS = ("#3b82d0", "#d9730d", "#2f9e5f", "#d64577", "#8f68cf", "#a8801c", "#1796a6", "#7f8790")
"""Readable on white and on near-black, and distinguishable by colour-blind readers together with the dashes."""
Dashes: TypeAlias = Literal["-"] | tuple[float, tuple[float, ...]]
DASHES: tuple[Dashes, ...] = ("-", (0, (4, 1.6)), (0, (1.2, 1.4)))
_WIDTH, _PANEL = 10.6, 3.6
"""Inches: of a figure at most, and of a panel at most."""
TIME = "episode, or learning step in a policy game"


@dataclass(frozen=True)
class Pen:
    """How a line is drawn."""

    colour: str
    dashes: Dashes = "-"


@dataclass(frozen=True)
class Panel:
    """The curves of one agent: rows with `point`, `mean`, `low` and `high`."""

    agent: str
    mean: pd.DataFrame
    """Over opponents."""
    opponents: Mapping[str, pd.DataFrame]


def pens(agents: Sequence[str]) -> dict[str, Pen]:
    """A colour and dashes for each agent, the same in all figures."""
    return {
        agent: Pen(COLOURS[index % len(COLOURS)], DASHES[index // len(COLOURS) % len(DASHES)])
        for index, agent in enumerate(agents)
    }


def panels(table: pd.DataFrame, mean: pd.DataFrame, agents: Collection[str]) -> list[Panel]:
    """The curves of these agents, in this order, from `learning_curves` and `mean_curves` of a measure.

    The curves with one opponent are averaged over seats.
    """
    numbers = ["mean", "low", "high"]
    pooled = table.groupby(["agent", "opponent", "point"], observed=True, sort=False)[numbers].mean().reset_index()
    if table["seat"].nunique() > 1:
        pooled[["low", "high"]] = np.nan  # the mean of intervals is none
    by_agent = {str(agent): part for agent, part in pooled.groupby("agent", observed=True)}
    means = {str(agent): part for agent, part in mean.groupby("agent", observed=True)}
    return [
        Panel(
            agent,
            means[agent],
            {str(other): part for other, part in by_agent[agent].groupby("opponent", observed=True)},
        )
        for agent in agents
        if agent in by_agent
    ]


def curves_plot(panels: Sequence[Panel], label: str, limits: tuple[float, float]) -> Figure:
    """Panels side by side, on the same axes: thick the mean with its band, thin and grey each opponent."""
    points = np.concatenate([panel.mean["point"].to_numpy(np.float64) for panel in panels])
    columns = min(len(panels), min((4, 3), key=lambda count: -len(panels) % count))
    rows = -(-len(panels) // columns)
    width = min(_PANEL, _WIDTH / columns) * columns
    height = 0.64 * width / columns * rows
    with matplotlib.rc_context(style()):
        figure = Figure(figsize=(width, height), facecolor="none")
        space = {"left": 0, "right": 1, "bottom": 0, "top": 1, "wspace": 0.08, "hspace": 0.26}
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False, gridspec_kw=space)
        titles = short_labels(panel.agent for panel in panels)
        for axes, panel, title in zip(grid.flat, panels, titles, strict=False):
            for line in panel.opponents.values() if len(panel.opponents) > 1 else ():
                _line(axes, line, Pen(INK), width=0.7, alpha=0.3)
            axes.fill_between(
                panel.mean["point"], panel.mean["low"], panel.mean["high"], color=ACCENT, alpha=0.25, linewidth=0
            )
            _line(axes, panel.mean, Pen(ACCENT), width=2.0)
            tidy_panel(axes, title)
        for axes in list(grid.flat)[len(panels) :]:
            axes.set_axis_off()
        for axes in list(grid.flat)[len(panels) - columns : len(panels)]:
            axes.tick_params(labelbottom=True)
        grid[0, 0].set_ylim(limits)
        grid[0, 0].set_xlim(points.min(), max(points.max(), points.min() + 1))
        figure.text(0.5, -0.28 / height, TIME, fontsize=9, ha="center", va="top")
        figure.text(-0.42 / width, 0.5, label, fontsize=9, ha="right", va="center", rotation=90)
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
            for agent, line in mean[mean["measure"] == measure].groupby("agent", observed=True):
                _line(axes, line, pen[str(agent)])
            tidy_panel(axes, measure.replace("_", " "))
            axes.margins(x=0)
        for axes in list(grid.flat)[len(measures) :]:
            axes.set_axis_off()
        figure.text(0.5, -0.28 / height, TIME, fontsize=9, ha="center", va="top")
        _legend(figure, set(mean["agent"]), agents, columns)
    return figure


def _line(axes: Axes, line: pd.DataFrame, pen: Pen, width: float = 1.3, alpha: float = 1.0) -> None:
    marker = "o" if len(line) == 1 else None
    axes.plot(
        line["point"],
        line["mean"],
        color=pen.colour,
        linestyle=pen.dashes,
        linewidth=width,
        alpha=alpha,
        marker=marker,
        markersize=1.5 * width + 1,
    )


def tidy_panel(axes: Axes, title: str) -> None:
    """Give a panel of curves its title, and the look of all of them."""
    axes.set_facecolor("none")
    axes.set_title(title, fontsize=9, pad=3, loc="left", y=1)
    axes.tick_params(labelsize=8, length=0, pad=3)
    axes.locator_params(nbins=5)
    axes.grid(color=INK, alpha=0.13, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    tidy(axes)


def range_of(panels: Sequence[Panel]) -> tuple[float, float]:
    """Limits that include all means, and bands only up to half their range beyond: one wide band must not set the
    scale."""
    lines = pd.concat([line["mean"] for panel in panels for line in (panel.mean, *panel.opponents.values())])
    low, high = float(lines.min()), float(lines.max())
    room = 0.5 * (high - low)
    bands = pd.concat([panel.mean[["low", "high"]] for panel in panels])
    if bands["low"].notna().any():
        low = min(low, max(float(bands["low"].min()), low - room))
        high = max(high, min(float(bands["high"].max()), high + room))
    margin = 0.03 * (high - low) or 0.5
    return low - margin, high + margin


def _legend(figure: Figure, drawn: set[str], agents: Sequence[str], columns: int) -> None:
    pen = pens(agents)
    handles = [
        Line2D([], [], linewidth=1.8, label=label, color=pen[agent].colour, linestyle=pen[agent].dashes)
        for agent, label in zip(agents, short_labels(agents), strict=True)
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
    names = short_labels(known)
    width, height = columns * 2.2, rows * (cell * len(known) + 0.45)
    with matplotlib.rc_context(style()):
        figure = Figure(figsize=(width, height), facecolor="none")
        space = {"left": 0, "right": 1, "bottom": 0, "top": 1, "wspace": 0.1, "hspace": 0.45 / (cell * len(known))}
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False, gridspec_kw=space)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, agent, title in zip(grid.flat, present, short_labels(present), strict=False):
            axes.set_axis_on()
            values = mean.reindex([(agent, other) for other in known]).to_numpy(np.float64)
            axes.pcolormesh(np.ma.masked_invalid(values), cmap="cividis", vmin=0, vmax=1)
            axes.set_facecolor("none")
            axes.set_yticks(np.arange(len(known)) + 0.5, names, fontsize=8)
            axes.set_xticks(np.arange(5) + 0.5, ["start", "CC", "CD", "DC", "DD"], fontsize=7.5)
            axes.tick_params(length=0, pad=2, labeltop=True, labelbottom=False)
            axes.set_ylim(len(known), 0)
            axes.spines[:].set_visible(False)
            axes.set_title(title, fontsize=9, pad=16, loc="left", fontweight="bold", y=1)
            annotate(axes, values, "cividis", 0, 1, 7.5)
            tidy(axes)
    return figure
