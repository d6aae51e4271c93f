"""What is said of work under way."""

import pytest

from dilemma import progress
from dilemma.tournament.exploit.search import SearchSign
from dilemma.tournament.exploit.steps import Step
from dilemma.tournament.pulse import Pulse


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress, "STEP", 3.0)
    return now


def test_a_report_says_what_it_works_out_but_no_line_for_what_takes_no_time(clock, capsys):
    with progress.Steps() as tell:
        for seconds, step in ((0.1, "ranking"), (4.0, "league: conduct"), (4.1, "league: welfare"), (9.0, "page")):
            clock[0] = seconds
            tell(step)
    assert capsys.readouterr().err == "Report: league: conduct\nReport: page\n"


def test_matches_that_were_done_before_are_told(clock, capsys):
    with progress.Meter(kept=362) as meter:
        meter(0, 148)
    assert capsys.readouterr().err == "148 matches to play, 362 kept\n"


def test_learners_are_told_of_every_half_minute_with_the_time_left_at_their_rate(clock, capsys):
    def pulse(point):
        return Pulse(("ppo", "all_d"), (1.0, 1.25), 8, point, 200, "episode", point / 200, 2.5)

    with progress.Meter() as meter:
        meter(0, 24)
        clock[0] = 10.0
        meter(8, 24)  # what takes no time says nothing of learners
        for seconds, points in ((12.0, [50]), (32.0, [100]), (52.0, [150]), (62.5, [175, 25])):
            clock[0] = seconds
            meter.hear([pulse(point) for point in points])
    told = "ppo against all_d, episode {} of 200: reward 1 and 1.25, 2.5 episodes/s"
    assert capsys.readouterr().err.splitlines() == [
        "24 matches to play",
        f"8 of 24 matches played, about 2 min left; {told.format(100)}",  # 2 in 20 s, and 12 are left
        f"8 of 24 matches played, about 67 s left; {told.format(175)} (and 1 more)",  # 6 in 50.5 s, and 8 are left
    ]


def test_searches_are_told_of_soon_with_the_time_left_of_their_step(clock, capsys):
    def sign(left):
        return SearchSign("learned exploiter of a", Step("PPO, 4 restarts", 1200, 5000, 2.347, left))

    with progress.Meter("search", "finish") as meter:
        meter(0, 2)
        for seconds, left in ((2.0, 30.0), (8.0, 24.0), (9.0, 23.0)):
            clock[0] = seconds
            meter.hear([sign(left)])
        meter(1, 2)
        clock[0] = 40.0
        meter.hear([sign(0.5)])
    told = "learned exploiter of a: PPO, 4 restarts, 1,200 of 5,000 rounds, the best restart earns 2.35"
    assert capsys.readouterr().err.splitlines() == [
        "2 searches to finish",
        f"0 of 2 searches finished; {told}; about 24 s left of this step",
        f"1 of 2 searches finished, about 38 s left; {told}; less than a second left of this step",
    ]


@pytest.mark.parametrize(
    ("rate", "said"), [(12.34, "12.3 rounds/s"), (1.0, "1 rounds/s"), (0.02, "50 s per round")]
)
def test_slow_learners_are_told_by_the_seconds_that_they_need(rate, said):
    assert str(Pulse(("a",), (0.5,), 1, 3, 9, "round", 0.3, rate)).endswith(said)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.3, "less than a second"),
        (70, "about 70 s"),
        (600, "about 10 min"),
        (36_000, "about 10.0 h"),
        (864_000, "about 10 days"),
        (1e11, "about 3,171 years"),
    ],
)
def test_durations_are_told_in_a_unit_of_their_size(seconds, said):
    assert progress.duration(seconds) == said
