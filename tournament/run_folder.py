"""The run folder: the config, the rows of finished matches, and failures. Each file is complete.

    config.toml      the config, with every default filled in
    manifest.json    versions, seed, counts, start and end
    calls.json       the calls that added to it: command, machine, versions, duration
    seats/*.parquet  a row for each seat of each match
    curves/*.parquet a row for each point of the learning curve of each seat
    costs/*.parquet  costs of each agent in each chunk
    selections/*.parquet  who chose to meet whom, where seats choose
    generations/*.parquet  trajectories of the populations of each environment
    snapshots/*.parquet  who is where in the first population on a graph, in some generations
    evolved/*.npz    agents that evolve in each environment: their history, genealogy, and all to go on from
    evolved.toml     what they came to, as entries of a config
    checkpoints/     learned states of the agents that the config keeps
    exploits/*.json  results of searches for exploiters of each agent
    explained/*.json  what explains the allocations of mechanisms
    unfinished/      matches of learners that were cut short, to go on from
    progress/        how far learners are, while they play
    failures.jsonl   failed matches, each with its reason and traceback

Tables are read with the labels of the current config: each file has the identities of the labels in it.
"""

from __future__ import annotations

import glob
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from ..columns import CHOICES
from ..envs.errors import DilemmaError
from .config_file import RawConfig, file_text, toml
from .damage import BROKEN, PLACED, explanation, exploit, files, manifest, parsed, parts, records, tables
from .how import HOW
from .identity import SCHEMA, Known
from .keys import among, distinct
from .labels import current, of_record, relabelled
from .stretches import Stretches

HOW_BORN = ("entry", "random", "mutant", "crossover", "sampled", "copied")
"""How somebody whose parameters evolve came to be."""


@dataclass(frozen=True, eq=False)
class Part:
    """What a smaller config asks of a run."""

    config: RawConfig
    matches: NDArray[np.int64]


