"""Schelling diagrams: a panel for each pair of a cooperator and a defector."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .curve_figures import COLOURS, tidy_panel
from .figures import INK, PAPER, style
from .labels import short

PANELS = 12
"""Pairs that are drawn; the table has all."""
_COLUMNS, _WIDTH, _HEIGHT = 3, 3.4, 2.5
"""Panels in a row at most, and inches of each."""
_LINES = (("c_payoff", "cooperator", COLOURS[0], "o", "-"), ("d_payoff", "defector", COLOURS[1], "s", "--"))


def schelling_plot(table: pd.DataFrame) -> Figure:
    """What a cooperator and a defector earn by the number of other cooperators, with 95 % intervals.

    `table` is that of the chapter; its first pairs are drawn, all on the same axes.
    """
    pairs = [part for _, part in table.groupby(["cooperator", "defector", "beside"], sort=False)][:PANELS]
    columns = min(_COLUMNS, len(pairs))
    rows = -(-len(pairs) // columns)
    with matplotlib.rc_context(style()):
        figure = Figure(figsize=(columns * _WIDTH, rows * _HEIGHT), facecolor="none")
        space = {"left": 0, "right": 1, "bottom": 0, "top": 1, "wspace": 0.08, "hspace": 0.42}
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False, gridspec_kw=space)
        for axes, part in zip(grid.flat, pairs, strict=False):
            _panel(axes, part)
        for axes in list(grid.flat)[len(pairs) :]:
            axes.set_axis_off()
        for axes in list(grid.flat)[len(pairs) - columns : len(pairs)]:
            axes.tick_params(labelbottom=True)
        height, width = figure.get_figheight(), figure.get_figwidth()
        figure.text(0.5, -0.26 / height, "other cooperators", fontsize=9, ha="center", va="top")
        label = "payoff per round"
        figure.text(-0.45 / width, 0.5, label, fontsize=9, ha="right", va="center", rotation=90)
    return figure


def _panel(axes: Axes, part: pd.DataFrame) -> None:
    others = part["other_cooperators"].to_numpy(np.float64)
    for name, role, colour, marker, dashes in _LINES:
        payoff, low, high = (part[f"{name}{end}"].to_numpy(np.float64) for end in ("", "_low", "_high"))
        known = np.isfinite(payoff)
        axes.vlines(others, low, high, color=colour, linewidth=2.6, alpha=0.45)
        axes.plot(
            others[known],
            payoff[known],
            color=colour,
            linestyle=dashes,
            linewidth=1.5,
            marker=marker,
            markersize=5,
            markerfacecolor=PAPER if role == "defector" else colour,
            label=short(str(part[role].iloc[0]), 22),
        )
    axes.set_xlim(-0.3, others.max() + 0.3)
    beside = str(part["beside"].iloc[0])
    tidy_panel(axes, "")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    title = f"beside {short(beside)}" if beside else None
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 0.97),
        ncols=2,
        fontsize=8,
        frameon=False,
        labelcolor=INK,
        title=title,
        title_fontsize=8,
        alignment="left",
        borderaxespad=0,
        handlelength=2.4,
        columnspacing=1.2,
    )
