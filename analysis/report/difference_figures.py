"""Figures of differences between two runs: a dot and its interval for each agent."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from .figures import ACCENT, INK, NAMED, figure_svg, fit, inline, style, ticks, tidy


def difference_plot(differences: pd.DataFrame, label: str) -> Figure:
    """The rows of one environment and measure of `run_differences`, in their order; hollow without an interval."""
    size = len(differences)
    step = 0.24 if size <= 60 else 0.15 * min(1, NAMED / size)
    place = np.arange(size)
    value, low, high = (differences[name].to_numpy(np.float64) for name in ("difference", "low", "high"))
    known = ~np.isnan(low)
    with matplotlib.rc_context(style()):
        figure = Figure(figsize=(6.6, step * size + 0.1), facecolor="none")
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), facecolor="none")
        marker = 5.0 if size <= 60 else 3.5 if size <= NAMED else 1.8
        axes.axvline(0, color=INK, linewidth=0.9)
        axes.hlines(place[known], low[known], high[known], color=ACCENT, linewidth=1.6, alpha=0.75)
        axes.plot(value[known], place[known], "o", color=ACCENT, markersize=marker)
        axes.plot(value[~known], place[~known], "o", color=ACCENT, markersize=marker, fillstyle="none")
        marked, names = ticks([str(agent) for agent in differences["agent"]])
        axes.set_yticks(marked, names, fontsize=9 if size <= 60 else 7)
        axes.set_ylim(size - 0.4, -0.6)
        axes.margins(x=0.04)
        axes.grid(axis="x", color=INK, alpha=0.15, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(axis="both", length=0, pad=5)
        axes.tick_params(axis="x", labelsize=8.5)
        axes.spines[:].set_visible(False)
        axes.set_xlabel(label, fontsize=9)
        tidy(axes)
    return figure


def difference_svg(differences: pd.DataFrame, label: str, name: str, title: str) -> Markup:
    """The figure as an element of a page, with ids that begin with `name`."""
    figure = fit(difference_plot(differences, label))
    return Markup(inline(figure_svg(figure, name), name, title))  # labels are escaped
