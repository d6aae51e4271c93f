"""Who is nice, who forgives, and how sure that is."""

import math

import numpy as np
import pytest
from scipy import stats

from dilemma import Tournament
from dilemma.agents import CATALOGUE
from dilemma.analysis.behaviour.conduct import COLUMNS, PAIR_COLUMNS, conduct, conduct_by_partner
from dilemma.analysis.behaviour.eigenmorality import eigenjesus, eigenmoses, principal_vector
from dilemma.analysis.cells import cells_by_league
from dilemma.analysis.statistics.ratios import ratio
from dilemma.envs.matrix_game import PrisonersDilemma

GAMES = {"game": {"roles": ["player"] * 2, "seats": 2, "title": "Game"}}
CLASSICS = ("tit_for_tat", "all_c", "all_d", "win_stay_lose_shift", "grudger")
TRAITS = {
    "tit_for_tat": {"niceness": 1, "retaliation": 1, "forgiveness": 0, "contrition": 1, "reciprocity": 1},
    "all_c": {"niceness": 1, "retaliation": 0, "forgiveness": 1, "contrition": math.nan, "reciprocity": 0},
    "all_d": {"niceness": 0, "retaliation": math.nan, "forgiveness": 0, "contrition": 0, "reciprocity": 0},
    "win_stay_lose_shift": {"niceness": 1, "retaliation": 1, "contrition": 0},
    "random": {"niceness": 0.25, "retaliation": 0.5, "forgiveness": 0.5, "contrition": 0.5, "reciprocity": 0},
}


def judged(seats, games=GAMES, of=conduct):
    [cells] = cells_by_league(seats, games)
    return of(cells)


def play(agents, rounds=100):
    run = Tournament([PrisonersDilemma(rounds=rounds)], agents, mode="exact", self_play=True).run()
    return judged(run.seats, run.games), judged(run.seats, run.games, conduct_by_partner)


@pytest.fixture(scope="module")
def classics():
    return play(tuple(TRAITS))


@pytest.mark.parametrize("agent", TRAITS)
def test_classics_have_the_traits_that_define_them(classics, agent):
    row = classics[0].table.set_index("agent").loc[agent]
    expected = TRAITS[agent]
    assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("rounds", [30, math.inf])
def test_a_memory_one_player_responds_as_its_table_says_whoever_is_there(rounds):
    p = (0.25, 0.9, 0.2, 0.6, 0.1)
    agents = {"known": CATALOGUE.build("memory_one", {"p": p}), "random": "random", "all_c": "all_c"}
    found, _ = play(agents, rounds)
    row = found.table.set_index("agent").loc["known"]
    for end in ("", "_low", "_high"):
        names = [f"p_{state}{end}" for state in ("start", "cc", "cd", "dc", "dd")]
        assert row[names].to_list() == pytest.approx(p, abs=2e-5)
    assert row["niceness"] == pytest.approx(0.25 * 0.9, abs=1e-5)


def test_what_never_happened_is_unknown_and_said(classics):
    found, pairs = classics
    assert list(found.table) == list(COLUMNS)
    assert list(pairs.table) == list(PAIR_COLUMNS)
    assert "Never seen after CD: all_d." in found.remarks
    row = pairs.table.set_index(["agent", "opponent"]).loc[("tit_for_tat", "all_d")]
    assert row[["p_start", "p_cd", "p_dd"]].to_list() == pytest.approx([1, 0, 0], abs=1e-6)
    assert row[["p_cc", "p_dc"]].isna().all()


def two_partners(seats, weights=(10.0, 10.0)):
    table = seats([("AX", (1, 1)), ("AY", (1, 1))], repetitions=[0, 0], weights=weights, cooperation=0.5)
    told = {"after_cd": {"X": 0.5, "Y": 0.1}, "c_after_cd": {"X": 0.25, "Y": 0.1}}
    for name, by_partner in told.items():
        table[name] = [by_partner[partner] if agent == "A" else np.nan for agent, partner in pairs_of(table)]
    return table


