"""How often intervals and rank sets hold, in leagues where they do not if every label counts."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

FILE = Path(__file__).parents[2] / "benchmarks" / "interval_coverage.py"
LEAGUES = 120
ONCE_IN_1000 = 0.001


@pytest.fixture(scope="module")
def coverage():
    spec = spec_from_file_location("coverage_of_intervals", FILE)
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Beside each: how often intervals and rank sets hold without kinds, moderated variances and their own quantiles.
@pytest.mark.parametrize(
    ("league", "size", "repetitions"),
    [
        ("copies, 4 of each", 20, 3),  # 62 and 0
        ("versions, 4 of each, 30 % apart, declared", 20, 3),  # 72 and 40
        ("shared runs, sd 1", 20, 3),  # rank sets 39
        ("shared runs, sd 1", 12, 2),  # 46
        ("shared runs, sd 0.6", 12, 2),  # 71
        ("checkpoints, 3 runs", 12, 20),  # by repetition, in the same field 16 and 0
        ("checkpoints, 5 runs, taken from partners", 12, 20),  # 27 and 0
        ("automata", 5, 1),  # 87
        ("automata", 10, 1),  # 93, rank sets of equal agents 66
        ("automata, noise 0.05", 20, 1),  # 94 and 82
        ("skewed", 12, 5),  # 92
    ],
)
def test_intervals_and_rank_sets_hold_nineteen_times_in_twenty(coverage, league, size, repetitions):
    play, _ = coverage.LEAGUES[league]
    random = np.random.default_rng([1, size, repetitions, *league.encode()])
    held = coverage.judge(play, size, repetitions, LEAGUES, random)
    # A share of leagues, were it 95 %, is below this once in 1,000; intervals of one league may all err together.
    least = 100 * stats.binom.ppf(ONCE_IN_1000, LEAGUES, 0.95) / LEAGUES
    assert held["ranks sampled"] >= least
    assert held["ranks fixed"] >= least
    assert held["sampled"] >= least
    assert held["fixed"] >= least


def test_too_few_kinds_give_no_interval(coverage):
    play = coverage.League(copies=4).play
    held = coverage.judge(play, 16, 3, 20, np.random.default_rng(0))
    assert held["known"] == 0
    assert held["ranks sampled"] == 100
