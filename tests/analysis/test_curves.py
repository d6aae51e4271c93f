"""Learning curves: their means and bands, what they end with, and what a reader finds of them in the report."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dilemma.analysis.behaviour.curves import POLICY, late_means, learning_curves, mean_curves
from dilemma.analysis.options import AnalysisOptions
from dilemma.analysis.ranking.payoffs import payoff_table
from dilemma.analysis.report.curve_figures import panels, pens
from dilemma.analysis.report.report import write_report
from dilemma.analysis.statistics.bands import bands

GAMES = {"game": {"roles": ["player"] * 2, "seats": 2, "title": "A game"}}
ASKED = AnalysisOptions(draws=2000, comparisons="max_t", top=3)
ASYMMETRIC = {"game": {"roles": ["row", "column"], "seats": 2, "title": "A game"}}


def make_curves(matches, labels="AB", environment="game"):
    """A row for each point of the payoffs of (cast, (payoffs of seat 0, payoffs of seat 1))."""
    rows = [
        {
            "match": match,
            "agent": cast[seat],
            "opponent": cast[1 - seat],
            "repetition": match,
            "seat": seat,
            "point": point,
            "payoff": float(payoff),
            "cooperation": 0.5,
        }
        for match, (cast, payoffs) in enumerate(matches)
        for seat in (0, 1)
        for point, payoff in enumerate(payoffs[seat], start=1)
    ]
    table = pd.DataFrame(rows).assign(environment=pd.Categorical([environment] * len(rows)))
    labels = list(labels)
    table["agent"], table["opponent"] = (pd.Categorical(table[name], labels) for name in ("agent", "opponent"))
    return table


def league(labels, matches=3, points=20):
    random = np.random.default_rng(0)
    casts = list(itertools.combinations_with_replacement(labels, 2)) * matches
    return make_curves([(cast, random.normal(size=(2, points))) for cast in casts], labels)


def curve(table, agent, opponent, column="mean", measure="payoff"):
    where = (table["agent"] == agent) & (table["opponent"] == opponent) & (table["measure"] == measure)
    return table.loc[where, column].tolist()


def test_a_curve_is_the_mean_over_matches_whatever_the_seat():
    table = learning_curves(make_curves([("AB", ([1, 2], [5, 6])), ("BA", ([7, 8], [3, 6]))]), GAMES)
    assert curve(table, "A", "B") == [2, 4]
    assert curve(table, "B", "A") == [6, 7]
    assert set(table["seat"]) == {"any"}


def test_what_the_environment_declares_as_a_share_is_the_ratio_of_means():
    games = {"game": {**GAMES["game"], "shares": {"own_share": ("own", "all")}}}
    curves = make_curves([("AB", ([0, 0, 0], [0, 0, 0]))])
    curves = curves.assign(own=curves["point"] - 1.0, all=2.0 * (curves["point"] - 1))
    table = learning_curves(curves, games)
    assert curve(table, "A", "B", measure="own_share") == [0.5, 0.5]  # nothing to share at the first point
    assert late_means(curves, games)["own_share"].tolist() == [0.5, 0.5]


def test_the_seats_of_self_play_are_one_match():
    table = learning_curves(make_curves([("AA", ([1, 1], [3, 5])), ("AA", ([4, 4], [4, 4]))]), GAMES)
    assert curve(table, "A", "A") == [3, 3.5]
    assert curve(table, "A", "A", "matches") == [2, 2]


def test_the_seats_of_an_asymmetric_game_are_apart():
    table = learning_curves(make_curves([("AB", ([1], [2])), ("BA", ([3], [4]))]), ASYMMETRIC)
    assert curve(table[table["seat"] == "0"], "A", "B") == [1]
    assert curve(table[table["seat"] == "1"], "A", "B") == [4]


def test_a_long_curve_is_averaged_over_neighbours():
    long = np.arange(1000.0)
    table = learning_curves(make_curves([("AB", (long, long))]), GAMES)
    assert curve(table, "A", "B") == [2 + 5 * i for i in range(200)]
    assert curve(table, "A", "B", "point")[:2] == [3, 8]


def test_what_is_unknown_is_left_out():
    curves = make_curves([("AB", ([1, np.nan, 3], [0, 0, 0])), ("AB", ([3, np.nan, np.nan], [0, 0, 0]))])
    table = learning_curves(curves.assign(loss=np.nan), GAMES)
    assert curve(table, "A", "B") == [2, 3]
    assert curve(table, "A", "B", "matches") == [2, 1]
    assert "loss" not in set(table["measure"])


def test_one_match_has_no_band():
    table = learning_curves(make_curves([("AB", ([1, 2], [0, 0]))]), GAMES)
    assert table[["low", "high", "band_low", "band_high"]].isna().all(axis=None)


def test_the_band_at_a_point_is_students(seats):
    payoffs = np.array([1.0, 4.0, 2.5, 0.5])
    table = learning_curves(make_curves([("AB", ([x], [0])) for x in payoffs]), GAMES)
    # The 0.975 quantile of Student's t with 3 degrees of freedom is 3.1824.
    assert curve(table, "A", "B", "high") == pytest.approx([2 + 3.1824 * payoffs.std(ddof=1) / 2], abs=1e-4)
    assert curve(table, "A", "B", "matches", "cooperation") == [4]


def test_the_band_around_a_curve_that_never_moves_is_that_of_a_point():
    level = np.random.default_rng(0).normal(size=8)[None, :, None]
    found = bands(np.repeat(level, 50, axis=2), np.random.default_rng(1), 20_000)
    assert np.allclose(found.band_high, found.high, rtol=0.05, atol=0.05)


def test_the_band_around_a_rough_curve_is_wider_and_holds_it_nine_times_in_ten():
    # With 30 matches 93 % of 2,000 such curves; of 150 curves, 86 % is three standard deviations below.
    random = np.random.default_rng(2)
    found = [bands(random.normal(size=(1, 30, 20)), random, 300) for _ in range(150)]
    assert all((each.band_low < each.low).all() for each in found)
    assert np.mean([((each.band_low <= 0) & (each.band_high >= 0)).all() for each in found]) > 0.86


def test_shares_stay_between_0_and_1():
    curves = make_curves([("AB", ([0], [0])), ("AB", ([1], [1]))])
    curves["cooperation"] = curves["payoff"]
    table = learning_curves(curves, GAMES)
    assert (curve(table, "A", "B", "low", "cooperation"), curve(table, "A", "B", "high", "cooperation")) == (
        [0],
        [1],
    )
    assert curve(table, "A", "B", "low")[0] < -1


def test_the_order_of_rows_changes_nothing():
    curves = league("AB")
    shuffled = curves.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(learning_curves(curves, GAMES), learning_curves(shuffled, GAMES), rtol=1e-12)


def test_the_late_window_is_the_last_tenth_with_its_spread_over_matches():
    payoffs = [np.append(np.zeros(18), end) for end in ([1, 3], [5, 7])]
    late = late_means(make_curves([("AB", (each, each)) for each in payoffs]), GAMES)
    row = late[late["agent"] == "A"].iloc[0]
    assert (row["payoff"], row["matches"]) == (4, 2)
    assert row["payoff_spread"] == pytest.approx(np.sqrt(8))


def test_the_mean_over_opponents_gives_each_the_same_weight():
    matches = [
        ("AB", ([1, 2], [0, 0])),
        ("AB", ([3, 2], [0, 0])),
        ("AC", ([8, 0], [0, 0])),
        ("CA", ([0, 0], [6, 0])),
    ]
    table = mean_curves(make_curves(matches, "ABC"), GAMES)
    own = table[(table["agent"] == "A") & (table["measure"] == "payoff")]
    assert own["mean"].tolist() == [4.5, 1]
    half = stats.t.ppf(0.975, 2) * np.sqrt((2 / 2 + 2 / 2) / 4)  # of two samples with the same variance and size
    np.testing.assert_allclose((own["low"], own["high"]), ([4.5 - half, 1], [4.5 + half, 1]))
    assert own["point"].tolist() == [1, 2]


def test_the_mean_over_one_opponent_is_its_curve_with_the_same_band():
    curves = league("AB", matches=5)[lambda table: table["agent"] != table["opponent"]]
    mean, curve = mean_curves(curves, GAMES), learning_curves(curves, GAMES)
    for name in ("mean", "low", "high"):
        np.testing.assert_allclose(mean[name], curve[name])


def test_the_roles_of_an_opponent_share_its_weight():
    matches = [("AB", ([1], [0])), ("BA", ([0], [3])), ("AC", ([6], [0]))]
    table = mean_curves(make_curves(matches, "ABC"), ASYMMETRIC)
    own = table[(table["agent"] == "A") & (table["measure"] == "payoff")]
    assert own["mean"].tolist() == [4]
    assert own[["low", "high"]].isna().all(axis=None)  # one match each


def test_each_learner_has_a_panel_with_its_mean_and_all_its_opponents():
    table, mean = (
        of[of["measure"] == "payoff"] for of in (f(league("ABC"), GAMES) for f in (learning_curves, mean_curves))
    )
    drawn = panels(table, mean, ["C", "A", "absent"])
    assert [panel.agent for panel in drawn] == ["C", "A"]
    assert all(list(panel.opponents) == ["A", "B", "C"] for panel in drawn)
    np.testing.assert_allclose(drawn[1].mean["mean"], np.mean([curve(table, "A", other) for other in "ABC"], 0))


def test_up_to_sixteen_agents_look_different():
    assert len(set(pens("ABCDEFGHIJKLMNOP").values())) == 16


def test_a_single_match_has_the_error_of_its_tables(seats):
    table = seats([("AA", (1, 2)), ("AB", (1, 0)), ("AB", (3, 0))], how="learned")
    table["standard_error"] = [0.3, 0.4, 9, 9, 9, 9]
    payoffs = payoff_table(table, GAMES).set_index(["agent", "opponent"])
    assert payoffs.loc[("A", "A"), "standard_error"] == pytest.approx(np.sqrt((0.09 + 0.16) / 2))
    assert payoffs.loc[("A", "B"), "standard_error"] == 1


@pytest.fixture(scope="module")
def folder(seats, tmp_path_factory):
    curves = league("AB").assign(**dict.fromkeys(POLICY, 0.25), balance=1.0)
    curves.loc[curves["agent"] == "B", list(POLICY)] = np.nan
    table = seats([("AA", (1, 1)), ("AB", (1, 0)), ("BB", (0, 0))], how="learned")
    return write_report(tmp_path_factory.mktemp("report"), table, GAMES, options=ASKED, curves=curves).parent


def test_the_report_has_the_curves_and_the_policies(folder):
    page = (folder / "index.html").read_text()
    for words in ("Learning curves", "Policies learned", "<dt>Learned</dt>", "95 % band at each point"):
        assert words in page
    curves, policies = (pd.read_csv(folder / f"{name}.csv") for name in ("curves", "policies"))
    assert set(curves["measure"]) == {"payoff", "cooperation", "balance", *POLICY}
    assert policies.set_index(["agent", "opponent"]).loc[("A", "B"), "p_cd"] == 0.25
    names = {path.name for path in (folder / "figures").glob("*.svg")}
    assert {
        f"1-game-{name}.svg" for name in ("curve-payoff", "curve-cooperation", "measures", "policies")
    } <= names
    assert "After CC" in (folder / "policies.md").read_text()


def test_without_curves_nothing_is_said_of_them(seats, tmp_path):
    empty = league("AB").iloc[:0]
    page = write_report(tmp_path, seats([("AB", (1, 0))]), GAMES, options=ASKED, curves=empty).read_text()
    assert "Learning curves" not in page
    assert not (tmp_path / "curves.csv").exists()
