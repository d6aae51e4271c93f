"""The figure of a mechanism: what it allocates to whom, at several levels of the pool."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from .figures import ACCENT, INK, style, tidy

FEW = 30
"""A point that is the mean of fewer samples is left out."""
_WIDTH, _HEIGHT, _ROW = 2.5, 2.0, 3
"""Inches of a panel, and panels in a row."""


def allocations_plot(table: pd.DataFrame) -> Figure:
    """A panel for each level of the pool: the mean allocation, and the rule's, by share of what was returned.

    `table` has the columns of `by_level`, and one mechanism.
    """
    table = table[table["samples"] >= FEW] if (table["samples"] >= FEW).any() else table
    levels = list(table.groupby(["pool_from", "pool_to"], sort=True))
    rows, columns = -(-len(levels) // _ROW), min(_ROW, len(levels))
    with matplotlib.rc_context(style()):
        figure = Figure(figsize=(columns * _WIDTH, rows * _HEIGHT), facecolor="none")
        space = {"left": 0, "right": 1, "bottom": 0, "top": 1, "wspace": 0.15, "hspace": 0.4}
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False, gridspec_kw=space)
        for axes, ((low, high), part) in zip(grid.flat, levels, strict=False):
            share = part["contribution_share"].to_numpy(np.float64)
            axes.plot(share, part["rule"], color=INK, linewidth=1.0, linestyle="--", label="rule")
            axes.plot(share, part["allocated"], color=ACCENT, linewidth=1.4, marker="o", markersize=3)
            axes.set_title(f"pool {low:.0%} to {high:.0%}", fontsize=9, loc="left", color=INK)
            axes.set_xlim(0, 1)
            axes.set_ylim(-0.03, 1.03)
            axes.tick_params(labelsize=8, length=0)
            axes.grid(color=INK, alpha=0.13, linewidth=0.5)
            axes.spines[:].set_visible(False)
            axes.set_facecolor("none")
            tidy(axes)
        for axes in list(grid.flat)[len(levels) :]:
            axes.set_axis_off()
        figure.supxlabel("share of all that was returned", fontsize=9, color=INK, y=-0.16 / rows)
        figure.supylabel("share of the pool", fontsize=9, color=INK, x=-0.09)
    return figure
