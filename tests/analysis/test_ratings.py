"""Equilibrium and evolutionary ratings: exact values, other implementations, and what must change nothing."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from dilemma.analysis.ratings.alpha_rank import alpha_rank, alpha_rank_profiles
from dilemma.analysis.ratings.correlated_equilibrium import (
    coarse_correlated_equilibrium,
    correlated_equilibrium,
    equilibrium_payoffs,
)
from dilemma.analysis.ratings.deviation_ratings import deviation_ratings, symmetric_deviation_ratings
from dilemma.analysis.ratings.equilibria import nash_equilibria
from dilemma.analysis.ratings.maximum_entropy import maximum_entropy
from dilemma.analysis.ratings.nash_averaging import nash_averaging, nash_averaging_tasks, relative
from dilemma.analysis.ratings.normal_form import deviation_gains, symmetric_game
from dilemma.analysis.ratings.stationary import _in_floats, _in_logarithms, stationary

ROCK_PAPER_SCISSORS = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], dtype=float)
PRISONERS_DILEMMA = np.array([[3, 0], [5, 1]], dtype=float)
CHICKEN = symmetric_game([[6, 2], [7, 0]])


def han_and_others_2013():
    r, t, p, s, delta, epsilon = 1, 2, 0, -1, 4, 0.25
    return np.array(
        [
            [r - epsilon / 2, r - epsilon, 0, s + delta - epsilon, r - epsilon],
            [r, r, s, s, s],
            [0, t, p, p, p],
            [t - delta, t, p, p, p],
            [r, t, p, p, p],
        ]
    )


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


whole_matrices = st.integers(2, 5).flatmap(
    lambda n: st.lists(st.lists(st.integers(-4, 4), min_size=n, max_size=n), min_size=n, max_size=n).map(
        lambda rows: np.array(rows, dtype=float)
    )
)


# α-rank


def test_alpha_rank_of_rock_paper_scissors_is_uniform():
    np.testing.assert_allclose(alpha_rank(ROCK_PAPER_SCISSORS), 1 / 3, rtol=1e-12)
    np.testing.assert_allclose(alpha_rank(ROCK_PAPER_SCISSORS, alpha=math.inf), 1 / 3, rtol=1e-12)


@pytest.mark.parametrize("selection", ["local", "population"])
def test_alpha_rank_of_the_prisoners_dilemma_is_defection(selection):
    np.testing.assert_allclose(alpha_rank(PRISONERS_DILEMMA, selection=selection), [0, 1], atol=1e-12)


def test_alpha_rank_of_the_chain_of_han_and_others():
    law = alpha_rank(han_and_others_2013(), alpha=0.1, population=20, selection="population")
    expected = [0.40966787, 0.07959841, 0.20506998, 0.08505983, 0.22060390]
    np.testing.assert_allclose(law, expected, rtol=0, atol=1e-7)


def test_only_the_population_counts_what_agents_earn_with_their_own_kind():
    """The stag is risk dominant where 9 + 0 > 3 + 3, the hare where 4 + 0 < 3 + 3; their match knows no 9 or 4."""
    rich, poor = [[9, 0], [3, 3]], [[4, 0], [3, 3]]
    local = alpha_rank([rich, poor], alpha=0.5, population=10)
    np.testing.assert_array_equal(local[0], local[1])
    stag = alpha_rank([rich, poor], alpha=0.5, population=10, selection="population")[:, 0]
    assert stag[0] > 0.5 > stag[1]


def test_two_states_have_the_law_of_detailed_balance_beyond_floats():
    law = stationary(np.array([[0.0, -2000.0], [-1999.0, 0.0]]))
    np.testing.assert_allclose(law, [1 / (1 + math.exp(-1)), 1 / (1 + math.e)], rtol=1e-12)


def test_logarithms_and_floats_agree_where_both_can():
    logs = 3 * normal(4, 12, 12)
    law, sound = _in_floats(logs)
    assert sound.all()
    np.testing.assert_allclose(_in_logarithms(logs), law, rtol=1e-11)


def test_a_law_is_stationary():
    logs = normal(1, 9, 9)[0]
    rates = np.exp(logs)
    np.fill_diagonal(rates, 0)
    law = stationary(logs)
    np.testing.assert_allclose(law @ rates, law * rates.sum(1), rtol=1e-12)


def test_alpha_rank_of_many_tables_is_that_of_each():
    tables = normal(7, 6, 6)
    for selection in ("local", "population"):
        together = alpha_rank(tables, alpha=2.0, selection=selection)
        alone = [alpha_rank(table, alpha=2.0, selection=selection) for table in tables]
        np.testing.assert_allclose(together, alone, rtol=1e-12)


def test_weakly_joined_parts_keep_one_law():
    """A coordination game of three players: no profile leads to another but by great loss."""
    agree = np.zeros((3, 2, 2, 2))
    agree[:, 0, 0, 0], agree[:, 1, 1, 1] = 1, 1
    law = alpha_rank_profiles(agree, alpha=1e3)
    assert law[0, 0, 0] == pytest.approx(0.5)
    assert law[1, 1, 1] == pytest.approx(0.5)


@pytest.mark.parametrize("selection", ["local", "population"])
@pytest.mark.parametrize("alpha", [0.1, 1.0, 5.0])
def test_alpha_rank_agrees_with_openspiel(alpha, selection):
    theirs = pytest.importorskip("open_spiel.python.egt.alpharank")
    for seed, n in enumerate((2, 5, 12)):
        game = normal(n, n, seed=seed)
        _, _, law, _, _ = theirs.compute([game], m=20, alpha=alpha, use_local_selection_model=selection == "local")
        ours = alpha_rank(game, alpha=alpha, population=20, selection=selection)
        np.testing.assert_allclose(ours, law, rtol=0, atol=1e-8)


def test_alpha_rank_of_profiles_and_of_infinite_alpha_agree_with_openspiel():
    theirs = pytest.importorskip("open_spiel.python.egt.alpharank")
    for shape in ((2, 3, 4), (3, 2, 3, 2)):
        game = normal(*shape)
        _, _, law, _, _ = theirs.compute(list(game), m=20, alpha=0.5)
        ours = alpha_rank_profiles(game, alpha=0.5, population=20)
        np.testing.assert_allclose(ours.reshape(-1), law, rtol=0, atol=1e-8)
        _, _, law, _, _ = theirs.compute(list(game), use_inf_alpha=True, inf_alpha_eps=0.02)
        ours = alpha_rank_profiles(game, alpha=math.inf, epsilon=0.02)
        np.testing.assert_allclose(ours.reshape(-1), law, rtol=0, atol=1e-8)
    single = normal(9, 9)
    _, _, law, _, _ = theirs.compute([single], use_inf_alpha=True, inf_alpha_eps=0.02)
    np.testing.assert_allclose(alpha_rank(single, alpha=math.inf, epsilon=0.02), law, rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"alpha": -1.0}, "0 or more"),
        ({"alpha": math.inf, "selection": "population"}, "finite alpha"),
        ({"alpha": math.inf, "epsilon": 0.0}, "above 0"),
        ({"population": 1}, "two members"),
        ({"selection": "global"}, "local"),
    ],
)
def test_alpha_rank_refuses_in_words(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        alpha_rank(PRISONERS_DILEMMA, **wrong)


def test_gaps_are_refused():
    with pytest.raises(ValueError, match="1 of 4 payoffs are missing"):
        alpha_rank([[1, 2], [np.nan, 3]])


# Largest entropy


def test_largest_entropy_on_a_face_agrees_with_a_general_solver():
    for seed in range(5):
        c = normal(3, 6, seed=seed)
        c -= c[:, :1]  # outcome 0 alone is a solution
        p = maximum_entropy(c)
        found = minimize(
            lambda q: float((q * np.log(np.maximum(q, 1e-300))).sum()),
            np.eye(6)[0] * 0.9 + 0.1 / 6,
            bounds=[(0, 1)] * 6,
            constraints=[
                {"type": "eq", "fun": lambda q: q.sum() - 1},
                {"type": "ineq", "fun": lambda q, c=c: -c @ q},
            ],
            options={"ftol": 1e-14, "maxiter": 500},
        )
        assert (c @ p).max() <= 1e-9
        np.testing.assert_allclose(p, found.x, atol=2e-5)


def test_impossible_inequalities_are_told():
    with pytest.raises(ArithmeticError, match="No distribution"):
        maximum_entropy(np.array([[1.0, 2.0]]))


@pytest.mark.parametrize("kind", ["normal", "ties", "clones"])
def test_every_antisymmetric_game_is_solved(kind):
    random = np.random.default_rng(12)
    for _ in range(30):
        n = int(random.integers(2, 30))
        game = random.normal(size=(n, n))
        if kind == "ties":
            game = np.sign(game) * (random.random((n, n)) < 0.4)
        game = game - game.T
        if kind == "clones":
            copies = random.integers(0, n, n)
            game = game[np.ix_(copies, copies)]
        found = nash_averaging(game)
        assert found.rating.max() <= 1e-8
        assert found.weight.sum() == pytest.approx(1)
        assert found.weight @ np.abs(found.rating) <= 1e-8


# Nash averaging


def test_nash_averaging_of_rock_paper_scissors_is_uniform_and_a_clone_shares():
    once = nash_averaging(ROCK_PAPER_SCISSORS)
    np.testing.assert_allclose(once.weight, 1 / 3, atol=1e-12)
    twice = [0, 0, 1, 2]
    found = nash_averaging(ROCK_PAPER_SCISSORS[np.ix_(twice, twice)])
    np.testing.assert_allclose(found.weight, [1 / 6, 1 / 6, 1 / 3, 1 / 3], atol=1e-12)
    np.testing.assert_allclose(found.rating, 0, atol=1e-12)


def test_nash_averaging_of_relative_payoffs_is_defection():
    found = nash_averaging(relative(PRISONERS_DILEMMA))
    np.testing.assert_allclose(found.weight, [0, 1], atol=1e-12)
    np.testing.assert_allclose(found.rating, [-5, 0], atol=1e-9)


@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(2, 4))
@settings(max_examples=25, deadline=None)
def test_a_clone_moves_no_nash_average_where_one_equilibrium_exists(seed, n, times):
    game = normal(n, n, seed=seed)
    game = game - game.T
    who = np.repeat(np.arange(n), [times, *[1] * (n - 1)])
    once, more = nash_averaging(game), nash_averaging(game[np.ix_(who, who)])
    np.testing.assert_allclose(more.rating, once.rating[who], atol=1e-7)
    np.testing.assert_allclose(np.bincount(who, more.weight), once.weight, atol=1e-7)


def test_nash_averaging_refuses_what_is_not_antisymmetric():
    with pytest.raises(ValueError, match="antisymmetric"):
        nash_averaging(PRISONERS_DILEMMA)


def test_agents_against_tasks():
    """One task tells nobody apart and one is solved better by the second agent: only the hard one counts."""
    agents, tasks = nash_averaging_tasks([[1.0, 0.2], [1.0, 0.6]])
    np.testing.assert_allclose(tasks.weight, [0, 1], atol=1e-8)
    np.testing.assert_allclose(agents.rating, [0.2, 0.6], atol=1e-8)
    np.testing.assert_allclose(agents.weight, [0, 1], atol=1e-8)
    agents, tasks = nash_averaging_tasks(ROCK_PAPER_SCISSORS)
    np.testing.assert_allclose(agents.weight, 1 / 3, atol=1e-8)


# Deviation ratings


def lexicographic_by_brute_force(gains):
    """Settle each strategy that no solution lets fall, found by a program of its own."""
    settled = np.full(len(gains), np.nan)
    while np.isnan(settled).any():
        left = np.isnan(settled)
        n = gains.shape[1]
        rows = np.column_stack((gains, -1.0 * left))
        total = np.append(np.ones(n), 0)[None]
        limits = [(0, None)] * n + [(None, None)]
        bound = np.where(left, 0, settled)
        t = linprog(np.append(np.zeros(n), 1), rows, bound, total, [1], limits).fun
        for i in np.flatnonzero(left):
            upper = np.where(left, t, settled) + 1e-9
            least = linprog(gains[i], gains, upper, total[:, :-1], [1], limits[:-1])
            if least.fun > t - 1e-6:
                settled[i] = t
    return settled


def test_deviation_ratings_agree_with_their_definition():
    for seed in range(6):
        game = normal(2, 3, 4, seed=seed)
        found = np.concatenate(deviation_ratings(game))
        np.testing.assert_allclose(found, lexicographic_by_brute_force(deviation_gains(game)), atol=1e-6)


def test_deviation_ratings_of_known_games():
    first, second = deviation_ratings(symmetric_game(PRISONERS_DILEMMA))
    np.testing.assert_allclose(first, [-1, 0], atol=1e-9)
    np.testing.assert_allclose(second, [-1, 0], atol=1e-9)
    np.testing.assert_allclose(symmetric_deviation_ratings(ROCK_PAPER_SCISSORS), 0, atol=1e-9)
    np.testing.assert_allclose(symmetric_deviation_ratings(np.full((3, 3), 7.0)), 0)


def test_in_a_zero_sum_game_they_are_payoffs_against_an_equilibrium():
    for seed in range(5):
        game = normal(7, 7, seed=seed)
        game = game - game.T
        expected = nash_averaging(game).rating
        found = symmetric_deviation_ratings(game)
        assert found.max() == pytest.approx(0, abs=1e-8)
        np.testing.assert_allclose(found, expected, atol=1e-7)


@given(whole_matrices)
@settings(max_examples=30, deadline=None)
def test_symmetry_changes_no_deviation_rating(matrix):
    both = deviation_ratings(symmetric_game(matrix))
    found = symmetric_deviation_ratings(matrix)
    np.testing.assert_allclose(both[0], found, atol=1e-7)
    np.testing.assert_allclose(both[1], found, atol=1e-7)
    assert found.max() <= 1e-8


@given(whole_matrices, st.data())
@settings(max_examples=30, deadline=None)
def test_clones_move_no_deviation_rating(matrix, data):
    who = data.draw(st.lists(st.integers(0, len(matrix) - 1), min_size=1, max_size=3))
    who = [*range(len(matrix)), *who]
    found = symmetric_deviation_ratings(matrix[np.ix_(who, who)])
    np.testing.assert_allclose(found, symmetric_deviation_ratings(matrix)[who], atol=1e-7)


@given(whole_matrices, st.lists(st.integers(0, 3), min_size=5, max_size=5))
@example(
    np.diag([1.0, 4, 0, 0, 0]) + np.array([[0] * 5, [-1] + [0] * 4, [0] * 5, [0, 3, 0, 0, 0], [0] * 5]),
    [0, 1, 0, 1, 0],
)
@settings(max_examples=30, deadline=None)
def test_a_mixture_moves_no_deviation_rating(matrix, parts):
    mix = np.array(parts[: len(matrix)], dtype=float)
    mix = mix / mix.sum() if mix.any() else np.full(len(matrix), 1 / len(matrix))
    wide = np.vstack((np.eye(len(matrix)), mix))
    found = symmetric_deviation_ratings(wide @ matrix @ wide.T)
    before = symmetric_deviation_ratings(matrix)
    np.testing.assert_allclose(found[:-1], before, atol=1e-7)
    assert found[-1] == pytest.approx(mix @ before, abs=1e-7)


@given(whole_matrices, st.lists(st.integers(-9, 9), min_size=5, max_size=5))
@settings(max_examples=30, deadline=None)
def test_what_depends_on_opponents_alone_moves_no_deviation_rating(matrix, offset):
    shifted = matrix + np.array(offset[: len(matrix)], dtype=float)
    np.testing.assert_allclose(
        symmetric_deviation_ratings(shifted), symmetric_deviation_ratings(matrix), atol=1e-7
    )


@given(st.lists(whole_matrices, min_size=1, max_size=6))
@settings(max_examples=30, deadline=None)
def test_deviation_ratings_of_many_tables_are_those_of_each(matrices):
    size = min(map(len, matrices))
    tables = np.array([matrix[:size, :size] for matrix in matrices])
    alone = [symmetric_deviation_ratings(table) for table in tables]
    np.testing.assert_allclose(symmetric_deviation_ratings(tables), alone, atol=1e-9)


def test_deviation_ratings_of_large_tables_are_those_of_each():
    """More than go into one program."""
    tables = normal(12, 24, 24)
    alone = [symmetric_deviation_ratings(table) for table in tables]
    np.testing.assert_allclose(symmetric_deviation_ratings(tables), alone, atol=1e-9)


def test_clones_of_one_player_move_no_rating_of_three():
    game = normal(3, 2, 3, 2)
    before = deviation_ratings(game)
    after = deviation_ratings(game[:, :, [0, 1, 1, 2]])
    np.testing.assert_allclose(after[0], before[0], atol=1e-7)
    np.testing.assert_allclose(after[1], before[1][[0, 1, 1, 2]], atol=1e-7)
    np.testing.assert_allclose(after[2], before[2], atol=1e-7)


# Correlated equilibria


@pytest.mark.parametrize("equilibrium", [correlated_equilibrium, coarse_correlated_equilibrium])
def test_the_prisoners_dilemma_has_one_correlated_equilibrium(equilibrium):
    found = equilibrium(symmetric_game(PRISONERS_DILEMMA))
    np.testing.assert_allclose(found.joint, [[0, 0], [0, 1]], atol=1e-9)
    assert found.violation <= 1e-9


def test_chicken_by_hand():
    """With a on both swerving, x on each of one daring, b on both: a <= 2 x if told to swerve, 2 b <= x to dare.

    The second binds, so b = x / 2 and a = 1 - 5/2 x; entropy is then a function of x.
    """
    found = correlated_equilibrium(CHICKEN)
    x = np.linspace(0.25, 0.35, 100_001)
    a, b = 1 - 2.5 * x, x / 2
    best = x[np.argmax(-(a * np.log(a) + 2 * x * np.log(x) + b * np.log(b)))]
    np.testing.assert_allclose(found.joint, [[1 - 2.5 * best, best], [best, best / 2]], atol=1e-5)


@pytest.mark.parametrize("equilibrium", [correlated_equilibrium, coarse_correlated_equilibrium])
@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_equilibria_hold(equilibrium, seed):
    random = np.random.default_rng(seed)
    shape = random.integers(2, 4, int(random.integers(2, 4)))
    found = equilibrium(random.integers(-3, 4, size=(len(shape), *shape)).astype(float))
    assert found.violation <= 1e-8
    assert found.joint.sum() == pytest.approx(1)


def test_a_dominated_strategy_has_no_part_in_a_correlated_equilibrium():
    game = normal(2, 3, 3)
    game[0, 2] = game[0, :2].min(0) - 1
    assert correlated_equilibrium(game).joint[2].sum() <= 1e-9


def test_equilibrium_payoffs_against_what_others_do():
    joint = np.array([[0.5, 0.25], [0.25, 0.0]])
    rows, columns = equilibrium_payoffs(CHICKEN, joint)
    np.testing.assert_allclose(rows, [0.75 * 6 + 0.25 * 2, 0.75 * 7])
    np.testing.assert_allclose(columns, rows)


# Nash equilibria


def test_equilibria_of_chicken():
    pytest.importorskip("nashpy")
    found = nash_equilibria(CHICKEN, [["swerve", "dare"]] * 2)
    assert found.table["equilibrium"].nunique() == 3
    mixed = found.table[found.table["symmetric"]]
    assert mixed["probability"].tolist() == pytest.approx([2 / 3, 1 / 3, 2 / 3, 1 / 3])
    assert mixed["payoff"].tolist() == pytest.approx([14 / 3] * 4)


def test_degenerate_and_large_games_end_in_words():
    pytest.importorskip("nashpy")
    assert "even number" in nash_equilibria(symmetric_game([[1, 0], [1, 1]]), [["a", "b"]] * 2).remarks[0]
    assert "at most 7" in nash_equilibria(symmetric_game(normal(8, 8)), [list("abcdefgh")] * 2).remarks[0]


def test_without_nashpy_a_sentence(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert nash_equilibria(CHICKEN, [["a", "b"]] * 2).remarks == (
        "Nash equilibria need Nashpy: pip install nashpy.",
    )