def pairs_of(table):
    return zip(table["agent"], table["opponent"], strict=True)


@pytest.mark.parametrize("weights", [(10.0, 10.0), (10.0, 1000.0)])
def test_a_response_is_a_ratio_of_sums_in_which_every_partner_has_the_same_weight(seats, weights):
    row = judged(two_partners(seats, weights)).table.set_index("agent").loc["A"]
    assert row["p_cd"] == pytest.approx(0.35 / 0.6)
    assert row["retaliation"] == pytest.approx(1 - 0.35 / 0.6)


def test_a_longer_match_with_the_same_partner_weighs_more(seats):
    table = seats([("AX", (1, 1)), ("AX", (1, 1))], repetitions=[0, 1], weights=[30, 10])
    table["after_cd"], table["c_after_cd"] = 0.5, [0.1, 0.1, 0.5, 0.5]
    row = judged(table).table.set_index("agent").loc["A"]
    assert row["p_cd"] == pytest.approx((30 * 0.1 + 10 * 0.5) / (40 * 0.5))


def test_the_interval_of_a_ratio_is_the_delta_method_s():
    part, whole = np.array([0.25, 0.09, 0.2, 0]), np.array([0.5, 0.1, 0.3, 0])  # the last one never told
    p = 0.54 / 0.9
    error = math.sqrt(3 / 2 * ((part - p * whole) ** 2).sum()) / 0.9
    found = ratio(part[None], whole[None])
    assert (found.value.item(), found.partners.item()) == (pytest.approx(p), 3)
    assert found.half_width().item() == pytest.approx(stats.t.ppf(0.975, 2) * error)


def test_intervals_over_partners_hold_the_truth_as_often_as_they_say():
    """3000 leagues of 15 partners: 95 % is expected; less than 92 % by chance in fewer than 1 of 10^6 suites."""
    random = np.random.default_rng(0)
    whole = random.uniform(0.1, 0.5, (3000, 15))
    part = whole * random.beta(4, 2, whole.shape)
    found = ratio(part, whole)
    held = np.abs(found.value - 2 / 3) <= found.half_width()
    assert 0.92 < held.mean() < 0.97


def test_one_partner_gives_no_interval(seats):
    found = judged(seats([("AB", (1, 1))], cooperation=1.0))
    assert found.table[["cooperation_low", "good_partner_high"]].isna().all(axis=None)
    assert any("one partner" in sentence for sentence in found.remarks)


def test_without_conduct_or_cooperation_there_are_sentences(seats):
    assert any("cooperation" in s.lower() for s in judged(seats([("AB", (1, 1))])).remarks)
    more = judged(seats([("AAB", (1, 1, 9)), ("ABB", (3, 0, 0))], cooperation=1.0)).table
    assert more["good_partner"].to_list() == [1, 1]
    assert more["eigenjesus"].isna().all()
    alone = judged(seats([("AA", (1, 1))], cooperation=1.0)).table
    assert (alone["cooperation"].item(), alone["eigenjesus"].item()) == (1, 1)
    assert alone["good_partner"].isna().all()


def test_a_good_partner_cooperates_at_least_as_much_as_the_other(seats):
    table = seats([("AB", (1, 1))] * 4, repetitions=range(4))
    table["cooperation"] = [0.5, 0.5, 0.2, 0.3, 1.0, 0.0, 0.0, 1.0]
    assert judged(table).table["good_partner"].to_list() == [0.5, 0.75]


def test_how_often_a_good_partner_is_one_in_expectation_is_said_by_exact_cells(seats):
    table = seats([("AB", (1, 1)), ("AC", (1, 1)), ("BC", (1, 1))], cooperation=0.5, how="exact")
    table["good"] = [0.9, 0.3, 0.5, 0.7, np.nan, np.nan]
    found = judged(table)
    assert found.table["good_partner"].to_list() == pytest.approx([0.7, np.nan, np.nan], nan_ok=True)
    assert any("played matches only" in sentence for sentence in found.remarks)


