"""Pictures of populations on graphs: who is where, a pixel a site of a lattice, a dot a vertex of other graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from ..arrays import Indices, Numbers
from ..behaviour.generations import agents_of
from .curve_figures import DASHES, pens
from .evolution_figures import legend
from .figures import INK, style
from .labels import short_labels

Pixels: TypeAlias = NDArray[np.uint8]
"""[row, column, red, green, blue and alpha]."""

COLUMNS = 4
"""Pictures in a row."""
_SIDE = 1.5
"""Inches of a picture."""
_DOTS = 480
"""Pixels of the longer side of a graph's picture."""
_GAP = 0.28
"""Inches between rows of pictures, for a generation."""


def agent_colours(agents: Sequence[str]) -> Pixels:
    """A colour for each agent [agent, red, green and blue]; those that come again are paler, then darker."""
    found = []
    for pen in pens(agents).values():
        towards, by = ((0, 0.0), (255, 0.5), (0, 0.45))[DASHES.index(pen.dashes)]
        own = np.array([int(pen.colour[place : place + 2], 16) for place in (1, 3, 5)])
        found.append((own + by * (towards - own)).round())
    return np.array(found, dtype=np.uint8)


def population_picture(snapshot: pd.DataFrame, agents: Sequence[str]) -> Pixels:
    """One generation's snapshot (`x`, `y`, `agent`): a pixel a site if it is a lattice, else dots on nothing.

    It is a lattice if its places are whole numbers that fill a rectangle: `x` are columns, `y` rows from the top.
    """
    known = pd.Index(agents).get_indexer(snapshot["agent"].cat.categories)
    colours = np.column_stack((agent_colours(agents), np.full(len(agents), 255, np.uint8)))
    paint = colours[known[snapshot["agent"].cat.codes]]
    x, y = (snapshot[name].to_numpy(np.float64) for name in ("x", "y"))
    if is_lattice(x, y):
        column, row = (places.astype(np.int64) - int(places.min()) for places in (x, y))
        return _dotted(row, column, paint, 0)
    apart = _apart(x, y)
    span = max(float(np.ptp(x)), float(np.ptp(y))) or 1.0
    radius = int(np.clip(0.42 * apart / span * _DOTS, 2, 14))
    scale = (_DOTS - 2 * radius - 1) / span
    column, row = (((places - places.min()) * scale).round().astype(np.int64) for places in (x, -y))
    return _dotted(row, column, paint, radius)


def is_lattice(x: Numbers, y: Numbers) -> bool:
    """Whether these places are whole numbers that fill a rectangle."""
    if (x % 1).any() or (y % 1).any() or len(x) != (np.ptp(x) + 1) * (np.ptp(y) + 1):
        return False
    return len(np.unique((x - x.min()) * (np.ptp(y) + 1) + y - y.min())) == len(x)


def _apart(x: Numbers, y: Numbers) -> float:
    """How far a vertex is from the next, as a rule."""
    from scipy.spatial import KDTree

    places = np.column_stack((x, y))
    nearest: Numbers = np.asarray(KDTree(places).query(places[:: max(1, len(places) // 1000)], k=[2])[0])
    return float(np.median(nearest))


def _dotted(row: Indices, column: Indices, paint: Pixels, radius: int) -> Pixels:
    """Dots of this radius; of radius 0 they are pixels."""
    pixels = np.zeros((int(row.max()) + 2 * radius + 1, int(column.max()) + 2 * radius + 1, 4), np.uint8)
    down, right = np.indices((2 * radius + 1, 2 * radius + 1))
    inside = (down - radius) ** 2 + (right - radius) ** 2 <= (radius + 0.3) ** 2
    for below, beside in zip(down[inside].tolist(), right[inside].tolist(), strict=True):
        pixels[row + below, column + beside] = paint
    return pixels


def lattice_snapshots(snapshots: pd.DataFrame, agents: Sequence[str]) -> Figure:
    """Who is where in one population, a picture for each generation there is.

    Colours are those of `agents` in other figures; the legend has those who are anywhere to be seen.
    """
    shown = np.unique(snapshots["generation"]).tolist()
    pictures = [population_picture(snapshots[snapshots["generation"] == one], agents) for one in shown]
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    tall, wide = pictures[0].shape[:2]
    height = _SIDE * float(np.clip(tall / wide, 0.2, 2))
    with matplotlib.rc_context(style()):
        size = ((1.06 * columns - 0.06) * _SIDE, rows * (height + _GAP) - _GAP)
        figure = Figure(figsize=size, facecolor="none")
        space = {"left": 0, "right": 1, "bottom": 0, "top": 1, "wspace": 0.06, "hspace": _GAP / height}
        grid = figure.subplots(rows, columns, squeeze=False, gridspec_kw=space)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, picture, generation in zip(grid.flat, pictures, shown, strict=False):
            sites = picture[..., 3].all()  # one pixel each, whatever the size; dots are round
            axes.imshow(picture, interpolation="none" if sites else "antialiased", aspect="auto")
            said = f"generation {generation:,}" if len(shown) == 1 or generation == shown[0] else f"{generation:,}"
            axes.text(0.5, -0.05 / height, said, ha="center", va="top", fontsize=8.5, transform=axes.transAxes)
        here = set(agents_of(snapshots))
        looks = zip(agents, short_labels(agents), (agent_colours(agents) / 255).tolist(), strict=True)
        handles = [
            Patch(facecolor=colour, edgecolor=INK, linewidth=0.3, label=label)
            for agent, label, colour in looks
            if agent in here
        ]
        legend(figure, handles)
    return figure
