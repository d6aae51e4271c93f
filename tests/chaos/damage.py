"""Damaged run folders: every command ends with a sentence, or goes on without what is damaged.

A few files of a run are truncated, emptied, overwritten, deleted, exchanged, or replaced by something that is no
file; JSON, TOML and tables may also stay well-formed and say something else. Then every command reads the folder,
and `run` mends it. Where damage can be noticed, the rows are then what they were.
"""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import tomli_w

from .attack import Case, command, main
from .configs import mutated, near
from .runs import CONFIGS, copied, made, make_all, rows, text

Damage = Callable[[Random, Path], None]


def truncated(random: Random, file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: random.randrange(len(content) or 1)])


def emptied(random: Random, file: Path) -> None:
    file.write_bytes(b"")


def overwritten(random: Random, file: Path) -> None:
    file.write_bytes(random.randbytes(random.choice([1, 100, 5000])))


def flipped(random: Random, file: Path) -> None:
    content = bytearray(file.read_bytes())
    for _ in range(random.choice([1, 8, 200])):
        if content:
            content[random.randrange(len(content))] ^= random.randrange(1, 256)
    file.write_bytes(bytes(content))


def deleted(random: Random, file: Path) -> None:
    file.unlink()


def a_folder(random: Random, file: Path) -> None:
    file.unlink()
    file.mkdir()


def a_loop(random: Random, file: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)


def a_dangling_link(random: Random, file: Path) -> None:
    file.unlink()
    file.symlink_to("nowhere")


def a_pipe(random: Random, file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def a_full_device(random: Random, file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/full")


def endless(random: Random, file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


def anothers(random: Random, file: Path) -> None:
    others = [other for other in file.parent.parent.rglob("*") if other.is_file() and not other.is_symlink()]
    content = random.choice(others).read_bytes()
    file.write_bytes(content)


def with_rubbish_after(random: Random, file: Path) -> None:
    with file.open("ab") as handle:
        handle.write(random.choice([b'{"match": 5, "rea', b"\x00" * 50, b"\n[]\n", b"a = ["]))


def with_leftovers_beside(random: Random, file: Path) -> None:
    for name in (f"{file.name}.tmp", f".{file.name}.abc", f"x{file.suffix}", "core.1234"):
        file.with_name(name).write_bytes(file.read_bytes()[: random.randrange(500)])


def without_its_folder(random: Random, file: Path) -> None:
    if file.parent.name in ("seats", "curves", "costs", "exploits", "checkpoints", "evolved", "generations"):
        shutil.rmtree(file.parent)
        if random.random() < 0.5:
            file.parent.touch()


def saying_something_else(random: Random, file: Path) -> None:
    """A file that is well-formed, and lies."""
    try:
        if file.suffix == ".parquet":
            pq.write_table(another_table(random, pq.read_table(file)), file)
        elif file.suffix in (".json", ".jsonl"):
            file.write_text(json.dumps(another(random, json.loads(file.read_text()))))
        elif file.suffix == ".toml":
            file.write_text(tomli_w.dumps(mutated(random, tomllib.loads(file.read_text()))))
    except (OSError, ValueError, TypeError, RecursionError, pa.ArrowException):  # it is damaged already
        emptied(random, file)


def another(random: Random, value: Any) -> Any:
    """JSON with a value or two exchanged."""
    return json.loads(json.dumps(mutated(random, value if isinstance(value, dict) else {"": value}), default=str))


def another_table(random: Random, table: pa.Table) -> pa.Table:
    """A table without a column, or with one of another type, or with other values in it."""
    name = random.choice(table.column_names)
    place, column = table.column_names.index(name), table.column(name)
    match random.randrange(6):
        case 0:
            return table.drop_columns([name])
        case 1:
            return table.set_column(place, name, pa.array([str(value) for value in column.to_pylist()]))
        case 2:
            return table.set_column(place, name, pa.nulls(len(table), column.type))
        case 3:
            return table.slice(0, random.randrange(len(table) + 1))
        case 4:
            return table.append_column("another", pa.array([float("nan")] * len(table)))
        case _:
            values = [near(random, value) if random.random() < 0.2 else value for value in column.to_pylist()]
            return table.set_column(place, name, pa.array(values))


NOTICED: tuple[Damage, ...] = (
    truncated,
    emptied,
    overwritten,
    deleted,
    a_folder,
    a_loop,
    a_dangling_link,
    a_pipe,
    a_full_device,
    endless,
    with_rubbish_after,
    with_leftovers_beside,
    without_its_folder,
)
UNNOTICED: tuple[Damage, ...] = (flipped, anothers, saying_something_else, saying_something_else)


def case(number: int, random: Random, folder: Path) -> Case:
    """One folder, and every command on it."""
    kind, run, found = random.choice(list(CONFIGS)), folder / "run", Case()
    copied(kind, run)
    (folder / "my.toml").write_text(text(kind))
    noticed = damage(random, run, found)
    agent = random.choice(["tit_for_tat", "q_learning", "middle", "own", "all_c"])
    other = random.choice(["tit_for_tat", "all_d", "tullock", "any"])
    whole = str(made(kind))
    for arguments in (
        ("status", "run"),
        ("runs", "."),
        ("report", "run"),
        ("compare", "run", whole),
        ("export", "run"),
        ("export", "run", "--moves"),
        ("replay", "run", random.choice([f"{agent}:{other}", "population"]), "--out", "replay.svg"),
        ("merge", "run", whole, "--out", "merged"),
        ("exploit", "run"),
        ("explain", "run", agent),
    ):
        found.add(command(*arguments), (0, 1, 2))
    found.add(command("view", ".", "--port", "0", interrupt_after=0.5), (0, 130))
    ran = found.add(command("run", "my.toml", "--out", "run"), (0, 2))
    if noticed and ran.code == 0:
        found.expect(rows(run).equals(rows(made(kind))), f"{kind}: the rows are not what they were")
    return found


def damage(random: Random, run: Path, found: Case) -> bool:
    """Damage a run; whether all of it is of a kind that is noticed."""
    noticed = True
    for _ in range(random.choice([1, 1, 1, 2, 4, 10])):
        files = [file for file in sorted(run.rglob("*")) if file.is_file() and "report" not in file.parts]
        if not files:
            break
        top = [file for file in files if file.parent == run]
        file = random.choice(top if top and random.random() < 0.4 else files)
        deed = random.choice(NOTICED if random.random() < 0.6 else UNNOTICED)
        noticed &= deed in NOTICED and file.name != "config.toml"
        found.deeds.append(f"{deed.__name__} {file.relative_to(run)}")
        deed(random, file)
    return noticed


if __name__ == "__main__":
    main("damage", case, 300, make_all)
