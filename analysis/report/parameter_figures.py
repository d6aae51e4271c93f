"""Figures of parameters that evolve: payoff, cooperation and each parameter over the generations."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..behaviour.evolved import TENTHS, measures_of
from .figures import ACCENT, INK, style, tidy
from .labels import short

MOST = 22
"""Measures that are drawn at most: the payoffs, cooperation, and the first parameters."""
_COLUMNS, _PANEL, _HEIGHT = 4, 2.4, 1.5
"""Panels in a row, and inches of a panel."""


def parameters_plot(history: pd.DataFrame) -> Figure:
    """A panel for each measure: its median over replicates, and the range from the first to the last tenth."""
    measures = measures_of(history)[:MOST]
    tenths = history.groupby("generation")[measures].quantile(np.array(TENTHS)).unstack()
    times = tenths.index.to_numpy(np.float64)
    rows = -(-len(measures) // _COLUMNS)
    columns = min(_COLUMNS, len(measures))
    with matplotlib.rc_context(style()):
        figure = Figure(figsize=(columns * _PANEL, rows * _HEIGHT), facecolor="none")
        space = {"left": 0, "right": 1, "bottom": 0, "top": 1, "wspace": 0.28, "hspace": 0.42}
        grid = figure.subplots(rows, columns, sharex=True, squeeze=False, gridspec_kw=space)
        for axes, measure in zip(grid.flat, measures, strict=False):
            low, middle, high = tenths[measure].to_numpy(np.float64).T
            axes.fill_between(times, low, high, color=ACCENT, alpha=0.22, linewidth=0)
            axes.plot(times, middle, color=ACCENT, linewidth=1.3)
            axes.set_title(short(measure), fontsize=9, loc="left", color=INK)
            axes.tick_params(labelsize=8, length=0)
            axes.locator_params(axis="x", nbins=3)
            axes.grid(color=INK, alpha=0.13, linewidth=0.5)
            axes.spines[:].set_visible(False)
            axes.set_facecolor("none")
            tidy(axes)
        for axes in list(grid.flat)[len(measures) :]:
            axes.set_axis_off()
    return figure
