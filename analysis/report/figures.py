"""Figures: payoffs and cooperation of each pair, and the ranking with its intervals.

Figures are matplotlib `Figure` objects outside the global state of pyplot; `figure_svg` and `pdf` render them
reproducibly.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.transforms import Affine2D

from ..arrays import Flags, Indices, Numbers
from . import fonts
from .labels import short_labels

INK = "#1a1c1f"
"""The colour of text and lines; in a page it is replaced by the colour of the page's text."""
PAPER = "#fefefe"
"""The fill of what is hollow; in a page it is replaced by the colour of the page."""
ACCENT = "#2f73b5"
ANNOTATED = 25
"""The cells of a heatmap show their numbers up to this many agents."""
NAMED = 120
"""With more agents a figure does not grow further, and ranks replace names."""
_VECTOR = 60
"""With more agents a heatmap is a picture: one pixel a cell instead of one shape."""
LEGIBLE = 9.0
"""Pixels of the smallest text; in a narrower page a figure scrolls."""
_DPI = 160
"""Resolution of rasterised parts."""
_STYLE: dict[Any, Any] = {  # matplotlib's stubs enumerate the keys
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica", "sans-serif"],
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "text.parse_math": False,
    "axes.unicode_minus": False,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}


def style() -> dict[Any, Any]:
    """matplotlib's settings for all figures, with the fonts of this machine."""
    return {**_STYLE, "font.family": [*fonts.families(), "sans-serif"]}


def square(table: pd.DataFrame, agents: Sequence[str], column: str) -> Numbers:
    """A column of one environment's payoff table [agent, opponent]: means over seats and k, NaN if not met."""
    index = pd.Index(agents)
    values = table[column].to_numpy(np.float64)
    row = index.get_indexer(pd.Index(table["agent"].astype(str)))
    known = ~np.isnan(values) & (row >= 0)
    at = row * len(index) + index.get_indexer(pd.Index(table["opponent"].astype(str)))
    count = np.bincount(at[known], minlength=len(index) ** 2)
    total = np.bincount(at[known], values[known], len(index) ** 2)
    mean = np.where(count > 0, total / count.clip(1), np.nan)
    return np.asarray(mean, dtype=np.float64).reshape(len(index), len(index))


def heatmap(
    values: Numbers,
    agents: Sequence[str],
    label: str,
    *,
    colours: str = "viridis",
    limits: tuple[float, float] | None = None,
) -> Figure:
    """A heatmap: rows are agents, columns their opponents, both in the order given."""
    size = len(agents)
    cell = min(0.46, max(0.085, 9 / size), 0.085 * NAMED / size)
    side = max(cell * size, 1.4)
    with matplotlib.rc_context(style()):
        figure = Figure(figsize=(side, side), facecolor="none")
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), facecolor="none")
        font = min(9.0, 68 * cell) if size <= NAMED else 8.0
        cells = draw_pairs(axes, values, agents, colours=colours, limits=limits, font=font, numbers=17 * cell)
        axes.xaxis.tick_top()
        axes.tick_params(length=0, pad=3)
        axes.spines[:].set_visible(False)
        width = min(0.16, side * 0.08)
        tall = min(1.0, 3.4 / side)
        bar_axes = figure.add_axes((1 + 0.14 / side, 1 - tall, width / side, tall))
        bar = figure.colorbar(cells, cax=bar_axes)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8, length=2)
        bar.set_label(label, fontsize=9)
        tidy(axes)
    return figure


