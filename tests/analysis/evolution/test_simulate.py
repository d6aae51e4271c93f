"""Populations played out from a table are within three standard errors of the closed forms."""

import numpy as np
import pytest

from dilemma.analysis.evolution import fixation_probabilities, fixation_times, simulate_fixation

PD = [[3, 0], [5, 1]]
PROCESSES = ["moran", "fermi", "local_update", "wright_fisher"]
RUNS = 20_000


def close(drawn, wanted):
    return abs(drawn.mean() - wanted) < 3 * drawn.std(ddof=1) / len(drawn) ** 0.5


@pytest.mark.parametrize("process", PROCESSES)
def test_two_types(process):
    ran = simulate_fixation(PD, [17, 3], 0.1, np.random.default_rng(1), process, populations=RUNS)
    fixed = ran.types == 1
    times = fixation_times(PD, 20, 0.1, process, mutants=3, idle_steps=process == "wright_fisher")
    assert close(fixed, fixation_probabilities(PD, 20, 0.1, process, mutants=3)[1, 0])
    assert close(ran.steps, times.either[1, 0])
    assert close(ran.steps[fixed], times.fixation[1, 0])
    assert close(ran.steps[~fixed], times.extinction[1, 0])


@pytest.mark.parametrize("process", PROCESSES)
def test_two_types_in_two_clones_each(process):
    """Four types of which two and two are the same: the sum is that of two types."""
    game = np.array(PD)[np.ix_([0, 0, 1, 1], [0, 0, 1, 1])]
    ran = simulate_fixation(game, [5, 4, 2, 1], 0.1, np.random.default_rng(2), process, populations=RUNS)
    assert close(ran.types >= 2, fixation_probabilities(PD, 12, 0.1, process, mutants=3)[1, 0])
    assert close(ran.types[ran.types >= 2] == 2, 2 / 3)


@pytest.mark.parametrize("process", PROCESSES)
def test_neutral_types_fix_by_their_numbers(process):
    ran = simulate_fixation(np.ones((3, 3)), [5, 3, 2], 0, np.random.default_rng(3), process, populations=RUNS)
    for kind, share in enumerate((0.5, 0.3, 0.2)):
        assert close(ran.types == kind, share)


def test_the_generator_decides():
    first, again = (simulate_fixation(PD, [5, 5], 1, np.random.default_rng(4), populations=50) for _ in range(2))
    assert (first.types == again.types).all()
    assert (first.steps == again.steps).all()


def test_each_population_from_its_own_start():
    ran = simulate_fixation(PD, [[6, 0], [0, 6], [1, 5]], 5, np.random.default_rng(5))
    assert ran.types.tolist() == [0, 1, 1]
    assert ran.steps.tolist()[:2] == [0, 0]


def test_what_never_ends_is_left_mixed():
    for size, game in ((2, [[0, 1], [1, 0]]), (3, 1 - np.eye(3))):
        ran = simulate_fixation(game, [100] * size, 10, np.random.default_rng(6), populations=3, most_steps=500)
        assert ran.types.tolist() == [-1] * 3
        assert ran.steps.tolist() == [500] * 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"start": [1, 2, 3]}, "counts each of the 2 types"),
        ({"start": [1.5, 2.5]}, "whole numbers"),
        ({"start": [[1, 2], [2, 2]]}, "same sum"),
        ({"start": [-1, 3]}, "0 or more"),
        ({"payoffs": np.zeros((2, 2, 3))}, "own type, other type"),
        ({"most_steps": 0}, "1 or more, not 0"),
    ],
)
def test_bad_input_is_told(arguments, told):
    given = {"payoffs": PD, "start": [1, 9], "selection": 0.1, "random": np.random.default_rng(7)} | arguments
    with pytest.raises(ValueError, match=told):
        simulate_fixation(**given)
