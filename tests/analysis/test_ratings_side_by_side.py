"""Votes, comparisons, clones, and all ratings in one table."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize
from scipy.sparse.csgraph import connected_components

from dilemma.analysis.ranking.payoffs import payoff_table
from dilemma.analysis.ratings.anchors import Anchors, across_environments
from dilemma.analysis.ratings.bradley_terry import Comparisons, bradley_terry, same_match, same_partner, separation
from dilemma.analysis.ratings.clones import behavioural_distance, clone_sensitivity, near_clones
from dilemma.analysis.ratings.elo import elo
from dilemma.analysis.ratings.league import largest_complete
from dilemma.analysis.ratings.ratings import RATINGS, rate
from dilemma.analysis.ratings.voting import (
    borda,
    copeland,
    iterated_maximal_lotteries,
    maximal_lottery,
    preferences,
    ranked_pairs,
    schulze,
)

AGENTS = ("ALLC", "ALLD", "RANDOM", "TFT", "WSLS", "GRIM", "GTFT", "EXTORT-2", "ZDGTFT-2", "JOSS")
# Limit payoffs per round of memory-one strategies, rows against columns, with (R, S, T, P) = (3, 0, 5, 1).
PAYOFFS = np.array(
    [
        [3, 0, 1.5, 3, 3, 3, 3, 2.25, 3, 2.7],
        [5, 1, 3, 1, 3, 1, 2.3333, 1, 1.8889, 1],
        [4, 0.5, 2.25, 2.25, 2.25, 0.5, 2.8333, 1.7353, 2.5588, 2.075],
        [3, 1, 2.25, 3, 3, 3, 3, 1, 3, 1],
        [3, 0.5, 2.25, 3, 3, 3, 3, 1.625, 3, 1.8966],
        [3, 1, 3, 3, 3, 3, 3, 1, 3, 1],
        [3, 0.6667, 2, 3, 3, 3, 3, 1.8537, 3, 2.5417],
        [3.5, 1, 2.4706, 1, 2.25, 1, 2.7073, 1, 2.3333, 1],
        [3, 0.7778, 2.1176, 3, 3, 3, 3, 1.6667, 3, 2.3487],
        [3.2, 1, 2.325, 1, 2.0690, 1, 2.9583, 1, 2.6743, 1],
    ]
)


def ballots(*groups):
    """Scores [voter, alternative] and weights, from (weight, "best to worst")."""
    alternatives = sorted(groups[0][1])
    scores = [[-order.index(alternative) for alternative in alternatives] for _, order in groups]
    return np.array(scores, dtype=float), np.array([weight for weight, _ in groups], dtype=float)


def order(scores, alternatives):
    return "".join(sorted(alternatives, key=lambda name: -scores[alternatives.index(name)]))


# Votes

SCHULZE = ballots(
    (5, "ACBED"), (5, "ADECB"), (8, "BEDAC"), (3, "CABED"), (7, "CAEBD"), (2, "CBADE"), (7, "DCEBA"), (8, "EBADC")
)
# Memphis, Nashville, Chattanooga and Knoxville choose a capital.
TENNESSEE = ballots((42, "MNCK"), (26, "NCKM"), (15, "CKNM"), (17, "KCNM"))


def test_schulze_of_45_voters():
    assert order(schulze(preferences(*SCHULZE)), "ABCDE") == "EACBD"


def test_capital_of_tennessee():
    above = preferences(*TENNESSEE)  # in the order C, K, M, N
    assert borda(*TENNESSEE).tolist() == [173, 107, 126, 194]
    assert copeland(above).tolist() == [2, 1, 0, 3]
    assert schulze(above).tolist() == [2, 1, 0, 3]
    assert ranked_pairs(above).tolist() == [2, 1, 0, 3]
    np.testing.assert_allclose(maximal_lottery(above), [0, 0, 0, 1], atol=1e-9)
    assert order(iterated_maximal_lotteries(above), "CKMN") == "NCKM"


def test_a_lottery_on_a_cycle_weighs_each_by_the_margin_it_is_not_in():
    above = preferences(*ballots((5, "ABC"), (4, "BCA"), (3, "CAB")))
    margins = {"AB": 4, "BC": 6, "CA": 2}
    expected = np.array([margins["BC"], margins["CA"], margins["AB"]]) / 12
    np.testing.assert_allclose(maximal_lottery(above), expected, atol=1e-8)


def test_ranked_pairs_drop_the_narrowest_majority_of_a_cycle():
    assert order(ranked_pairs(preferences(*ballots((5, "ABC"), (4, "BCA"), (3, "CAB")))), "ABC") == "ABC"


@pytest.mark.parametrize("method", [copeland, schulze, ranked_pairs, maximal_lottery, iterated_maximal_lotteries])
def test_an_even_cycle_is_a_tie(method):
    scores = method(preferences(*ballots((1, "ABC"), (1, "BCA"), (1, "CAB"))))
    np.testing.assert_allclose(scores, scores[0], atol=1e-9)


def test_equals_and_gaps_abstain():
    assert borda([[1.0, 1.0, 0.0]]).tolist() == [1.5, 1.5, 0.0]
    assert borda([[2.0, np.nan, 0.0]]).tolist() == [1.0, 0.0, 0.0]
    assert copeland(preferences([[1.0, 1.0, 0.0]])).tolist() == [1.5, 1.5, 0.0]


@given(st.integers(0, 10**6), st.integers(3, 6), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_votes_know_no_names_and_a_condorcet_winner_wins(seed, alternatives, voters):
    random = np.random.default_rng(seed)
    scores = random.integers(0, 4, (voters, alternatives)).astype(float)
    above, names = preferences(scores), random.permutation(alternatives)
    for method in (copeland, schulze, ranked_pairs, maximal_lottery, iterated_maximal_lotteries):
        result = method(above)
        np.testing.assert_allclose(method(above[np.ix_(names, names)]), result[names], atol=1e-6)
        winner = np.flatnonzero((above > above.T).sum(1) == alternatives - 1)
        if len(winner):
            assert result.argmax() == winner[0]


def test_votes_agree_with_openspiel():
    base = pytest.importorskip("open_spiel.python.voting.base")
    rules = {}
    for name, rule in (("borda", "Borda"), ("copeland", "Copeland"), ("schulze", "Schulze")):
        module = pytest.importorskip(f"open_spiel.python.voting.{name}")
        rules[name] = getattr(module, f"{rule}Voting")()
    ours = {
        "borda": borda,
        "copeland": lambda scores: copeland(preferences(scores)),
        "schulze": lambda scores: schulze(preferences(scores)),
    }
    random = np.random.default_rng(0)
    for _ in range(20):
        votes = [random.permutation(5).tolist() for _ in range(9)]  # an odd number: no draws
        scores = np.array([[-vote.index(i) for i in range(5)] for vote in votes], dtype=float)
        profile = base.PreferenceProfile(
            votes=[[f"a{i}" for i in vote] for vote in votes], alternatives=[f"a{i}" for i in range(5)]
        )
        for name, rule in rules.items():
            theirs = rule.run_election(profile)
            mine = ours[name](scores)
            if name == "borda":
                assert [mine[int(label[1:])] for label in theirs.ranking] == pytest.approx(theirs.scores)
            elif len(set(mine)) == 5:
                assert [f"a{i}" for i in np.argsort(-mine)] == theirs.ranking


# Anchors


def test_payoffs_are_averaged_only_where_anchors_say_so():
    payoffs = pd.DataFrame({"pd": [3.0, 1.0], "commons": [0.0, 50.0]}, index=["A", "B"])
    anchors = {"pd": Anchors(1, 3), "commons": Anchors(0, 100)}
    found = across_environments(payoffs, anchors)
    assert found.table["anchored"].tolist() == [0.5, 0.25]
    assert across_environments(payoffs, anchors, {"pd": 1, "commons": 3}).table["anchored"].tolist() == [
        0.25,
        0.375,
    ]
    voted = across_environments(payoffs, {"pd": Anchors(1, 3)})
    assert "anchored" not in voted.table
    assert "commons declared no anchors" in voted.remarks[0]
    assert voted.table["borda"].tolist() == [1, 1]


def test_anchors_in_the_wrong_order_are_refused():
    with pytest.raises(ValueError, match="low one first"):
        Anchors(3, 1)


def test_votes_end_in_words():
    one = across_environments(pd.DataFrame({"pd": [3.0, np.nan]}, index=["A", "B"]))
    assert "one environment" in one.remarks[0]
    assert "Not in every environment: B." in one.remarks[2]
    assert "no payoffs" in across_environments(pd.DataFrame()).remarks[0]


# Bradley and Terry


def comparisons(*rows):
    first, second, outcome, cluster = (np.array(column) for column in zip(*rows, strict=True))
    agents = int(max(first.max(), second.max())) + 1
    return Comparisons(agents, first, second, outcome.astype(float), cluster)


def test_strength_of_two_is_their_log_odds():
    """3 of 4 won: log 3 apart. With a cluster each, the variance is 1 / (n p q), times 4 / 3 for 4 clusters."""
    found = bradley_terry(comparisons((0, 1, 1, 0), (0, 1, 1, 1), (1, 0, 0, 2), (0, 1, 0, 3)))
    assert found.strength == pytest.approx([np.log(3) / 2, -np.log(3) / 2])
    assert found.tie == 0
    apart = np.array([1, -1])
    assert apart @ found.covariance @ apart == pytest.approx(4 / 3 / (4 * 0.75 * 0.25))


def test_ties_of_two():
    """4 wins, 1 loss, 5 ties: log odds log 4, and nu = 5 / sqrt(4 x 1)."""
    rows = [(0, 1, outcome, number) for number, outcome in enumerate([1] * 4 + [0] + [0.5] * 5)]
    found = bradley_terry(comparisons(*rows))
    assert found.strength[0] - found.strength[1] == pytest.approx(np.log(4))
    assert found.tie == pytest.approx(2.5)


def test_the_likelihood_is_at_its_largest():
    random = np.random.default_rng(3)
    first, second = np.array([random.choice(5, 2, replace=False) for _ in range(200)]).T
    outcome = random.choice([0, 0.5, 1], 200)
    found = bradley_terry(Comparisons(5, first, second, outcome, np.arange(200)))

    def loss(x):
        half = (x[first] - x[second]) / 2
        total = np.log(np.exp(half) + np.exp(-half) + np.exp(x[5]))
        return (
            -np.where(outcome == 1, half, np.where(outcome == 0, -half, x[5])).sum()
            + total.sum()
            + x[:5].sum() ** 2
        )

    best = minimize(loss, np.zeros(6), options={"gtol": 1e-9}).x
    np.testing.assert_allclose(found.strength, best[:5], atol=1e-5)
    assert found.tie == pytest.approx(np.exp(best[5]), rel=1e-5)


def test_errors_cover_at_their_level():
    """95 % of 400 runs within 1.96 errors; a binomial count is outside 360..396 with probability below 0.001."""
    random = np.random.default_rng(5)
    truth = np.array([0.6, 0.0, -0.6])
    first, second = np.repeat([0, 0, 1], 60), np.repeat([1, 2, 2], 60)
    chance = 1 / (1 + np.exp(truth[second] - truth[first]))
    inside = 0
    for _ in range(400):
        outcome = (random.random(180) < chance).astype(float)
        found = bradley_terry(Comparisons(3, first, second, outcome, np.arange(180)))
        inside += abs(found.strength[0] - 0.6) < 1.96 * found.standard_error[0]
    assert 360 <= inside <= 396


def test_comparisons_said_twice_in_a_cluster_are_no_more_certain():
    rows = [(0, 1, 1, 0), (0, 1, 1, 1), (0, 1, 0, 2)]
    once, twice = bradley_terry(comparisons(*rows)), bradley_terry(comparisons(*rows, *rows))
    np.testing.assert_allclose(twice.standard_error, once.standard_error)


def test_separated_and_disconnected_comparisons_are_told():
    apart = comparisons((0, 1, 1, 0), (1, 0, 1, 0), (2, 3, 0.5, 0), (1, 0, 0.5, 0))
    assert "Never compared with the others" in separation(apart, "ABCD")
    champion = comparisons((0, 1, 1, 0), (0, 2, 1, 0), (1, 2, 0.5, 0))
    assert separation(champion, "ABC").endswith("no upper end: A.")
    victim = comparisons((1, 0, 1, 0), (2, 0, 1, 0), (1, 2, 0.5, 0))
    assert separation(victim, "ABC").endswith("no lower end: A.")
    with pytest.raises(ValueError, match="no upper end: agent 0"):
        bradley_terry(champion)


@pytest.mark.parametrize(
    ("rows", "refused"),
    [
        ([(0, 1, 1), (0, 1, 0.5)], True),  # a win and a tie: as far apart as one likes
        ([(0, 1, 1), (0, 1, 0.5), (0, 1, 0)], False),
        ([(0, 1, 1), (1, 2, 1), (2, 0, 1), (0, 1, 0.5)], False),  # a circle of wins
        ([(0, 1, 1), (1, 2, 1), (0, 2, 0.5)], False),  # two steps of wins are one of a tie
        ([(0, 1, 1), (1, 2, 0.5), (0, 2, 0.5)], True),
        ([(0, 1, 0.5), (1, 2, 0.5)], False),  # nothing but ties: equals
    ],
)
def test_ties_can_hide_that_there_is_no_maximum(rows, refused):
    found = comparisons(*((*row, number) for number, row in enumerate(rows)))
    assert separation(found).startswith("Levels explain every comparison") is refused
    if not refused:
        assert np.abs(bradley_terry(found).strength).max() < 10


def test_refused_is_what_has_a_direction_of_recession():
    """A linear program looks for a direction that lowers no probability and raises one, on 600 small leagues."""
    random = np.random.default_rng(2)
    refused = 0
    for _ in range(600):
        agents = random.integers(2, 6)
        rows = random.integers(agents - 1, 3 * agents)
        first, second = np.array([random.choice(agents, 2, replace=False) for _ in range(rows)]).T
        outcome = random.choice([0, 0.5, 1], rows, p=random.dirichlet([1, 2, 1]))
        if outcome.min() == 0.5 or not (outcome == 0.5).any():
            continue
        found = Comparisons(int(agents), first, second, outcome, np.arange(rows))
        # Of win, loss, tie: slope (delta / 2, -delta / 2, epsilon); what happened must not fall behind the others.
        slope = np.zeros((rows, 3, agents + 1))
        at = np.arange(rows)
        slope[at, 0, first], slope[at, 0, second] = 0.5, -0.5
        slope[:, 1], slope[:, 2, -1] = -slope[:, 0], 1
        chosen = slope[at, np.select([outcome == 1, outcome == 0], [0, 1], 2)]
        lead = (chosen[:, None] - slope).reshape(3 * rows, -1)
        best = linprog(-lead.sum(0), -lead, np.zeros(len(lead)), bounds=[(0, 0)] + [(-1, 1)] * int(agents))
        connected = connected_components(
            np.bincount(first * agents + second, minlength=agents**2).reshape(agents, -1)
        )
        refused += bool(separation(found))
        assert bool(separation(found)) == (connected[0] > 1 or best.fun < -1e-9)
    assert 100 < refused < 500


def test_nothing_but_ties_makes_equals():
    found = bradley_terry(same_partner(np.ones((3, 3))))
    assert found.strength.tolist() == [0, 0, 0]


def test_wins_reward_spite_and_comparisons_with_the_same_partner_do_not():
    won = same_match(PAYOFFS)
    share = np.bincount(won.first, won.outcome, 10) + np.bincount(won.second, 1 - won.outcome, 10)
    assert {AGENTS[i] for i in np.argsort(-share)[:3]} == {"ALLD", "EXTORT-2", "JOSS"}
    ranking = [AGENTS[i] for i in np.argsort(-bradley_terry(same_partner(PAYOFFS)).strength)]
    assert {"ALLD", "EXTORT-2", "JOSS", "RANDOM"} == set(ranking[-4:])


def test_missing_matches_are_not_compared():
    table = np.array([[1.0, 2.0], [np.nan, 1.0]])
    found = same_partner(np.stack((table, table)))
    assert found.outcome.tolist() == [1, 1]
    assert len(np.unique(found.cluster)) == 2


def test_ten_to_one_is_400_points():
    rows = [(0, 1, outcome, number) for number, outcome in enumerate([1] * 10 + [0])]
    rating = elo(bradley_terry(comparisons(*rows))).rating
    assert rating == pytest.approx([1700, 1300])


# Clones


def test_copies_are_found_and_others_are_not(seats):
    earned = {
        ("A", "A"): (3, 3),
        ("A", "B"): (3, 3),
        ("B", "B"): (3, 3),
        ("A", "C"): (0, 5),
        ("B", "C"): (0.01, 5),
    }
    table = payoff_table(seats([*earned.items(), (("C", "C"), (1, 1))]), {})
    distance = behavioural_distance(table)
    assert distance.loc["A", "B"] == pytest.approx(0.01 / 5)  # of a spread of 5, with C
    assert distance.loc["A", "C"] > 0.3
    found = near_clones(table)
    assert found.table["agent"].tolist() == ["A", "B"]
    assert found.remarks == ("Near-clones: A, B differ by at most 0.02 with every partner.",)
    assert "No two agents" in near_clones(table, alike=1e-6).remarks[0]


def test_a_single_partner_tells_two_agents_apart(seats):
    """.15 of a spread of 5 with one partner in 40: .03, where the root mean square would be .005."""
    matches = [((agent, f"p{i}"), (3.0, 3.0)) for agent in "AB" for i in range(39)]
    matches += [(("A", "C"), (0.0, 5.0)), (("B", "C"), (0.15, 5.0))]
    table = payoff_table(seats(matches), {})
    assert behavioural_distance(table).loc["A", "B"] == pytest.approx(0.03)
    assert not {"A", "B"} & set(near_clones(table).table["agent"])


def test_clones_change_means_and_no_deviation_rating():
    found = clone_sensitivity(PAYOFFS, AGENTS)
    assert found.table["deviation"].max() < 1e-6
    assert found.table["payoff"].max() > 0.1
    assert found.remarks[-1] == "Clones move nothing in deviation."


def test_the_change_of_a_mean_by_hand():
    """B entered twice is 2 / 3 of A's mean, not 1 / 2: A falls from 1 to 2 / 3, B rises from 2 to 8 / 3."""
    found = clone_sensitivity([[2.0, 0.0], [0.0, 4.0]], "AB", entries=(2,), ratings={"payoff": RATINGS["payoff"]})
    assert found.table["payoff"].tolist() == pytest.approx([2 / 3, 2 / 3])


