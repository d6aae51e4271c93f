"""`dilemma runs`: what is said of a folder, from its manifest and the footers of its files."""

import json
import os
import shutil

import pytest
from click.testing import CliRunner

from dilemma import Tournament, run_summary
from dilemma.cli import main
from dilemma.run_summary import lines, summaries, summary


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shelf")
    league = Tournament(["prisoners_dilemma", "n_player_ipd"], {"all_d": "random", "b": "random"}, repetitions=3)
    results = league.run(folder / "whole")
    results.report(folder / "whole" / "report")
    (folder / "notes").mkdir()
    (folder / "started").mkdir()
    shutil.copy(folder / "whole" / "config.toml", folder / "started")
    (folder / "link").symlink_to("whole")
    return folder


def test_every_folder_is_told_from_the_others(shelf):
    found = {run.path.name: run for run in summaries(shelf)}
    states = {"notes": "not a run", "started": "interrupted", "whole": "done"}
    assert {name: run.state for name, run in found.items()} == states
    whole = found["whole"]
    assert (whole.done, whole.asked) == (7, 7)  # one exact pair; one or two of three seats, three times
    assert whole.size == sum(path.stat().st_size for path in (shelf / "whole").rglob("*") if path.is_file())
    assert [leader.partition(":")[0] for leader in whole.leaders] == ["prisoners_dilemma", "n_player_ipd"]
    assert summaries(shelf / "whole") == [whole]


def test_a_run_under_way_is_told_from_one_that_was_killed(shelf, tmp_path):
    folder = shutil.copytree(shelf / "whole", tmp_path / "run")
    manifest = json.loads((folder / "manifest.json").read_text())
    next((folder / "seats").glob("*.parquet")).unlink()

    def state(**changes):
        (folder / "manifest.json").write_text(json.dumps({**manifest, "finished": None, **changes}))
        return summary(folder).state

    assert state() == "playing"  # this process has played it, and lives
    assert state(process={**manifest["process"], "pid": 2**22 + 1}) == "interrupted"
    assert state(process={"host": "elsewhere", "pid": os.getpid()}) == "interrupted"
    assert state(process={}) == "interrupted"
    found = summary(folder)
    assert 0 < found.done < found.asked
    assert state(finished=manifest["finished"], counts={"failed": 2}) == "failed"
    (folder / "manifest.json").write_text("{")
    assert summary(folder).state == "interrupted"


def test_lines_fit_a_terminal_whatever_the_names(shelf, tmp_path):
    shutil.copytree(shelf / "whole", tmp_path / ("x" * 200))
    ranking = tmp_path / ("x" * 200) / "report" / "ranking.csv"
    ranking.write_text(ranking.read_text().replace(",all_d,", ",\x1b[31m" + "y" * 200 + ","))
    said = list(lines(summaries(tmp_path)))
    assert len(said) == 4
    assert max(map(len, said)) == 80
    assert "\x1b" not in "".join(said)


def test_the_command_lists_and_says_where_there_is_nothing(shelf, tmp_path, monkeypatch):
    done = CliRunner().invoke(main, ["runs", str(shelf)])
    assert done.exit_code == 0
    assert done.output.splitlines() == list(lines(summaries(shelf)))
    monkeypatch.chdir(tmp_path)
    nowhere = CliRunner().invoke(main, ["runs"])
    assert nowhere.exit_code == 2
    assert nowhere.stderr == "Error: runs is not a folder of runs: No such file or directory\n"


def test_no_rows_are_read(shelf, monkeypatch):
    def never(*_, **__):
        raise AssertionError("it was read")

    monkeypatch.setattr(run_summary.pq, "read_table", never)
    assert summaries(shelf)
