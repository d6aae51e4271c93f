"""What a page's views are given: data to the digit that is shown, orders to sort by, and text that stays text."""

import json

import numpy as np
import pandas as pd
import pytest

from dilemma.analysis.report.curve_figures import Panel, pens
from dilemma.analysis.report.curves_view import curves_view
from dilemma.analysis.report.drawing import View
from dilemma.analysis.report.pairs_view import MOST_SHAPES, clustered, orders, pairs_view
from dilemma.analysis.report.views import ranking_view, rounded, shares_view

HOSTILE = ["</script><script>alert(1)</script>", "<!--", "a.b[0]", "'\"\\", "line\nbreak", "عبارة"]


def ranking(agents="ABC", **columns):
    size = len(agents)
    numbers = {"payoff": np.linspace(3, 1, size), "cooperation": np.linspace(0, 1, size)}
    ends = dict.fromkeys(("low", "high", "fixed_low", "fixed_high"), np.full(size, np.nan))
    return pd.DataFrame({"agent": list(agents), **numbers, **ends, **columns})


def curve(*means):
    return pd.DataFrame({"point": range(len(means)), "mean": means, "low": np.nan, "high": np.nan})


def params(view):
    return {each["name"]: each.get("value") for each in view.spec["params"]}


def test_numbers_are_as_short_as_they_are_shown():
    assert rounded(np.array([1.23456, 2.0, np.nan, -0.00001])) == [1.235, 2, None, 0]
    assert rounded(np.array([123456.7, 0.4])) == [123457, 0]
    assert rounded(np.array([0.5, 0.25]), 1) == [0.5, 0.2]


def test_agents_are_sorted_by_each_score_the_most_first_and_by_name():
    found = orders(
        ranking("bAc"), np.zeros((3, 3)), {"elo": np.array([1.0, 3.0, 2.0]), "nash": np.full(3, np.nan)}
    )
    assert {name: order.tolist() for name, order in found.items()} == {
        "payoff": [0, 1, 2],
        "cooperation": [2, 1, 0],
        "elo": [1, 2, 0],
        "name": [1, 0, 2],
        "likeness of payoffs": [0, 1, 2],
    }


def test_copies_stand_side_by_side_and_the_order_of_the_ranking_is_kept_where_it_can_be():
    kinds = np.array([0, 1, 2, 0, 1, 2])
    values = np.array([[0.0, 5, 9], [1, 6, 9], [8, 2, 0]])[np.ix_(kinds, kinds)]
    values[0, 3] = values[3, 0] = np.nan  # two that never met are alike all the same
    order = clustered(values)
    assert sorted(order.tolist()) == list(range(6))
    assert (kinds[order][::2] == kinds[order][1::2]).all()
    assert order[0] < order[-1]


def test_a_heat_map_has_the_payoffs_row_by_row_and_where_each_order_puts_an_agent():
    values = np.array([[1.23456, np.nan], [0, 5]])
    order = {"payoff": np.array([0, 1]), "name": np.array([1, 0])}
    view = pairs_view(["b", "a"], {"payoff": values, "standard error": values / 100}, order)
    assert view.data["pairs"] == {"payoff": [1.235, None, 0, 5], "standard error": [0.0123, None, 0, 0.05]}
    assert params(view)["place"] == {"payoff": [0, 1], "name": [1, 0]}
    assert params(view)["names"] == ["b", "a"]
    assert list(view.spec["usermeta"]["told"]) == ["agent", "against", "payoff", "standard error"]


def test_a_large_heat_map_is_drawn_on_a_canvas_without_numbers():
    few, many = int(MOST_SHAPES**0.5), int(MOST_SHAPES**0.5) + 1
    for size, canvas, layers in ((20, False, 2), (few, False, 1), (many, True, 1)):
        view = pairs_view(
            [f"{i}" for i in range(size)], {"payoff": np.zeros((size, size))}, {"payoff": np.arange(size)}
        )
        assert view.spec["usermeta"]["canvas"] == canvas
        assert len(view.spec["layer"]) == layers


