"""Figures of ratings side by side: how far they agree in the order of the agents, and who moves."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..arrays import Numbers
from ..statistics.rank_correlation import kendall
from .drawing import View
from .figures import INK, NAMED, heatmap, style, ticks, tidy
from .labels import short_labels
from .tables import one_line
from .views import TELLING, choice, rounded

_PALETTE, _EXTENT = "viridis", (0.25, 0.85)
"""Colours of lines, from the first to the last agent by the first rating: readable on white and on near-black."""


def rank_agreement(ratings: pd.DataFrame) -> Numbers:
    """Kendall's tau-b between each two ratings [rating, rating], over the agents that both rate.

    1 if they order the agents alike, -1 if the other way round; NaN if one of them makes no difference.
    """
    scores = ratings.to_numpy(np.float64).T
    return np.array([[float(kendall(one, other)) for other in scores] for one in scores])


def agreement_plot(ratings: pd.DataFrame) -> Figure:
    """`rank_agreement` in numbers and colours."""
    names = [str(name) for name in ratings]
    return heatmap(rank_agreement(ratings), names, "Kendall's tau", colours="cividis", limits=(-1.0, 1.0))


def ranks(ratings: pd.DataFrame) -> pd.DataFrame:
    """Each agent's rank by each rating, 1 the highest; ties share the mean of their ranks."""
    return ratings.rank(ascending=False)


def ranks_plot(ratings: pd.DataFrame) -> Figure:
    """A line for each agent through its rank by each rating, coloured and named in the order of the first."""
    place = _by_first(ranks(ratings))
    size, names = len(place), [str(name) for name in place]
    step = 0.2 if size <= 60 else 0.1 * min(1, NAMED / size)
    colours = matplotlib.colormaps[_PALETTE](np.linspace(*_EXTENT, size)).tolist()
    with matplotlib.rc_context(style()):
        figure = Figure(figsize=(1.6 * (len(names) - 1) + 0.4, step * size + 0.1), facecolor="none")
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), facecolor="none")
        for values, colour in zip(place.to_numpy(np.float64), colours, strict=True):
            axes.plot(values, color=colour, linewidth=1.4, marker="o", markersize=3.5 if size <= 60 else 2.0)
        marked, labels = ticks([str(agent) for agent in place.index])
        axes.set_yticks(marked + 1, labels, fontsize=8.5 if size <= 60 else 6.5)
        axes.set_xticks(range(len(names)), names, fontsize=9)
        axes.xaxis.tick_top()
        axes.set_ylim(size + 0.6, 0.4)
        axes.grid(axis="x", color=INK, alpha=0.15, linewidth=0.6)
        axes.tick_params(length=0, pad=6)
        axes.spines[:].set_visible(False)
        tidy(axes)
    return figure


def ranks_view(ratings: pd.DataFrame) -> View:
    """The same lines, of which one agent's can be picked."""
    place = _by_first(ranks(ratings))
    agents, names = [str(agent) for agent in place.index], [str(name) for name in place]
    size, count = place.shape
    scores = ratings.loc[place.index].to_numpy(np.float64)
    by_rating = [rounded(column) for column in scores.T]
    data: dict[str, Sequence[object]] = {
        "rank": rounded(place.to_numpy(np.float64).ravel(), 1),
        "score": [column[agent] for agent in range(size) for column in by_rating],
    }
    labels = short_labels(agents)
    names_beside = {
        "labelExpr": "labels[datum.value - 1]",
        "values": list(range(1, size + 1)),
        "labelFontSize": 10,
    }
    y = {
        "field": "rank",
        "type": "quantitative",
        "scale": {"domain": [0.5, size + 0.5], "reverse": True, "zero": False, "nice": False},
        "axis": {"title": None, "grid": False, "labelOverlap": False, **names_beside},
    }
    x = {
        "field": "rating",
        "type": "ordinal",
        "scale": {"type": "point", "padding": 0.1},
        "axis": {"title": None, "orient": "top", "labelAngle": 0, "labelExpr": "ratings[datum.value]"},
    }
    colour = {
        "field": "agent",
        "type": "quantitative",
        "scale": {"scheme": {"name": _PALETTE, "extent": list(_EXTENT)}},
        "legend": None,
    }
    faint = {"condition": {"test": "picked === -1 || datum.agent === picked", "value": 1}, "value": 0.12}
    line = {
        "mark": {"type": "line", "strokeWidth": 1.6, "aria": False},
        "encoding": {"detail": {"field": "agent"}, "tooltip": {"field": "name"}},
    }
    point = {
        "mark": {"type": "point", "filled": True, "size": 36, **TELLING},
        "encoding": {"description": {"field": "said"}},
    }
    spec = {
        "usermeta": {"told": {"name": "agent", "by": "rating", "rank": "rank", "score": "score"}},
        "data": {"name": "ranks"},
        "params": [
            choice("picked", "Agent", {"all": -1} | {label: number for number, label in enumerate(labels)}),
            {"name": "names", "value": [one_line(agent) for agent in agents]},
            {"name": "labels", "value": labels},
            {"name": "ratings", "value": names},
        ],
        "transform": [
            {"window": [{"op": "row_number", "as": "cell"}]},
            {"calculate": f"floor((datum.cell - 1) / {count})", "as": "agent"},
            {"calculate": f"(datum.cell - 1) % {count}", "as": "rating"},
            {"filter": "isValid(datum.rank)"},
            {"calculate": "names[datum.agent]", "as": "name"},
            {"calculate": "ratings[datum.rating]", "as": "by"},
            {"calculate": "datum.name + ', ' + datum.by + ': rank ' + datum.rank", "as": "said"},
        ],
        "width": {"step": 150},
        "height": max(120, size * (18 if size <= 60 else 11)),
        "encoding": {"x": x, "y": y, "color": colour, "opacity": faint},
        "layer": [line, point],
    }
    return View(spec, {"ranks": data})


def _by_first(place: pd.DataFrame) -> pd.DataFrame:
    return place.sort_values(str(place.columns[0]), kind="stable")
