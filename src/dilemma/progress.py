"""Progress: a bar with the time left on a terminal, else a plain line every half minute."""

from __future__ import annotations

import sys
import time
from types import TracebackType

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

EVERY = 30.0
"""Seconds between plain lines."""
STEP = 3.0
"""Seconds between plain lines of a report, which has few steps."""


class Meter:
    """A context manager; call it with (number done, total)."""

    def __init__(self, things: str = "matches", verb: str = "play") -> None:
        self._things, self._verb = things, verb
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn(f"{things},"),
                TimeElapsedColumn(),
                TextColumn("gone,"),
                TimeRemainingColumn(),
                TextColumn("left"),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task(f"{verb.capitalize()}ing", total=None)
        self._start = self._last = time.monotonic()

    def __enter__(self) -> Meter:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        if self._bar:
            self._bar.update(self._task, completed=done, total=total)
            return
        now = time.monotonic()
        if done == 0:
            said = f"{total:,} {self._things} to {self._verb}" if total else f"Nothing left to {self._verb}"
            click.echo(said, err=True)
        elif done < total and now - self._last > EVERY:
            self._last = now
            left = (now - self._start) * (total - done) / done
            said = f"{done:,} of {total:,} {self._things} {self._verb}ed, {duration(left)} left"
            click.echo(said, err=True)


class Steps:
    """A context manager; call it with the name of each step. Short steps get no plain line."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._status = self._console.status("") if self._console.is_terminal else None
        self._last = time.monotonic()

    def __enter__(self) -> Steps:
        if self._status:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()

    def __call__(self, step: str) -> None:
        if self._status:
            self._status.update(f"Report: {escape(step)}")
        elif time.monotonic() - self._last > STEP:
            self._last = time.monotonic()
            click.echo(f"Report: {step}", err=True)


def duration(seconds: float) -> str:
    """Seconds in words, roughly."""
    if seconds < 1:
        return "less than a second"
    if seconds < 100:
        return f"about {seconds:.0f} s"
    minutes = seconds / 60
    return f"about {minutes:.0f} min" if minutes < 100 else f"about {minutes / 60:.1f} h"
