"""Which partners are the same, and that copies tell nothing new."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dilemma.analysis.cells import cells_by_league
from dilemma.analysis.options import AnalysisOptions
from dilemma.analysis.ranking.payoffs import cell_table
from dilemma.analysis.ranking.ranking import rank
from dilemma.analysis.statistics.influence_functions import declared_versions, influences
from dilemma.analysis.statistics.kinds import behaviour_distances, kinds

GAMES = {"game": {"roles": ["player"] * 2, "seats": 2, "title": "Game"}}


def still(payoffs):
    return np.zeros((*payoffs.shape, 1))


def field(size, copies, noise=0.0, repetitions=4, within=0.0, seed=0):
    """Payoffs and effects of a league in which each of `size` kinds sits several times."""
    random = np.random.default_rng(seed)
    kind = np.repeat(np.arange(size), copies)
    expected = random.normal(0, 1, (size, size))[np.ix_(kind, kind)]
    expected = expected + within * random.normal(0, 1, expected.shape)
    played = expected[:, :, None] + noise * random.normal(0, 1, (*expected.shape, repetitions))
    payoffs = played.mean(2)
    effects = (played - payoffs[:, :, None]) / np.sqrt(repetitions * (repetitions - 1))
    return payoffs, effects, kind


@pytest.mark.parametrize("copies", [1, 2, 4])
@pytest.mark.parametrize(("noise", "within"), [(0, 0), (0.3, 0), (0, 0.1), (0.3, 0.1)])
def test_copies_are_one_kind_with_noise_and_nearly(copies, noise, within):
    payoffs, effects, kind = field(10, copies, noise, within=within)
    assert kinds(payoffs, effects).tolist() == kind.tolist()


def test_partners_that_nobody_can_tell_apart_are_one_kind():
    assert set(kinds(np.full((6, 6), 3.0), still(np.ones((6, 6))))) == {0}
    random = np.random.default_rng(0)
    played = random.normal(0, 1, (12, 12, 10))
    payoffs = played.mean(2)
    assert set(kinds(payoffs, (played - payoffs[:, :, None]) / np.sqrt(90))) == {0}


def test_noise_is_taken_off_distances():
    payoffs, effects, kind = field(8, 2, noise=1.0)
    same = (kind[:, None] == kind) & ~np.eye(16, dtype=bool)
    assert abs(behaviour_distances(payoffs, effects)[0][same].mean()) < 0.1
    assert behaviour_distances(payoffs, np.zeros_like(effects))[0][same].mean() > 0.2


def test_runs_that_a_row_shares_are_no_noise_between_columns():
    # What moves an agent alike with all partners leaves their differences alone.
    payoffs, _, kind = field(8, 2)
    run = np.random.default_rng(1).normal(0, 5, (16, 1, 3)) * np.ones((1, 16, 1))
    assert kinds(payoffs, run - run.mean(2, keepdims=True)).tolist() == kind.tolist()


def test_versions_that_are_alike_are_one_kind_and_others_are_not():
    payoffs, effects, kind = field(6, 3, within=0.5)
    assert len(set(kinds(payoffs, effects))) > 6
    assert kinds(payoffs, effects, kind).tolist() == kind.tolist()
    different, nothing, _ = field(12, 1)
    assert len(set(kinds(different, nothing, np.repeat(np.arange(4), 3)))) == 12
    # Where everybody is a version of one thing, that says nothing.
    assert len(set(kinds(payoffs, effects, np.zeros(18, dtype=int)))) == len(set(kinds(payoffs, effects)))


def test_agents_are_versions_where_the_game_says_so(seats):
    table = seats([(pair, (1, 2)) for pair in itertools.combinations("ABC", 2)], how="exact")
    games = {"game": {**GAMES["game"], "versions": {"A": "tit", "C": "tit"}}}
    assert declared_versions(next(cells_by_league(table, games))).tolist() == [0, -1, 0]
    assert declared_versions(next(cells_by_league(table, GAMES))) is None


def entered(seats, payoffs, copies):
    """An exact league in which each agent enters so many times, with itself included."""
    labels = [f"{agent}.{copy}" for agent in range(len(payoffs)) for copy in range(copies)]
    matches = []
    for one, other in itertools.combinations_with_replacement(labels, 2):
        i, j = int(one.split(".")[0]), int(other.split(".")[0])
        matches.append(((one, other), (payoffs[i, j], payoffs[j, i])))
    return seats(matches, how="exact", agents=labels)


@settings(max_examples=8, deadline=None)
@given(st.integers(3, 9), st.integers(2, 4), st.integers(0, 1000), st.sampled_from(["max_t", "holm"]))
def test_a_field_entered_several_times_says_what_it_says_once(seats, size, copies, seed, correction):
    random = np.random.default_rng(seed)
    payoffs = random.normal(0, 1, (size, size)) + random.normal(0, 3, (size, 1))
    options = AnalysisOptions(draws=100, comparisons=correction, top=3)
    once, often = (rank(entered(seats, payoffs, k), GAMES, options) for k in (1, copies))
    first = often.iloc[::copies]
    for name in ("low", "high"):
        assert first[name].tolist() == pytest.approx(once[name].tolist(), nan_ok=True)
    assert ((first["rank_low"] - 1).to_numpy() == copies * (once["rank_low"] - 1).to_numpy()).all()
    assert (first["rank_high"].to_numpy() == copies * once["rank_high"].to_numpy()).all()
    assert (first["kinds"].to_numpy() == once["kinds"].to_numpy()).all()


def test_five_kinds_entered_eight_times_rank_nobody_surely(seats):
    # R, S, T, P = 3, 0, 5, 1 for ever, without noise: ALLC, ALLD, TFT, GRIM, and win-stay lose-shift.
    payoffs = np.array([[3, 0, 3, 3, 3], [5, 1, 1, 1, 3], [3, 1, 3, 3, 3], [3, 1, 3, 3, 3], [3, 0.5, 3, 3, 3]])
    ranking = rank(entered(seats, payoffs, 8), GAMES, AnalysisOptions(draws=100, comparisons="max_t", top=3))
    assert set(ranking["rank_low"]) == {1}
    assert set(ranking["rank_high"]) == {40}


def test_unequal_shares_of_kinds_cost_degrees_of_freedom(seats):
    random = np.random.default_rng(0)
    kind = np.array([0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5])
    payoffs = random.normal(0, 1, (6, 6))[np.ix_(kind, kind)]
    labels = "ABCDEFGHIJK"
    matches = [
        ((labels[i], labels[j]), (payoffs[i, j], payoffs[j, i]))
        for i, j in itertools.combinations_with_replacement(range(11), 2)
    ]
    [cells] = cells_by_league(seats(matches, how="exact"), GAMES)
    influence = influences(cells, cell_table(cells))
    share = np.bincount(kind) / 11
    centred = np.eye(6) - share  # m_k less the mean, of unit variance each
    form = centred.T @ np.diag(share**2) @ centred
    assert influence.freedom[0] == pytest.approx(np.trace(form) ** 2 / np.trace(form @ form))
    of_kind = payoffs[0][[0, 6, 7, 8, 9, 10]]
    squares = (share**2 * (of_kind - share @ of_kind) ** 2).sum()
    assert (influence.partner[0] ** 2).sum() == pytest.approx(squares * (share**2).sum() / np.trace(form))