def test_agents_that_did_not_all_meet_are_left_out_of_the_eigenvectors(seats):
    found = judged(seats([("AB", (1, 1)), ("AC", (1, 1)), ("BC", (1, 1)), ("AD", (1, 1))], cooperation=1.0))
    goodness = found.table.set_index("agent")["eigenjesus"]
    assert goodness[["A", "B", "C"]].to_list() == pytest.approx([3**-0.5] * 3)
    assert np.isnan(goodness["D"])
    assert any("did not meet: D" in sentence for sentence in found.remarks)


def test_goodness_is_the_principal_eigenvector():
    random = np.random.default_rng(2)
    for size in (2, 5, 30):
        cooperation = random.uniform(0.01, 1, (size, size))
        values, vectors = np.linalg.eig(cooperation)
        first = vectors[:, values.real.argmax()].real
        assert eigenjesus(cooperation) == pytest.approx(np.abs(first), abs=1e-6)
        lead = 2 * random.uniform(0.3, 1, size)  # one direction stands out, with signs
        assert principal_vector(np.outer(lead, lead)) == pytest.approx(lead / np.linalg.norm(lead), abs=1e-6)


def test_goodness_among_cooperators_and_defectors():
    assert eigenjesus(np.array([[1.0, 1], [0, 0]])) == pytest.approx([1, 0])
    camps = np.kron(np.eye(2), np.ones((2, 2)))  # each camp cooperates with its own alone
    assert eigenjesus(camps) == pytest.approx([0.5] * 4)
    # Two cooperate with each other, a third with nobody: lambda^2 - lambda - 4 = 0, v = (1, 1, 2 - lambda).
    right = np.array([1, 1, 2 - (1 + math.sqrt(17)) / 2])
    found = eigenmoses(np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 0]]))
    assert found == pytest.approx(right / np.linalg.norm(right))
    assert np.isnan(eigenmoses(np.zeros((3, 3)))).all()  # lambda = -3
    assert np.isnan(principal_vector(np.array([[0.0, 1], [-1, 0]]))).all()  # lambda = +-i
    assert principal_vector(np.array([[1.0, 1], [0, 1]])) == pytest.approx([1, 0], abs=1e-5)  # a Jordan block


def test_conduct_agrees_with_the_axelrod_library(axelrod):
    players = [axelrod.TitForTat(), axelrod.Cooperator(), axelrod.Defector(), axelrod.WinStayLoseShift()]
    players.append(axelrod.Grudger())
    theirs = axelrod.Tournament(players, turns=100, repetitions=1).play(progress_bar=False)
    ours, pairs = play(CLASSICS)
    table = ours.table.set_index("agent").loc[list(CLASSICS)]
    assert table["good_partner"].to_list() == pytest.approx(theirs.good_partner_rating)
    assert table["eigenjesus"].to_list() == pytest.approx(theirs.eigenjesus_rating, abs=1e-3)
    assert table["eigenmoses"].to_list() == pytest.approx(theirs.eigenmoses_rating, abs=1e-3)
    cooperation = np.array(theirs.normalised_cooperation)
    found = pairs.table.pivot(index="agent", columns="opponent", values="cooperation")
    assert found.loc[list(CLASSICS), list(CLASSICS)].to_numpy() == pytest.approx(cooperation, abs=1e-6)
    responses = theirs.normalised_state_to_action_distribution
    told = 0
    for (first, second), row in pairs.table.set_index(["agent", "opponent"]).iterrows():
        if first == second:
            continue
        counted = responses[CLASSICS.index(first)][CLASSICS.index(second)]
        for (state, action), share in counted.items():
            p = row["p_" + "".join(move.name for move in state).lower()]
            assert (p if action is axelrod.Action.C else 1 - p) == pytest.approx(share, abs=1e-5)
            told += 1
    assert told > 20
