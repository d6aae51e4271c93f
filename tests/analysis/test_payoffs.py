"""What the payoff table says of matches that can be reckoned by hand."""

import numpy as np
import pandas as pd
import pytest

from dilemma.analysis.options import AnalysisOptions
from dilemma.analysis.ranking.payoffs import COLUMNS, payoff_table
from dilemma.analysis.ranking.ranking import rank
from dilemma.analysis.report.tables import payoffs_text

SYMMETRIC = {"game": {"roles": ["player"] * 2, "seats": 2, "title": "Game"}}
ASYMMETRIC = {"game": {"roles": ["row", "column"], "seats": 2, "title": "Game"}}


def cell(table, agent, opponent, **where):
    chosen = table[(table["agent"] == agent) & (table["opponent"] == opponent)]
    for name, value in where.items():
        chosen = chosen[chosen[name] == value]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_a_payoff_is_the_total_over_the_rounds_not_the_mean_of_matches(seats):
    # 10 rounds at 1 and 30 rounds at 3: (10 + 90) / 40 = 2.5.
    table = payoff_table(seats([("AB", (1, 0)), ("AB", (3, 0))], weights=[10, 30]), SYMMETRIC)
    assert cell(table, "A", "B")["payoff"] == pytest.approx(2.5)


def test_the_standard_error_is_the_ratio_estimators_by_the_delta_method(seats):
    # Residuals P - r W: 10 - 25 = -15 and 90 - 75 = 15; sqrt(2 / 1 * 450) / 40 = 0.75.
    table = payoff_table(seats([("AB", (1, 0)), ("AB", (3, 0))], weights=[10, 30]), SYMMETRIC)
    assert cell(table, "A", "B")["standard_error"] == pytest.approx(0.75)
    assert cell(table, "A", "B")["variance"] == pytest.approx(2 * 0.75**2)


def test_with_equal_rounds_the_standard_error_is_that_of_a_mean(seats):
    payoffs = np.array([1.0, 4.0, 2.5, 0.5])
    table = payoff_table(seats([("AB", (payoff, 0)) for payoff in payoffs]), SYMMETRIC)
    assert cell(table, "A", "B")["standard_error"] == pytest.approx(payoffs.std(ddof=1) / 2)
    assert cell(table, "A", "B")["variance"] == pytest.approx(payoffs.var(ddof=1))


def test_one_match_has_no_standard_error(seats):
    assert np.isnan(cell(payoff_table(seats([("AB", (1, 0))]), SYMMETRIC), "A", "B")["standard_error"])


def test_both_seats_of_self_play_are_one_observation(seats):
    table = payoff_table(seats([("AA", (5, 0)), ("AA", (1, 1))]), SYMMETRIC)
    row = cell(table, "A", "A")
    assert (row["payoff"], row["matches"], row["k"]) == (1.75, 2, 2)
    assert row["standard_error"] == pytest.approx(0.75)
    assert row["wins"] == 0


def test_the_seats_of_an_asymmetric_game_are_apart(seats):
    table = payoff_table(seats([("AB", (1, 2)), ("BA", (3, 4)), ("AA", (5, 6))]), ASYMMETRIC)
    assert cell(table, "A", "B", seat="0")["payoff"] == 1
    assert cell(table, "A", "B", seat="1")["payoff"] == 4
    assert cell(table, "A", "A", seat="1")["payoff"] == 6


def test_with_more_than_two_seats_each_number_of_seats_is_apart(seats):
    matches = [("AAB", (1, 3, 6)), ("ABB", (5, 0, 2)), ("AAA", (1, 2, 6))]
    table = payoff_table(seats(matches), {"game": {"roles": ["player"] * 3, "seats": 3, "title": ""}})
    assert [cell(table, "A", "B", k=k)["payoff"] for k in (1, 2)] == [5, 2]
    assert [cell(table, "B", "A", k=k)["payoff"] for k in (1, 2)] == [6, 1]
    assert cell(table, "A", "A", k=3)["payoff"] == 3


