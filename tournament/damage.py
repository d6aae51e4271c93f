"""Parts of a run folder that can't be read: readers leave them out and say so, its writer sets them aside."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..columns import CHOICES
from ..file_names import MARK
from .manifest import is_manifest

PLACED = ("environment", "replicate", "generation", "vertex", "x", "y", "agent")
"""The columns of snapshots."""
ASIDE = "damaged"
"""The folder in a run for what was set aside."""
_MATCH = ("environment", "agent", "opponent", "match", "repetition", "seat")
_PLAYED = (*_MATCH, "role", "k", "payoff", "cooperation")
_TABLES = {
    "seats": (*_PLAYED, "how", "margin", "cc", "cd", "dc", "dd", "weight", "rounds", "variance", "standard_error"),
    "curves": (*_PLAYED, "point"),
    "costs": ("environment", "agent", "chairs", "rounds", "updates", "seconds"),
    "selections": (*_MATCH, "chosen_seat", "count"),
    "generations": (
        *("environment", "replicate", "generation", "step", "agent", "fixed"),
        *("count", "share", "payoff", "cooperation"),
    ),
    "snapshots": PLACED,
    "choices": CHOICES.names,
}
"""Folders of tables, with the columns that each of their files has, and maybe others."""
_LABELS = frozenset({"environment", "agent", "opponent", "first", "role", "how", "rule"})
"""Columns of words, as dictionaries; all others hold numbers."""
_ALONGSIDE = ("curves", "selections")
"""The tables of which the matches of a file of seats may have parts."""
_BESIDE = b"dilemma.beside"
"""The key, in a file of seats, of the parts with curves, selections and learned states of its matches."""
BROKEN = (OSError, pa.ArrowException)
"""What reading a damaged table raises."""


def files(folder: Path, pattern: str) -> list[Path]:
    """What matches a pattern in a folder, in order, and is a file: reading a pipe would never end."""
    return sorted(file for file in folder.glob(pattern) if file.is_file())


def tables(folder: Path, **options: Any) -> list[pa.Table]:
    """The tables in a folder of a run that can be read; `options` are those of `pyarrow.parquet.read_table`."""
    found = []
    for file in files(folder, "*.parquet"):
        if why_broken_table(file, folder.name) is not None:
            continue
        try:
            found.append(pq.read_table(file, **options))
        except BROKEN:
            continue
    return found


def parts(folder: Path) -> list[Path]:
    """The files of a folder of tables whose footers can be read, in order."""
    return [file for file in sorted(folder.glob("*.parquet")) if why_broken_table(file, folder.name) is None]


def why_broken_table(file: Path, kind: str, *, whole: bool = False) -> str | None:
    """Why a file is no table of this kind, by its footer, or by the `whole` of it; None if it is one."""
    try:
        if not file.is_file():
            return "it is no file"
        schema = pq.read_schema(file)
        if (why := _why_not_of(schema, kind)) is not None:
            return why
        if whole:
            pq.read_table(file, page_checksum_verification=True)
    except BROKEN as error:
        return str(error).splitlines()[0]
    return None


def _why_not_of(schema: pa.Schema, kind: str) -> str | None:
    """Why columns are not those of a kind of table; None if they are."""
    for name in _TABLES[kind]:
        if name not in schema.names:
            return f"it has no column {name}"
    for name, is_of in zip(schema.names, schema.types, strict=True):
        words, numbers = pa.types.is_dictionary(is_of), pa.types.is_primitive(is_of)
        if not (words if name in _LABELS else numbers):
            return f"its column {name} holds {is_of}"
    return None


def parsed(file: Path) -> object:
    """What a JSON file holds; None if it can't be read, or is no file: a pipe would never end."""
    try:
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
    except (OSError, ValueError, RecursionError):
        return None


def mapping(file: Path) -> dict[str, Any] | None:
    """What a JSON file holds; None if it can't be read, or holds no object."""
    found = parsed(file)
    return found if isinstance(found, dict) else None


def records(file: Path, keys: Sequence[str]) -> list[dict[str, Any]]:
    """The lines of a JSONL file that are objects with these keys; others, such as half a line, are left out."""
    try:
        lines = file.read_bytes().decode("utf-8", "replace").splitlines() if file.is_file() else []
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and all(key in record for key in keys):
            found.append(record)
    return found


