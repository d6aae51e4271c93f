"""What a report is said to take."""

import pytest

from dilemma.analysis.report.effort import effort


@pytest.mark.parametrize(
    ("agents", "environments", "seconds", "megabytes"),
    # benchmarks/large_roster.py: CPU-s without the start of Python, and MB on disk
    [(16, 2, 3.7, 2.3), (500, 1, 13.5, 20.6)],
)
def test_it_is_within_a_factor_of_two_of_what_was_measured(agents, environments, seconds, megabytes):
    found = effort(agents, environments, ["alpha_rank_population", "deviation"])
    assert 0.5 < found.seconds / seconds < 2
    assert 0.5 < found.bytes / 1e6 / megabytes < 2


def test_pairs_are_many_and_programs_cost():
    assert effort(1600, 1).seconds > 5 * effort(500, 1).seconds
    assert effort(80, 1, ["deviation"]).seconds > effort(80, 1, ["payoff"]).seconds
    assert effort(20, 3).bytes == 3 * effort(20, 1).bytes