# All of them


def test_every_rating_has_a_column_and_a_sentence():
    found = rate(PAYOFFS, names=AGENTS)
    assert found.table["agent"].tolist() == list(AGENTS)
    for name, rating in RATINGS.items():
        assert np.isfinite(found.table[name]).all()
        assert any(remark.startswith(f"{name}: ") and rating.source in remark for remark in found.remarks)
    assert found.table["alpha_rank"].sum() == pytest.approx(1)
    np.testing.assert_allclose(found.table["payoff"], PAYOFFS.mean(1))


def test_intervals_hold_the_draws():
    draws = PAYOFFS + np.linspace(-1, 1, 41)[:, None, None]
    found = rate(PAYOFFS, draws, AGENTS).table
    np.testing.assert_allclose(found["payoff_low"], PAYOFFS.mean(1) - 0.95)
    np.testing.assert_allclose(found["payoff_high"], PAYOFFS.mean(1) + 0.95)
    np.testing.assert_allclose(found["deviation_low"], found["deviation_high"], atol=1e-7)
    assert (found["elo_low"] == found["elo_high"]).all()


def test_missing_pairs_are_left_out_never_made_up():
    payoffs = PAYOFFS.copy()
    payoffs[0, 1] = payoffs[0, 2] = payoffs[4, 0] = np.nan
    found = rate(payoffs, names=AGENTS)
    assert found.remarks[0].startswith("Left out of the ratings, because some pair has no payoff: ALLC.")
    assert found.table.loc[0, "deviation":].isna().all()
    np.testing.assert_allclose(found.table["payoff"][1:], PAYOFFS[1:, 1:].mean(1))


