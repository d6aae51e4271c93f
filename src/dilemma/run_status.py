"""How far runs are that somebody plays, here or on another machine that shares their folders."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .progress import duration
from .run_summary import RunSummary, summary
from .tournament.damage import files
from .tournament.run_folder import RunFolder
from .tournament.writer import writer_of

RECENT = 600.0
"""Seconds: the rate is that of the matches which were finished so recently."""


@dataclass(frozen=True)
class Status:
    """How far a run is."""

    run: RunSummary
    where: str
    """Who plays it; empty where nobody does."""
    rate: float
    """Matches a second lately; 0 where none was finished."""


def status(path: Path) -> Status:
    """The status of the run folder at `path`. Raises DilemmaError where there is none."""
    run = summary(RunFolder.existing(path).path)
    writer = writer_of(path)
    return Status(run, str(writer) if writer else "", _rate(path / "seats", run) if writer else 0.0)


def _rate(seats: Path, run: RunSummary) -> float:
    """Matches a second since this call began, or lately."""
    now = time.time()
    parts = [(file.stat().st_mtime, file.stat().st_size) for file in files(seats, "*.parquet")]
    begun = run.started.timestamp() if run.started else now
    since = max(begun, now - RECENT)
    whole, recent = sum(size for _, size in parts), sum(size for at, size in parts if at > since)
    return run.done * recent / whole / max(now - since, 1.0) if whole else 0.0


def lines(folders: Sequence[Path]) -> Iterator[str]:
    """A line for each run, and one for all of several."""
    found = [status(folder) for folder in folders]
    for each in found:
        yield f"{each.run.path}: {_said(each.run.state, found=[each])}{f'; {each.where}' if each.where else ''}"
    if len(found) > 1:
        yield f"all {len(found)}: {_said('', found)}"


def _said(state: str, found: Sequence[Status]) -> str:
    """Counts, rate and time left, in words."""
    done, failed = (sum(getattr(each.run, name) for each in found) for name in ("done", "failed"))
    asked = sum(each.run.asked or 0 for each in found)
    known = all(each.run.asked is not None for each in found)
    words = [f"{done:,} of {asked:,} matches" if known else f"{done:,} matches"]
    if failed:
        words.append(f"{failed:,} failed")
    rate, left = sum(each.rate for each in found), sum(each.run.left for each in found)
    if rate:
        words.append(f"{rate:.3g} matches/s, {duration(left / rate)} left")
    playing = sum(bool(each.where) for each in found)
    if not state:
        state = f"{playing} playing"
    return ", ".join([state, *words])
