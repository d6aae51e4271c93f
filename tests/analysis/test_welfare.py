"""What everybody earns together, how evenly, and who pays."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dilemma import Tournament
from dilemma.analysis.behaviour.welfare import equality, mean_of_others, welfare, welfare_by_cast
from dilemma.analysis.cells import cells_by_league
from dilemma.analysis.ranking.payoffs import cell_table
from dilemma.envs.harvest import Harvest

SYMMETRIC = {"game": {"roles": ["player"] * 2, "seats": 2, "title": ""}}
ASYMMETRIC = {"game": {"roles": ["row", "column"], "seats": 2, "title": ""}}
CLASSICS = [("CC", (3, 3)), ("CD", (0, 5)), ("CT", (3, 3)), ("DD", (1, 1)), ("DT", (2, 1)), ("TT", (3, 3))]


def of(seats, games=SYMMETRIC, **options):
    [cells] = cells_by_league(seats, games)
    by_agent, by_cast = welfare(cells, cell_table(cells), **options), welfare_by_cast(cells, **options)
    return by_agent.table.set_index("agent"), by_cast.table.set_index(["agent", "opponent"]), by_agent.remarks


@pytest.mark.parametrize(
    ("payoffs", "even"),
    [
        ((2, 2), 1),
        ((5, 0), 1 / 2),
        ((9, 0, 0), 1 / 3),
        ((1, 2, 3), 1 - 2 / 9),
        ((0, 0, 0), 1),
        ((3, -1), np.nan),
        ((np.nan, 1), np.nan),
    ],
)
def test_equality_is_one_less_gini(payoffs, even):
    assert equality(np.array(payoffs, dtype=float)) == pytest.approx(even, nan_ok=True)


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=8), st.floats(0.1, 10))
def test_equality_knows_neither_seats_nor_units(payoffs, unit):
    one = equality(np.array(payoffs))
    assert 1 / len(payoffs) - 1e-9 <= one <= 1 + 1e-9
    assert equality(np.array(payoffs[::-1]) * unit) == pytest.approx(one)


def test_a_cast_earns_what_its_seats_earn_together(seats):
    _, casts, _ = of(seats(CLASSICS), optimum=6)
    assert len(casts) == 6
    assert casts["welfare"].to_dict() == {
        ("C", "C"): 6, ("C", "D"): 5, ("C", "T"): 6, ("D", "D"): 2, ("D", "T"): 3, ("T", "T"): 6
    }  # fmt: skip
    assert casts.loc[("C", "D"), "welfare_share"] == pytest.approx(5 / 6)
    assert casts.loc[("C", "D"), "equality"] == 0.5


def test_equality_is_of_matches_not_of_expectations(seats):
    """Who earns 5 and 0 in turn is unequal in every match, and equal in expectation."""
    table = seats([("AB", (5, 0)), ("AC", (2.5, 2.5)), ("BC", (1, 1))], how="exact")
    table["variance"] = [0, 0, 6.25, 6.25, 0, 0]
    agents, casts, remarks = of(table)
    assert casts["equality"].to_list() == pytest.approx([0.5, np.nan, 1], nan_ok=True)
    assert agents["equality"].to_list() == pytest.approx([np.nan, 0.75, np.nan], nan_ok=True)
    assert any("matches as played" in sentence for sentence in remarks)


def test_longer_matches_weigh_more_in_welfare(seats):
    _, casts, _ = of(seats([("AB", (1, 1)), ("AB", (4, 4))], repetitions=[0, 1], weights=[30, 10]))
    assert casts["welfare"].item() == pytest.approx((30 * 2 + 10 * 8) / 40)


def test_who_pays_for_whose_payoff(seats):
    agents, _, _ = of(seats(CLASSICS))
    defector = agents.loc["D"]
    assert defector["payoff"] == 3.5  # 5 from C, 2 from T
    assert defector["others"] == 0.5  # C earns 0, T earns 1
    assert defector["others_elsewhere"] == 3  # both 3, with each other and themselves
    ends = stats.ttest_1samp([0 - 3, 1 - 3], 0).confidence_interval()
    assert defector[["effect", "effect_low", "effect_high"]].to_list() == pytest.approx([-2.5, *ends])
    assert agents.loc["C", "effect"] == np.mean([5 - 1.5, 3 - 2])  # D has (1 + 2) / 2 elsewhere, T (1 + 3) / 2
    assert agents.loc["C", "welfare"] == pytest.approx(17 / 3)


def test_every_seat_counts_in_games_of_more(seats):
    games = {"game": {"roles": ["player"] * 3, "seats": 3, "title": ""}}
    agents, casts, _ = of(seats([("AAB", (1, 3, 8)), ("ABB", (6, 0, 0))]), games)
    assert casts["welfare"].to_list() == [6, 12]  # k = 1, 2
    assert casts["equality"].to_list() == pytest.approx([1 / 3, equality(np.array([1.0, 3, 8])).item()])
    assert (agents.loc["A", "payoff"], agents.loc["A", "others"]) == (4, 4)


def test_both_seats_of_an_asymmetric_game_are_told_apart(seats):
    _, casts, _ = of(seats([("AB", (4, 0)), ("BA", (1, 2)), ("AA", (1, 2))]), ASYMMETRIC)
    assert casts["welfare"].to_dict() == {("A", "B"): 4, ("B", "A"): 3, ("A", "A"): 3}


def test_others_are_the_other_seats_and_oneself_where_there_are_none(seats):
    table = seats([("AAB", (1, 3, 8)), ("AAA", (1, 2, 6))])
    [cells] = cells_by_league(table, {"game": {"roles": ["player"] * 3, "seats": 3, "title": ""}})
    assert mean_of_others(cells, cells.column("payoff")).tolist() == [3, 8, 2]  # A alone, A with B, B with A


def test_negative_payoffs_and_lonely_pairs_are_said(seats):
    agents, _, remarks = of(seats([("AB", (-1, 3))]))
    assert agents["equality"].isna().all()
    assert agents[["others_elsewhere", "effect", "effect_low"]].isna().all(axis=None)
    assert len(remarks) == 2
    agents, _, _ = of(seats([("AA", (1, 1))]))
    assert (agents["welfare"].item(), np.isnan(agents["payoff"].item())) == (2, True)


def test_equal_payoffs_leave_nothing_to_pay(seats):
    agents, _, _ = of(seats([(pair, (0.1, 0.1)) for pair in ("AB", "AC", "BC")]))
    assert (agents[["effect", "effect_low", "effect_high"]] == 0).all(axis=None)


@pytest.mark.parametrize("optimum", [0, -1, np.nan, np.inf])
def test_the_optimum_is_a_positive_number(seats, optimum):
    with pytest.raises(ValueError, match="optimum is"):
        of(seats(CLASSICS), optimum=optimum)


def shares_of(table, declared):
    [cells] = cells_by_league(table, SYMMETRIC)
    found = welfare(cells, cell_table(cells), declared=declared)
    return found.table.set_index("agent"), found.remarks


def test_a_share_is_of_all_that_the_agents_own_seats_had(seats):
    table = seats([("AB", (1, 1)), ("AB", (1, 1)), ("AC", (1, 1))], repetitions=[0, 1, 0], weights=[30, 10, 40])
    table["apples"] = [4.0, 1.0, 8.0, 1.0, 1.0, 0.0]
    table["timed"] = [1.0, 0.5, 4.0, 1.0, 0.75, 0.0]
    agents, remarks = shares_of(table, {"sustainability": ("timed", "apples")})
    met = np.array([[1.75, 5.0], [0.75, 1.0]])  # per round with B (30 and 10 rounds) and C: timed, all
    share = met.sum(0)[0] / met.sum(0)[1]
    assert agents["sustainability"].to_list() == pytest.approx([share, 0.625, np.nan], nan_ok=True)
    residuals = met[:, 0] - share * met[:, 1]
    half = stats.t.ppf(0.975, 1) * np.sqrt(2 * (residuals**2).sum()) / met[:, 1].sum()
    assert agents.loc["A", "sustainability_high"] == pytest.approx(min(1, share + half))
    assert agents.loc["A", "sustainability_low"] == max(0, share - half)
    assert agents[["sustainability_low", "sustainability_high"]].isna().sum(axis=1).to_list() == [0, 2, 2]
    assert remarks[-1].startswith("Sustainability is timed / apples of the agent's own seats")


def test_shares_of_measures_that_were_never_kept_are_unknown(seats):
    agents, _ = shares_of(seats(CLASSICS), {"own_coin_fraction": ("own_coins", "pickups")})
    assert agents["own_coin_fraction"].isna().all()
    assert "sustainability" not in agents


def test_sustainability_is_told_of_games_with_apples(tmp_path):
    game = Harvest(rounds=30, players=2)
    results = Tournament({"harvest": game}, ["harvester", "random"], self_play=True, repetitions=3).run()
    results.report(tmp_path)
    told = pd.read_csv(tmp_path / "welfare.csv").set_index("agent")["sustainability"]
    means = results.seats.groupby(["agent", "opponent", "match"], observed=True)[["timed_apples", "apples"]].mean()
    sums = means.groupby(["agent", "opponent"], observed=True).mean().groupby("agent", observed=True).sum()
    assert told.to_dict() == pytest.approx((sums["timed_apples"] / sums["apples"]).to_dict())
    assert told.between(0, 1).all()