def test_intervals_reach_as_far_on_either_side():
    """Draws that lie 0 to 1 above the payoff tell of a shift, by which the truth may lie below it."""
    draws = PAYOFFS + np.linspace(0, 1, 41)[:, None, None]
    found = rate(PAYOFFS, draws, AGENTS, ratings={"payoff": RATINGS["payoff"]}).table
    np.testing.assert_allclose(found["payoff_low"], PAYOFFS.mean(1) - 0.975)
    np.testing.assert_allclose(found["payoff_high"], PAYOFFS.mean(1) + 0.975)


def test_intervals_stay_where_scores_can_be():
    random = np.random.default_rng(1)
    found = rate(PAYOFFS, PAYOFFS + random.normal(size=(60, *PAYOFFS.shape)), AGENTS).table
    for name in ("alpha_rank", "alpha_rank_population"):
        assert found[f"{name}_low"].min() >= 0
        assert found[f"{name}_high"].max() <= 1
    assert found["deviation_high"].max() <= 0


def test_the_largest_complete_part():
    """Everybody misses one other: half are left. A circle of five that misses neighbours keeps two."""
    table = np.ones((40, 40))
    table[range(0, 40, 2), range(1, 40, 2)] = np.nan
    assert len(largest_complete(table).agents) == 20
    circle = np.ones((5, 5))
    circle[range(5), [1, 2, 3, 4, 0]] = np.nan
    assert len(largest_complete(circle).agents) == 2


