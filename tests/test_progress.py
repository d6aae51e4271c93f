"""What is said of work under way."""

import pytest

from dilemma import progress


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
