"""Intervals and draws over repetitions and partners."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from dilemma.analysis.cells import cells_by_league
from dilemma.analysis.ranking.payoffs import cell_table
from dilemma.analysis.ranking.rank_sets import payoff_contrasts
from dilemma.analysis.statistics.bootstrap import (
    bootstrap_payoffs,
    bootstrap_tables,
    intervals,
    squared_half_width,
)
from dilemma.analysis.statistics.influence_functions import influences, payoff_matrix
from dilemma.analysis.statistics.moderation import Variance

GAMES = {"game": {"roles": ["player"] * 2, "seats": 2, "title": "Game"}}


def judged(table):
    [cells] = cells_by_league(table, GAMES)
    return cells, cell_table(cells)


def league(seats, labels="ABCDEF", repetitions=4, zero_sum=False):
    random = np.random.default_rng(1)
    matches, number = [], []
    for pair in itertools.combinations_with_replacement(labels, 2):
        expected = random.normal(0, 1, 2)
        for repetition in range(repetitions):
            one, other = expected + random.normal(0, 0.7, 2)
            matches.append((pair, (one, one if pair[0] == pair[1] else -one) if zero_sum else (one, other)))
            number.append(repetition)
    return seats(matches, repetitions=number)


def by_repetition(table, agent):
    """Payoffs [opponent, repetition], the seats of self-play averaged."""
    own = table[table["agent"] == agent]
    return own.groupby(["opponent", "repetition"], observed=True)["payoff"].mean().unstack().to_numpy()


def test_the_fixed_field_is_students_over_repetitions(seats):
    table = league(seats)
    found = intervals(influences(*judged(table)), sampled=False)
    over = by_repetition(table, "A").mean(0)
    right = stats.ttest_1samp(over, 0).confidence_interval()
    assert (found.low[0], found.high[0]) == pytest.approx(tuple(right))


def test_below_five_kinds_of_partners_nothing_is_known_of_others(seats):
    matches = [(("A", f"B{i}"), (payoff, 0)) for i, payoff in enumerate((1.0, 5.0, 2.0, 2.5))]
    influence = influences(*judged(seats(matches, how="exact")))
    assert np.isnan(intervals(influence, sampled=True).low).all()
    assert np.isnan(bootstrap_payoffs(influence, 10, np.random.default_rng(0)).sampled).all()
    assert intervals(influence, sampled=False).low[0] == intervals(influence, sampled=False).high[0] == 2.625


def test_one_agent_alone_has_students_interval_over_partners(seats):
    # Nobody else met five: there is no spread to draw its own towards.
    matches = [(("A", f"B{i}"), (payoff, 0)) for i, payoff in enumerate((1.0, 5.0, 2.0, 2.5, 4.0, 3.0))]
    found = intervals(influences(*judged(seats(matches, how="exact"))), sampled=True)
    right = stats.ttest_1samp([1, 5, 2, 2.5, 4, 3], 0).confidence_interval()
    assert (found.low[0], found.high[0]) == pytest.approx(tuple(right))


def test_the_variances_of_a_balanced_league_are_its_mean_squares(seats):
    table = league(seats)
    y = by_repetition(table, "A")
    partners, repetitions = y.shape
    rest = y - y.mean(0) - y.mean(1)[:, None] + y.mean()
    each = (rest**2).sum() / ((partners - 1) * (repetitions - 1)) / y.size
    influence = influences(*judged(table))
    assert (influence.repetition[0] ** 2).sum() == pytest.approx(y.mean(0).var(ddof=1) / repetitions)
    assert (influence.partner[0] ** 2).sum() == pytest.approx(y.mean(1).var(ddof=1) / partners)
    assert influence.noise[0, 0] == pytest.approx(each)


def test_each_variance_has_its_own_quantile():
    partner, repetition = Variance(np.array([3.0]), np.array([4.0])), Variance(np.array([2.0]), np.array([3.0]))
    right = stats.t.ppf(0.975, 4) ** 2 * (3 - 1) + stats.t.ppf(0.975, 3) ** 2 * 2  # Banerjee 1961
    assert squared_half_width(partner, repetition, np.array([1.0])) == pytest.approx([right])


def test_draws_have_the_spread_of_the_intervals(seats):
    influence = influences(*judged(league(seats)))
    drawn = bootstrap_payoffs(influence, 20_000, np.random.default_rng(0))
    over = (influence.repetition**2).sum(1)
    # A variance of 20,000 draws is right to 1 %; five of those.
    assert drawn.fixed.var(1) == pytest.approx(over, rel=0.05)
    assert drawn.sampled.var(1) == pytest.approx(over + (influence.partner**2).sum(1), rel=0.05)
    assert drawn.sampled.mean(1) == pytest.approx(influence.payoff, abs=0.05)


def test_drawn_tables_have_the_standard_error_of_their_cells(seats):
    cells, table = judged(league(seats))
    drawn = bootstrap_tables(cells, 20_000, seed=0)
    error = payoff_matrix(cells, table.assign(payoff=table["standard_error"]))
    assert drawn.std(0) == pytest.approx(error, rel=0.05)
    assert drawn.mean(0) == pytest.approx(payoff_matrix(cells, table), abs=0.05)


def test_both_sides_of_a_match_are_drawn_together(seats):
    cells, _ = judged(league(seats, zero_sum=True))
    drawn = bootstrap_tables(cells, 20, seed=0)
    off = ~np.eye(6, dtype=bool)
    assert (drawn + drawn.swapaxes(1, 2))[:, off] == pytest.approx(0)
    assert drawn.std(0).min() > 0


def test_pairs_are_drawn_apart(seats):
    drawn = bootstrap_tables(judged(league(seats))[0], 4000, seed=0)
    # Of independent draws a correlation is within 5 / sqrt(4000).
    assert abs(np.corrcoef(drawn[:, 0, 1], drawn[:, 0, 2])[0, 1]) < 0.08


@pytest.mark.filterwarnings("error")
def test_what_is_sure_or_unknown_stays_so(seats):
    cells, table = judged(seats([("AB", (1, 2)), ("BC", (3, 4))], how="exact"))
    drawn = bootstrap_tables(cells, 5, seed=0)
    assert np.array_equal(drawn, np.stack([payoff_matrix(cells, table)] * 5), equal_nan=True)
    assert np.isnan(drawn[:, 0, 2]).all()
    once = bootstrap_tables(judged(seats([("AB", (1, 2))]))[0], 5, seed=0)
    assert (once[:, 0, 1] == 1).all()


def test_the_seed_is_all_that_changes_drawn_tables(seats):
    table = league(seats)
    first, shuffled = (judged(rows)[0] for rows in (table, table.sample(frac=1, random_state=1)))
    assert np.array_equal(bootstrap_tables(first, 10, 1), bootstrap_tables(shuffled, 10, 1))
    assert not np.array_equal(bootstrap_tables(first, 10, 1), bootstrap_tables(first, 10, 2))


def test_a_single_match_is_as_sure_as_it_says(seats):
    told = seats([("AB", (1, 2)), ("AC", (1, 3)), ("BC", (1, 2))])
    silent = influences(*judged(told))
    assert np.isnan(intervals(silent, sampled=False).low).all()
    told["standard_error"] = 0.3
    found = intervals(influences(*judged(told)), sampled=False)
    assert found.error == pytest.approx([0.3 / 2**0.5] * 3)
    assert found.high[0] - 1 == pytest.approx(stats.norm.ppf(0.975) * 0.3 / 2**0.5)


def test_single_matches_that_tell_their_error_can_be_told_apart(seats):
    table = seats([("AB", (1.0, 2.0))])
    assert payoff_contrasts(influences(*judged(table)), sampled=False).p[0] == 1
    table["standard_error"] = 0.3
    p = payoff_contrasts(influences(*judged(table)), sampled=False).p[0]
    assert p == pytest.approx(2 * stats.norm.sf(1 / (0.3 * 2**0.5)), rel=1e-3)


def test_a_seat_against_the_other_widens_differences_only(seats):
    influence = influences(*judged(league(seats, zero_sum=True)))
    assert influence.shared < 0
    apart = replace(influence, shared=0.0)
    assert np.array_equal(intervals(influence, sampled=True).error, intervals(apart, sampled=True).error)