def draw_pairs(
    axes: Axes,
    values: Numbers,
    agents: Sequence[str],
    *,
    colours: str = "viridis",
    limits: tuple[float, float] | None = None,
    font: float | None = None,
    numbers: float = 8.0,
) -> ScalarMappable:
    """The cells of a heatmap and the names beside them; a picture of one pixel a cell if there are many.

    `font` is the size of names, matplotlib's own if None, and `numbers` that of the numbers in few cells.
    """
    values = np.where(np.isfinite(values), values, np.nan)
    size, known = len(agents), np.ma.masked_invalid(values)
    low, high = limits or spread(values)
    cells: ScalarMappable
    if size > _VECTOR:
        look: dict[str, Any] = {"interpolation": "none", "aspect": "auto", "extent": (0, size, size, 0)}
        cells = axes.imshow(known, cmap=colours, vmin=low, vmax=high, **look)
    else:
        cells = axes.pcolormesh(known, cmap=colours, vmin=low, vmax=high)
    places, names = ticks(agents)
    axes.set_xticks(places + 0.5, names, rotation=90, fontsize=font)
    axes.set_yticks(places + 0.5, names, fontsize=font)
    axes.set_xlim(0, size)
    axes.set_ylim(size, 0)
    if size <= ANNOTATED:
        annotate(axes, values, colours, low, high, numbers)
    return cells


def annotate(axes: Axes, values: Numbers, colours: str, low: float, high: float, font: float) -> None:
    """Write each cell's number in it, dark on light and light on dark."""
    dark_ink = light(matplotlib.colormaps[colours]((values - low) / (high - low)))
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            colour = "#111111" if dark_ink[row, column] else "#ffffff"
            text = f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"
            axes.text(column + 0.5, row + 0.5, text, color=colour, fontsize=font, ha="center", va="center")


def light(fill: Numbers) -> Flags:
    """Whether black is read better than white on colours [..., RGBA]."""
    return np.asarray(fill[..., :3] ** 2.2 @ (0.2126, 0.7152, 0.0722) > 0.18, dtype=np.bool_)


