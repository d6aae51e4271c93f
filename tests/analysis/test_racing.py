"""Racing: who still needs matches."""

import numpy as np

from dilemma.analysis.cells import environments
from dilemma.analysis.racing import unresolved

GAMES = {"game": {"symmetric": True, "seats": 2, "title": ""}}


def league(seats, means, noise, repetitions=12, how="played"):
    """Everybody meets a and b; an agent's payoff is its mean and noise of its own."""
    random = np.random.default_rng(4)
    matches, numbers = [], []
    for label, mean in means.items():
        for partner in ("a", "b"):
            for repetition in range(repetitions):
                matches.append(((label, partner), (mean + noise * random.normal(), 0.0)))
                numbers.append(repetition)
    [cells] = environments(seats(matches, repetitions=numbers, how=how), GAMES)
    return dict(zip(cells.agents[cells.roster], unresolved(cells), strict=True))


def test_only_those_too_close_to_call_are_open(seats):
    found = league(seats, {"x": 3.0, "y": 3.01, "z": 1.0}, 0.2)
    assert found == {**found, "x": True, "y": True, "z": False}


def test_equal_payoffs_without_noise_are_settled(seats):
    assert not any(league(seats, {"x": 3.0, "y": 3.0}, 0.0).values())


def test_a_margin_settles_those_that_are_alike(seats):
    matches = [((label, "a"), (3 + 0.01 * (r % 2), 0.0)) for label in "xy" for r in range(200)]
    [cells] = environments(seats(matches, repetitions=[r for _ in "xy" for r in range(200)]), GAMES)
    shift = [((label, "a"), (3 + 0.01 * ((r + (label == "y")) % 2), 0.0)) for label in "xy" for r in range(200)]
    [moved] = environments(seats(shift, repetitions=[r for _ in "xy" for r in range(200)]), GAMES)
    assert not unresolved(cells).any()  # the same repetitions: no difference at all
    assert unresolved(moved).any()
    assert not unresolved(moved, margin=0.05).any()


def test_equal_agents_are_seldom_told_apart(seats):
    """Level .05: of 200 leagues of two equal agents at most 21 are called (P = 0.0007 at the level)."""
    random = np.random.default_rng(7)
    called = 0
    for _ in range(200):
        noise = random.normal(size=(2, 10))
        matches = [((label, "a"), (1 + noise[i, r], 0.0)) for i, label in enumerate("xy") for r in range(10)]
        [cells] = environments(seats(matches, repetitions=[r for _ in "xy" for r in range(10)]), GAMES)
        roster = list(cells.agents[cells.roster])
        found = unresolved(cells)
        called += not (found[roster.index("x")] or found[roster.index("y")])
    assert called <= 21
