"""Results at a Python prompt: what they say of themselves, and their figures."""

from dataclasses import replace

import matplotlib
import numpy as np
import pytest

from dilemma import Tournament, open_run
from dilemma.envs.errors import DilemmaError

matplotlib.use("agg")
GAME = ["prisoners_dilemma"]


@pytest.fixture(scope="module")
def results():
    learning = {"episodes": 3, "tables": 4}
    agents = {"<b>tft</b>\n": "tit_for_tat", "d": "all_d", "q": "q_learning"}
    return Tournament(GAME, agents, repetitions=2, learning=learning, name="small").run(
        watch=lambda done, total: None
    )


def test_results_say_what_was_played_and_who_leads(tmp_path):
    two = Tournament(["prisoners_dilemma", "harmony"], ["tit_for_tat", "all_d", "random"], name="two").run(
        tmp_path / "two"
    )
    first, ipd, harmony = repr(open_run(tmp_path / "two")).splitlines()
    assert first == "two: 3 agents, 6 exact payoffs"
    best = two.mean_payoffs().set_index(["environment", "agent"])["payoff"]
    assert ipd == f"prisoners_dilemma: all_d, {best['prisoners_dilemma', 'all_d']:.4g} per round"
    assert harmony.startswith("harmony: ")


def test_results_in_a_notebook_are_a_table_that_no_label_breaks(results):
    shown = results._repr_html_()
    assert shown.count("<tr>") == 1
    assert "<b>" not in shown
    assert "small: 3 agents, 4 matches, 1 exact payoff" in shown


def test_results_of_nothing_say_so(results):
    assert repr(replace(results, rows=results.rows[:0])) == "small: 3 agents, nothing played"


def test_figures_are_drawn_on_the_axes_given_and_show_the_tables(results):
    axes = matplotlib.figure.Figure().subplots(3)
    plot = results.plot
    drawn = [plot.ranking(axes[0]), plot.payoffs(axes[1]), plot.curves(axes[2])]
    assert all(one is other for one, other in zip(drawn, axes, strict=True))
    assert axes[0].lines[0].get_xdata().tolist() == results.ranking["payoff"].tolist()
    pairs = axes[1].collections[0].get_array()
    assert np.ma.count(pairs) == 6
    known = results.payoffs["payoff"].sum()
    assert pairs.sum() == pytest.approx(known)
    curve = results.curves[results.curves["agent"] == "q"].groupby("point")["payoff"].mean()
    line = next(line for line in axes[2].lines if line.get_label() == "q")
    assert line.get_ydata() == pytest.approx(curve.to_numpy())


def test_figures_of_nothing_are_refused_with_a_sentence(results):
    with pytest.raises(DilemmaError, match="found 'chess'; allowed: prisoners_dilemma"):
        results.plot.ranking(environment="chess")
    two = Tournament(["prisoners_dilemma", "harmony"], ["tit_for_tat", "all_d"]).run()
    with pytest.raises(DilemmaError, match="found none; allowed: prisoners_dilemma, harmony"):
        two.plot.payoffs()
    with pytest.raises(DilemmaError, match="nobody learned"):
        two.plot.curves(environment="harmony")