def test_without_self_play_some_ratings_say_so():
    payoffs = PAYOFFS.copy()
    np.fill_diagonal(payoffs, np.nan)
    found = rate(payoffs, np.stack((payoffs, payoffs)), AGENTS)
    missing = {name for name in RATINGS if name not in found.table}
    assert missing == {"deviation", "alpha_rank_population", "coarse_correlated"}
    assert sum("payoffs against oneself" in remark for remark in found.remarks) == 3
    assert found.table["alpha_rank_low"].notna().all()


def test_draws_with_gaps_are_told():
    draws = np.stack([PAYOFFS] * 4)
    draws[0, 2, 3] = np.nan
    found = rate(PAYOFFS, draws, AGENTS, ratings={"payoff": RATINGS["payoff"]})
    assert "1 of 4 bootstrap tables" in found.remarks[-1]


@pytest.mark.parametrize(
    ("payoffs", "names", "sentence"),
    [
        ([[1.0]], ["A"], "no rating of one agent"),
        ([[3.0, 0.0], [5.0, 1.0]], ["A", "B"], "Two agents"),
        (np.ones((3, 3)), "ABC", "All payoffs are equal"),
        (np.full((3, 3), np.nan), "ABC", "nothing to rate"),
        ([[3.0, 0.0], [5.0, 1.0]], ["A", "B"], "elo: not computed. Never behind any of the others"),
    ],
)
def test_degenerate_leagues_end_in_words(payoffs, names, sentence):
    assert sentence in " ".join(rate(payoffs, names=names).remarks)


