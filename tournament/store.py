"""The store: a run folder for writing; each finished chunk is written at once, and each file is complete."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tomli_w
import torch
from numpy.typing import NDArray

from ..columns import stored_types
from ..envs.errors import DilemmaError
from ..file_names import MARK, file_name
from .chunk import Failure, LearnedState, Outcome, Rows
from .config import as_config
from .continuation import Continuation, continuation
from .damage import mark, name_beside, parts, set_aside, with_beside
from .how import HOW
from .labels import current, rewritten, updated_identities, with_identities
from .plan import Plan
from .run_folder import Part, RunFolder
from .schedules.partner_choice import Choices
from .schedules.schedule import PopulationTrajectory, Request
from .work import work
from .writer import LOCK, writer_of

_TYPES = stored_types()


class Store(RunFolder):
    """A run folder, for writing."""

    @staticmethod
    def open(path: Path, plan: Plan, *, accept_changes: bool = False) -> Store:
        """The folder of a run of `plan`, new or to be continued, for writing.

        Raises DilemmaError with the differing keys if the folder holds a run that `plan` does not continue. With
        `accept_changes`, rows of code that has changed since are kept.
        """
        store = Store(path)
        found = store.continuation(plan, accept_changes=accept_changes)
        try:
            store.seats_path.mkdir(parents=True, exist_ok=True)
            _write(store.config_path, tomli_w.dumps(found.union))
        except OSError as error:
            raise DilemmaError(f"{path} can't be written: {error.strerror or error}") from error
        for leftover in [*path.glob("*.tmp"), *path.glob("*/*.tmp")]:
            if leftover.is_file():
                leftover.unlink()
        store._relabel()
        return store

    def repair(self) -> list[str]:
        """Set aside what can't be read, so that it is played again; returns a sentence for each such part."""
        return set_aside(self.path)

    def moved_aside(self) -> Path | None:
        """Move this run to the first free name of NAME.1, NAME.2, ...; None if there is none.

        Paths in its config, relative to the folder, stay what they are.
        """
        if not self.config_path.exists():
            return None
        if other := writer_of(self.path):
            raise DilemmaError(f"{self.path} can't be moved aside: it is being written by {other}")
        names = (self.path.parent / f"{self.path.name}.{number}" for number in count(1))
        free = next(name for name in names if not os.path.lexists(name))
        try:
            self.path.rename(free)
        except OSError as error:
            raise DilemmaError(f"{self.path} can't be moved to {free}: {error.strerror or error}") from error
        return free

    def continued(self, plan: Plan, *, accept_changes: bool = False) -> Plan:
        """`plan` with the identities that this run has for its agents and environments; nothing is written.

        Raises DilemmaError if `plan` does not continue the run, or the folder is no run folder.
        """
        return self.continuation(plan, accept_changes=accept_changes).plan

    def continuation(self, plan: Plan, *, accept_changes: bool = False) -> Continuation:
        """How `plan` continues this run. Raises DilemmaError if it does not, or the folder is no run folder."""
        path = self.path
        self.check_schema()
        if not self.config_path.exists():
            if path.is_file() or (path.is_dir() and any(entry.name != LOCK for entry in path.iterdir())):
                raise DilemmaError(f"{path} is not empty and holds no run: choose another folder with --out")
            return Continuation(plan, as_config(plan, path), more=False, differences=(), changed=())
        found = continuation(self.asked(), plan, path)
        if found.differences:
            raise DilemmaError(
                f"{path} holds another run: {'; '.join((*found.differences, *found.changed))}. "
                "Set these keys back, choose another folder with --out, or move the old run aside with --fresh"
            )
        if found.changed and not accept_changes:
            raise DilemmaError(
                f"{path} holds another run: {'; '.join(found.changed)}. Give it another label, to have it played "
                "anew; choose another folder with --out; or go on with --accept-changes, which keeps the old rows"
            )
        return found

    def asked_by(self, plan: Plan) -> RunFolder:
        """What the run has of `plan`, for reading: all of it, or a part."""
        found = self.continuation(plan)
        if not found.more:
            return self
        return self.of(found.plan, found.plan.schedule.most(found.plan) or ())

    def of(self, plan: Plan, requests: Sequence[Request]) -> RunFolder:
        """What the run has of these requests of `plan`, which has its identities, for reading."""
        matches = [chunk.asked for chunk in work(plan, requests)]
        part = Part(as_config(plan, self.path), np.concatenate(matches) if matches else np.empty(0, np.int64))
        return RunFolder(self.path, part)

    def write(self, outcome: Outcome, plan: Plan) -> None:
        """Add the outcome of a finished chunk. Rows of `seats` are written last, because they mark a match as
        done."""
        beside = [self._write_checkpoint(checkpoint, plan) for checkpoint in outcome.checkpoints]
        digests = [_digest(rows) for rows in outcome.rows]
        for rows, digest in zip(outcome.costs, digests, strict=False):
            self._write_rows(self.costs_path, digest, rows, plan)
        for folder, parts_of_it in (
            (self.curves_path, outcome.curves),
            (self.selections_path, outcome.selections),
        ):
            for rows in parts_of_it:
                beside += self._write_rows(folder, _digest(rows), rows, plan)
        for rows, digest in zip(outcome.rows, digests, strict=True):
            self._write_rows(self.seats_path, digest, rows, plan, beside)
        self.add_failures(outcome.failures, plan)

    def _write_checkpoint(self, checkpoint: LearnedState, plan: Plan) -> str:
        entrant = plan.entrants[checkpoint.entrant]
        folder = self.checkpoints_of(entrant.definition.key, entrant.label)
        rows = {name: column.tolist() for name, column in checkpoint.rows.items()}
        opponents = [plan.entrants[index] if index >= 0 else None for index in rows["opponent"]]
        rows["opponent"] = [each and each.label for each in opponents]
        rows["opponents_known"] = [each and each.definition.key for each in opponents]
        kept = {"name": entrant.definition.name, "parameters": entrant.definition.parameters, **rows}
        target = folder / f"{_digest(checkpoint.rows)}.pt"
        with _aside(target) as file:
            torch.save({**kept, "state": checkpoint.state}, file)
        return name_beside(target.stem, entrant.definition.key)

    def checkpoints_of(self, identity: str, label: str) -> Path:
        """The folder of the checkpoints of a learner, named by the label that it first had."""
        folder = self.path / "checkpoints"
        for file in sorted(folder.glob(f"*/{MARK}")):
            if (said := mark(file)) and said["identity"] == identity:
                return file.parent
        name = file_name(label)
        own = folder / name
        if (own / MARK).exists():  # of another learner, whose label has changed
            own = folder / f"{name}-{identity}"
        own.mkdir(parents=True, exist_ok=True)
        _write(own / MARK, json.dumps({"label": label, "identity": identity}) + "\n")
        return own

    def _write_rows(
        self, folder: Path, name: str, rows: Rows, plan: Plan, beside: Sequence[str] = ()
    ) -> list[str]:
        """Write a table, unless it is empty; returns what `beside` of others can call it."""
        table = to_table(rows, plan)
        if not len(table):
            return []
        folder.mkdir(exist_ok=True)
        _write_table(folder / f"{name}.parquet", with_beside(table, beside) if beside else table)
        return [name_beside(name, folder.name)]

    def _relabel(self) -> None:
        """Rewrite tables whose labels differ from the config; after an interruption the rest is done next time."""
        now = current(self.asked())
        played = (self.seats_path, self.curves_path, self.costs_path, self.selections_path)
        for folder in (*played, self.generations_path, self.snapshots_path, self.choices_path):
            for file in parts(folder):
                if updated_identities(pq.read_schema(file), now) is not None:
                    _write_table(file, rewritten(pq.read_table(file), now))

    def write_generations(self, trajectory: PopulationTrajectory, plan: Plan) -> None:
        """Keep what became of the populations of an environment, in the place of what was there."""
        name = plan.settings[trajectory.setting].definition.key
        for folder, rows in (
            (self.snapshots_path, trajectory.pictures),
            (self.generations_path, trajectory.rows),
        ):
            (folder / f"{name}.parquet").unlink(missing_ok=True)
            if rows:
                self._write_rows(folder, name, dict(rows), plan)

    def write_choices(self, choices: Choices, plan: Plan) -> None:
        """Keep the choices of partners in an environment, in the place of what was there."""
        self._write_rows(self.choices_path, plan.settings[choices.setting].definition.key, choices.rows, plan)

    def write_evolution(self, environment: str, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Keep the agents that evolve in the environment of this identity, in the place of what was there."""
        self.evolved_path.mkdir(exist_ok=True)
        with _aside(self.evolved_path / f"{environment}.npz") as aside, aside.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    def write_entries(self, text: str) -> None:
        """Write what evolved, as entries of a config."""
        _write(self.entries_path, text)

    def write_exploit(self, key: str, record: Mapping[str, object]) -> None:
        """Store the result of a search for an exploiter, by its key."""
        self.exploits_path.mkdir(exist_ok=True)
        _write(self.exploits_path / f"{key}.json", json.dumps(record, indent=2) + "\n")

    def add_failures(self, failures: Sequence[Failure], plan: Plan) -> None:
        """Append failures as they happen."""
        with self.failures_path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(failure_record(failure, plan)) + "\n" for failure in failures)

    def settle_failures(self) -> list[dict[str, object]]:
        """Remove the failures of matches that have rows by now; returns the others."""
        left = self._unsettled()
        if left:
            _write(self.failures_path, "".join(json.dumps(record) + "\n" for record in left))
        else:
            self.failures_path.unlink(missing_ok=True)
        return self.failures()

    def write_manifest(self, facts: Mapping[str, object]) -> None:
        _write(self.manifest_path, json.dumps(facts, indent=2) + "\n")

    def write_calls(self, calls: Sequence[Mapping[str, object]]) -> None:
        """Keep these calls in place of those before; without any there is no file."""
        if calls:
            _write(self.calls_path, json.dumps(calls, indent=2) + "\n")
        else:
            self.calls_path.unlink(missing_ok=True)


def to_table(rows: Rows, plan: Plan) -> pa.Table:
    """Rows as an Arrow table, with labels in place of the plan's indices."""
    agents = [entrant.label for entrant in plan.entrants]
    settings = [setting.label for setting in plan.settings]
    columns: dict[str, pa.Array] = {}
    for name, column in rows.items():
        if name in ("agent", "opponent", "first"):
            columns[name] = _labels(column, agents)
        elif name == "setting":
            columns["environment"] = _labels(column, settings)
            if "seat" in rows:
                columns["role"] = _roles(column, rows["seat"], plan)
        elif name == "rule":
            columns[name] = pa.array(column).dictionary_encode()
        elif name == "how":
            columns[name] = _labels(column, HOW)
        else:
            columns[name] = pa.array(column.astype(_TYPES.get(name, "float64")))
    return with_identities(pa.table(columns), plan)


def _labels(codes: NDArray[np.generic], labels: Sequence[str]) -> pa.DictionaryArray:
    """A dictionary column with only the labels in use, so that others can be reassigned later. A code of -1 is
    missing."""
    used, own = np.unique(codes.astype(np.int64), return_inverse=True)
    missing = int((used < 0).any())
    names = pa.array([labels[code] for code in used[missing:]], pa.string())
    places = own.astype(np.int32) - missing
    return pa.DictionaryArray.from_arrays(pa.array(places, mask=places < 0 if missing else None), names)


def _roles(setting: NDArray[np.generic], seat: NDArray[np.generic], plan: Plan) -> pa.DictionaryArray:
    """The role of each seat."""
    games = {index: plan.settings[index].game for index in np.unique(setting).tolist()}
    roles = list(dict.fromkeys(role for game in games.values() for role in game.roles))
    codes = np.zeros(len(seat), dtype=np.int64)
    for index, game in games.items():
        own = setting == index
        codes[own] = np.array([roles.index(role) for role in game.roles])[seat[own].astype(np.int64)]
    return _labels(codes, roles)


def failure_record(failure: Failure, plan: Plan) -> dict[str, object]:
    """A failure with the labels of the plan, and their identities."""
    setting, cast = plan.settings[failure.setting], [plan.entrants[index] for index in failure.cast]
    blamed = [plan.entrants[index] for index in failure.blamed]
    return {
        **asdict(failure),
        "setting": setting.label,
        "cast": [entrant.label for entrant in cast],
        "blamed": [entrant.label for entrant in blamed],
        "known": {
            "setting": setting.definition.key,
            "cast": [entrant.definition.key for entrant in cast],
            "blamed": [entrant.definition.key for entrant in blamed],
        },
    }


def _digest(rows: Rows) -> str:
    """A file name for the rows of some matches."""
    return hashlib.blake2b(np.unique(rows["match"]).tobytes(), digest_size=10).hexdigest()


@contextmanager
def _aside(path: Path) -> Iterator[Path]:
    """Where to write a file, which is then renamed into place: what is there is whole."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    yield aside
    os.replace(aside, path)


def _write(path: Path, text: str) -> None:
    with _aside(path) as file:
        file.write_text(text, encoding="utf-8")


def _write_table(path: Path, table: pa.Table) -> None:
    with _aside(path) as file:
        pq.write_table(table, file, compression="zstd", write_page_checksum=True)
