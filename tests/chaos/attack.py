"""Attacks on the command line: numbered cases that follow from a seed, each kept with what became of it.

A script states its cases as a function of their number, a generator and an empty folder, which returns what it
has run and what it complains of. `python -m tests.chaos.NAME --seed S --count N` goes on where it was interrupted:
what was found is kept in runs/chaos, to be removed when the code has changed. `--only K` repeats one case, and
prints all that was said.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import IO, NoReturn, TypeAlias

PATIENCE = 20.0
"""Seconds of processor time that a command may take, if its attack does not give it more."""
ROOM = 2**30
"""Bytes of memory that a command may take."""
STILL = 40.0
"""A command is ended after so many seconds without progress, or twice the processor time that it may take."""
KEPT = Path("runs/chaos")
HEAVY = (
    "dilemma.cli",
    "dilemma.play",
    "dilemma.results",
    "dilemma.merging",
    "dilemma.replay",
    "dilemma.analysis.report.report",
    "dilemma.analysis.report.terminal",
    "dilemma.tournament.forecast",
)


@dataclass(frozen=True)
class Ending:
    """How a command ended."""

    arguments: tuple[str, ...]
    code: int
    """Its exit code; the signal that ended it, negative."""
    stdout: str
    stderr: str
    seconds: float
    """Of processor time, with its children's."""
    peak: int
    """Bytes of memory, at most, of its largest process."""
    overdue: bool = False
    """Whether it had to be ended."""

    def complaints(self, codes: Sequence[int], seconds: float = PATIENCE, room: int = ROOM) -> list[str]:
        """What is wrong with how it ended, where `codes` are its proper exit codes."""
        found = []
        if "Traceback (most recent call last)" in self.stdout + self.stderr:
            found.append(f"traceback: {self.stderr.strip()[-1500:]}")
        if self.overdue:
            found.append("it had to be ended")
        elif self.code not in codes:
            found.append(f"exit code {self.code}: {self.stderr[-300:]}")
        if self.seconds > seconds:
            found.append(f"it took {self.seconds:.0f} s")
        if self.peak > room:
            found.append(f"it took {self.peak / 2**20:,.0f} MiB")
        return [f"{' '.join(self.arguments)[:200]}: {each}" for each in found]


@dataclass
class Case:
    """What became of a case."""

    deeds: list[str] = field(default_factory=list)
    """What was done, in words."""
    endings: list[Ending] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def add(self, ending: Ending, codes: Sequence[int], seconds: float = PATIENCE, room: int = ROOM) -> Ending:
        """Add a command that was run, and complain of it where there is reason to."""
        self.endings.append(ending)
        self.complaints += ending.complaints(codes, seconds, room)
        return ending

    def expect(self, holds: bool, complaint: str) -> None:
        """Complain unless something holds."""
        if not holds:
            self.complaints.append(complaint)


Attack: TypeAlias = Callable[[int, Random, Path], Case]


def warm() -> None:
    """Import what commands import, so that forked ones need not."""
    for name in HEAVY:
        importlib.import_module(name)
    importlib.import_module("torch").set_num_threads(1)
    gc.collect()
    gc.freeze()


