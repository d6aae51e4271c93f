"""The run folder: what was asked, the rows of what was played, what failed. What is there is whole.

config.toml      what was asked, with every default filled in
manifest.json    versions, seed, counts, start and end
seats/*.parquet  a row for each seat of each match
curves/*.parquet a row for each point of the learning curve of each seat
costs/*.parquet  what each agent took, chunk by chunk
checkpoints/     what learners have learned, of those that the config keeps
exploits/*.json  what came of the search for exploiters of each agent
failures.jsonl   matches that failed, each with its reason and traceback

Whoever reads a table gets the labels of the config: each file says by what the run knows those that it was written
with.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ..envs.errors import DilemmaError
from .config_file import Asked, file_text
from .how import HOW
from .identity import SCHEMA
from .labels import current, of_record, relabelled


@dataclass(frozen=True)
class RunFolder:
    """A run folder, to be read: that imports no agent, and nothing that plays."""

    path: Path

    @classmethod
    def existing(cls, path: Path) -> Self:
        """The run folder at `path`. Raises DilemmaError where there is none."""
        store = cls(path)
        if not store.config_path.is_file():
            raise DilemmaError(f"{path} is not a run folder: it has no config.toml")
        return store

    def check_schema(self) -> None:
        """Raises DilemmaError where the folder's matches have identities and chance of another form."""
        found = self.manifest().get("schema", 1) if self.manifest_path.exists() else SCHEMA
        if found != SCHEMA:
            raise DilemmaError(
                f"{self.path} was played by another version: its matches are of schema {found}, here they are of "
                f"schema {SCHEMA}, with other chance. It can be read; to play, choose another folder with --out"
            )

    @property
    def config_path(self) -> Path:
        return self.path / "config.toml"

    @property
    def seats_path(self) -> Path:
        return self.path / "seats"

    @property
    def curves_path(self) -> Path:
        return self.path / "curves"

    @property
    def costs_path(self) -> Path:
        return self.path / "costs"

    @property
    def exploits_path(self) -> Path:
        return self.path / "exploits"

    @property
    def failures_path(self) -> Path:
        return self.path / "failures.jsonl"

    @property
    def manifest_path(self) -> Path:
        return self.path / "manifest.json"

    @property
    def report_path(self) -> Path:
        return self.path / "report"

    def asked(self) -> Asked:
        """The config of the run as TOML gave it: reading it imports no agent."""
        try:
            return tomllib.loads(file_text(self.config_path))
        except tomllib.TOMLDecodeError as error:
            raise DilemmaError(f"{self.config_path} is not TOML: {error}") from error

    def done(self) -> NDArray[np.int64]:
        """The identities of the matches that have rows, sorted."""
        columns = [pq.read_table(file, columns=["match"])["match"].to_numpy() for file in self._files()]
        return np.unique(np.concatenate(columns)) if columns else np.empty(0, np.int64)

    def seats(self) -> pd.DataFrame:
        """All rows, with labels as categories in the order of the config."""
        return to_frame([pq.read_table(file) for file in self._files()], self.asked())

    def curves(self) -> pd.DataFrame | None:
        """The learning curves, with labels as categories; None where nobody learned."""
        tables = [pq.read_table(file) for file in sorted(self.curves_path.glob("*.parquet"))]
        return to_frame(tables, self.asked()) if tables else None

    def costs(self) -> pd.DataFrame | None:
        """What each agent took, a row for each chunk that it played in; None where nobody played."""
        tables = [pq.read_table(file) for file in sorted(self.costs_path.glob("*.parquet"))]
        return to_frame(tables, self.asked()) if tables else None

    def exploits(self) -> dict[str, dict[str, Any]]:
        """What came of every search so far, by its key: a card, or the reason why there is none."""
        now, found = current(self.asked()), {}
        for file in sorted(self.exploits_path.glob("*.json")):
            record = json.loads(file.read_text(encoding="utf-8"))
            renamed = of_record(record, now, {"environment": "environments", "agent": "agents"})
            if renamed is not None:
                found[file.stem] = renamed
        return found

    def failures(self) -> list[dict[str, object]]:
        """The matches that failed and have no rows since, each with its last reason."""
        now = current(self.asked())
        keys = {"setting": "environments", "cast": "agents", "blamed": "agents"}
        renamed = (of_record(record, now, keys) for record in self._unsettled())
        return [record for record in renamed if record is not None]

    def _unsettled(self) -> list[dict[str, Any]]:
        if not self.failures_path.exists():
            return []
        lines = self.failures_path.read_text(encoding="utf-8").splitlines()
        latest = {record["match"]: record for record in map(json.loads, lines)}
        done = set(self.done().tolist()) if latest else set()
        return [record for match, record in latest.items() if match not in done]

    def manifest(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(self.manifest_path.read_text(encoding="utf-8"))
        return facts

    def _files(self) -> list[Path]:
        return sorted(self.seats_path.glob("*.parquet"))


def to_frame(tables: Sequence[pa.Table], asked: Asked) -> pd.DataFrame:
    """A table of seats or curves, with the config's labels as categories, in its order."""
    if tables:
        now = current(asked)
        tables = [relabelled(table, now) for table in tables]
        if any("cast" not in table.column_names for table in tables):  # an older version's don't say
            tables = [
                table.drop_columns([name for name in table.column_names if name == "cast"]) for table in tables
            ]
        table = pa.concat_tables(tables, promote_options="default").unify_dictionaries()
        seats: pd.DataFrame = table.to_pandas(self_destruct=True, split_blocks=True)
    else:
        seats = pd.DataFrame(_no_rows())
    if "run" in seats:  # not in chunks where nobody has several
        seats["run"] = seats["run"].fillna(-1).astype(np.int32)
    agents = [entry["label"] for entry in asked["agents"]]
    environments = [entry["label"] for entry in asked["environments"]]
    if not tables:
        seats["role"] = pd.Categorical(seats["role"])
    for name, labels in {"environment": environments, "agent": agents, "opponent": agents, "how": HOW}.items():
        if name in seats:
            seats[name] = pd.Categorical(seats[name], categories=list(labels))
    return seats


def _no_rows() -> dict[str, list[float]]:
    floats = (
        "payoff",
        "margin",
        "cooperation",
        "cc",
        "cd",
        "dc",
        "dd",
        "weight",
        "rounds",
        "variance",
        "standard_error",
    )
    others = ("match", "cast", "repetition", "seat", "k", "environment", "role", "agent", "opponent", "how")
    return {name: [] for name in (*others, *floats)}


def accepted(asked: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The agents and environments of which a changed code was accepted, and what the run knows them by."""
    entries = [*asked["environments"], *asked["agents"]]
    return [(entry["label"], entry["known"]) for entry in entries if entry.get("known", {}).get("code")]
