"""What a run folder knows of the calls that added to it."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from dilemma import Tournament, open_run
from dilemma.cli import main
from dilemma.provenance import commit

CONFIG = """
name = "two words"
[[environments]]
name = "prisoners_dilemma"
[[agents]]
name = "all_d"
[[agents]]
name = "random"
[schedule]
kind = "round_robin"
[evaluation]
mode = "played"
[analysis]
exploitability = []
"""


@pytest.fixture
def typed(tmp_path, monkeypatch):
    """Run a command in an empty folder with a config; gives the calls that its run folder has then."""
    monkeypatch.chdir(tmp_path)
    Path("my config.toml").write_text(CONFIG)

    def run(*arguments):
        done = CliRunner().invoke(main, ["run", "my config.toml", "--out", "here", *arguments])
        assert done.exit_code == 0, done.output
        return open_run("here").facts["calls"]

    return run


def test_calls_that_add_something_are_kept_as_they_were_typed(typed):
    [first] = typed()
    assert first["command"] == "dilemma run 'my config.toml' --out here"
    assert first["seconds"] is not None
    assert first["versions"].keys() >= {"python", "dilemma", "torch", "numpy"}
    assert first["machine"]["cores"] >= first["workers"] == 1
    assert first["machine"]["processor"]
    assert typed() == [first]
    again = typed("--set", "schedule.repetitions=3")
    assert again[0] == first
    assert again[1]["command"].endswith("--set schedule.repetitions=3")


def test_the_duration_of_a_call_that_was_killed_is_unknown(tmp_path):
    tournament = Tournament(["prisoners_dilemma"], ["all_d", "random"], repetitions=2)

    def killed(done, total):
        shutil.copytree(tmp_path / "run", tmp_path / "as it was", dirs_exist_ok=True)

    tournament.run(tmp_path / "run", killed)
    assert [call["seconds"] for call in open_run(tmp_path / "as it was").facts["calls"]] == [None]
    assert [call["command"] for call in open_run(tmp_path / "run").facts["calls"]] == [None]


def test_who_published_what_is_kept_by_label(tmp_path):
    Tournament({"game": "prisoners_dilemma"}, {"Rapoport's": "tit_for_tat", "d": "all_d"}).run(tmp_path / "run")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    sources = open_run(tmp_path / "run").facts["sources"]
    assert sources == manifest["sources"]
    assert sources["agents"]["Rapoport's"] == "Rapoport, in Axelrod 1980"
    assert sources["environments"].keys() == {"game"}


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_commit_is_the_one_that_git_has(tmp_path):
    def git(*arguments, at=tmp_path):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        done = subprocess.run(["git", *identity, *arguments], cwd=at, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    assert commit(tmp_path) is None
    git("init", "-b", "main")
    assert commit(tmp_path) is None
    git("commit", "--allow-empty", "-m", "first")
    head = git("rev-parse", "HEAD")
    assert commit(tmp_path) == head
    git("worktree", "add", "-b", "other", str(tmp_path / "tree"))
    assert commit(tmp_path / "tree") == head
    git("pack-refs", "--all")
    assert commit(tmp_path) == commit(tmp_path / "tree") == head
    git("checkout", "--detach")
    assert commit(tmp_path) == head