def spread(values: Numbers) -> tuple[float, float]:
    """The smallest and largest value, widened if they are equal."""
    known = values[~np.isnan(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return (low, high) if high - low > 1e-9 else (low - 0.5, high + 0.5)


def ranking_plot(ranking: pd.DataFrame) -> Figure:
    """One environment's payoffs, as `draw_ranking` has them, in a figure as tall as there are agents."""
    size = int(ranking["payoff"].notna().sum())
    step = 0.24 if size <= 60 else 0.15 * min(1, NAMED / size)
    height = step * size + 0.1
    with matplotlib.rc_context(style()):
        figure = Figure(figsize=(6.6, height), facecolor="none")
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), facecolor="none")
        marker = 5.0 if size <= 60 else 3.5 if size <= NAMED else 1.8
        draw_ranking(axes, ranking, marker=marker, font=9 if size <= 60 else 7)
        axes.grid(axis="x", color=INK, alpha=0.15, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(axis="both", length=0, pad=5)
        axes.tick_params(axis="x", labelsize=8.5)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("payoff per round, with 95 % intervals: same field, other partners", fontsize=9)
    return figure


def draw_ranking(axes: Axes, ranking: pd.DataFrame, *, marker: float = 5.0, font: float | None = None) -> None:
    """Mean payoffs, best on top. Thick lines are intervals in the same field, thin ones with other partners.

    Markers are hollow if there is no interval. `font` is the size of names, matplotlib's own if None.
    """
    ranking = ranking[ranking["payoff"].notna()]
    place = np.arange(len(ranking))
    payoff = ranking["payoff"].to_numpy(np.float64)
    unknown = ranking[["low", "fixed_low"]].isna().all(axis=1).to_numpy()
    for name, width in (("", 1.0), ("fixed_", 3.0)):
        low, high = (ranking[f"{name}{end}"].to_numpy(np.float64) for end in ("low", "high"))
        drawn = ~np.isnan(low)
        axes.hlines(place[drawn], low[drawn], high[drawn], color=ACCENT, linewidth=width, alpha=0.75)
    axes.plot(payoff[~unknown], place[~unknown], "o", color=ACCENT, markersize=marker)
    axes.plot(payoff[unknown], place[unknown], "o", color=ACCENT, markersize=marker, fillstyle="none")
    marked, names = ticks([str(agent) for agent in ranking["agent"]])
    axes.set_yticks(marked, names, fontsize=font)
    axes.set_ylim(len(ranking) - 0.4, -0.6)


def ticks(agents: Sequence[str]) -> tuple[Indices, list[str]]:
    """Positions and labels of the ticks of an axis of agents: names, or ranks if there are many agents."""
    size = len(agents)
    if size <= NAMED:
        return np.arange(size), short_labels(agents)
    step = next(step for step in (10, 20, 25, 50, 100, 200, 250, 500, size) if size / step <= NAMED / 4)
    places = np.append(0, np.arange(step, size + 1, step) - 1)
    return places, [str(place + 1) for place in places.tolist()]


def fit(figure: Figure) -> Figure:
    """The figure, cropped to its content.

    Done once: with `bbox_inches="tight"`, `savefig` would lay out and draw the figure twice for every file.
    """
    with matplotlib.rc_context(style()):
        figure.canvas = FigureCanvasSVG(figure)
        with fonts.without_missing(figure, fonts.WIDE):
            box = figure.get_tightbbox().padded(0.05)
        # From relative coordinates of the old figure to those of the new one.
        width, height = figure.get_size_inches()
        place = Affine2D().scale(width, height).translate(-box.x0, -box.y0).scale(1 / box.width, 1 / box.height)
        for axes in figure.axes:
            axes.set_position(axes.get_position().transformed(place))
        for text in figure.texts:
            x, y = place.transform(text.get_position())
            text.set_position((x, y))
        for legend in figure.legends:
            anchor = legend.get_bbox_to_anchor().transformed(figure.transFigure.inverted() + place)
            legend.set_bbox_to_anchor((anchor.x0, anchor.y0))
        figure.set_size_inches(box.width, box.height)
    return figure


def tidy(axes: Axes) -> None:
    """Speed up the layout: leave out artists inside the axes, and missing labels."""
    for artist in (*axes.lines, *axes.collections, *axes.texts):
        artist.set_in_layout(False)
    for axis in (axes.xaxis, axes.yaxis):
        if not axis.get_label_text():
            axis.set_label_coords(0.5, 0.5)


def figure_svg(figure: Figure, name: str) -> str:
    """The figure as a standalone SVG document; reproducible for the same figure and name."""
    file = io.StringIO()
    with matplotlib.rc_context({**style(), "svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Glyph .* missing from"
        )  # the text is in the file: browsers have more fonts
        figure.savefig(file, format="svg", dpi=_DPI, metadata={"Date": None, "Creator": None})
    return re.sub(r'(?<= d=")[^"]*', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), file.getvalue())


def inline(document: str, name: str, title: str) -> str:
    """An SVG document as an element of a page: with unique ids, the page's font and colours, and a title."""
    element = document[document.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", element, flags=re.S)
    element = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", element)
    element = re.sub(r"(font(?:-family)?: [^;\"']*?)'DejaVu Sans'[^;\"]*", r"\1sans-serif", element)
    label = title.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    element = element.replace(INK, "currentColor").replace(PAPER, "var(--paper)")
    least = f' style="min-width: {legible_width(element):.0f}px"'
    return element.replace("<svg", f'<svg role="img" aria-label="{label}"{least}', 1)


def legible_width(element: str) -> float:
    """The width in pixels at which the smallest text of an SVG element is legible, at most that of the figure."""
    found = re.search(r'<svg[^>]* width="([\d.]+)pt"', element)
    width = float(found[1]) / 72 * 96 if found else 0.0
    sizes = [float(size) / 72 * 96 for size in re.findall(r"font(?:-size)?: ([\d.]+)px", element)]
    return width * min(1.0, LEGIBLE / min(sizes, default=LEGIBLE))


def pdf(figure: Figure, path: Path) -> None:
    """Write the figure as a PDF without a date; a substitute replaces characters that no font here has."""
    with matplotlib.rc_context(style()), fonts.without_missing(figure, fonts.GONE):
        metadata = {"CreationDate": None, "Creator": None, "Producer": None}
        figure.savefig(path, format="pdf", dpi=_DPI, metadata=metadata)
