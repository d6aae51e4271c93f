"""Runs that were played apart, put together: shards of one, or of configs that agree where they overlap."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from .envs.errors import DilemmaError
from .file_names import MARK
from .play import manifest_of
from .run_summary import matches_left
from .tournament.config import load
from .tournament.continuation import known_identities
from .tournament.damage import files, mark, parts, tables
from .tournament.keys import among, distinct
from .tournament.plan import Plan
from .tournament.run_folder import accepted
from .tournament.store import Store
from .tournament.writer import only_writer, writer_of

SHOWN = 5
"""Contradicting matches that are named."""


def merge(folders: Sequence[Path], out: Path) -> Store:
    """Put the runs in `folders` together in the run folder `out`, new or a run itself; they stay as they are.

    Matches that several of them have are kept once. Raises DilemmaError, before anything is written, where runs do
    not agree: in their configs as when a run is continued, or in the payoffs of a match that several of them have.
    """
    sources = [Store.existing(folder) for folder in folders]
    for source in sources:
        source.check_schema()
        if other := writer_of(source.path):
            raise DilemmaError(f"{source.path} is being written by {other}: merge it when it is done")
        if source.path.resolve() == out.resolve():
            raise DilemmaError(f"--out: found {out}, one of the runs to merge; allowed: another folder")
    plans = [load(str(source.config_path)) for source in sources]
    with only_writer(out):
        held = [Store(out)] if Store(out).config_path.exists() else []
        runs = [*held, *sources]
        _refuse_contradictions(runs)
        known = [(run.manifest() if run.manifest_path.exists() else {}, run.calls()) for run in runs]
        left = sum(map(_left, runs))
        for plan, source in zip(plans, sources, strict=True):
            store = Store.open(out, plan, accept_changes=True)
            _refuse_other_identities(source, store)
            _add(source, store)
        whole = load(str(Store(out).config_path))
        _conclude(store, store.continued(whole, accept_changes=True), known, left)
    return store


def _refuse_contradictions(runs: Sequence[Store]) -> None:
    """Raises DilemmaError with the keys of matches that paid otherwise in another run."""
    known = np.empty(0, np.int64)
    for number, run in enumerate(runs):
        own = run.done()
        shared = own[among(own, known)]
        if len(shared):
            mine = _payoffs(run, shared)
            for other in runs[:number]:
                both = shared[among(shared, other.done())]
                if len(both) and (wrong := _differing(mine, _payoffs(other, both))):
                    named = ", ".join(map(str, wrong[:SHOWN])) + (", ..." if len(wrong) > SHOWN else "")
                    raise DilemmaError(
                        f"{other.path} and {run.path} contradict each other in {len(wrong):,} matches: of "
                        f"{named} they have other payoffs. Versions may differ; see `dilemma replay`"
                    )
        known = distinct(np.concatenate([known, own]))


def _payoffs(run: Store, matches: NDArray[np.int64]) -> pd.Series[float]:
    """Payoffs by match and seat, of some matches."""
    chosen = pc.field("match").isin(matches)
    found = tables(run.seats_path, columns=["match", "seat", "payoff"], filters=chosen)
    table = pa.concat_tables(found).to_pandas().drop_duplicates(["match", "seat"])
    payoffs: pd.Series[float] = table.set_index(["match", "seat"])["payoff"]
    return payoffs


def _differing(mine: pd.Series[float], theirs: pd.Series[float]) -> list[int]:
    """The matches in both whose payoffs are not the same."""
    both = pd.concat([mine, theirs], axis=1, join="inner")
    wrong = both.index[both.iloc[:, 0] != both.iloc[:, 1]]
    return sorted(set(wrong.get_level_values("match").tolist()))


def _refuse_other_identities(source: Store, store: Store) -> None:
    """Raises DilemmaError where a run's agents or environments have other identities than the merged run's."""
    there = {identity for _, identity in known_identities(store.asked())}
    for label, identity in known_identities(source.asked()):
        if identity not in there:
            raise DilemmaError(
                f"{source.path} has {label!r} under another identity than {store.path}: several agents with equal "
                "definitions are counted in the order of the config. Give the config of each run all of them"
            )


def _add(source: Store, store: Store) -> None:
    """Copy what the merged run lacks; rows of `seats` come last, because they mark a match as done."""
    done = store.done()
    for table in ("costs", "curves", "selections", "seats"):
        for file in parts(source.path / table):
            _add_table(file, store.path / table / file.name, done)
    for folder, pattern in (
        *((name, "*.json") for name in ("exploits", "explained")),
        *((name, "*.parquet") for name in ("generations", "snapshots", "choices")),
        ("evolved", "*.npz"),
    ):
        _add_files(source.path / folder, store.path / folder, pattern)
    for file in sorted((source.path / "checkpoints").glob(f"*/{MARK}")):
        if said := mark(file):
            _add_files(file.parent, store.checkpoints_of(said["identity"], said["label"]), "*.pt")
    if source.failures_path.is_file():
        with store.failures_path.open("ab") as failures:
            failures.write(source.failures_path.read_bytes())


def _add_table(file: Path, target: Path, done: NDArray[np.int64]) -> None:
    """Copy a table without the rows of matches that are done."""
    if target.exists():
        return
    target.parent.mkdir(exist_ok=True)
    schema = pq.read_schema(file)
    if "match" in schema.names:
        here = among(pq.read_table(file, columns=["match"])["match"].to_numpy(), done)
        if here.all():
            return
        if here.any():
            pq.write_table(pq.read_table(file).filter(pa.array(~here)), target, compression="zstd")
            return
    shutil.copyfile(file, target)


def _add_files(folder: Path, target: Path, pattern: str) -> None:
    for file in files(folder, pattern):
        target.mkdir(exist_ok=True)
        if not (target / file.name).exists():
            shutil.copyfile(file, target / file.name)


def _conclude(store: Store, plan: Plan, known: Sequence[tuple[dict[str, Any], list[Any]]], left: int) -> None:
    """Write what is known of the merged run as a whole, by the manifests and calls of its parts."""
    store.write_calls([call for _, calls in known for call in calls])
    counts = {"failed": len(store.settle_failures()), "matches": store.finished().matches}
    manifests = [manifest for manifest, _ in known if manifest]
    over = len(manifests) == len(known) and all(manifest["finished"] for manifest in manifests)
    store.write_manifest(
        {
            **manifest_of(plan, manifests),
            "accepted_changes": [change for _, change in accepted(store.asked())],
            "asked": counts["matches"] + counts["failed"] + left,
            "counts": counts,
            "started": min((manifest["started"] for manifest in manifests), default=None),
            "finished": max(manifest["finished"] for manifest in manifests) if over else None,
            "faults": {key: said for manifest in manifests for key, said in manifest.get("faults", {}).items()},
        }
    )


def _left(run: Store) -> int:
    """How many matches of a run are still to be played, if it says so."""
    manifest = run.manifest() if run.manifest_path.exists() else {}
    finished, done = bool(manifest.get("finished")), run.finished().matches
    return matches_left(manifest.get("asked"), done, len(run.failures()), finished=finished)
