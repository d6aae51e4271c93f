"""What training runs end with."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from dilemma.analysis.behaviour.learned_runs import COLUMNS, interquartile_mean, learned_runs

GAMES = {"game": {"roles": ["player"] * 2, "seats": 2, "title": "A game"}}


def make_curves(runs):
    """Both seats of A against B earn and cooperate by these curves [run, point]."""
    rows = [
        {"match": run, "agent": agent, "opponent": other, "repetition": run, "seat": seat, "point": point}
        | {"payoff": float(value), "cooperation": float(value)}
        for run, curve in enumerate(runs)
        for seat, (agent, other) in enumerate(("AB", "BA"))
        for point, value in enumerate(curve)
    ]
    columns = ["match", "agent", "opponent", "repetition", "seat", "point", "payoff", "cooperation"]
    table = pd.DataFrame(rows, columns=columns).assign(environment=pd.Categorical(["game"] * len(rows)))
    return table.assign(**{name: pd.Categorical(table[name], ["A", "B"]) for name in ("agent", "opponent")})


def test_the_late_window_and_the_area_are_over_runs():
    random = np.random.default_rng(0)
    runs = random.normal(0, 1, (6, 40))
    row = learned_runs(make_curves(runs), GAMES).table.iloc[0]
    assert (row["agent"], row["opponent"], row["runs"]) == ("A", "B", 6)
    late = runs[:, -4:].mean(1)
    assert row["late"] == pytest.approx(late.mean())
    right = stats.ttest_1samp(late, 0).confidence_interval()
    assert (row["late_low"], row["late_high"]) == pytest.approx(tuple(right))
    assert row["area"] == pytest.approx(runs.mean())


def test_locked_runs_are_counted_with_wilsons_interval():
    found = learned_runs(make_curves([[0.5] * 9 + [end] for end in (1, 1, 0.95, 0, 0.5)]), GAMES)
    row = found.table.iloc[0]
    assert (row["cooperating"], row["defecting"]) == (0.6, 0.2)
    assert (row["cooperating_low"], row["cooperating_high"]) == pytest.approx(
        proportion_confint(3, 5, method="wilson")
    )
    assert "A with B (game): 60% of runs lock in on cooperation and 20% on defection." in found.remarks


@pytest.mark.parametrize("size", [4, 8, 20])
def test_the_interquartile_mean_leaves_out_a_quarter_at_each_end(size):
    values = np.random.default_rng(size).normal(0, 1, size)
    assert interquartile_mean(values) == pytest.approx(stats.trim_mean(values, 0.25))


def test_the_interquartile_mean_of_few_has_parts_of_them():
    assert interquartile_mean(np.array([0.0, 1.0, 5.0])) == pytest.approx((0.25 * 0 + 1 + 0.25 * 5) / 1.5)
    assert interquartile_mean(np.array([3.0])) == 3


@pytest.mark.filterwarnings("error")
def test_one_run_has_no_interval():
    row = learned_runs(make_curves([[0.1, 0.2]]), GAMES).table.iloc[0]
    assert np.isnan(row["late_low"])
    assert row["late"] == pytest.approx(0.2)


@pytest.mark.filterwarnings("error")
def test_without_learners_there_is_nothing_to_judge():
    found = learned_runs(make_curves([]), GAMES)
    assert tuple(found.table.columns) == COLUMNS
    assert found.remarks == ("Nobody learned: there are no runs to judge.",)
