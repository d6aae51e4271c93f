"""Runs that are killed at random moments: nothing is lost, nothing is there twice, and nobody is left behind.

A run of strategies and of a learner that saves itself is killed a few times, each time in one of these ways: the
parent, a worker or all of them by SIGKILL; the parent by SIGTERM, SIGHUP or SIGINT; or all by SIGINT, as a
terminal does it. After each kill the rows that are there are those of an untouched run, none twice, and none of
those before is gone. Then the same command goes on, to the same bits. Every fourth command is started anew, so
that its imports are hit too; the others are forked after them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random

import pandas as pd

from .attack import Case, Ending, become, command, main, members, said
from .runs import rows

KILLS = 5
"""Of each run, before it may go on to its end."""
GONE = 5.0
"""Seconds after which no process may be left."""
LONG = 60.0
"""Seconds in which a command ends after it was asked to, on a busy machine."""
CONFIG = """
[[environments]]
name = "prisoners_dilemma"
rounds = 10
noise = 0.05
[[agents]]
name = "tit_for_tat"
[[agents]]
name = "tullock"
[[agents]]
name = "gradual"
[[agents]]
name = "q_learning"
[schedule]
repetitions = 3
self_play = true
[learning]
tables = 4
episodes = 12
save_every = 0.2
keep = ["q_learning"]
[evaluation]
mode = "played"
[analysis]
exploitability = ["population", "exact"]
[execution]
chunk = 4
"""
ENDED = (0, 130, -signal.SIGINT)
"""Python may end itself by SIGINT after Ctrl-C, which a shell calls 130."""
WAYS: dict[str, tuple[Callable[[int, Random], None], tuple[int, ...]]] = {
    "parent, SIGKILL": (lambda parent, random: os.kill(parent, signal.SIGKILL), (0, -signal.SIGKILL)),
    "all, SIGKILL": (lambda parent, random: os.killpg(parent, signal.SIGKILL), (0, -signal.SIGKILL)),
    "a worker, SIGKILL": (lambda parent, random: a_worker(parent, random), (0,)),
    "parent, SIGTERM": (lambda parent, random: os.kill(parent, signal.SIGTERM), ENDED),
    "parent, SIGHUP": (lambda parent, random: os.kill(parent, signal.SIGHUP), ENDED),
    "parent, SIGINT": (lambda parent, random: os.kill(parent, signal.SIGINT), ENDED),
    "all, SIGINT": (lambda parent, random: os.killpg(parent, signal.SIGINT), ENDED),
}
"""How to kill a session by its parent, and the codes with which that may end."""


def a_worker(parent: int, random: Random) -> None:
    """Kill one process of a session, but its parent, by SIGKILL."""
    if others := sorted(members(parent).keys() - {parent}):
        os.kill(random.choice(others), signal.SIGKILL)


@cache
def untouched() -> tuple[pd.DataFrame, float]:
    """The rows of a run that nobody kills, and the seconds that it takes."""
    with tempfile.TemporaryDirectory() as folder:
        config, run = Path(folder) / "my.toml", Path(folder) / "run"
        config.write_text(CONFIG)
        began = time.monotonic()
        ending = command("run", str(config), "--out", str(run))
        assert ending.code == 0, ending.stderr
        return rows(run), time.monotonic() - began


def case(number: int, random: Random, folder: Path) -> Case:
    """A run that is killed a few times."""
    found, (whole, seconds) = Case(), untouched()
    (folder / "my.toml").write_text(CONFIG)
    before = set[int]()
    for kill in range(KILLS):
        jobs, anew = random.choice(["1", "1", "2"]), random.random() < 0.25
        way = random.choice([way for way in WAYS if jobs != "1" or "worker" not in way])
        after = random.uniform(0, seconds * 0.9 + (4 if anew else 0) + (4 if jobs == "2" else 0))
        arguments = ("run", "my.toml", "--out", "run", "--jobs", jobs)
        deed = f"kill {kill}, {way} after {after:.1f} s, {jobs} jobs{', started anew' if anew else ''}"
        ending, left = killed(arguments, anew, after, way, random)
        found.deeds.append(f"{deed}: {ending.code}")
        found.add(ending, WAYS[way][1])
        found.expect(not left, f"{deed}: {left} are left after {GONE:g} s")
        before = check(found, deed, folder / "run", whole, before)
    found.add(command("run", "my.toml", "--out", "run"), (0,))
    found.expect(rows(folder / "run").equals(whole), f"{found.deeds}: the rows are not those of an untouched run")
    check(found, "at the end", folder / "run", whole, before)
    return found


def killed(
    arguments: tuple[str, ...], anew: bool, after: float, way: str, random: Random
) -> tuple[Ending, list[int]]:
    """How a command ends that is killed in some way after so many seconds; and who is left of it."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = started(arguments, anew, out.fileno(), err.fileno())
        status, deadline = None, time.monotonic() + after
        while status is None and time.monotonic() < deadline:
            time.sleep(0.01)
            status = ended(child)
        if status is None:
            with suppress(ProcessLookupError):
                WAYS[way][0](child, random)
        deadline, overdue = time.monotonic() + LONG + (2 * LONG if "worker" in way else 0), False
        while status is None:
            time.sleep(0.01)
            status = ended(child)
            if time.monotonic() > deadline and not overdue:
                overdue = True
                os.killpg(child, signal.SIGKILL)
        gone = time.monotonic() + GONE
        while (left := sorted(members(child))) and time.monotonic() < gone:
            time.sleep(0.05)
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(status)
        return Ending(arguments, code, said(out), said(err), 0.0, 0, overdue), left


def started(arguments: tuple[str, ...], anew: bool, out: int, err: int) -> int:
    """Start a command in a session of its own, as a new process or as a fork of this one."""
    if not anew:
        if (child := os.fork()) == 0:
            become(arguments, out, err, None)
        return child
    heeds = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    process = subprocess.Popen(
        [sys.executable, "-m", "dilemma", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        start_new_session=True,
        **heeds,
    )
    process.returncode = 0  # it is waited for here, not there
    return process.pid


def ended(child: int) -> int | None:
    """With which status a child has ended; None while it goes on."""
    which, status = os.waitpid(child, os.WNOHANG)
    return status if which else None


def check(found: Case, when: str, run: Path, whole: pd.DataFrame, before: set[int]) -> set[int]:
    """Complain of rows that are lost, there twice, or not those of an untouched run; returns the matches."""
    parts = [
        pd.read_parquet(file, columns=["match", "seat", "payoff"]) for file in (run / "seats").glob("*.parquet")
    ]
    if not parts:
        found.expect(not before, f"{when}: all rows are lost")
        return set()
    there = pd.concat(parts)
    found.expect(not there.duplicated(["match", "seat"]).any(), f"{when}: rows are there twice")
    same = there.merge(whole[["match", "seat", "payoff"]])
    found.expect(len(same) == len(there), f"{when}: rows are not those of an untouched run")
    matches = set(there["match"])
    found.expect(before <= matches, f"{when}: {len(before - matches)} matches are lost")
    return matches


def prepare() -> None:
    """Play without a kill."""
    untouched()


if __name__ == "__main__":
    main("kills", case, 40, prepare)