def command(
    *arguments: str,
    seconds: float = PATIENCE,
    interrupt_after: float | None = None,
    room: int | None = 2 * ROOM,
) -> Ending:
    """Run a command of ours in a fork of this process, in a session of its own.

    Where it hangs, or takes much longer than `seconds`, it is ended; `interrupt_after` so many seconds it is sent
    Ctrl-C. `room` is what it may map beyond what this process has.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            become(arguments, out.fileno(), err.fileno(), room)
        began, overdue, pause = time.monotonic(), False, 0.002
        moved, spent = began, 0.0
        while True:
            ended, status, usage = os.wait4(child, os.WNOHANG)
            if ended:
                break
            now, before = time.monotonic(), spent
            if interrupt_after is not None and now - began > interrupt_after:
                os.kill(child, signal.SIGINT)
                interrupt_after = None
            spent = sum(members(child).values())
            moved = now if spent > before else moved
            if now - moved > STILL or spent > 2 * seconds + STILL:
                overdue = True
                os.killpg(child, signal.SIGKILL)
            time.sleep(pause)
            pause = min(0.1, pause * 1.3)
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        texts = [said(file) for file in (out, err)]
    code = os.waitstatus_to_exitcode(status)
    spent = usage.ru_utime + usage.ru_stime
    return Ending(arguments, code, texts[0], texts[1], spent, usage.ru_maxrss * 1024, overdue)


def said(file: IO[bytes]) -> str:
    """What was written to a temporary file, from its beginning."""
    file.seek(0)
    return file.read().decode("utf-8", "backslashreplace")


def members(session: int) -> dict[int, float]:
    """The processes of a session that have not ended, and the processor time of each."""
    found = dict[int, float]()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found[int(stat.parent.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def become(arguments: Sequence[str], out: int, err: int, room: int | None) -> NoReturn:
    """Become the command line, in a process that was just forked."""
    code = 70
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(fd, mode) for fd, mode in ((0, "r"), (1, "w"), (2, "w")))
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell runs us in the background
        if room is not None:
            mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (mapped + room, mapped + room))
        sys.argv = ["dilemma", *arguments]
        from dilemma.__main__ import main

        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except BaseException:
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code & 0xFF)


def main(name: str, case: Attack, count: int, prepare: Callable[[], None] = lambda: None) -> None:
    """The command line of an attack: `name` names what it has cases of."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.chaos.{name}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--kept", type=Path, default=KEPT, help="the folder that keeps what was found")
    parser.add_argument("--only", type=int, help="the number of a case, to see what it does")
    chosen = parser.parse_args()
    warm()
    prepare()
    if chosen.only is not None:
        found = one(case, chosen.seed, chosen.only)
        print("\n".join(found.deeds))
        for ending in found.endings:
            print(f"$ dilemma {' '.join(ending.arguments)}\n{ending.stdout}{ending.stderr}-> {ending.code}")
        print("\n".join(found.complaints) or "It withstood.")
        sys.exit(bool(found.complaints))
    chosen.kept.mkdir(parents=True, exist_ok=True)
    kept = chosen.kept / f"{name}-{chosen.seed}.jsonl"
    before = {record["number"]: record for record in _lines(kept)}
    with kept.open("a") as file:
        for number in range(chosen.count):
            if number not in before:
                record = _record(number, one(case, chosen.seed, number))
                before[number] = record
                print(json.dumps(record), file=file, flush=True)
                for complaint in record["complaints"]:
                    print(f"{number}: {complaint}", flush=True)
    print(summary(name, [before[number] for number in range(chosen.count)]))
    sys.exit(any(before[number]["complaints"] for number in range(chosen.count)))


def one(case: Attack, seed: int, number: int) -> Case:
    """Case `number` of an attack, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder, chdir(folder):
        return case(number, Random(f"{seed}/{number}"), Path(folder))


def _record(number: int, found: Case) -> dict:
    return {
        "number": number,
        "complaints": found.complaints,
        "codes": Counter(ending.code for ending in found.endings),
        "seconds": round(max((ending.seconds for ending in found.endings), default=0), 2),
        "peak": max((ending.peak for ending in found.endings), default=0),
    }


def summary(name: str, records: Sequence[dict]) -> str:
    """What became of all cases, in a line."""
    codes = Counter[str]()
    for record in records:
        codes.update({str(code): number for code, number in record["codes"].items()})
    ended = ", ".join(f"{number:,} with {code}" for code, number in sorted(codes.items()))
    bad = sum(bool(record["complaints"]) for record in records)
    return (
        f"{name}: {len(records):,} cases, {bad:,} with complaints; "
        f"{sum(codes.values()):,} commands ended, {ended}; "
        f"at most {max(record['seconds'] for record in records):.1f} s of processor time and "
        f"{max(record['peak'] for record in records) / 2**20:,.0f} MiB"
    )


def _lines(file: Path) -> Iterator[dict]:
    with suppress(FileNotFoundError):
        for line in file.read_text().splitlines():
            with suppress(ValueError):  # half a line
                yield json.loads(line)
