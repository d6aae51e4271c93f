"""Views: what figures become where scripts run, as specifications of Vega-Lite with their data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ..arrays import Numbers
from .curve_figures import pens
from .drawing import View
from .figures import ACCENT
from .labels import short_labels
from .tables import decimals, one_line

TELLING: dict[str, object] = {"tooltip": {"content": "data"}}
"""Of marks that tell what they show: of the columns those that `told` names, in a reader's words."""


def rounded(values: Numbers, places: int | None = None) -> list[float | int | None]:
    """Numbers as short as they are shown, None where unknown; by default four digits of the largest."""
    kept = np.round(values, decimals(values.ravel().tolist()) if places is None else places) + 0.0
    known = np.isfinite(kept).tolist()
    return [
        (int(value) if value == int(value) else value) if ok else None
        for value, ok in zip(kept.tolist(), known, strict=True)
    ]


def choice(name: str, label: str, options: Mapping[str, object]) -> dict[str, object]:
    """A choice that a reader has beside the figure, the first to begin with: words -> value."""
    words, values = list(options), list(options.values())
    bind = {"input": "select", "options": values, "labels": words, "name": f"{label} "}
    return {"name": name, "value": values[0], "bind": bind}


def ranking_view(ranking: pd.DataFrame) -> View:
    """Payoffs with both intervals, best on top."""
    ranking = ranking[ranking["payoff"].notna()]
    agents = [str(agent) for agent in ranking["agent"]]
    places = decimals(ranking["payoff"])
    numbers = ("payoff", "fixed_low", "fixed_high", "low", "high")
    step = 18 if len(agents) <= 60 else 12
    names: dict[str, object] = {"labelExpr": "labels[datum.value]", "labelFontSize": min(11, step - 2)}
    payoff = {"type": "quantitative", "scale": {"zero": False}}
    intervals = [
        {
            "transform": [{"filter": f"isValid(datum.{name}low)"}],
            "mark": TELLING
            | {"type": "rule", "strokeWidth": width, "color": ACCENT, "opacity": 0.8, "aria": False},
            "encoding": {"x": {"field": f"{name}low", **payoff}, "x2": {"field": f"{name}high"}},
        }
        for name, width in (("", 1.2), ("fixed_", 4))
    ]
    unknown = {"test": "!isValid(datum.low) && !isValid(datum.fixed_low)", "value": "transparent"}
    point = {
        "mark": {"type": "point", "size": 45, "color": ACCENT, "opacity": 1, **TELLING},
        "encoding": {
            "x": {"field": "payoff", **payoff},
            "fill": {"condition": unknown, "value": ACCENT},
            "description": {"field": "said"},
        },
    }
    spec = {
        "usermeta": {"told": {name: name for name in ("agent", "payoff", "same field", "other partners")}},
        "data": {"name": "ranking"},
        "params": [{"name": "labels", "value": short_labels(agents)}],
        "transform": [
            {"window": [{"op": "row_number", "as": "place"}]},
            {"calculate": "datum.place - 1", "as": "place"},
            {"calculate": _interval("fixed_low", "fixed_high"), "as": "same field"},
            {"calculate": _interval("low", "high"), "as": "other partners"},
            {"calculate": "datum.agent + ': ' + datum.payoff", "as": "said"},
        ],
        "width": "container",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "height": step * len(agents),
        "encoding": {
            "y": {"field": "place", "type": "ordinal", "axis": {"title": None, "labelOverlap": False, **names}},
            "x": {**payoff, "axis": {"title": "payoff per round", "tickCount": 8}},
        },
        "layer": [*intervals, point],
    }
    data: dict[str, Sequence[object]] = {"agent": [one_line(agent) for agent in agents]}
    data |= {name: rounded(ranking[name].to_numpy(np.float64), places) for name in numbers}
    return View(spec, {"ranking": data})


def _interval(low: str, high: str) -> str:
    """An interval in words, as Vega's expression."""
    words = f"datum.{low} === datum.{high} ? 'exact' : datum.{low} + ' to ' + datum.{high}"
    return f"isValid(datum.{low}) ? ({words}) : null"


def shares_view(shares: pd.DataFrame) -> View:
    """Mean shares [generation, agent], the first agent lowest, in the colours of the still figure."""
    names = [str(name) for name in shares]
    fields = [f"share {place}" for place in range(len(names))]
    colours = [pen.colour for pen in pens(names).values()]
    time = {
        "field": "generation",
        "type": "quantitative",
        "axis": {"title": "generation", "grid": False, "tickCount": 8},
    }
    share = {"field": "share", "type": "quantitative", "stack": "zero", "scale": {"domain": [0, 1]}}
    colour = {
        "field": "place",
        "type": "nominal",
        "scale": {"domain": list(range(len(names))), "range": colours},
        "legend": {"title": None, "orient": "top", "columns": 4, "labelExpr": "labels[datum.value]"},
    }
    area = {
        "transform": [
            {"fold": fields, "as": ["key", "share"]},
            {"calculate": "toNumber(split(datum.key, ' ')[1])", "as": "place"},
        ],
        "mark": {"type": "area", "aria": False, "tooltip": None},
        "encoding": {"x": time, "y": share, "color": colour, "order": {"field": "place"}},
    }
    hover = {
        "mark": {"type": "rule", "strokeWidth": 8, "opacity": 0, "aria": False, **TELLING},
        "encoding": {"x": time},
    }
    spec = {
        "usermeta": {"told": {"generation": "generation", **dict(zip(fields, map(one_line, names), strict=True))}},
        "data": {"name": "shares"},
        "params": [{"name": "labels", "value": short_labels(names)}],
        "width": "container",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "height": 260,
        "layer": [area, hover],
    }
    columns = shares.to_numpy(np.float64).T
    data: dict[str, Sequence[object]] = {"generation": shares.index.tolist()}
    data |= {field: rounded(column, 4) for field, column in zip(fields, columns, strict=True)}
    return View(spec, {"shares": data})
