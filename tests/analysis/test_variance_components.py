"""Where the variance of payoffs comes from."""

import itertools

import numpy as np
import pytest

from dilemma.analysis.cells import cells_by_league
from dilemma.analysis.ranking.payoffs import cell_table
from dilemma.analysis.statistics.variance_components import mean_squares, variance_components

GAMES = {"game": {"roles": ["player"] * 2, "seats": 2, "title": "Game"}}


def league(seats, size=12, repetitions=3, noise=0.5):
    random = np.random.default_rng(2)
    agent, partner = random.normal(0, 1, size), random.normal(0, 2, size)
    pair = random.normal(0, 0.7, (size, size))
    matches, number = [], []
    for i, j in itertools.combinations_with_replacement(range(size), 2):
        for repetition in range(repetitions):
            one, other = random.normal(0, noise, 2)
            paid = agent[i] + partner[j] + pair[i, j] + one, agent[j] + partner[i] + pair[j, i] + other
            matches.append(((f"A{i:02}", f"A{j:02}"), paid))
            number.append(repetition)
    return seats(matches, repetitions=number)


def split(table):
    [cells] = cells_by_league(table, GAMES)
    found = variance_components(cells, cell_table(cells))
    return found.table.set_index("component")["variance"] if len(found.table) else None, found.remarks


def test_a_table_of_sums_leaves_no_interaction():
    rows, columns = np.array([0.0, 1.0, 5.0]), np.array([2.0, 4.0, 4.0, 6.0])
    found = mean_squares(rows[:, None] + columns)
    assert found == pytest.approx((rows.var(ddof=1), columns.var(ddof=1), 0))


def test_mean_squares_of_a_table_by_hand():
    # Deviations of rows -+1, of columns -+0.5, of the rest -+0.5; one degree of freedom each.
    assert mean_squares(np.array([[0.0, 2.0], [3.0, 3.0]])) == pytest.approx((1.5, 0.0, 1.0))


def test_planted_variances_are_found_again(seats):
    variance, remarks = split(league(seats, size=30))
    assert remarks == ()
    # An agent's variance has 29 degrees of freedom: a standard deviation of a quarter of it.
    assert variance["agent"] == pytest.approx(1, rel=0.75)
    assert variance["partner"] == pytest.approx(4, rel=0.75)
    assert variance["interaction"] == pytest.approx(0.49, rel=0.25)
    # Self-play is the mean of both seats: 1 cell of 30 has half the variance.
    assert variance["repetition"] == pytest.approx(0.25 * (1 - 0.5 / 30), rel=0.2)


def test_with_pairs_that_never_met_the_mixed_model_agrees(seats):
    table = league(seats)
    whole, _ = split(table)
    apart = (table["agent"] == "A00") & (table["opponent"] == "A01")
    part, remarks = split(table[~apart])
    assert "restricted maximum likelihood" in remarks[0]
    assert part.to_numpy() == pytest.approx(whole.to_numpy(), rel=0.1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("size", "repetitions", "sentence"), [(1, 3, "needs two agents"), (4, 1, "can't be told from the interaction")]
)
def test_what_cannot_be_split_is_said(seats, size, repetitions, sentence):
    assert sentence in split(league(seats, size, repetitions))[1][0]


@pytest.mark.filterwarnings("error")
def test_equal_payoffs_have_no_variance(seats):
    pairs = itertools.combinations_with_replacement("ABC", 2)
    variance, remarks = split(seats([(pair, (0.1, 0.1)) for pair in pairs], how="exact"))
    assert (variance == 0).all()
    assert "All payoffs are the same" in remarks[-1]
