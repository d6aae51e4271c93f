"""What is said of partners who were kept or left, against counts and closed forms."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau
from statsmodels.stats.proportion import proportion_confint

from dilemma import Tournament, open_run
from dilemma.analysis.behaviour.partner_choice import design_effect, keep_rates, partners, predictors
from dilemma.analysis.behaviour.partner_evidence import PartnerEvidence, compared
from dilemma.analysis.game import Game
from dilemma.analysis.statistics.rank_correlation import kendall
from dilemma.tournament.config import parse

GAME = Game(roles=["player"] * 2, seats=2, title="", shares={"fair": ("own", "taken")})


def evidence(kept, *, runs=None, payoff=lambda candidate: candidate, game=GAME):
    """A chooser "c" whose paths [path, candidate] end with these choices; every match pays what `payoff` says.

    Candidates are "p0", "p1", ...; each takes ten coins a match, of which as many as its number are its own.
    """
    paths, count = np.shape(kept)
    choices, seats = [], []
    for candidate in range(count):
        for path in range(paths):
            run = -1 if runs is None else int(runs[path][candidate])
            earned, name = float(payoff(candidate)), f"p{candidate}"
            choice = {"environment": "e", "agent": "c", "rule": "r", "opponent": name, "first": name}
            choice |= {"repetition": path, "encounter": 0, "match": 1000 * candidate + path, "run": run}
            stays = bool(kept[path][candidate])
            choice |= {"payoff": earned, "partner_payoff": 2.0, "kept": stays, "alone_payoff": 0.5}
            choice |= {"next_payoff": earned if stays else 0.5, "partner_next_payoff": 2.0 if stays else 0.5}
            choices.append(choice)
            for agent, opponent, seat, paid in (("c", name, 0, earned), (name, "c", 1, 2.0)):
                own = candidate if agent == name else 3
                row = {"environment": "e", "agent": agent, "opponent": opponent, "seat": seat, "payoff": paid}
                row |= {"match": 1000 * candidate + path, "repetition": 2 * path, "weight": 5.0, "own": own / 5}
                seats.append(row | {"taken": 2.0, "run": run if agent == name else -1})
    return PartnerEvidence(pd.DataFrame(choices), pd.DataFrame(seats), game, {"matches": 2}, 200, 0)


def test_keep_rates_are_shares_with_wilsons_interval():
    kept = np.zeros((20, 3))
    kept[:7, 1], kept[:, 2] = 1, 1
    table = partners(evidence(kept)).table.set_index("opponent")
    assert table["keep_rate"].tolist() == [0, 0.35, 1]
    for name, count in (("p0", 0), ("p1", 7), ("p2", 20)):
        low, high = proportion_confint(count, 20, 0.05, method="wilson")
        assert table.loc[name, ["keep_rate_low", "keep_rate_high"]].tolist() == pytest.approx([low, high])
    assert table["own_payoff"].tolist() == [0, 1, 2]
    assert table["joint_payoff"].tolist() == [2, 3, 4]
    assert table["warmth"].tolist() == pytest.approx([0, 0.1, 0.2])
    assert table["competence"].tolist() == [2, 2, 2]
    assert table["opportunity_cost"].tolist()[1:] == [0.5, 1.5]  # nobody stayed with the first
    assert table["free_payoff"].tolist() == pytest.approx([0.5, 0.35 * 2 + 0.65 * 0.5, 2])


def test_choices_of_one_trained_run_are_not_independent():
    """Four runs, each kept in all of its five choices or in none: as good as 3.75 choices."""
    kept = np.repeat([[1], [1], [0], [0]], 5, axis=0)
    runs = np.repeat([[1], [2], [3], [4]], 5, axis=0)
    row = partners(evidence(kept, runs=runs)).table.iloc[0]
    size = 20 / (5 * 4 / 3)
    low, high = proportion_confint(size / 2, size, 0.05, method="wilson")
    assert (row["keep_rate_low"], row["keep_rate_high"]) == pytest.approx((low, high))


@pytest.mark.parametrize("choices", [1, 3, 10])
def test_the_design_effect_of_units_that_choose_alike_is_their_size(choices):
    """Up to the factor m / (m - 1) of m units."""
    kept = np.array([1.0, 0, 0, 1, 1, 0, 1, 0])
    expected = choices * 8 / 7 if choices > 1 else 1
    assert design_effect(choices * kept, np.full(8, float(choices))) == pytest.approx(expected)


def test_the_design_effect_of_independent_choices_is_about_one():
    """Hardly ever fails by chance: the bounds are six deviations of its mean off."""
    random = np.random.default_rng(0)
    whole = np.full(200, 5.0)
    found = [design_effect(random.binomial(5, 0.4, 200).astype(float), whole) for _ in range(400)]
    assert 1.02 < np.mean(found) < 1.06  # below one counts as one


def test_who_was_kept_is_preferred_to_who_was_not():
    pairs = compared(np.array([[1, 0, 1], [0, 0, np.nan]], dtype=float))
    found = list(zip(pairs.cluster, pairs.first, pairs.second, pairs.outcome, strict=True))
    assert found == [(0, 0, 1, 1.0), (0, 0, 2, 0.5), (0, 1, 2, 0.0), (1, 0, 1, 0.5)]


def test_strengths_order_candidates_as_keep_rates_do():
    random = np.random.default_rng(1)
    kept = random.random((300, 4)) < [0.2, 0.8, 0.5, 0.6]
    table = partners(evidence(kept)).table
    assert table["strength"].rank().tolist() == [1, 4, 2, 3]
    assert table["strength"].sum() == pytest.approx(0)
    always = partners(evidence(np.ones((5, 2)) * [1, 0]))
    assert always.table["strength"].isna().all()
    assert any("no strengths. Never" in remark for remark in always.remarks)


def test_the_score_that_choices_follow_goes_with_them_most():
    random = np.random.default_rng(2)
    chance = np.array([0.1, 0.5, 0.3, 0.9, 0.7])
    paid = np.argsort(np.argsort(chance))
    kept = random.random((200, 5)) < chance
    found = predictors(evidence(kept, payoff=lambda candidate: paid[candidate]))
    table = found.table.set_index("score")
    assert table.loc["own_payoff", ["tau", "tau_low", "tau_high"]].tolist() == [1, 1, 1]
    assert table.loc["warmth", "tau"] == pytest.approx(kendalltau(np.arange(5), kept.mean(axis=0)).statistic)
    assert {"partner_payoff", "competence"}.isdisjoint(table.index)  # all candidates are alike in these
    assert table["best"].sum() == pytest.approx(1)
    assert found.remarks[0].startswith("c, r: own payoff goes with preference most (tau 1.00")


def test_a_bootstrap_draws_trained_runs_where_there_are_any():
    """What every choice of a run has in common makes intervals wide."""
    random = np.random.default_rng(3)
    runs = np.repeat(np.arange(4)[:, None], 50, axis=0) * np.ones((1, 4))
    kept = np.repeat(random.random((4, 4)) < 0.5, 50, axis=0)
    by_run, by_path = (predictors(evidence(kept, runs=each)).table.iloc[0] for each in (runs, None))
    assert by_run["tau_high"] - by_run["tau_low"] > by_path["tau_high"] - by_path["tau_low"]


def test_tau_of_many_scores_at_once_is_that_of_each():
    random = np.random.default_rng(4)
    one, other = random.integers(0, 4, (2, 6, 9)).astype(float)
    expected = [kendalltau(a, b).statistic for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(kendall(one, other), expected)
    np.testing.assert_allclose(kendall(one, other[0]), [kendalltau(a, other[0]).statistic for a in one])


def test_where_agents_play_alone_nothing_is_said_of_partners(tmp_path):
    rooms = [{"name": "coins", "variant": "coin_per_player", "rounds": 8, **more} for more in ({}, {"absent": 1})]
    schedule = {"kind": "partner_choice", "alone": "alone", "repetitions": 2}
    agents = [{"name": "coins_cooperator"}, {"name": "coins_defector"}]
    rooms[1]["label"] = "alone"
    plan = parse({"environments": rooms, "agents": agents, "schedule": schedule})
    Tournament.of(plan).run().report(tmp_path)
    ranking, pairs = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("ranking", "comparisons"))
    assert set(ranking["environment"]) == {"coins", "alone"}
    assert set(pairs["environment"]) == {"coins"}


def test_a_report_has_the_choice_matrix_and_its_tables(tmp_path):
    schedule = {"kind": "partner_choice", "alone": 2, "repetitions": 5, "choosers": ["all_c", "all_d"]}
    schedule["rules"] = [{"kind": "own_return"}, {"kind": "fairness", "label": "fair"}]
    agents = ["all_c", "all_d", "random"]
    Tournament(["prisoners_dilemma"], agents, mode="played", schedule=schedule).run(tmp_path / "run")
    page = open_run(tmp_path / "run").report(tmp_path / "report")
    table = pd.read_csv(tmp_path / "report" / "partners.csv")
    matrix = keep_rates(table)
    assert list(matrix.index) == ["all_c: own_return", "all_c: fair", "all_d: own_return", "all_d: fair"]
    assert matrix.loc["all_c: fair"].tolist()[:2] == [1, 0]
    assert len(pd.read_csv(tmp_path / "report" / "choices.csv")) == 2 * 2 * 3 * 5
    text = page.read_text()
    assert "How often each chooser stays with each candidate" in text
    assert "Each chooser met each candidate on 5 paths of up to 2 matches" in text
    assert "warmth stands for cooperation" in text
