"""One run folder has one writer, on this machine and between processes; a dead one holds nobody up."""

import json
import os
import signal
import subprocess
import sys

import pytest

from dilemma import Tournament
from dilemma.envs.errors import DilemmaError
from dilemma.tournament.store import Store
from dilemma.tournament.writer import LOCK, only_writer, writer_of

HOLD = """
import sys, time
from pathlib import Path
from dilemma.tournament.writer import only_writer

with only_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that writes to tmp_path / "run"."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path / "run"], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()


def test_who_comes_second_is_told_who_is_there(tmp_path, other):
    tournament = Tournament(["prisoners_dilemma"], ["all_c", "all_d"])
    with pytest.raises(DilemmaError, match=f"being written by process {other.pid} on "):
        tournament.run(tmp_path / "run")
    (tmp_path / "run" / "config.toml").touch()
    with pytest.raises(DilemmaError, match="it is being written"):
        Store(tmp_path / "run").moved_aside()
    assert writer_of(tmp_path / "run").pid == other.pid


def test_a_killed_writer_holds_nobody_up(tmp_path, other):
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    assert (tmp_path / "run" / LOCK).exists()
    assert writer_of(tmp_path / "run") is None
    Tournament(["prisoners_dilemma"], ["all_c", "all_d"]).run(tmp_path / "run")
    assert not (tmp_path / "run" / LOCK).exists()


def test_two_runs_of_one_process_are_told_apart(tmp_path):
    with only_writer(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
        with pytest.raises(DilemmaError, match=f"process {os.getpid()}"), only_writer(tmp_path):
            pass
    with only_writer(tmp_path):
        pass


def test_a_refused_run_leaves_no_folder(tmp_path):
    with pytest.raises(ValueError, match="no"), only_writer(tmp_path / "new"):
        raise ValueError("no")
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    with pytest.raises(DilemmaError, match="is a file"), only_writer(tmp_path / "file"):
        pass
