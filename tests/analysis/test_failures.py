"""Failures by kind."""

import pandas as pd

from dilemma.analysis.options import AnalysisOptions
from dilemma.analysis.report.failures import FailureKind, failure_kinds, unranked_text
from dilemma.analysis.report.report import write_report
from dilemma.analysis.report.terminal import failures_text


def failed(cast, reason, setting="game", **more):
    return {"cast": list(cast), "reason": reason, "setting": setting, **more}


LATE = [failed("A" + other, f"list index {number} out of range") for number, other in enumerate("BCDE", 7)]


def test_one_reason_of_one_agent_is_one_kind_whatever_its_numbers():
    assert failure_kinds(LATE) == [FailureKind(("A",), ("game",), "list index 7 out of range", 4)]


def test_agents_with_one_reason_are_told_apart():
    alike = [failed(cast, "no") for cast in ("AB", "AC", "AD", "FB", "FC", "GH")]
    assert [(kind.agents, kind.matches) for kind in failure_kinds(alike)] == [
        (("A",), 3),
        (("F",), 2),
        (("G", "H"), 1),
    ]


def test_who_is_known_to_be_at_fault_is_named():
    found = failure_kinds([failed("AB", "no", blamed=["B"]), failed("BA", "no", "other", blamed=["B"])])
    assert found == [FailureKind(("B",), ("game", "other"), "no", 2)]


def test_the_text_counts_kinds_and_names_who_is_not_ranked():
    """Nine failed matches of three kinds; B to E have a rank, F is a partner only."""
    failures = [*LATE, *(failed("F" + other, "no") for other in "BCDE"), failed("AF", "took\ntoo long")]
    ranking = pd.DataFrame({"environment": "game", "agent": list("BCDEA"), "rank": [1, 2, 3, 4, None]})
    assert failures_text(failures, ranking, ["F"]).splitlines() == [
        "9 matches failed, of 3 kinds:",
        "  4 of A: list index 7 out of range",
        "  4 of F: no",
        "  1 of A against F: took too long",
        "Not ranked in game: A",
    ]
    assert unranked_text(ranking, failures) == {"game": ["A", "F"]}
    assert failures_text(failures, ranking, ["F"], rows=1).splitlines()[2] == "  ... and 2 more kinds"


def test_lines_of_a_file_are_told_apart_and_other_numbers_are_not():
    said = "index {} out of range (mine.py, line {}, in act)"
    failures = [failed("AB", said.format(index, line)) for index, line in ((3, 12), (41, 12), (3, 120))]
    assert [kind.matches for kind in failure_kinds(failures)] == [2, 1]


def test_every_failure_is_in_the_file(seats, tmp_path):
    failures = [
        failed("AB", 'no, "really"\nnot', repetition=2, blamed=["B"]),
        failed(["=1+1", "C"], "took 3 s", repetition=0, blamed=[]),
    ]
    game = {"game": {"roles": ["player"] * 2, "seats": 2, "title": ""}}
    options = AnalysisOptions(draws=100, comparisons="max_t", top=3)
    page = write_report(tmp_path, seats([("AA", (1.0, 1.0))]), game, {"failures": failures}, options=options)
    read = pd.read_csv(tmp_path / "failures.csv", keep_default_na=False)
    assert read.to_dict("list") == {
        "environment": ["game", "game"],
        "repetition": [2, 0],
        "cast": ["A | B", "'=1+1 | C"],
        "blamed": ["B", ""],
        "reason": ['no, "really"\nnot', "took 3 s"],
    }
    assert 'href="failures.csv"' in page.read_text()
    write_report(tmp_path, seats([("AA", (1.0, 1.0))]), game, {}, options=options)
    assert not (tmp_path / "failures.csv").exists()
