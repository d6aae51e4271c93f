"""Whatever happens to a part of a run folder: readers go on without it, and the run plays its matches again."""

import json
import os
import shutil
import warnings

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from dilemma import Tournament, open_run
from dilemma.agents.checkpoint import Checkpoint
from dilemma.cli import main
from dilemma.envs.errors import DilemmaError
from dilemma.tournament import damage

DAMAGE = {
    "truncated": lambda file: file.write_bytes(file.read_bytes()[:-9]),
    "emptied": lambda file: file.write_bytes(b""),
    "foreign": lambda file: file.write_bytes(b"\x00\xffnot what it was\n" * 20),
    "deleted": lambda file: file.unlink(),
    "another's": lambda file: file.write_text("[1, 2]"),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
    "a pipe": lambda file: (file.unlink(), os.mkfifo(file)),
    "endless": lambda file: (file.unlink(), file.symlink_to("/dev/zero")),
    "flipped": lambda file: file.write_bytes(flipped(file.read_bytes())),
}


def flipped(content):
    middle = len(content) // 3
    return content[:middle] + bytes(byte ^ 255 for byte in content[middle : middle + 40]) + content[middle + 40 :]


@pytest.fixture(scope="module")
def tournament():
    return Tournament(
        ["prisoners_dilemma"],
        ["random", "tullock", "q_learning", "all_d"],
        repetitions=2,
        learning={"tables": 2, "episodes": 3, "keep": ["q_learning"]},
        chunk=3,
        analysis={"exploitability": ["exact"]},
    )


@pytest.fixture(scope="module")
def whole(tournament, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    tournament.run(folder)
    with (folder / "failures.jsonl").open("a") as file:
        file.write('{"match": 5, "rea')
    return folder


def rows(folder):
    seats = open_run(folder).rows.astype(
        {"environment": str, "agent": str, "opponent": str, "how": str, "role": str}
    )
    return seats.sort_values(["match", "seat"], ignore_index=True)


@pytest.mark.parametrize("kind", DAMAGE)
def test_what_is_damaged_is_left_out_and_played_again(tournament, whole, tmp_path, kind):
    before, folder = rows(whole), tmp_path / "run"
    curves, learned = open_run(whole).curves, Checkpoint(run=str(whole), learner="q_learning").content
    shutil.copytree(whole, folder)
    seats = sorted((folder / "seats").iterdir())
    others = [file for file in folder.rglob("*") if file.is_file() and file.parent.name not in ("run", "seats")]
    for file in (*seats[::2], *others, folder / "calls.json", folder / "failures.jsonl"):
        DAMAGE[kind](file)
    left = set(rows(folder)["match"])
    assert left < set(before["match"])
    DAMAGE[kind](folder / "manifest.json")
    with pytest.raises(DilemmaError, match=r"no manifest\.json that can be read"):
        rows(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        tournament.run(folder)
    pd.testing.assert_frame_equal(rows(folder), before)
    order = ["match", "seat", "point"]
    pd.testing.assert_frame_equal(
        *(table.sort_values(order, ignore_index=True) for table in (open_run(folder).curves, curves)),
        check_categorical=False,
    )
    assert Checkpoint(run=str(folder), learner="q_learning").content == learned


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_config_is_told_in_a_sentence(whole, tmp_path, kind):
    shutil.copytree(whole, tmp_path / "run")
    DAMAGE[kind](tmp_path / "run" / "config.toml")
    done = CliRunner().invoke(main, ["report", str(tmp_path / "run")])
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_config_with_a_label_twice_is_told_in_a_sentence(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "run")
    config = tmp_path / "run" / "config.toml"
    config.write_text(config.read_text().replace('label = "all_d"', 'label = "random"'))
    for command in (["report"], ["export", "--moves"]):
        done = CliRunner().invoke(main, [command[0], str(tmp_path / "run"), *command[1:]])
        assert done.exit_code == 2, done.output
        assert "is not the config of a run" in done.stderr


LIES = [
    {"games": []},
    {"games": {"a game": {"title": "without seats"}}},
    {"games": {"a game": {"seats": 2, "roles": ["one"]}}},
    {"learners": ["q_learning", {}]},
    {"sources": {"agents": {"random": 3}}},
    {"counts": {"matches": "many"}},
    {"finished": 12},
]


@pytest.mark.parametrize("lie", LIES, ids=str)
def test_a_manifest_of_other_types_is_none(whole, tmp_path, lie):
    told = json.loads((whole / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**told, **lie}))
    assert damage.manifest(whole / "manifest.json") == told
    assert damage.manifest(tmp_path / "manifest.json") is None


def test_a_report_names_what_it_leaves_out(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "run")
    first = min((tmp_path / "run" / "seats").glob("*.parquet"))
    DAMAGE["truncated"](first)
    done = CliRunner().invoke(main, ["report", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    assert f"Left out: seats/{first.name} can't be read" in done.stderr
    assert f"Left out: seats/{first.name}" in (tmp_path / "run" / "report" / "index.html").read_text()


@pytest.mark.parametrize("path", ["x" * 300, "loop", "file/run", "/proc/run"])
def test_paths_that_cannot_be_are_told(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    for command in (
        ["report", path],
        ["run", "quickstart", "--out", path],
        ["status", path],
        ["merge", path, "--out", "x"],
    ):
        done = CliRunner().invoke(main, command)
        assert done.exit_code == 2, (command, done.output, done.exception)
        assert done.stderr.startswith("Error: ")


@pytest.mark.parametrize("kind", damage._TABLES)
def test_a_table_without_a_column_or_with_another_type_of_it_is_none(tmp_path, kind):
    names = dict.fromkeys(damage._TABLES[kind])
    words = pa.array(["a"]).dictionary_encode()
    whole = pa.table({name: words if name in damage._LABELS else pa.array([1.0]) for name in names})
    file = tmp_path / "part.parquet"

    def why(table):
        pq.write_table(table, file)
        return damage.why_broken_table(file, kind)

    assert why(whole) is None
    assert why(whole.append_column("another", pa.array([1]))) is None
    for place, name in enumerate(names):
        assert why(whole.drop_columns([name])) == f"it has no column {name}"
        texts = whole.set_column(place, name, pa.array(["text"]))
        assert why(texts) == f"its column {name} holds string"