def test_equal_agents_are_rated_equal():
    found = rate(np.full((4, 4), 2.0), names="ABCD").table
    for name in RATINGS:
        np.testing.assert_allclose(found[name], found[name][0], atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([[1.0, 2.0]],), "a row and a column"),
        (([[1.0, 2.0], [1.0, 2.0]], None, ["A"]), "2 agents have 1 names"),
        (([[1.0, 2.0], [1.0, 2.0]], np.ones((3, 2)), ["A", "B"]), "draw, 2, 2"),
    ],
)
def test_wrong_shapes_are_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        rate(*arguments)


@pytest.mark.parametrize(("work", "draws"), [(np.inf, 40), (25 * 27, 25), (19 * 27, 0)])
def test_a_rating_whose_bootstrap_takes_too_long_has_no_interval_and_says_so(work, draws):
    matrix = np.random.default_rng(0).normal(2, 1, (3, 3))
    tables = matrix + np.random.default_rng(1).normal(0, 0.1, (40, 3, 3))
    seen = []
    rating = replace(RATINGS["payoff"], score=lambda each: seen.append(len(each)) or each.mean(-1), work=work)
    found = rate(matrix, tables, ratings={"payoff": rating})
    assert seen[1:] == [draws] * (draws > 0)
    assert found.table["payoff_low"].isna().all() == (draws == 0)
    assert any("which takes too long for 3 agents" in remark for remark in found.remarks) == (draws == 0)
