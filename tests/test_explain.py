"""`dilemma explain`: what a mechanism of a run allocated is fitted, kept, and shown by the report."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from dilemma import Tournament
from dilemma.agents.interpolating_mechanism import InterpolatingMechanism
from dilemma.cli import main
from dilemma.envs.common_pool_trust import CommonPoolTrust
from dilemma.merging import merge
from dilemma.tournament.store import Store
from dilemma.tournament.writer import only_writer


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of one mechanism among players that return shares at random."""
    folder = tmp_path_factory.mktemp("runs") / "mechanisms"
    agents = {"rule": InterpolatingMechanism(exponent=9), "equal": "equal_mechanism", "anyone": "random"}
    Tournament([CommonPoolTrust(rounds=12)], agents, repetitions=3).run(folder)
    return folder


def said(*arguments):
    result = CliRunner().invoke(main, ["explain", *map(str, arguments)])
    return result.exit_code, result.output


def test_an_interpolating_mechanism_is_explained_by_its_own_exponent(run):
    code, output = said(run, "rule")
    assert code == 0
    assert "k = 9, " in output
    assert "R^2 = 1.000" in output
    assert "exponent = 9" in output
    assert (run / "report" / "allocations.csv").is_file()
    page = (run / "report" / "index.html").read_text(encoding="utf-8")
    assert "What explains the mechanism: rule, common_pool_trust" in page


def test_it_is_kept_when_runs_are_merged(run, tmp_path):
    assert said(run, "equal")[0] == 0
    whole = merge([run], tmp_path / "whole")
    assert (
        [each["agent"] for each in whole.explained()] == [each["agent"] for each in Store(run).explained()] != []
    )


def test_nobody_explains_where_somebody_writes(run):
    with only_writer(run):
        code, output = said(run, "rule")
    assert code == 2
    assert "is being written by process" in output


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        ("anyone", "anyone is the mechanism of no match in common_pool_trust"),
        ("nobody", "has no agent 'nobody'; it has rule, equal, anyone"),
    ],
)
def test_what_is_no_mechanism_is_refused(run, label, sentence):
    code, output = said(run, label)
    assert code == 2
    assert sentence in output
    assert "Traceback" not in output
