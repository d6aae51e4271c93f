"""Agents compared two by two."""

import itertools

import numpy as np
import pytest
from scipy import stats

from dilemma.analysis.cells import cells_by_league
from dilemma.analysis.ranking.payoffs import cell_table
from dilemma.analysis.statistics.comparisons import COLUMNS, comparisons, sign_flip
from dilemma.analysis.statistics.friedman import friedman

GAMES = {"game": {"roles": ["player"] * 2, "seats": 2, "title": "Game"}}


def compared(table, **options):
    [cells] = cells_by_league(table, GAMES)
    return comparisons(cells, cell_table(cells), **{"margin": 0.0, "draws": 10_000, "seed": 0, **options})


def league(seats, payoff, spread=0.1):
    random = np.random.default_rng(0)
    pairs = itertools.combinations_with_replacement(payoff, 2)
    matches = [(pair, [payoff[agent] + random.normal(0, spread) for agent in pair]) for pair in pairs]
    return seats(matches, how="exact")


def test_flips_of_few_signs_are_all_counted():
    apart = np.random.default_rng(0).normal(0.4, 1, (3, 9))
    right = [
        stats.permutation_test((row,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
        for row in apart
    ]
    assert sign_flip(apart, 10, np.random.default_rng(0)) == pytest.approx(right)
    assert sign_flip(np.ones((1, 5)), 10, np.random.default_rng(0)) == [2 / 2**5]


def test_flips_of_many_signs_are_drawn():
    apart = np.random.default_rng(1).normal(0.3, 1, 13)
    right = stats.permutation_test((apart,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    p = sign_flip(apart[None], 100_000, np.random.default_rng(0))[0]
    # A share of 100,000 draws is right to five standard deviations of 0.0016 at most.
    assert p == pytest.approx(right, abs=0.008)
    assert sign_flip(np.zeros((2, 20)), 10, np.random.default_rng(0)).tolist() == [1, 1]


def test_every_pair_is_told_once_the_better_one_first(seats):
    found = compared(league(seats, dict(zip("ABCDEFGHIJKLMN", range(14), strict=True))))
    assert tuple(found.table.columns) == COLUMNS
    assert len(found.table) == 91
    assert (found.table["difference"] > 0).all()
    assert set(found.table["verdict"]) == {"better"}
    assert "91 of 91 pairs" in found.remarks[-1]


def test_a_margin_makes_small_differences_none(seats):
    table = league(seats, dict.fromkeys("ABCDEFGH", 2.0))
    assert "equivalent" not in set(compared(table).table["verdict"])
    assert set(compared(table, margin=0.5).table["verdict"]) == {"equivalent"}


def test_a_margin_is_not_negative(seats):
    with pytest.raises(ValueError, match="margin is -1"):
        compared(league(seats, {"A": 1.0, "B": 2.0}), margin=-1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("labels", ["A", "AB", "ABC"])
def test_too_few_partners_say_so(seats, labels):
    found = compared(league(seats, dict(zip(labels, range(3), strict=False))))
    assert found.remarks
    assert set(found.table["verdict"]) <= {"unresolved"}


def test_friedman_is_scipys():
    matrix = np.random.default_rng(0).normal(0, 1, (4, 12)) + np.arange(4)[:, None] / 4
    found = friedman(matrix, list("ABCD"))
    chi, p = stats.friedmanchisquare(*matrix)
    assert f"chi squared {chi:.1f} with 3 degrees, p = {p:.3f}" in found.remarks[0]
    assert found.table["p_wilcoxon"].iloc[0] == pytest.approx(stats.wilcoxon(matrix[0], matrix[1]).pvalue)
    assert (found.table["p"] >= found.table["p_wilcoxon"]).all()
    ranks = stats.rankdata(-matrix, axis=0).mean(1)
    assert found.table["rank"].iloc[:3].tolist() == pytest.approx([ranks[0]] * 3)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("matrix", "sentence"),
    [
        ([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]], "all agents earn the same"),
        ([[1.0, np.nan], [1.0, 2.0]], "1 of 2 partners are left out"),
        ([[1.0, 2.0], [2.0, 1.0], [np.nan, np.nan]], "Left out, without a payoff: C."),
        ([[1.0, 2.0]], "needs two agents"),
        ([[1.0, 2.0], [2.0, 4.0]], "With two agents"),
    ],
)
def test_friedman_says_what_it_cannot(matrix, sentence):
    found = friedman(np.array(matrix), list("ABC")[: len(matrix)])
    assert sentence in " ".join(found.remarks)
    assert (found.table["p"] == 1).all() or len(matrix) == 2


@pytest.mark.parametrize("blocks", [3, 7, 10])
def test_signed_ranks_with_ties_and_zeros_are_those_of_scipy(blocks):
    matrix = np.random.default_rng(blocks).integers(0, 4, (2, blocks)).astype(float)
    matrix[:, 0] = 1, 3
    expected = stats.wilcoxon(matrix[0] - matrix[1], zero_method="zsplit", method=stats.PermutationMethod())
    assert friedman(matrix, "ab").table["p_wilcoxon"].iloc[0] == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("blocks", [14, 25])
def test_signed_ranks_of_many_blocks_are_exact(blocks):
    matrix = np.random.default_rng(blocks).normal(0, 1, (2, blocks))
    expected = stats.wilcoxon(matrix[0] - matrix[1], method="exact").pvalue
    assert friedman(matrix, "ab").table["p_wilcoxon"].iloc[0] == pytest.approx(expected)
