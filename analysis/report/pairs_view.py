"""The view of a heat map: rows and columns sort as a reader likes, and each cell says what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import pandas as pd

from ..arrays import Indices, Numbers
from .drawing import View
from .figures import ANNOTATED, NAMED, light, spread, ticks
from .labels import short_labels
from .tables import decimals, one_line
from .views import TELLING, choice, rounded

MOST_SHAPES = 5000
"""With more cells a canvas is drawn faster than SVG."""
_WIDTH, _CELL, _SMALLEST = 900.0, 42.0, 5.0
"""Pixels: of a heat map at most if its cells can be small enough; of a cell, at most and at least."""
_SCALE: Mapping[str, object] = {"orient": "top", "gradientLength": 160, "gradientThickness": 10, "titleLimit": 240}


def orders(
    ranking: pd.DataFrame, values: Numbers, scores: Mapping[str, Numbers] | None = None
) -> dict[str, Indices]:
    """Ways to sort the agents of a ranking, by what a reader calls them: each a permutation, the most first.

    By payoff (the ranking itself), cooperation, the `scores` [agent], name, and so that agents with like payoffs
    `values` [agent, opponent] stand side by side.
    """
    found = {"payoff": np.arange(len(ranking))}
    cooperation = ranking["cooperation"].to_numpy(np.float64)
    for name, score in {"cooperation": cooperation, **(scores or {})}.items():
        if not np.isnan(score).all():
            found[name] = np.argsort(-score, kind="stable")
    found["name"] = np.argsort(ranking["agent"].astype(str).str.casefold().to_numpy(), kind="stable")
    if len(ranking) > 2:
        found["likeness of payoffs"] = clustered(values)
    return found


def clustered(values: Numbers) -> Indices:
    """Agents so that those with like rows and columns of `values` [agent, opponent] stand side by side.

    By hierarchical clustering on mean distances, leaves ordered so that neighbours are nearest (Bar-Joseph et al.
    2001), and of the two ways round the one that is nearer to the order given.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage  # takes a while to import

    profile = np.hstack((values, values.T))
    centred = profile - np.nanmean(profile) if np.isfinite(profile).any() else profile
    filled = np.nan_to_num(centred)
    leaves = np.asarray(leaves_list(linkage(filled, "average", optimal_ordering=True)), dtype=np.int64)
    places = np.arange(len(leaves))
    return leaves if leaves @ places >= leaves[::-1] @ places else leaves[::-1].copy()


def pairs_view(
    agents: Sequence[str],
    columns: Mapping[str, Numbers],
    order: Mapping[str, Indices],
    *,
    colours: str = "viridis",
    limits: tuple[float, float] | None = None,
) -> View:
    """A heat map of pairs; rows and columns sort by any of `order`, and each cell tells all `columns` of it.

    A column is [agent, opponent], NaN where unknown; the first is the colour.
    """
    size = len(agents)
    label, values = next(iter(columns.items()))
    low, high = limits or spread(values)
    step = min(_CELL, max(_SMALLEST, _WIDTH / size))
    labels: dict[str, object] = {"labelExpr": "labels[at[order][datum.value]]", "labelFontSize": min(11.0, step)}
    if size > NAMED:
        labels = {"values": ticks(agents)[0].tolist(), "labelExpr": "datum.value + 1", "labelFontSize": 10}
    axis = {**labels, "title": None, "labelOverlap": False}
    places = {"scale": {"domain": list(range(size)), "padding": 0}, "type": "ordinal"}
    shade = {"scheme": colours, "domain": [low, high]}
    encoding: dict[str, object] = {
        "x": {"field": "x", **places, "axis": {**axis, "orient": "top", "labelAngle": -90}},
        "y": {"field": "y", **places, "axis": axis},
    }
    drawn_as_canvas = size**2 > MOST_SHAPES
    cell = {
        "mark": {"type": "rect", "aria": not drawn_as_canvas, **TELLING},
        "encoding": {
            "color": {"field": label, "type": "quantitative", "scale": shade, "legend": _SCALE},
            **({} if drawn_as_canvas else {"description": {"field": "said"}}),
        },
    }
    number = {
        "mark": {"type": "text", "fontSize": 10.5, "aria": False, **TELLING},
        "encoding": {
            "text": {"field": label, "format": ".2f" if max(abs(low), abs(high)) < 100 else ".0f"},
            "color": {
                "condition": {"test": f"datum['{label}'] > {_turn(colours, low, high)}", "value": "#111111"},
                "value": "#ffffff",
            },
        },
    }
    said = f"datum.agent + ' against ' + datum.against + ': ' + datum['{label}']"
    spec = {
        "usermeta": {"canvas": drawn_as_canvas, "told": {name: name for name in ("agent", "against", *columns)}},
        "data": {"name": "pairs"},
        "params": [
            choice("order", "Sort by", {name: name for name in order}),
            {"name": "names", "value": [one_line(agent) for agent in agents]},
            {"name": "labels", "value": short_labels(agents)},
            {"name": "at", "value": {name: which.tolist() for name, which in order.items()}},
            {"name": "place", "value": {name: np.argsort(which).tolist() for name, which in order.items()}},
        ],
        "transform": [
            {"window": [{"op": "row_number", "as": "cell"}]},
            {"calculate": f"floor((datum.cell - 1) / {size})", "as": "row"},
            {"calculate": f"(datum.cell - 1) % {size}", "as": "column"},
            {"filter": f"isValid(datum['{label}'])"},
            {"calculate": "names[datum.row]", "as": "agent"},
            {"calculate": "names[datum.column]", "as": "against"},
            *([] if drawn_as_canvas else [{"calculate": said, "as": "said"}]),
            {"calculate": "place[order][datum.row]", "as": "y"},
            {"calculate": "place[order][datum.column]", "as": "x"},
        ],
        "width": {"step": step},
        "height": {"step": step},
        "encoding": encoding,
        "layer": [cell, number] if size <= ANNOTATED else [cell],
    }
    shown = {}
    for name, column in columns.items():
        digits = decimals(column.ravel().tolist())
        shown[name] = rounded(column.ravel(), digits if name == label else digits - 1)
    return View(spec, {"pairs": shown})


def _turn(colours: str, low: float, high: float) -> float:
    """The value from which on black is read better than white, of colours that grow lighter."""
    values = np.linspace(low, high, 256)
    return float(values[int(np.argmax(light(matplotlib.colormaps[colours](np.linspace(0, 1, 256)))))])
