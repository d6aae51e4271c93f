"""What equal matches may hide is bounded, and what varies keeps its own variance."""

import numpy as np
import pytest
from scipy import stats

from dilemma.analysis.cells import cells_by_league
from dilemma.analysis.ranking.payoffs import cell_table
from dilemma.analysis.statistics.unseen import least_variance, reach, unseen_by_agent

GAME = {"roles": ["player"] * 2, "seats": 2, "title": "", "extremes": (0.0, 5.0)}
Z = stats.norm.isf(0.025)


def of(seats, matches, *, how="played", **game):
    numbers = [matches[:at].count(match) for at, match in enumerate(matches)]
    [cells] = cells_by_league(seats(matches, how=how, repetitions=numbers), {"game": {**GAME, **game}})
    return cells, cell_table(cells)


@pytest.mark.parametrize(("matches", "unseen"), [(10, 0.258866), (100, 0.029513), (1000, 0.002991)])
def test_the_normal_interval_holds_what_was_not_seen(matches, unseen):
    """1 - .05^(1/n), near 3 / n: an event with this probability is missed in one of twenty cells."""
    variance = least_variance(np.zeros(1), np.array([matches]), np.array([3.0]))
    assert Z * np.sqrt(variance / matches) == pytest.approx(3 * unseen, abs=3e-6)
    assert (1 - unseen) ** matches == pytest.approx(0.05, rel=1e-3)


def test_variance_that_was_seen_stands():
    seen = np.array([0.0, 0.01, 0.25, np.nan])
    found = least_variance(seen, np.full(4, 10), np.full(4, 3.0))
    assert found[0] > 1
    np.testing.assert_array_equal(found[1:], seen[1:])


@pytest.mark.parametrize("matches", [2, 5, 10, 20, 50, 100])
@pytest.mark.parametrize("rate", [1e-4, 1e-3, 0.01, 0.05, 0.1, 0.3])
def test_rare_events_are_held_by_student_s_interval(matches, rate):
    """Exact coverage over Binomial(n, p) events that cost 2 of a payoff of 3. Worst where few are seen."""
    events = np.arange(matches + 1)
    mean = 3 - 2 * events / matches
    seen = 4 * (events / matches) * (1 - events / matches) * matches / (matches - 1)
    variance = least_variance(seen, np.full(matches + 1, matches), np.full(matches + 1, 3.0))
    half = stats.t.isf(0.025, matches - 1) * np.sqrt(variance / matches)
    holds = np.abs(mean - (3 - 2 * rate)) <= half
    few = (matches, rate) in {(50, 0.1), (100, 0.05), (100, 0.1)}  # Wald's interval of a few events
    assert stats.binom.pmf(events, matches, rate)[holds].sum() >= (0.87 if few else 0.94)


@pytest.mark.parametrize(("extremes", "far"), [((0.0, 5.0), (3, 4)), (None, (3, 2)), ((-1.0, 3.0), (4, 2))])
def test_the_reach_is_the_game_s_or_what_was_seen_and_nothing(seats, extremes, far):
    cells, table = of(seats, [(("x", "y"), (3.0, 1.0))] * 4, extremes=extremes)
    np.testing.assert_allclose(reach(cells, table["payoff"].to_numpy()), far)


def test_an_agent_s_cells_tell_together(seats):
    """Ten cells of ten equal matches: rates that sum to .3 over the cells pass unseen one time in twenty."""
    one, _ = of(seats, [(("x", "p0"), (3.0, 3.0))] * 10)
    ten, table = of(seats, [(("x", f"p{i}"), (3.0, 3.0)) for i in range(10)] * 10)
    alone = unseen_by_agent(one, cell_table(one))[0]
    assert Z * alone == pytest.approx(3 * (1 - 0.05**0.1))
    assert Z * unseen_by_agent(ten, table)[0] == pytest.approx(3 * -np.log(0.05) / 100)


def test_what_is_certain_or_varies_hides_nothing(seats):
    exact, table = of(seats, [(("x", "y"), (3.0, 3.0))], how="exact")
    assert not unseen_by_agent(exact, table).any()
    varied, table = of(seats, [(("x", "y"), (3.0 + 0.1 * i, 3.0 - 0.1 * i)) for i in range(5)])
    assert not unseen_by_agent(varied, table).any()


def test_nothing_is_known_where_nothing_ever_paid(seats):
    cells, table = of(seats, [(("x", "y"), (0.0, 0.0))] * 4, extremes=None)
    assert np.isnan(unseen_by_agent(cells, table)).all()
