"""Trained runs as units: of an agent's own chance, of its partners', and of both at once."""

import itertools

import numpy as np
import pytest
from scipy import stats

from dilemma.analysis.cells import cells_by_league
from dilemma.analysis.ranking.payoffs import cell_table
from dilemma.analysis.statistics.bootstrap import bootstrap_payoffs, bootstrap_tables, intervals
from dilemma.analysis.statistics.influence_functions import influences

GAMES = {"game": {"roles": ["player"] * 2, "seats": 2, "title": "Game"}}
GAIN = np.array([1.0, -2.0, 4.0])


def league(seats, paid, *, twice=2, trained="A", partners="BCD"):
    """A against others, each of its runs with each of theirs `twice`; what is `paid` to both goes by runs."""
    matches, repetitions, runs = [], [], []
    for partner in partners:
        for number, (own, other, _) in enumerate(itertools.product(range(3), range(3), range(twice))):
            matches.append((("A", partner), paid(own, other)))
            repetitions.append(number)
            runs += [own if "A" in trained else -1, other if partner in trained else -1]
    return seats(matches, repetitions=repetitions).assign(run=runs)


def judged(table):
    [cells] = cells_by_league(table, GAMES)
    return cells, cell_table(cells)


def test_an_agent_with_three_runs_has_students_interval_over_three(seats):
    table = league(seats, lambda own, other: (GAIN[own], 0.0), twice=20)
    found = intervals(influences(*judged(table)), sampled=False)
    right = stats.ttest_1samp(GAIN, 0).confidence_interval()
    assert (found.low[0], found.high[0]) == pytest.approx(tuple(right))


def test_partners_runs_are_drawn_for_each_partner(seats):
    table = league(seats, lambda own, other: (GAIN[other], 0.0), trained="BCD", twice=200)
    moved = influences(*judged(table))
    # Repetitions hold what single matches add: their variance / 1,800 each.
    right = GAIN.var(ddof=1) / 3 / 3 + GAIN.var() / (3 * 1800)
    assert (moved.repetition[0] ** 2).sum() == pytest.approx(right, rel=0.01)
    assert 6 < moved.repetitions[0] - 1 < 6.5  # three partners with three runs each


def test_own_runs_and_partners_add_up(seats):
    table = league(seats, lambda own, other: (GAIN[own] - 2 * GAIN[other], 0.0), trained="ABCD", twice=200)
    moved = influences(*judged(table))
    right = GAIN.var(ddof=1) / 3 + 4 * GAIN.var(ddof=1) / 3 / 3
    assert (moved.repetition[0] ** 2).sum() == pytest.approx(right, rel=0.01)
    assert moved.repetitions[0] == pytest.approx(3)


def test_what_a_run_takes_from_its_partners_moves_both(seats):
    table = league(seats, lambda own, other: (GAIN[own], -GAIN[own]), partners="B", twice=20)
    moved = influences(*judged(table))
    correlation = np.corrcoef(moved.repetition[:, -3:])[0, 1]
    assert correlation == pytest.approx(-1)


@pytest.mark.parametrize("trained", ["A", "ABCD"])
def test_single_matches_count_once(seats, trained):
    random = np.random.default_rng(0)
    table = league(seats, lambda own, other: (random.normal(), 0.0), trained=trained, twice=200)
    moved = influences(*judged(table))
    # 5,400 matches of variance 1; a variance of at least 2 degrees of freedom is below 7.6 times the true one,
    # and of two runs or more above a thousandth.
    assert 1e-3 / 5400 < (moved.repetition[0] ** 2).sum() < 7.6 / 5400


def test_a_single_run_is_as_any_player(seats):
    random = np.random.default_rng(0)
    table = league(seats, lambda own, other: (random.normal(), 0.0), trained="")
    one = influences(*judged(table.assign(run=np.where(table["agent"] == "A", 4, -1))))
    assert np.array_equal(one.repetition, influences(*judged(table)).repetition)


def test_draws_are_of_runs(seats):
    moved = influences(*judged(league(seats, lambda own, other: (GAIN[own], 0.0), twice=20)))
    drawn = bootstrap_payoffs(moved, 20_000, np.random.default_rng(0)).fixed[0]
    # A variance of 20,000 draws is right to 1 %; five of those.
    assert drawn.var() == pytest.approx(GAIN.var(ddof=1) / 3, rel=0.05)


def test_tables_draw_the_same_runs_with_all_partners(seats):
    cells, _ = judged(league(seats, lambda own, other: (GAIN[own], -GAIN[own]), twice=20))
    drawn = bootstrap_tables(cells, 4000, seed=0)
    assert drawn[:, 0, 1] == pytest.approx(drawn[:, 0, 2])
    assert drawn[:, 0, 1].var() == pytest.approx(GAIN.var(ddof=1) / 3, rel=0.1)
    assert np.corrcoef(drawn[:, 0, 1], drawn[:, 1, 0])[0, 1] < -0.9
