"""What the ranking counts, and how often its intervals are right."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dilemma.analysis.options import AnalysisOptions
from dilemma.analysis.ranking.ranking import COLUMNS, rank, worst_tenth

GAMES = {"game": {"roles": ["player"] * 2, "seats": 2, "title": "Game"}}
ASKED = AnalysisOptions(draws=1000, comparisons="max_t", top=3)
THREE = [("AA", (3, 3)), ("AB", (0, 5)), ("AC", (3, 3)), ("BB", (1, 1)), ("BC", (2, 1)), ("CC", (3, 3))]


def of(ranking, agent):
    return ranking.set_index("agent").loc[agent]


def test_self_play_counts_as_one_partner(seats):
    ranking = rank(seats(THREE), GAMES, ASKED)
    assert of(ranking, "A")["payoff"] == 2  # (3 + 0 + 3) / 3
    assert of(ranking, "A")["payoff_without_self"] == 1.5
    assert list(ranking["agent"]) == ["B", "C", "A"]
    assert list(ranking["rank"]) == [1, 2, 3]
    assert ranking["gap"].iloc[:2].tolist() == pytest.approx([8 / 3 - 7 / 3, 1 / 3])


def test_an_opponent_met_more_often_weighs_no_more(seats):
    often = [*THREE, *[("AB", (0, 5))] * 7]
    assert of(rank(seats(often), GAMES, ASKED), "A")["payoff"] == 2


def test_wins_leave_self_play_out(seats):
    ranking = rank(seats(THREE), GAMES, ASKED)
    assert [of(ranking, agent)["wins"] for agent in "ABC"] == [0, 1, 0]


def test_both_seats_of_an_asymmetric_game_weigh_the_same(seats):
    games = {"game": {"roles": ["row", "column"], "seats": 2, "title": ""}}
    matches = [("AB", (4, 0)), ("AB", (4, 0)), ("AB", (4, 0)), ("BA", (0, 2))]
    row = of(rank(seats(matches), games, ASKED), "A")
    assert (row["payoff"], row["opponents"]) == (3, 1)


def test_every_number_of_seats_weighs_the_same(seats):
    games = {"game": {"roles": ["player"] * 3, "seats": 3, "title": ""}}
    row = of(rank(seats([("AAB", (1, 1, 9)), ("AAB", (1, 1, 9)), ("ABB", (3, 0, 0))]), games, ASKED), "A")
    assert (row["payoff"], row["opponents"]) == (2, 1)


def test_equal_payoffs_share_a_place(seats):
    pairs = itertools.combinations_with_replacement("ABC", 2)
    ranking = rank(seats([(pair, (0.1 + 0.2, 0.3)) for pair in pairs]), GAMES, ASKED)
    assert list(ranking["rank"]) == [1, 1, 1]


def test_equal_agents_may_have_any_rank(seats):
    pairs = itertools.combinations_with_replacement("ABC", 2)
    ranking = rank(seats([(pair, (2, 2)) for pair in pairs], how="exact"), GAMES, ASKED)
    for name in ("rank", "fixed_rank"):
        assert set(zip(ranking[f"{name}_low"], ranking[f"{name}_high"], strict=True)) == {(1, 3)}
    assert ranking["fixed_p_best"].tolist() == pytest.approx([1 / 3] * 3)


def test_without_sampling_error_the_order_is_certain_among_these_and_unknown_among_others(seats):
    pairs = list(itertools.combinations_with_replacement("ABCD", 2))
    ranking = rank(seats([(pair, [ord(agent) for agent in pair]) for pair in pairs], how="exact"), GAMES, ASKED)
    assert ranking["fixed_rank_low"].tolist() == ranking["fixed_rank_high"].tolist() == [1, 2, 3, 4]
    assert ranking["fixed_p_best"].tolist() == [1, 0, 0, 0]
    assert ranking[["low", "high", "p_best", "p_top"]].isna().all(axis=None)
    assert (set(ranking["rank_low"]), set(ranking["rank_high"])) == ({1}, {4})
    assert ranking["note"].str.contains("nothing is known of others").all()


def test_the_worst_partner_is_named(seats):
    row = of(rank(seats(THREE), GAMES, ASKED), "A")
    assert (row["worst_partner"], row["worst_partner_name"], row["worst_tenth"]) == (0, "B", 0)


def test_the_worst_tenth_may_hold_a_part_of_a_partner():
    values = np.array([[*range(15), np.nan], [np.nan] * 16])
    assert worst_tenth(values)[0] == pytest.approx((0 + 0.5 * 1) / 1.5)
    assert np.isnan(worst_tenth(values)[1])


@pytest.mark.filterwarnings("error")
def test_an_agent_without_payoffs_has_no_rank(seats):
    table = seats(THREE)
    table.loc[table["agent"] == "A", "payoff"] = np.nan
    ranking = rank(table, GAMES, ASKED)
    assert ranking["agent"].tolist() == ["C", "B", "A"]  # B's 5 from A, who has no row of the match, doesn't count
    assert ranking["rank"].isna().tolist() == ranking["rank_low"].isna().tolist() == [False, False, True]
    assert ranking["rank_high"].tolist()[:2] == [2, 2]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("labels", ["A", "AB", "ABCD"])
@pytest.mark.parametrize("repetitions", [1, 3])
@pytest.mark.parametrize("correction", ["max_t", "holm"])
def test_few_agents_and_few_repetitions_are_ranked_in_silence(seats, labels, repetitions, correction):
    table, _ = league(seats, np.random.default_rng(0), len(labels), repetitions)
    ranking = rank(table, GAMES, replace(ASKED, draws=20, comparisons=correction))
    assert ranking["rank"].tolist() == list(range(1, len(labels) + 1))
    assert (ranking["rank_low"] <= ranking["rank"]).all()
    assert (ranking["rank"] <= ranking["rank_high"]).all()
    assert ranking["fixed_low"].isna().all() == (repetitions == 1)


@pytest.mark.filterwarnings("error")
def test_agents_that_met_others_only_in_part_are_ranked(seats):
    table, _ = league(seats, np.random.default_rng(0), 6, 3)
    apart = table["agent"].isin(["A0", "A1"]) & table["opponent"].isin(["A4", "A5"])
    apart |= table["opponent"].isin(["A0", "A1"]) & table["agent"].isin(["A4", "A5"])
    ranking = rank(table[~apart], GAMES, replace(ASKED, draws=50))
    assert ranking["missing"].sum() == 8
    assert set(ranking["opponents"]) == {2}  # A2 and A3, whom everybody met
    assert ranking["low"].isna().all()
    assert ranking["fixed_low"].notna().all()


def test_the_standard_error_is_over_repetitions_with_these_opponents(seats):
    matches = [
        (pair, (paid, 0)) for pair, both in [("AB", (1, 3)), ("AC", (2, 6)), ("BC", (0, 0))] for paid in both
    ]
    row = of(rank(seats(matches, repetitions=[0, 1] * 3), GAMES, ASKED), "A")
    assert row["standard_error"] == pytest.approx(np.hypot(1, 2) / 2)


def test_exact_payoffs_leave_only_opponents_to_resample(seats):
    others = [f"B{i}" for i in range(10)]
    matches = [*((("A", other), (i, 0)) for i, other in enumerate(others))]
    matches += [(pair, (0, 0)) for pair in itertools.combinations(others, 2)]
    many = rank(seats(matches, how="exact"), GAMES, ASKED)
    assert of(many, "A")["low"] < 4.5 < of(many, "A")["high"]
    assert of(many, "A")["matches"] == 0


def test_one_opponent_in_many_repetitions_tells_of_that_one_alone(seats):
    matches = [("AB", (payoff, 0)) for payoff in (1, 2, 3, 4, 5, 6)]
    row = of(rank(seats(matches, repetitions=range(6)), GAMES, ASKED), "A")
    assert row["fixed_low"] < 3.5 < row["fixed_high"]
    assert np.isnan(row["low"])
    assert row["note"] == "with 1 opponent nothing is known of others: 5 are the least"


def test_missing_opponents_are_told(seats):
    ranking = rank(
        seats(THREE[:4] + THREE[5:]), GAMES, ASKED
    )  # B and C have not met: only A is everybody's partner
    assert [of(ranking, agent)["missing"] for agent in "ABC"] == [0, 1, 1]
    assert [of(ranking, agent)["payoff"] for agent in "ABC"] == [3, 5, 3]
    told = "it lacks matches with 1 agent; ranked on the 1 of 3 agents that all have met"
    assert told in of(ranking, "B")["note"]
    assert "it lacks" not in of(ranking, "A")["note"]


def test_an_agent_alone_can_be_ranked(seats):
    ranking = rank(seats([("AA", (1, 1))]), GAMES, ASKED)
    assert ranking["payoff"].tolist() == [1]
    assert ranking["payoff_without_self"].isna().all()


def test_no_rows_give_a_ranking_without_rows(seats):
    assert tuple(rank(seats([]), GAMES, ASKED).columns) == COLUMNS


def test_only_the_seed_changes_a_ranking(seats):
    table = league(seats, np.random.default_rng(0), agents=6, repetitions=4)[0]
    shuffled = table.sample(frac=1, random_state=1)
    options = replace(ASKED, draws=100, seed=1)
    first = rank(table, GAMES, options)
    pd.testing.assert_frame_equal(first, rank(shuffled, GAMES, options), check_exact=True)
    assert not first["p_best"].equals(rank(table, GAMES, replace(options, seed=2))["p_best"])


def league(seats, random, agents, repetitions):
    """A run in which agent i earns i / agents, give or take its partner and chance; and those expectations."""
    truth = np.arange(agents) / agents
    partner = random.normal(0, 0.5, (agents, agents))
    labels = [f"A{i}" for i in range(agents)]
    matches, number = [], []
    for i, j in itertools.combinations_with_replacement(range(agents), 2):
        for repetition in range(repetitions):
            chance = random.normal(0, 0.3, 2)
            matches.append(((labels[i], labels[j]), truth[[i, j]] + (partner[i, j], partner[j, i]) + chance))
            number.append(repetition)
    return seats(matches, repetitions=number, agents=labels), dict(zip(labels, truth, strict=True))


def test_intervals_hold_the_expected_payoff_over_partners_nineteen_times_in_twenty(seats):
    # The share of the 240 intervals of 20 leagues has a standard deviation of 1.5 %, so that a right one falls
    # outside of these bounds less than once in 1,000; a percentile bootstrap's is 92.9 %.
    random = np.random.default_rng(7)
    held = []
    for _ in range(20):
        table, truth = league(seats, random, agents=12, repetitions=3)
        ranking = rank(table, GAMES, replace(ASKED, draws=400, seed=1))
        expected = ranking["agent"].astype(str).map(truth)
        held += list((ranking["low"] <= expected) & (expected <= ranking["high"]))
    assert 0.90 < np.mean(held) < 0.999