def damaged(folder: Path, *, whole: bool = False) -> Iterator[tuple[Path, str]]:
    """The parts of a run folder that can't be read, each with the reason: by their footers, or as a `whole`."""
    for kind in _TABLES:
        for file in sorted((folder / kind).glob("*.parquet")):
            if (why := why_broken_table(file, kind, whole=whole)) is not None:
                yield file, why
    archive = _is_whole_archive if whole else zipfile.is_zipfile
    checks: tuple[tuple[str, Callable[[Path], object], str], ...] = (
        ("manifest.json", manifest, "it is no manifest"),
        ("exploits/*.json", exploit, "it is no result of a search"),
        ("explained/*.json", explanation, "it is no explanation"),
        ("evolved/*.npz", archive, "it is no archive of arrays"),
        (f"checkpoints/*/{MARK}", mark, "it does not say whose checkpoints are there"),
        ("checkpoints/*/*.pt", archive, "it is no checkpoint"),
        ("calls.json", Path.is_file, "it is no file"),
        ("failures.jsonl", Path.is_file, "it is no file"),
    )
    for pattern, found, why in checks:
        for file in sorted(folder.glob(pattern)):
            if not (file.is_file() and found(file)):
                yield file, why


def _is_whole_archive(file: Path) -> bool:
    """Whether all that is in an archive has the checksum that it was written with."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, RuntimeError, EOFError):
        return False


def name_beside(name: str, of: str) -> str:
    """What a file of seats calls a part of the same matches: its name, in a folder of tables or of a learner."""
    return f"{of}/{name}"


def with_beside(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """Seats of matches that are whole only with the parts of these names."""
    kept = {**(table.schema.metadata or {}), _BESIDE: json.dumps(names).encode()}
    return table.replace_schema_metadata(kept)


def incomplete(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files of seats whose matches lack curves, selections or checkpoints that they had, each with the reason.

    What is damaged has been set aside before.
    """
    there = {name_beside(file.stem, kind) for kind in _ALONGSIDE for file in files(folder / kind, "*.parquet")}
    for marked in folder.glob(f"checkpoints/*/{MARK}"):
        if said := mark(marked):
            there |= {name_beside(file.stem, said["identity"]) for file in files(marked.parent, "*.pt")}
    for file in files(folder / "seats", "*.parquet"):
        wanted = json.loads((pq.read_schema(file).metadata or {}).get(_BESIDE, b"[]"))
        if gone := sorted(set(wanted) - there):
            kind = gone[0].split("/")[0]
            yield file, f"{kind if kind in _ALONGSIDE else 'checkpoints'} of the same matches are gone"


def manifest(file: Path) -> dict[str, Any] | None:
    """A manifest with what readers need; None if the file is none."""
    facts = mapping(file)
    return facts if facts is not None and is_manifest(facts) else None


def exploit(file: Path) -> dict[str, Any] | None:
    """The result of a search for an exploiter; None if the file is none."""
    record = mapping(file)
    return record if record is not None and isinstance(record.get("kind"), str) else None


def explanation(file: Path) -> dict[str, Any] | None:
    """What explains a mechanism; None if the file does not."""
    record = mapping(file)
    return record if record is not None and {"exponent", "tree", "levels", "known"} <= record.keys() else None


def mark(file: Path) -> dict[str, Any] | None:
    """Whose checkpoints are beside a file: their `identity` and `label`; None if it does not say."""
    said = mapping(file)
    return said if said is not None and {"identity", "label"} <= said.keys() else None


def set_aside(folder: Path) -> list[str]:
    """Move what can't be read into `damaged/`, and the seats of matches that are not whole without it; returns a
    sentence for each."""
    said = [
        f"{file.relative_to(folder)} can't be read ({why}): it is now {_moved(file, folder)}"
        for file, why in list(damaged(folder, whole=True))
    ]
    return said + [
        f"{file.relative_to(folder)} is not whole ({why}): it is now {_moved(file, folder)}"
        for file, why in list(incomplete(folder))
    ]


def _moved(file: Path, folder: Path) -> Path:
    """Move a file of a run into `damaged/`; returns where it is, from the run's folder."""
    aside = folder / ASIDE / file.relative_to(folder)
    aside.parent.mkdir(parents=True, exist_ok=True)
    while os.path.lexists(aside):
        aside = aside.with_name(f"{aside.name}.again")
    file.rename(aside)
    return aside.relative_to(folder)
