"""The figure of partner choice: how often each chooser stays with each candidate."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from .figures import annotate, style, ticks, tidy

WIDEST = 9.0
"""Inches of a figure with many candidates."""
NUMBERED = 32
"""Cells show their numbers up to this many candidates."""


def choice_matrix(rates: pd.DataFrame) -> Figure:
    """Keep rates as a heat map: rows are choosers, columns candidates."""
    values = rates.to_numpy(np.float64)
    rows, columns = values.shape
    cell = float(np.clip(WIDEST / columns, 0.12, 0.46))
    width, height = max(cell * columns, 1.4), max(min(cell, 0.34) * rows, 0.5)
    with matplotlib.rc_context(style()):
        figure = Figure(figsize=(width, height), facecolor="none")
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), facecolor="none")
        cells = axes.pcolormesh(np.ma.masked_invalid(values), cmap="cividis", vmin=0.0, vmax=1.0)
        for places, names, put in (
            (*ticks([str(name) for name in rates.columns]), axes.set_xticks),
            (*ticks([str(name) for name in rates.index]), axes.set_yticks),
        ):
            put(places + 0.5, names, fontsize=8.5)
        axes.tick_params(axis="x", labelrotation=90)
        axes.set_ylim(rows, 0)
        if columns <= NUMBERED:
            annotate(axes, values, "cividis", 0.0, 1.0, min(8.0, 17 * cell))
        axes.xaxis.tick_top()
        axes.tick_params(length=0, pad=3)
        axes.spines[:].set_visible(False)
        tall = min(1.0, 1.6 / height)
        bar = figure.colorbar(cells, cax=figure.add_axes((1 + 0.14 / width, 1 - tall, 0.12 / width, tall)))
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8, length=2)
        bar.set_label("keep rate", fontsize=9)
        tidy(axes)
    return figure
