"""What agents cost, and what learners earn for the same budget."""

import numpy as np
import pandas as pd
import pytest

from dilemma.analysis.behaviour.cost import BUDGET_COLUMNS, COLUMNS, cost, equal_budgets
from dilemma.analysis.options import AnalysisOptions
from dilemma.analysis.ranking.ranking import rank

GAMES = {"game": {"roles": ["player"] * 2, "seats": 2, "title": "Game"}}
ASKED = AnalysisOptions(draws=1000, comparisons="max_t", top=3)


def costs(*rows):
    table = pd.DataFrame(rows, columns=["agent", "chairs", "rounds", "updates", "seconds"])
    table.insert(0, "environment", pd.Categorical(["game"] * len(table)))
    return table.assign(agent=pd.Categorical(table["agent"]))


def curves(payoffs):
    """Learning curves of agents with partners: (agent, opponent) -> payoffs of each match."""
    rows = [
        ("game", agent, opponent, 0, match, point, payoff)
        for match, ((agent, opponent), curve) in enumerate(payoffs)
        for point, payoff in enumerate(curve)
    ]
    table = pd.DataFrame(rows, columns=["environment", "agent", "opponent", "seat", "match", "point", "payoff"])
    labels = sorted({*table["agent"], *table["opponent"]})
    table["environment"] = pd.Categorical(table["environment"])
    return table.assign(**{name: pd.Categorical(table[name], labels) for name in ("agent", "opponent")})


def test_chunks_add_up_and_are_shared_by_chairs(seats):
    ranking = rank(seats([("AB", (1, 2))]), GAMES, ASKED)
    found = cost(costs(("A", 2, 200, 20, 1.5), ("B", 2, 200, 0, 0.1), ("A", 3, 300, 30, 1.0)), ranking)
    assert list(found.table) == list(COLUMNS)
    table = found.table.set_index("agent")
    assert list(table.index) == ["B", "A"]  # the cheapest first
    assert table.loc["A", ["chairs", "rounds", "updates", "seconds"]].to_list() == [5, 500, 50, 2.5]
    per_chair = ["rounds_per_chair", "updates_per_chair", "seconds_per_chair", "microseconds_per_round"]
    assert table.loc["A", per_chair].to_list() == [100, 10, 0.5, 5000]
    assert table.loc["A", ["rank", "payoff"]].to_list() == [2, 1]
    assert "A took 96% of the 2.6 processor seconds" in found.remarks[0]


def test_nobody_played_costs_nothing():
    for nothing in (None, costs()):
        found = cost(nothing)
        assert list(found.table) == list(COLUMNS)
        assert len(found.table) == 0
        assert "cost nothing" in found.remarks[0]
    idle = cost(costs(("A", 1, 0, 0, 0.0)))
    assert np.isnan(idle.table["microseconds_per_round"].item())
    assert np.isnan(idle.table["rank"].item())


def test_a_budget_buys_the_dear_learner_a_part_of_its_curve():
    rising = np.arange(40.0)
    found = equal_budgets(
        costs(("cheap", 2, 80, 80, 1.0), ("dear", 2, 80, 160, 4.0), ("tft", 4, 160, 0, 0.1)),
        curves([(("cheap", "tft"), rising), (("dear", "tft"), 2 * rising), (("tft", "dear"), rising)]),
        GAMES,
    )
    assert list(found.table) == list(BUDGET_COLUMNS)
    table = found.table.set_index(["budget", "agent"])
    assert set(table.index.get_level_values("agent")) == {"cheap", "dear"}
    late = rising[36:].mean()
    assert table.loc[("seconds", "cheap"), ["share", "payoff", "amount"]].to_list() == [1, late, 0.5]
    # A quarter of 40 points: the tenth is the last of them. Half of them: the last two of 20.
    assert table.loc[("seconds", "dear"), ["share", "payoff"]].to_list() == [0.25, 2 * 9]
    assert table.loc[("updates", "dear"), ["share", "payoff"]].to_list() == [0.5, 2 * 18.5]
    assert table.loc[("rounds", "dear"), ["share", "payoff"]].to_list() == [1, 2 * late]
    assert (table["payoff_at_end"].xs("dear", level="agent") == 2 * late).all()
    assert table[["low", "high"]].isna().all(axis=None)


def test_partners_weigh_the_same_however_many_matches():
    flat = [(("A", "x"), [1.0] * 10)] * 3 + [(("A", "y"), [3.0] * 10), (("B", "x"), [0.0] * 10)]
    found = equal_budgets(costs(("A", 4, 40, 40, 1.0), ("B", 1, 10, 10, 1.0)), curves(flat), GAMES)
    row = found.table.set_index(["budget", "agent"]).loc[("rounds", "A")]
    assert (row["payoff"], row["partners"]) == (2, 2)
    assert row["low"] == pytest.approx(2 - 12.7062, abs=1e-3)  # t(1) = 12.7062, standard error 1
    assert any("different partners" in sentence for sentence in found.remarks)


def test_nothing_to_compare_is_said():
    assert "Nobody learned" in equal_budgets(None, None, GAMES).remarks[0]
    one = curves([(("A", "x"), [1.0, 2.0])])
    alone = equal_budgets(costs(("A", 1, 2, 2, 1.0), ("x", 1, 2, 0, 1.0)), one, GAMES)
    assert len(alone.table) == 0
    assert "1 learner" in alone.remarks[0]
    two = curves([(("A", "x"), [1.0, np.nan]), (("B", "x"), [1.0, 2.0])])
    unmeasured = equal_budgets(costs(("A", 1, 2, 2, 0.0), ("B", 1, 2, 2, 1.0)), two, GAMES)
    assert set(unmeasured.table["budget"]) == {"rounds", "updates"}
    assert any("seconds were not measured" in sentence for sentence in unmeasured.remarks)
    assert unmeasured.table["payoff"].to_list() == [1, 2, 1, 2]
