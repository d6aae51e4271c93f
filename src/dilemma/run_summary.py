"""A run in a few words: its state, how far it is, its size, and who leads. Only manifests and file footers are
read."""

from __future__ import annotations

import csv
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .envs.errors import DilemmaError
from .tournament.damage import files, mapping
from .tournament.labels import identities_of
from .tournament.writer import writer_of

NOT_A_RUN = "not a run"


@dataclass(frozen=True)
class RunSummary:
    """What can be said of a folder without reading its rows."""

    path: Path
    state: str
    """`done`, `playing`, `interrupted`, `failed` (done, but for some matches) or `not a run`."""
    done: int = 0
    """Matches with rows."""
    asked: int | None = None
    """All matches that were asked for, if that is known."""
    failed: int = 0
    size: int = 0
    """Bytes."""
    started: datetime | None = None
    finished: datetime | None = None
    leaders: tuple[str, ...] = ()
    """For each environment who was first in the last report."""

    @property
    def left(self) -> int:
        """Matches that are still to be played, as far as is known."""
        return matches_left(self.asked, self.done, self.failed, finished=self.finished is not None)

    @property
    def page(self) -> Path | None:
        """The page of its report, if there is one."""
        page = self.path / "report" / "index.html"
        return page if page.is_file() else None

    @property
    def progress(self) -> str:
        """Matches done, of all."""
        if self.state == NOT_A_RUN:
            return ""
        return f"{self.done:,}" if self.asked is None else f"{self.done:,} of {self.asked:,}"

    @property
    def megabytes(self) -> str:
        return "" if self.state == NOT_A_RUN else f"{self.size / 1e6:,.1f} MB"

    @property
    def took(self) -> str:
        """From the start of its last call to its end."""
        if self.started is None or self.finished is None:
            return ""
        seconds = (self.finished - self.started).total_seconds()
        if seconds < 100:
            return f"{seconds:.0f} s"
        return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"

    @property
    def said(self) -> str:
        """The state in words."""
        return f"{self.failed:,} failed" if self.state == "failed" else self.state


def summaries(folder: Path) -> list[RunSummary]:
    """The folders in `folder`, or the run that it is itself, by name. Raises DilemmaError if there is none."""
    if (folder / "config.toml").is_file():
        return [summary(folder)]
    try:
        inside = sorted(entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
    except OSError as error:
        raise DilemmaError(f"{folder} is not a folder of runs: {error.strerror or error}") from error
    return [summary(Path(path)) for path in inside if not Path(path).name.startswith(".")]


def matches_left(asked: int | None, done: int, failed: int, *, finished: bool) -> int:
    """How many matches of a run are still to be played, as far as its manifest says."""
    return 0 if finished or asked is None else max(0, asked - done - failed)


def summary(path: Path) -> RunSummary:
    """What there is to say of one folder."""
    if not (path / "config.toml").is_file():
        return RunSummary(path, NOT_A_RUN)
    manifest = mapping(path / "manifest.json") or {}
    failed = int(manifest.get("counts", {}).get("failed", 0))
    done = _matches(
        path / "seats", {label: int(game["seats"]) for label, game in manifest.get("games", {}).items()}
    )
    started, finished = (_time(manifest.get(name)) for name in ("started", "finished"))
    return RunSummary(
        path,
        _state(path, manifest, failed),
        done,
        manifest.get("asked", done + failed if finished else None),
        failed,
        _size(path),
        started,
        finished,
        _leaders(path / "report" / "ranking.csv"),
    )


def _state(path: Path, manifest: dict[str, Any], failed: int) -> str:
    if writer_of(path) is not None:
        return "playing"
    if manifest.get("finished"):
        return "failed" if failed else "done"
    process = manifest.get("process", {})
    alive = process.get("host") == platform.node() and os.name == "posix" and _lives(int(process["pid"]))
    return "playing" if alive else "interrupted"


def _lives(pid: int) -> bool:
    """Whether there is a process of this number here."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _matches(folder: Path, seats: dict[str, int]) -> int:
    """The number of matches in the files of the seats table, by their footers: each is of one environment."""
    number = 0
    for file in files(folder, "*.parquet"):
        try:
            footer = pq.read_metadata(file)
        except (OSError, pa.ArrowInvalid):
            continue
        labels = identities_of(footer.schema.to_arrow_schema())["environments"]
        number += footer.num_rows // next((seats[label] for label in labels if label in seats), 2)
    return number


def _time(text: object) -> datetime | None:
    return datetime.fromisoformat(text).astimezone() if isinstance(text, str) else None


def _leaders(ranking: Path) -> tuple[str, ...]:
    """For each environment and role who has the first rank, from the last report; () if it can't be read."""
    groups: dict[tuple[str, str], list[tuple[str, float]]] = {}
    try:
        with ranking.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["rank"] == "1":
                    first = groups.setdefault((row["environment"], row["role"]), [])
                    first.append((row["agent"], float(row["payoff"])))
    except (OSError, KeyError, ValueError, csv.Error):
        return ()
    several = len({environment for environment, _ in groups}) < len(groups)
    found = []
    for (environment, role), first in groups.items():
        (agent, payoff), *others = first
        name = f"{environment}, {role}" if several else environment
        found.append(f"{name}: {agent}{f' and {len(others)} more' if others else ''}, {payoff:.4g}")
    return tuple(found)


def _size(path: Path) -> int:
    """Bytes of all files below `path`, without following links; what vanishes meanwhile counts nothing."""
    size = 0
    try:
        for entry in os.scandir(path):
            if entry.is_dir(follow_symlinks=False):
                size += _size(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                size += entry.stat(follow_symlinks=False).st_size
    except OSError:
        pass
    return size


def lines(found: Sequence[RunSummary], width: int = 80) -> Iterator[str]:
    """A line for each run, and one for each of its leaders; none is wider than `width`."""
    header = ("Run", "State", "Matches", "Size", "Started", "Took")
    rows = [
        (
            run.path.name or str(run.path),
            run.said,
            run.progress,
            run.megabytes,
            f"{run.started:%Y-%m-%d %H:%M}" if run.started else "",
            run.took,
        )
        for run in found
    ]
    wide = [max(len(row[place]) for row in (header, *rows)) for place in range(len(header))]
    wide[0] = max(len(header[0]), min(wide[0], width - sum(wide[1:]) - 2 * (len(wide) - 1)))
    for row, run in zip((header, *rows), (None, *found), strict=True):
        name = _short(row[0], wide[0])
        cells = [f"{name:{wide[0]}}", f"{row[1]:{wide[1]}}"]
        cells += [f"{text:>{size}}" for text, size in zip(row[2:], wide[2:], strict=True)]
        yield "  ".join(cells).rstrip()
        for leader in run.leaders if run else ():
            yield _short(f"    {leader}", width)


def _short(text: str, width: int) -> str:
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= width else f"{text[: width - 1]}…"
