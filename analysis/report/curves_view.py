"""The view of learning curves: a panel for each learner, in which one opponent can be picked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .curve_figures import COLOURS, TIME, Panel
from .drawing import View
from .figures import ACCENT
from .labels import short_labels
from .tables import one_line
from .views import TELLING, choice, rounded

MOST_POINTS, LEAST_POINTS = 12_000, 20
"""Points of all curves at most, if each can have as few as that."""
_PANEL, _HEIGHT = 300, 170
"""Pixels of a panel: about its width, and its height."""
_PICKED = COLOURS[1]


def curves_view(panels: Sequence[Panel], label: str, limits: tuple[float, float]) -> View:
    """Thick the mean over opponents with its band, thin and grey each opponent; the picked one is coloured too.

    Curve -1 is the mean. Of long curves every so manieth point is kept.
    """
    opponents = list(dict.fromkeys(other for panel in panels for other in panel.opponents))
    curves = [
        rows.assign(panel=place, curve=number)
        for place, panel in enumerate(panels)
        for number, rows in [
            (-1, panel.mean),
            *((opponents.index(other), rows) for other, rows in panel.opponents.items()),
        ]
    ]
    points = max(LEAST_POINTS, MOST_POINTS // len(curves))
    table = pd.concat([rows.iloc[:: -(-len(rows) // points)] for rows in curves], ignore_index=True)
    numbers = table[["mean", "low", "high"]].to_numpy(np.float64).T
    values = np.reshape(np.array(rounded(numbers.ravel()), dtype=object), numbers.shape).tolist()
    data: dict[str, Sequence[object]] = {
        "panel": table["panel"].tolist(),
        "curve": table["curve"].tolist(),
        "point": rounded(table["point"].to_numpy(np.float64), 9),
        **dict(zip(("mean", "low", "high"), values, strict=True)),
    }
    x = {"field": "point", "type": "quantitative", "axis": {"title": TIME, "tickCount": 4}}
    y = {"type": "quantitative", "scale": {"domain": list(limits), "nice": False, "clamp": True}}
    mean = {"x": x, "y": {"field": "mean", **y, "axis": {"title": label, "tickCount": 4}}}
    band = {"x": x, "y": {"field": "low", **y}, "y2": {"field": "high"}}
    width = 1 + 1.2 * _PANEL / min(points, int(table.groupby(["panel", "curve"]).size().max()))
    shown = [("datum.curve === -1", ACCENT), ("datum.curve === curve && curve !== -1", _PICKED)]
    bands = [
        {
            "transform": [{"filter": which}],
            "mark": {"type": "area", "color": colour, "opacity": 0.25, "aria": False, "tooltip": None},
            "encoding": band,
        }
        for which, colour in shown
    ]
    lines = [
        {
            "transform": [{"filter": which}],
            "mark": {"type": "line", "color": colour, "strokeWidth": 2.2, "aria": False},
            "encoding": mean,
        }
        for which, colour in shown
    ]
    others = {
        "transform": [{"filter": "datum.curve !== -1"}],
        "mark": {"type": "line", "strokeWidth": 0.8, "opacity": 0.35, "aria": False},
        "encoding": {**mean, "detail": {"field": "curve"}, "tooltip": {"field": "opponent"}},
    }
    hover = {
        "transform": [{"filter": "datum.curve === curve"}],
        "mark": {"type": "rule", "strokeWidth": width, "opacity": 0, "aria": False, **TELLING},
        "encoding": {"x": x},
    }
    told = {"learner": "learner", "opponent": "against", "point": "episode or step", "mean": label}
    told["band"] = "95 % band"
    spec = {
        "usermeta": {"panel": _PANEL, "told": told},
        "data": {"name": "curves"},
        "params": [
            {"name": "labels", "value": short_labels(panel.agent for panel in panels)},
            {"name": "names", "value": [one_line(panel.agent) for panel in panels]},
            {"name": "opponents", "value": [one_line(other) for other in opponents]},
            choice(
                "curve",
                "Opponent",
                {"all": -1} | {name: place for place, name in enumerate(short_labels(opponents))},
            ),
        ],
        "transform": [
            {"calculate": "names[datum.panel]", "as": "learner"},
            {"calculate": "datum.curve === -1 ? 'all' : opponents[datum.curve]", "as": "opponent"},
            {"calculate": "isValid(datum.low) ? datum.low + ' to ' + datum.high : null", "as": "band"},
        ],
        "facet": {"field": "panel", "type": "ordinal", "header": {"labelExpr": "labels[datum.value]"}},
        "spec": {"height": _HEIGHT, "layer": [*bands, hover, others, *lines]},
    }
    return View(spec, {"curves": data})
