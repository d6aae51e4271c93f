"""Rules that explain a mechanism: known rules are found again, and what they can't explain is said."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import default_rng

from dilemma.analysis.behaviour.allocation_rules import (
    by_level,
    contribution_shares,
    explain,
    explained,
    fit_exponent,
    fit_tree,
    interpolated,
    player_features,
)

MATCHES, ROUNDS = 12, 40


def samples(seed=0):
    """A pool, what players got and returned, and the match of each sample."""
    generator = default_rng(seed)
    pool = generator.uniform(0.05, 1, MATCHES * ROUNDS)
    got = pool[:, None] * generator.dirichlet(np.ones(4), len(pool))
    returned = got * generator.uniform(0, 1, got.shape)
    return pool, got, returned, np.repeat(np.arange(MATCHES), ROUNDS)


@pytest.mark.parametrize("exponent", [0.5, 3.0, 22.0, 100.0])
def test_the_exponent_of_an_interpolating_rule_is_found(exponent):
    pool, _, returned, match = samples()
    contribution = contribution_shares(returned)
    shares = interpolated(pool, contribution, exponent)
    found = fit_exponent(pool, contribution, shares, match, np.zeros_like(match), draws=50, seed=0)
    assert found.best == pytest.approx(exponent, rel=1e-3)
    assert found.low == pytest.approx(found.high, rel=1e-2)
    assert found.explained == pytest.approx(1, abs=1e-6)
    assert found.by_run == ()


def test_what_is_kept_in_the_pool_leaves_the_exponent_as_it_is():
    pool, _, returned, match = samples()
    contribution = contribution_shares(returned)
    shares = interpolated(pool, contribution, 5.0) * 0.4
    assert fit_exponent(
        pool, contribution, shares, match, np.zeros_like(match), draws=0, seed=0
    ).best == pytest.approx(5, rel=1e-3)


def test_each_trained_run_has_its_own_exponent_and_the_interval_spans_them():
    pool, _, returned, match = samples()
    contribution, run = contribution_shares(returned), match % 2
    shares = np.where(
        run[:, None] == 0, interpolated(pool, contribution, 4.0), interpolated(pool, contribution, 12.0)
    )
    found = fit_exponent(pool, contribution, shares, match, run, draws=200, seed=0)
    assert found.by_run == pytest.approx((4, 12), rel=1e-3)
    assert found.low == pytest.approx(4, rel=1e-2)
    assert found.high == pytest.approx(12, rel=1e-2)


def test_players_that_return_the_same_say_nothing_of_the_exponent():
    same = np.full((10, 4), 0.1)
    with pytest.raises(ValueError, match="every exponent allocates alike"):
        fit_exponent(
            np.full(10, 0.5), contribution_shares(same), same, np.arange(10), np.zeros(10, int), draws=0, seed=0
        )


def test_contribution_shares_are_equal_where_nobody_returned_anything():
    returned = np.array([[0.0, 0, 0, 0], [0.2, 0.1, 0.1, 0]])
    assert contribution_shares(returned).tolist() == [[0.25] * 4, [0.5, 0.25, 0.25, 0]]


def test_explained_variance_is_one_of_what_is_fitted_and_nought_of_the_mean():
    values = np.array([1.0, 2, 4])
    assert explained(values, values) == 1
    assert explained(values, np.full(3, values.mean())) == 0
    assert np.isnan(explained(np.ones(3), np.zeros(3)))


def test_a_tree_finds_a_threshold():
    pool, got, returned, match = samples()
    features = player_features(pool, got, returned)
    shares = np.where(features["return_rate"] > 0.6, 0.25, 0.0)
    tree = fit_tree(features, shares, match)
    assert tree.explained > 0.99
    assert "return_rate <= 0.6" in tree.text


def test_levels_hold_what_was_given_and_what_the_rule_gives():
    pool, contribution = np.array([0.1, 1.0]), np.array([[0.75, 0.25], [0.75, 0.25]])
    table = by_level(pool, contribution, contribution, 22.0)
    assert table["allocated"].tolist() == [0.25, 0.75, 0.25, 0.75]
    assert table["rule"].round(6).tolist() == [0.25, 0.75, 0.5, 0.5]
    assert table[["pool_from", "pool_to"]].to_numpy().tolist() == [[0, 0.25]] * 2 + [[0.97, 1]] * 2


def test_an_explanation_is_plain_values():
    pool, got, returned, match = samples()
    shares = interpolated(pool, contribution_shares(returned), 7.0) * 0.9
    found = explain(
        "planner",
        "pool",
        pool=pool,
        got=got,
        returned=returned,
        shares=shares,
        match=match,
        run=match * 0,
        draws=20,
    )
    assert found.kept == pytest.approx(0.1)
    record = found.as_json()
    assert record["exponent"]["best"] == pytest.approx(7, rel=1e-3)
    assert record["matches"] == MATCHES
