"""Which agents differ, all pairs at once."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from dilemma.analysis.ranking.rank_sets import holm, payoff_contrasts, rank_sets
from dilemma.analysis.statistics.influence_functions import Influences


def expected(matrix, kind=None):
    """What moves payoffs [agent, partner] without sampling error; every partner is a kind."""
    size, n = matrix.shape
    payoff = matrix.mean(1)
    return Influences(
        payoff=payoff,
        kind=np.arange(size) if kind is None else kind,
        partner=(matrix - payoff[:, None]) / np.sqrt(n * (n - 1)),
        met=np.ones(matrix.shape, dtype=bool),
        freedom=np.full(size, n - 1.0),
        repetition=np.zeros((size, 1)),
        noise=np.zeros((size, size)),
        unreplicated=np.zeros(size),
        error_unknown=np.zeros(size, dtype=bool),
        partners=np.full(size, n),
        kinds=np.full(size, n),
        repetitions=np.zeros(size),
        shared=0.0,
    )


def test_the_difference_of_the_only_pair_is_a_paired_t_test_over_partners():
    matrix = np.random.default_rng(0).normal(0, 1, (2, 9))
    found = payoff_contrasts(expected(matrix))
    right = stats.ttest_rel(matrix[0], matrix[1])
    assert found.difference[0] == pytest.approx(np.diff(matrix.mean(1))[0] * -1)
    assert found.p[0] == pytest.approx(right.pvalue)
    low, high = right.confidence_interval()
    assert found.half_width()[0] == pytest.approx((high - low) / 2)


def test_p_is_the_level_at_which_the_interval_ends_at_zero():
    random = np.random.default_rng(0)
    influence = expected(random.normal(0, 1, (6, 9)))
    repetition = random.normal(0, 0.2, (6, 3))
    repetition -= repetition.mean(1)[:, None]
    influence = replace(
        influence, repetition=repetition, repetitions=np.full(6, 3.0), unreplicated=np.full(6, 0.01)
    )
    for sampled in (True, False):
        found = payoff_contrasts(influence, sampled=sampled)
        for pair in range(len(found.p)):
            assert found.half_width(1 - found.p[pair])[pair] == pytest.approx(
                abs(found.difference[pair]), rel=1e-3
            )


def test_both_sides_against_each_other_make_a_difference_less_sure():
    influence = expected(np.random.default_rng(0).normal(0, 1, (2, 9)))
    apart = (
        payoff_contrasts(replace(influence, shared=-0.5)).partner.value - payoff_contrasts(influence).partner.value
    )
    assert apart == pytest.approx([2 * 0.5 / 81])


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_that_of_statsmodels(p):
    assert holm(np.array(p)) == pytest.approx(multipletests(p, method="holm")[1])


def test_max_t_of_one_pair_is_its_t_test():
    influence = expected(np.array([stats.norm.ppf((np.arange(15) + 0.5) / 15) + 0.5, np.zeros(15)]))
    found = payoff_contrasts(influence)
    p = rank_sets(influence, found, 20_000, np.random.default_rng(0), "max_t").p[0, 1]
    assert 0.01 < found.p[0] < 0.5
    # Flips of 15 signs are close to Student's distribution, not equal to it.
    assert p == pytest.approx(found.p[0], rel=0.1)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 7), st.integers(2, 12), st.integers(0, 10_000), st.sampled_from(["max_t", "holm"]))
def test_a_rank_set_holds_the_observed_rank(size, partners, seed, correction):
    random = np.random.default_rng(seed)
    influence = expected(random.normal(0, 1, (size, partners)) + random.normal(0, 3, (size, 1)))
    found = payoff_contrasts(influence)
    sets = rank_sets(influence, found, 100, random, correction)
    rank = stats.rankdata(-influence.payoff, method="min")
    assert (sets.low <= rank).all()
    assert (rank <= sets.high).all()
    assert (sets.p[found.first, found.second] >= found.p - 1e-12).all()


@pytest.mark.parametrize("correction", ["max_t", "holm"])
def test_copies_among_the_ranked_cost_nothing(correction):
    random = np.random.default_rng(0)
    field = random.normal(0, 1, (3, 20))
    field[0] += 1.5
    once, often = (expected(np.repeat(field, k, axis=0), np.repeat(np.arange(3), k)) for k in (1, 10))
    p = [rank_sets(of, payoff_contrasts(of), 2000, np.random.default_rng(1), correction).p for of in (once, often)]
    assert p[1][::10, ::10] == pytest.approx(p[0])
    assert (p[1][:10, :10] == 1).all()


def test_nothing_is_found_among_equals_more_than_one_time_in_twenty():
    # Of 300 leagues 15 err if the rate is 5 %; more than 29 less than once in 1,000.
    random = np.random.default_rng(5)
    errs = 0
    for _ in range(300):
        influence = expected(random.normal(0, 1, (8, 8)))
        sets = rank_sets(influence, payoff_contrasts(influence), 400, random, "max_t")
        errs += not ((sets.low == 1).all() and (sets.high == 8).all())
    assert errs <= 29


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("partners", "low"), [(4, [1, 1, 1]), (8, [1, 2, 2])])
def test_the_same_difference_with_every_partner_is_as_sure_as_its_flips(partners, low):
    influence = expected(np.arange(partners) + np.array([[2.0], [1.0], [1.0]]), np.array([0, 1, 1]))
    found = payoff_contrasts(influence)
    assert found.p.tolist() == [2 / 2**partners if partners > 4 else 1] * 2 + [1]
    assert rank_sets(influence, found, 100, np.random.default_rng(0), "holm").low.tolist() == low


def test_without_sampling_error_the_order_among_these_partners_is_certain():
    influence = expected(np.random.default_rng(0).normal(0, 1, (5, 4)))
    sets = rank_sets(influence, payoff_contrasts(influence, sampled=False), 100, np.random.default_rng(0), "max_t")
    assert sets.low.tolist() == sets.high.tolist() == stats.rankdata(-influence.payoff).tolist()