def test_an_exact_cell_has_no_error_no_matches_and_its_own_variance(seats):
    table = payoff_table(seats([("AB", (2, 1))], how="exact", variance=0.3), SYMMETRIC)
    row = cell(table, "A", "B")
    assert list(row[["payoff", "standard_error", "variance", "matches", "how"]]) == [2, 0, 0.3, 0, "exact"]


def test_an_expectation_over_endless_rounds_is_still_a_number(seats):
    table = payoff_table(seats([("AB", (2, 1))], how="exact", weights=[np.inf]), SYMMETRIC)
    assert cell(table, "A", "B")["payoff"] == 2


def test_what_is_known_exactly_is_not_averaged_with_play(seats):
    both = [
        seats([("AB", (2, 1))], how="exact"),
        seats([("AB", (9, 9)), ("AA", (1, 1))], first=1, agents=["A", "B"]),
    ]
    table = pd.concat(both, ignore_index=True)
    assert cell(payoff_table(table, SYMMETRIC), "A", "B")["payoff"] == 2
    assert cell(payoff_table(table, SYMMETRIC), "A", "A")["how"] == "played"


def test_ties_are_not_wins(seats):
    table = payoff_table(seats([("AB", (1, 1)), ("AB", (2, 1)), ("AB", (0, 1)), ("AB", (3, 1))]), SYMMETRIC)
    assert cell(table, "A", "B")["wins"] == 0.5
    assert cell(table, "B", "A")["wins"] == 0.25


def test_expected_wins_are_as_many_as_are_said(seats):
    """Nobody is ahead of itself; and what isn't known is said to be of played matches only."""
    known = seats([("AB", (2, 1)), ("AC", (2, 1)), ("AA", (1, 1)), ("BC", (1, 1))], how="exact")
    known["win"] = [0.7, 0.2, 0.5, 0.3, 0.4, 0.4, np.nan, np.nan]
    table = payoff_table(known, SYMMETRIC)
    assert [cell(table, *pair)["wins"] for pair in ("AB", "BA", "AA")] == [0.7, 0.2, 0]
    assert np.isnan(cell(table, "B", "C")["wins"])
    assert payoffs_text(table).set_index(["Agent", "Opponent"]).loc[("C", "B"), "Wins"] == "played only"
    assert "win" not in table
    ranking = rank(known.drop([4, 5]), SYMMETRIC, AnalysisOptions(draws=10, comparisons="max_t", top=3)).set_index(
        "agent"
    )["wins"]
    assert ranking.isna().to_dict() == {"A": False, "B": True, "C": True}


def test_measures_are_averaged_over_the_rounds_that_have_them(seats):
    table = seats([("AB", (1, 1)), ("AB", (1, 1)), ("AB", (1, 1))], weights=[10, 30, 10])
    table["cooperation"] = [1.0, 0, 0, 0, np.nan, np.nan]
    table["apples"] = 2.0
    row = cell(payoff_table(table, SYMMETRIC), "A", "B")
    assert row["cooperation"] == 0.25
    assert row["apples"] == 2
    assert np.isnan(row["cc"])


def test_rows_without_a_payoff_are_left_out(seats):
    table = payoff_table(seats([("AB", (np.nan, 1)), ("AB", (2, 1))]), SYMMETRIC)
    assert list(cell(table, "A", "B")[["payoff", "matches"]]) == [2, 1]


def test_the_order_of_rows_changes_nothing(seats):
    random = np.random.default_rng(0)
    matches = [(cast, random.normal(size=2)) for cast in ("AB", "AA", "BB", "BA") for _ in range(6)]
    table = seats(matches, weights=list(random.integers(1, 50, 24)))
    shuffled = table.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        payoff_table(table, SYMMETRIC), payoff_table(shuffled, SYMMETRIC), check_exact=True
    )


def test_agents_come_in_the_order_of_the_categories(seats):
    table = payoff_table(seats([("AB", (1, 2))], agents=["B", "unseen", "A"]), SYMMETRIC)
    assert list(table["agent"]) == ["B", "A"]


def test_no_rows_give_a_table_without_rows(seats):
    table = payoff_table(seats([]), SYMMETRIC)
    assert tuple(table.columns) == COLUMNS
    assert table.empty