def test_a_payoff_matrix_of_200_agents_takes_less_than_half_a_megabyte():
    size = 200
    random = np.random.default_rng(0)
    columns = {name: random.random((size, size)) * 5 for name in ("payoff", "cooperation")}
    view = pairs_view([f"agent {i}" for i in range(size)], columns, {"payoff": np.arange(size)})
    assert len(view.json()) < 500_000


def test_a_ranking_is_told_with_the_digits_of_its_payoffs():
    table = ranking("ABC", fixed_low=[2.98765, 1.9, np.nan], fixed_high=[3.0123, 2.1, np.nan])
    view = ranking_view(table)
    data = view.data["ranking"]
    assert data["agent"] == ["A", "B", "C"]
    assert data["payoff"] == [3, 2, 1]
    assert data["fixed_low"] == [2.988, 1.9, None]
    assert data["low"] == [None] * 3
    assert ranking_view(table.assign(payoff=[3, 2, np.nan])).data["ranking"]["agent"] == ["A", "B"]


def test_curves_are_those_of_each_panel_with_the_mean_as_number_minus_one():
    panels = [
        Panel("learner", curve(1, 2), {"x": curve(0, 1), "y": curve(2, 3)}),
        Panel("other", curve(5, 6), {"x": curve(5, 6)}),
    ]
    view = curves_view(panels, "payoff per round", (0, 6))
    data = pd.DataFrame(view.data["curves"])
    lines = {key: part["mean"].tolist() for key, part in data.groupby(["panel", "curve"])}
    assert lines == {(0, -1): [1, 2], (0, 0): [0, 1], (0, 1): [2, 3], (1, -1): [5, 6], (1, 0): [5, 6]}
    assert data["low"].isna().all()
    assert params(view)["opponents"] == ["x", "y"]


def test_long_curves_are_thinned_to_what_a_page_can_hold():
    long = curve(*range(1000))
    panels = [Panel(str(i), long, {str(j): long for j in range(20)}) for i in range(20)]
    data = pd.DataFrame(curves_view(panels, "payoff", (0, 1000)).data["curves"])
    assert 20 * 21 * 20 <= len(data) <= 12_000
    assert data[["point", "mean"]].drop_duplicates().shape[0] == data["point"].nunique()


def test_shares_have_the_colours_of_the_still_figure():
    names = ["a.b[0]", "b"]
    view = shares_view(pd.DataFrame([[0.25, 0.75], [1, 0]], index=[0, 10], columns=names))
    assert view.data["shares"] == {"generation": [0, 10], "share 0": [0.25, 1], "share 1": [0.75, 0]}
    colours = view.spec["layer"][0]["encoding"]["color"]["scale"]["range"]
    assert colours == [pen.colour for pen in pens(names).values()]


@pytest.mark.parametrize("make", ["ranking", "pairs", "curves", "shares"])
def test_labels_stay_text(make):
    views = {
        "ranking": lambda: ranking_view(ranking(HOSTILE)),
        "pairs": lambda: pairs_view(
            HOSTILE, {"payoff": np.ones((6, 6))}, orders(ranking(HOSTILE), np.ones((6, 6)))
        ),
        "curves": lambda: curves_view(
            [Panel(HOSTILE[0], curve(1), {o: curve(1) for o in HOSTILE})], "payoff", (0, 1)
        ),
        "shares": lambda: shares_view(pd.DataFrame([[1 / 6] * 6], columns=HOSTILE)),
    }
    text = views[make]().json()
    assert "<" not in text
    assert "alert(1)" in json.dumps(json.loads(text))


def test_what_is_not_a_number_is_refused_rather_than_written():
    with pytest.raises(ValueError, match="JSON"):
        View({}, {"data": {"column": [float("nan")]}}).json()