@dataclass(frozen=True)
class RunFolder:
    """A run folder, or a part of it, for reading: this imports no agents, and nothing that plays."""

    path: Path
    part: Part | None = None

    @classmethod
    def existing(cls, path: Path) -> Self:
        """The run folder at `path`. Raises DilemmaError if there is none."""
        store = cls(path)
        if not path.exists():
            shards = sorted(map(str, path.parent.glob(f"{glob.escape(path.name)}.*-of-*")))
            hint = (
                f"of its shards there are {', '.join(shards)}"
                if shards
                else "`dilemma runs DIR` lists those in DIR"
            )
            raise DilemmaError(f"there is no run folder {path}; {hint}")
        if not store.config_path.is_file():
            raise DilemmaError(f"{path} is not a run folder: it has no config.toml")
        return store

    def check_schema(self) -> None:
        """Raises DilemmaError if the folder's matches have another version of identities and chance."""
        facts = manifest(self.manifest_path)
        found = SCHEMA if facts is None else facts.get("schema", 1)
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
    def selections_path(self) -> Path:
        return self.path / "selections"

    @property
    def generations_path(self) -> Path:
        return self.path / "generations"

    @property
    def snapshots_path(self) -> Path:
        return self.path / "snapshots"

    @property
    def choices_path(self) -> Path:
        return self.path / "choices"

    @property
    def evolved_path(self) -> Path:
        return self.path / "evolved"

    @property
    def entries_path(self) -> Path:
        return self.path / "evolved.toml"

    @property
    def signs_path(self) -> Path:
        """Where chunks give signs of life while the run is played."""
        return self.path / "progress"

    @property
    def unfinished_path(self) -> Path:
        """Where long matches of learners are saved while they are played."""
        return self.path / "unfinished"

    @property
    def exploits_path(self) -> Path:
        return self.path / "exploits"

    @property
    def explained_path(self) -> Path:
        return self.path / "explained"

    @property
    def failures_path(self) -> Path:
        return self.path / "failures.jsonl"

    @property
    def manifest_path(self) -> Path:
        return self.path / "manifest.json"

    @property
    def calls_path(self) -> Path:
        return self.path / "calls.json"

    @property
    def report_path(self) -> Path:
        return self.path / "report"

    def asked(self) -> RawConfig:
        """The config of the run, or of this part of it, as parsed TOML."""
        if self.part is not None:
            return self.part.config
        if not self.config_path.is_file():
            raise DilemmaError(f"{self.config_path} is no file; restore it, or choose another folder with --out")
        config = toml(file_text(self.config_path), self.config_path)
        if not _is_of_a_run(config):
            raise DilemmaError(
                f"{self.config_path} is not the config of a run, which `dilemma run` writes with every default; "
                "restore it, or choose another folder with --out"
            )
        return config

    def done(self) -> NDArray[np.int64]:
        """The identities of the matches that have rows, sorted."""
        columns = [table["match"].to_numpy() for table in tables(self.seats_path, columns=["match"])]
        return distinct(np.concatenate(columns)) if columns else np.empty(0, np.int64)

    def finished(self) -> Stretches:
        """The matches that have rows, as repetitions of casts."""
        return Stretches.union(map(_stretches, parts(self.seats_path)))

    def seats(self) -> pd.DataFrame:
        """All rows, with labels as categories in the order of the config."""
        rows = to_frame(tables(self.seats_path), self.asked())
        return self._asked_of(_each_once(rows, ["match", "seat"]))

    def curves(self) -> pd.DataFrame | None:
        """The learning curves, with labels as categories; None if nobody learned."""
        found = tables(self.curves_path)
        if not found:
            return None
        return self._asked_of(_each_once(to_frame(found, self.asked()), ["match", "seat", "point"]))

    def selections(self) -> pd.DataFrame | None:
        """How often each seat chose to meet each other, with labels as categories; None if nobody chose."""
        found = tables(self.selections_path)
        if not found:
            return None
        return self._asked_of(_each_once(to_frame(found, self.asked()), ["match", "seat", "chosen_seat"]))

    def _asked_of(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of matches that this part asks for."""
        if self.part is None:
            return table
        return table[table["match"].isin(self.part.matches)].reset_index(drop=True)

    def costs(self) -> pd.DataFrame | None:
        """The costs of each agent in each chunk; None if nobody played."""
        found = tables(self.costs_path)
        return to_frame(found, self.asked()) if found else None

    def generations(self) -> pd.DataFrame | None:
        """What became of populations, a row a replicate, generation and agent; None where nobody evolved."""
        found = tables(self.generations_path)
        if not found:
            return None
        asked = self.asked()
        return to_frame(found, asked).assign(process=asked["schedule"]["kind"])

    def choices(self) -> pd.DataFrame | None:
        """Who stayed with whom, a row for each choice of a partner; None where nobody chose."""
        found = tables(self.choices_path)
        return to_frame(found, self.asked())[list(CHOICES.names)] if found else None

    def snapshot_generations(self) -> dict[str, list[int]]:
        """The generations of which there are snapshots, by environment."""
        found = dict[str, list[int]]()
        for table in tables(self.snapshots_path, columns=["environment", "generation"]):
            looks = relabelled(table, current(self.asked()))
            for look in looks.group_by(["environment", "generation"]).aggregate([]).to_pylist():
                found.setdefault(look["environment"], []).append(look["generation"])
        return {label: sorted(generations) for label, generations in found.items()}

    def snapshots(self, wanted: Mapping[str, Sequence[int]] | None = None) -> pd.DataFrame:
        """Who is where in populations on graphs, a row a vertex; `wanted`: these generations of environments only.

        `environment`, `replicate`, `generation`, `vertex`, its place `x` and `y`, and `agent`. A lattice's places
        are columns and rows. No rows where no population is on a graph.
        """
        chosen, found = None, list[pa.Table]()
        if wanted is not None:
            chosen = [("generation", "in", sorted({one for these in wanted.values() for one in these}))]
        if wanted is None or any(wanted.values()):
            found = tables(self.snapshots_path, filters=chosen)
        if not found:
            return pd.DataFrame({name: [] for name in PLACED})
        frame = to_frame(found, self.asked())
        if wanted is None:
            return frame
        asked = [
            frame[(frame["environment"] == label) & frame["generation"].isin(these)]
            for label, these in wanted.items()
        ]
        return pd.concat(asked, ignore_index=True)

    def evolution(self, environment: str) -> dict[str, NDArray[np.generic]] | None:
        """What is kept of the agents that evolve in the environment of this identity; None if nothing is."""
        path = self.evolved_path / f"{environment}.npz"
        if not path.is_file():
            return None
        try:
            with np.load(path) as file:
                return dict(file)
        except (OSError, ValueError, zipfile.BadZipFile):  # damaged: it is as if nothing were kept
            return None

    def histories(self) -> pd.DataFrame | None:
        """Means of populations whose parameters evolve: a row for each environment, replicate and generation.

        Columns are the mean payoff, the best one, cooperation, and each parameter that is a number; None where
        nobody evolves.
        """
        parts = list[pd.DataFrame]()
        for label, kept in self._evolutions():
            history, genes = kept["history"], json.loads(str(kept["genes"]))
            times, replicates, _ = history.shape
            names = ("payoff", "best", "cooperation", *(gene["name"] for gene in genes))
            chosen = {gene["name"] for gene in genes if gene["options"]}
            generation = np.arange(times) * int(self.asked()["schedule"]["every"])
            columns = {
                "environment": label,
                "replicate": np.tile(np.arange(replicates), times),
                "generation": np.repeat(generation, replicates),
                **dict(zip(names, history.reshape(-1, len(names)).T, strict=True)),
            }
            parts.append(pd.DataFrame({name: each for name, each in columns.items() if name not in chosen}))
        return pd.concat(parts, ignore_index=True) if parts else None

    def genealogies(self) -> pd.DataFrame | None:
        """Those who are alive in the end, and their ancestors: a row each; None where nobody evolves.

        `share` is 0 of those who are gone; parents are empty of those who have none.
        """
        parts = list[pd.DataFrame]()
        for label, kept in self._evolutions():
            number = kept["genealogy.id"]
            share = pd.Series(kept["population.share"].ravel(), kept["population.line"].ravel())
            columns = {
                "environment": label,
                "replicate": kept["genealogy.replicate"],
                "id": number,
                "parent": _numbers(kept["genealogy.parent"]),
                "other_parent": _numbers(kept["genealogy.other"]),
                "born": kept["genealogy.born"],
                "how": np.array(HOW_BORN)[kept["genealogy.how"].astype(np.int64)],
                "payoff": kept["genealogy.payoff"],
                "share": share.groupby(level=0).sum().reindex(number, fill_value=0.0).to_numpy(),
            }
            for gene, values in zip(json.loads(str(kept["genes"])), kept["genealogy.genes"].T, strict=True):
                options = np.array(gene["options"])
                columns[gene["name"]] = options[values.astype(np.int64)] if len(options) else values
            parts.append(pd.DataFrame(columns))
        return pd.concat(parts, ignore_index=True) if parts else None

    def _evolutions(self) -> Iterator[tuple[str, dict[str, NDArray[np.generic]]]]:
        """The label of each environment in which agents evolve, and what is kept there."""
        for entry in self.asked()["environments"]:
            kept = self.evolution(entry["known"]["identity"]) if "known" in entry else None
            if kept is not None:
                yield entry["label"], kept

    def exploits(self) -> dict[str, dict[str, Any]]:
        """The result of every search so far, by its key: a card, or the reason why there is none."""
        return self._records(self.exploits_path, exploit)

    def explained(self) -> list[dict[str, Any]]:
        """What explains the allocations of mechanisms, a record for each mechanism and environment."""
        return list(self._records(self.explained_path, explanation).values())

    def _records(self, folder: Path, read: Callable[[Path], dict[str, Any] | None]) -> dict[str, dict[str, Any]]:
        """The JSON records in a folder that are of the config's environments and agents, by file."""
        now, found = current(self.asked()), {}
        for file in sorted(folder.glob("*.json")):
            if (record := read(file)) is None:
                continue
            renamed = of_record(record, now, {"environment": "environments", "agent": "agents"})
            if renamed is not None:
                found[file.stem] = renamed
        return found

    def failures(self) -> list[dict[str, object]]:
        """The failed matches that have no rows since, each with its last reason."""
        now = current(self.asked())
        keys = {"setting": "environments", "cast": "agents", "blamed": "agents"}
        renamed = (of_record(record, now, keys) for record in self._unsettled())
        return [record for record in renamed if record is not None]

    def _unsettled(self) -> list[dict[str, Any]]:
        latest = {record["match"]: record for record in records(self.failures_path, ("match", "cast", "reason"))}
        failed = np.array(sorted(latest), dtype=np.int64)
        if self.part is not None:
            failed = failed[among(failed, distinct(self.part.matches))]
        for file in parts(self.seats_path) if len(failed) else ():
            failed = failed[~among(failed, distinct(*_columns(file, "match")))]
        left = set(failed.tolist())
        return [record for match, record in latest.items() if match in left]

    def manifest(self) -> dict[str, Any]:
        facts = manifest(self.manifest_path)
        if facts is None:
            raise DilemmaError(
                f"{self.path} has no manifest.json that can be read: nothing was played, or it is damaged; "
                "`dilemma run` writes it again"
            )
        return facts

    def calls(self) -> list[dict[str, Any]]:
        """The calls that added to the run; none where nothing says so."""
        calls = parsed(self.calls_path)
        return [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []

    def extent(self) -> set[tuple[str, int]]:
        """What the run holds, to see whether something was added: files of rows, exploits and evolution."""
        found = [
            *files(self.seats_path, "*.parquet"),
            *files(self.exploits_path, "*.json"),
            *files(self.evolved_path, "*.npz"),
        ]
        return {(file.name, file.stat().st_mtime_ns) for file in found}


def to_frame(tables: Sequence[pa.Table], config: RawConfig) -> pd.DataFrame:
    """A table of seats or curves, with the config's labels as categories, in its order."""
    if tables:
        now = current(config)
        tables = [relabelled(table, now) for table in tables]
        if any("cast" not in table.column_names for table in tables):  # from an older version
            tables = [
                table.drop_columns([name for name in table.column_names if name == "cast"]) for table in tables
            ]
        table = pa.concat_tables(tables, promote_options="permissive").unify_dictionaries()
        seats: pd.DataFrame = table.to_pandas(self_destruct=True, split_blocks=True)
    else:
        seats = pd.DataFrame(_no_rows())
    if "run" in seats:  # missing in chunks without trained runs
        seats["run"] = seats["run"].fillna(-1).astype(np.int32)
    agents = [entry["label"] for entry in config["agents"]]
    environments = [entry["label"] for entry in config["environments"]]
    if not tables:
        seats["role"] = pd.Categorical(seats["role"])
    for name, labels in {
        "environment": environments,
        "agent": agents,
        "opponent": agents,
        "first": agents,
        "how": HOW,
    }.items():
        if name in seats:
            seats[name] = pd.Categorical(seats[name], categories=list(labels))
    return seats


def _stretches(file: Path) -> Stretches:
    """The matches of a file of rows, as repetitions of casts."""
    return Stretches.of(*_columns(file, "cast", "repetition"))


def _columns(file: Path, *names: str) -> list[NDArray[np.int64]]:
    """Columns of whole numbers of a table; empty where they can't be read."""
    try:
        table = pq.read_table(file, columns=list(names))
        return [table[name].to_numpy().astype(np.int64, copy=False) for name in names]
    except (*BROKEN, KeyError):
        return [np.empty(0, np.int64) for _ in names]


def _is_entry(entry: object) -> bool:
    """Whether this is an agent or an environment in the config of a run, with the identity that it has there."""
    if not (
        isinstance(entry, dict) and isinstance(entry.get("label"), str) and isinstance(entry.get("name"), str)
    ):
        return False
    try:
        return "known" not in entry or bool(Known.model_validate(entry["known"]))
    except ValidationError:
        return False


def _are_entries(found: object) -> bool:
    """Whether these are the agents or the environments of a run, each with a label of its own."""
    if not (isinstance(found, list) and found and all(map(_is_entry, found))):
        return False
    return len({entry["label"] for entry in found}) == len(found)


def _is_of_a_run(config: Mapping[str, Any]) -> bool:
    """Whether a config has what readers of a run folder need."""
    listed = all(_are_entries(config.get(name)) for name in ("environments", "agents"))
    sections = ("schedule", "evaluation", "analysis", "execution")
    return listed and all(isinstance(config.get(name), dict) for name in sections) and "kind" in config["schedule"]


def _each_once(rows: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Rows without those that are there twice, as where two processes have written to one folder."""
    twice = rows.duplicated(key)
    return rows[~twice].reset_index(drop=True) if twice.any() else rows


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


def _numbers(ids: NDArray[np.generic]) -> pd.Series[int]:
    """Numbers of parents; missing where there is none."""
    return pd.Series(ids).astype("Int64").mask(pd.Series(ids) < 0)


def accepted(config: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The agents and environments with an accepted change of code: label and identification."""
    entries = [*config["environments"], *config["agents"]]
    return [(entry["label"], entry["known"]) for entry in entries if entry.get("known", {}).get("code")]
