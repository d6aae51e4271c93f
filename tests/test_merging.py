"""Shards and runs that were played apart are, put together, the run that was played in one."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from dilemma import Tournament, open_run
from dilemma.cli import main
from dilemma.envs.errors import DilemmaError
from dilemma.merging import merge
from dilemma.run_status import status
from dilemma.tournament.shard import Shard

CONFIG = """
name = "league"
seed = 5
[[environments]]
name = "prisoners_dilemma"
rounds = 8
noise = 0.1
[[agents]]
name = "tit_for_tat"
[[agents]]
name = "random"
[[agents]]
name = "gradual"
[[agents]]
name = "q_learning"
[learning]
tables = 2
episodes = 3
block = 2
keep = ["q_learning"]
[schedule]
repetitions = 6
[analysis]
exploitability = []
"""


@pytest.fixture
def typed(tmp_path, monkeypatch):
    """Type a command in a folder with a config; gives its output."""
    monkeypatch.chdir(tmp_path)
    Path("my.toml").write_text(CONFIG)

    def run(*arguments, code=0):
        done = CliRunner().invoke(main, [str(each) for each in arguments])
        assert done.exit_code == code, done.output
        return done.output

    return run


def rows(folder):
    seats = open_run(folder).rows.astype({"environment": str, "agent": str, "opponent": str, "role": str})
    return seats.drop(columns="how").sort_values(["match", "seat"], ignore_index=True)


@pytest.mark.parametrize("count", [1, 3, 16])
def test_every_match_is_in_one_shard(count):
    keys = np.random.default_rng(1).integers(-(2**63), 2**63, 4096)
    shares = np.stack([Shard(number, count).has(keys) for number in range(1, count + 1)])
    assert (shares.sum(0) == 1).all()
    assert (abs(shares.mean(1) - 1 / count) < 5 * np.sqrt(1 / count / 4096)).all()  # 5 standard errors


def test_merged_shards_are_the_run_itself(typed):
    for number in (1, 2, 3):
        assert f"Shard {number}/3" in typed("run", "my.toml", "--shard", f"{number}/3")
    said = typed("status", *sorted(Path("runs").iterdir()))
    assert said.splitlines()[-1] == "all 3: 0 playing, 31 of 31 matches"
    typed("merge", *Path("runs").iterdir(), "--out", "merged")
    typed("run", "my.toml", "--out", "whole")
    pd.testing.assert_frame_equal(rows("merged"), rows("whole"))
    assert (open_run("merged").curves.shape, open_run("merged").facts["left"]) == (
        open_run("whole").curves.shape,
        0,
    )
    assert len(list(Path("merged/checkpoints").glob("*/*.pt"))) == len(
        list(Path("whole/checkpoints").glob("*/*.pt"))
    )
    before = {file.name for file in Path("merged/seats").iterdir()}
    typed("run", "my.toml", "--out", "merged")
    assert {file.name for file in Path("merged/seats").iterdir()} == before
    assert Path("merged/report/index.html").exists()


def test_who_asks_for_the_whole_is_told_of_its_shards(tmp_path):
    (tmp_path / "run.2-of-3").mkdir()
    with pytest.raises(DilemmaError, match=r"there is no run folder .*run; of its shards .*run\.2-of-3$"):
        status(tmp_path / "run")


def test_runs_that_overlap_are_joined_and_contradictions_are_named(tmp_path):
    few = Tournament(["prisoners_dilemma"], ["random", "gradual", "all_d"], repetitions=2, mode="played")
    more = Tournament(["prisoners_dilemma"], ["random", "all_d", "tullock"], repetitions=3, mode="played")
    few.run(tmp_path / "few")
    more.run(tmp_path / "more")
    merge([tmp_path / "few", tmp_path / "more"], tmp_path / "both")
    both = rows(tmp_path / "both")
    assert set(both["match"]) == set(rows(tmp_path / "few")["match"]) | set(rows(tmp_path / "more")["match"])
    assert not both.duplicated(["match", "seat"]).any()
    wrong = rows(tmp_path / "few")["match"].iloc[0]
    for file in (tmp_path / "few" / "seats").glob("*.parquet"):
        table = pq.read_table(file)
        payoff = table["payoff"].to_numpy() + (table["match"].to_numpy() == wrong)
        pq.write_table(table.set_column(table.column_names.index("payoff"), "payoff", [payoff]), file)
    with pytest.raises(DilemmaError, match=f"contradict each other in 1 matches: of {wrong} they"):
        merge([tmp_path / "few"], tmp_path / "both")
    pd.testing.assert_frame_equal(rows(tmp_path / "both"), both)


def test_a_run_without_rows_and_a_damaged_part_keep_nothing_else_from_being_merged(tmp_path):
    for name in ("empty", "damaged", "whole"):
        agents = ["random", "all_d", "tullock"]
        Tournament(["prisoners_dilemma"], agents, repetitions=2, mode="played", chunk=2).run(tmp_path / name)
    for file in (tmp_path / "empty" / "seats").iterdir():
        file.unlink()
    first, *_ = sorted((tmp_path / "damaged" / "seats").iterdir())
    first.write_bytes(first.read_bytes()[:-9])
    merge([tmp_path / name for name in ("empty", "damaged", "whole")], tmp_path / "all")
    pd.testing.assert_frame_equal(rows(tmp_path / "all"), rows(tmp_path / "whole"))


def test_rows_that_are_there_twice_are_read_once(tmp_path):
    Tournament(["prisoners_dilemma"], ["random", "all_d"], repetitions=2, mode="played").run(tmp_path / "run")
    before = rows(tmp_path / "run")
    [file] = (tmp_path / "run" / "seats").glob("*.parquet")
    shutil.copy(file, file.with_name("again.parquet"))
    pd.testing.assert_frame_equal(rows(tmp_path / "run"), before)


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"SLURM_ARRAY_TASK_ID": "12", "SLURM_ARRAY_TASK_MIN": "10", "SLURM_ARRAY_TASK_COUNT": "4"}, Shard(3, 4)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8"}, Shard(1, 8)),
    ],
)
def test_slurm_says_which(variables, found):
    assert Shard.read("auto", variables) == found


@pytest.mark.parametrize("text", ["0/3", "4/3", "a", "auto", "3", "-1/2"])
def test_what_is_no_shard_is_told(text):
    with pytest.raises(DilemmaError, match="--shard"):
        Shard.read(text, {})


def test_a_schedule_that_asks_again_has_no_shards(typed):
    said = typed("run", "my.toml", "--shard", "1/2", "--set", 'schedule.repetitions="until resolved"', code=2)
    assert "asks for matches by what came of others" in said
