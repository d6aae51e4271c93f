"""Racing: who still needs matches."""

import numpy as np
import pytest

from dilemma.analysis.cells import cells_by_league
from dilemma.analysis.ranking.racing import unresolved

GAMES = {"game": {"roles": ["player"] * 2, "seats": 2, "title": ""}}


def league(seats, means, noise, repetitions=12, how="played"):
    """Everybody meets a and b; an agent's payoff is its mean and noise of its own."""
    random = np.random.default_rng(4)
    matches, numbers = [], []
    for label, mean in means.items():
        for partner in ("a", "b"):
            for repetition in range(repetitions):
                matches.append(((label, partner), (mean + noise * random.normal(), 0.0)))
                numbers.append(repetition)
    [cells] = cells_by_league(seats(matches, repetitions=numbers, how=how), GAMES)
    return dict(zip(cells.agents[cells.roster], unresolved(cells), strict=True))


def test_only_those_too_close_to_call_are_open(seats):
    found = league(seats, {"x": 3.0, "y": 3.01, "z": 1.0}, 0.2)
    assert found == {**found, "x": True, "y": True, "z": False}


def test_equal_expectations_are_settled(seats):
    [cells] = cells_by_league(seats([((label, "a"), (3.0, 0.0)) for label in "xy"], how="exact"), GAMES)
    assert not unresolved(cells).any()


@pytest.mark.parametrize(("repetitions", "unclear"), [(10, True), (100, True), (2000, False)])
def test_equal_matches_settle_a_difference_when_they_are_many(seats, repetitions, unclear):
    """Payoffs of 3 and 2.95 from 0 to 3: matches unlike these could close the gap if one in 60 were so."""
    found = league(seats, {"x": 3.0, "y": 2.95}, 0.0, repetitions)
    assert found == {**found, "x": unclear, "y": unclear}


def test_a_rare_event_is_waited_for(seats):
    """One match in 200 costs the second 2: it has 2.99, not the 3 that it shows in 100 matches of most leagues."""
    random, ended, hidden = np.random.default_rng(1), 0, 0
    for _ in range(40):
        rare = random.random((10, 10)) < 0.005
        hidden += not rare.any()
        costs = {"first": np.full((10, 10), 0.005), "second": 2.0 * rare}
        matches = [
            ((label, f"p{partner}"), (3 - cost[partner, repetition], 3.0))
            for label, cost in costs.items()
            for partner, repetition in np.ndindex(10, 10)
        ]
        [cells] = cells_by_league(seats(matches, repetitions=[*range(10)] * 20), GAMES)
        unclear = dict(zip(cells.agents[cells.roster], unresolved(cells, level=0.05 / 8), strict=True))
        ended += not (unclear["first"] or unclear["second"])
    assert hidden >= 20
    assert not ended


def test_a_margin_settles_those_that_are_alike(seats):
    matches = [((label, "a"), (3 + 0.01 * (r % 2), 0.0)) for label in "xy" for r in range(200)]
    [cells] = cells_by_league(seats(matches, repetitions=[r for _ in "xy" for r in range(200)]), GAMES)
    shift = [((label, "a"), (3 + 0.01 * ((r + (label == "y")) % 2), 0.0)) for label in "xy" for r in range(200)]
    [moved] = cells_by_league(seats(shift, repetitions=[r for _ in "xy" for r in range(200)]), GAMES)
    for race in (cells, moved):  # also where all repetitions agree: chance may be alike in 200 matches
        assert unresolved(race).any()
        assert not unresolved(race, margin=0.05).any()


def test_equal_agents_are_seldom_told_apart(seats):
    """Level .05: of 200 leagues of two equal agents at most 21 are called (P = 0.0007 at the level)."""
    random = np.random.default_rng(7)
    called = 0
    for _ in range(200):
        noise = random.normal(size=(2, 10))
        matches = [((label, "a"), (1 + noise[i, r], 0.0)) for i, label in enumerate("xy") for r in range(10)]
        [cells] = cells_by_league(seats(matches, repetitions=[r for _ in "xy" for r in range(10)]), GAMES)
        roster = list(cells.agents[cells.roster])
        found = unresolved(cells)
        called += not (found[roster.index("x")] or found[roster.index("y")])
    assert called <= 21
