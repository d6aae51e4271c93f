"""Progress: a bar with the time left on a terminal, else a plain line every half minute."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

import click
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from .tournament.pulse import Sign

FIRST, EVERY = 5.0, 30.0
"""Seconds from the first sign of life to a plain line, and between plain lines."""
STEP = 3.0
"""Seconds between plain lines of a report, which has few steps."""


class Meter:
    """A context manager; call it with (number done, total), and let it `hear` how far those under way are.

    `kept` is how many an earlier call of the command has done.
    """

    def __init__(self, thing: str = "match", verb: str = "play", kept: int = 0) -> None:
        self._thing, self._verb, self._kept = thing, verb, kept
        self._live: Live | None = None
        if sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn(f"{self._things(2)},"),
                TimeElapsedColumn(),
                TextColumn("gone,"),
                TimeRemainingColumn(),
                TextColumn("left"),
            )
            self._task = self._bar.add_task(f"{verb.capitalize()}ing", total=None)
            self._now = Text(style="dim")
            self._live = Live(Group(self._bar, self._now), console=Console(stderr=True), transient=True)
        self._start = time.monotonic()
        self._next = self._start + EVERY
        self._done, self._total = 0, 0
        self._heard_first: tuple[float, float] | None = None

    def __enter__(self) -> Meter:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, done: int, total: int) -> None:
        self._done, self._total = done, total
        if self._live:
            self._bar.update(self._task, completed=done, total=total)
            self._now.plain = f"{self._kept:,} kept" if self._kept else ""
            return
        now = time.monotonic()
        if done == 0:
            kept = f", {self._kept:,} kept" if self._kept else ""
            some = f"{total:,} {self._things(total)} to {self._verb}{kept}"
            click.echo(some if total else f"Nothing left to {self._verb}", err=True)
        elif done < total and now > self._next:
            self._next = now + EVERY
            left = (now - self._start) * (total - done) / done
            click.echo(f"{self._so_far()}, {duration(left)} left", err=True)

    def hear(self, signs: Sequence[Sign]) -> None:
        """Say how far the work under way is; the time left is at the rate since the first was heard of."""
        now, done = time.monotonic(), self._done + sum(sign.done for sign in signs)
        step = "" if signs[0].left is None else f"; {duration(signs[0].left)} left of this step"
        more = f" (and {len(signs) - 1} more)" if len(signs) > 1 else ""
        said = f"{signs[0]}{step}{more}"
        if self._live:
            self._bar.update(self._task, completed=done)
            self._now.plain = said
            return
        if self._heard_first is None:
            self._heard_first, self._next = (now, done), min(self._next, now + FIRST)
        since, first = self._heard_first
        if now > self._next and (done > first or step):
            self._next = now + EVERY
            left = (now - since) * (self._total - done) / (done - first) if done > first else None
            time_left = "" if left is None else f", {duration(left)} left"
            click.echo(f"{self._so_far()}{time_left}; {said}", err=True)

    def _so_far(self) -> str:
        return f"{self._done:,} of {self._total:,} {self._things(self._total)} {self._verb}ed"

    def _things(self, count: int) -> str:
        return self._thing if count == 1 else f"{self._thing}{'es' if self._thing.endswith('ch') else 's'}"


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
    if minutes < 100:
        return f"about {minutes:.0f} min"
    hours = minutes / 60
    if hours < 100:
        return f"about {hours:.1f} h"
    days = hours / 24
    return f"about {days:.0f} days" if days < 1000 else f"about {days / 365:,.0f} years"
