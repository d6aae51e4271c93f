"""Attacks on tournaments on a Dask cluster: its workers are killed, a match kills them, its scheduler dies.

`python -m tests.chaos.cluster workers --seconds 60 --every 3` kills a worker every three seconds for a minute,
while a minute of chunks of .3 s is played; `poison` plays a match that ends its process, `scheduler` kills the
scheduler. Each starts a scheduler and two workers, plays with `dilemma run`, and says what came of it; the exit
code is 1 where something is lost, doubled, late, or has another exit code than it should.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pandas as pd
import psutil

from dilemma import open_run

AGENTS = """
import os, time
from pathlib import Path
from dilemma.agents.strategy import Strategy

class Sleeper(Strategy):
    "Sleeps in the second round of a match, where a file is there that says how long."
    marker: str
    def cooperate(self, me, own, other):
        if me.turn == 1 and Path(self.marker).exists():
            time.sleep(float(Path(self.marker).read_text()))
        return ~me.no()

class Deadly(Strategy):
    "Ends its process where it meets nothing but defection."
    def cooperate(self, me, own, other):
        if me.turn == 40 and bool((me.other_defections == 40).any()):
            os._exit(3)
        return ~me.no()
"""
CONFIG = """
name = "t"
seed = {seed}
schedule.repetitions = {repetitions}
evaluation.mode = "played"
execution = {{ backend = "dask", address = "cluster.json", chunk = {chunk} }}
analysis.exploitability = ["population"]
environments = [{{ name = "prisoners_dilemma", rounds = 50 }}]
agents = [{{ name = "tit_for_tat" }}, {{ name = "random" }}, {agents}]
"""
OTHERS = ("all_c", "all_d", "alternator", "grudger", "gradual", "win_stay_lose_shift", "tit_for_two_tats")
DEADLY = '{ name = "agents.py:Deadly", label = "deadly" }, ' + ", ".join(
    f'{{ name = "{name}" }}' for name in OTHERS
)
SLEEPER = '{ name = "agents.py:Sleeper", label = "sleeper", marker = "seconds.txt" }'


@dataclass(frozen=True)
class Cluster:
    """A scheduler and its workers, as processes."""

    scheduler: subprocess.Popen[bytes]
    nanny: subprocess.Popen[bytes]

    def workers(self) -> list[int]:
        """The processes that play now."""
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.nanny.pid).children(recursive=True)
            return [each.pid for each in children if "spawn_main" in " ".join(each.cmdline())]
        return []


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """A scheduler and workers on this machine, in a folder; all are ended after that."""
    file = folder / "cluster.json"
    file.unlink(missing_ok=True)
    dask, rest = [sys.executable, "-m", "dask"], ["--scheduler-file", str(file), "--no-dashboard"]
    with open(folder / "cluster.log", "ab") as log:
        of_its_own = {"cwd": folder, "stdout": log, "stderr": log, "start_new_session": True}
        scheduler = subprocess.Popen([*dask, "scheduler", "--port", "0", *rest], **of_its_own)
        nanny = subprocess.Popen(
            [*dask, "worker", "--nthreads", "1", "--nworkers", str(workers), *rest], **of_its_own
        )
    try:
        yield Cluster(scheduler, nanny)
    finally:
        for process in (nanny, scheduler):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def write(folder: Path, agents: str, repetitions: int, chunk: int, seed: int) -> None:
    (folder / "agents.py").write_text(AGENTS)
    (folder / "t.toml").write_text(CONFIG.format(agents=agents, repetitions=repetitions, chunk=chunk, seed=seed))


def start(folder: Path, *more: str) -> subprocess.Popen[str]:
    """`dilemma run` in a folder."""
    command = [sys.executable, "-m", "dilemma", "run", "t.toml", *more]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def stored(folder: Path, run: str = "t") -> pd.DataFrame:
    """The seats that a run has kept, doubled ones twice."""
    parts = [pd.read_parquet(part) for part in sorted((folder / "runs" / run / "seats").glob("*.parquet"))]
    return pd.concat(parts) if parts else pd.DataFrame({"match": [], "seat": []})


def payoffs(folder: Path, run: str) -> pd.Series[float]:
    return open_run(folder / "runs" / run).rows.set_index(["match", "seat"])["payoff"].sort_index()


def workers(folder: Path, seed: int, seconds: float, every: float) -> list[str]:
    """Kill a worker every few seconds, for as long as chunks of .3 s would take without that; then let them be."""
    chance, matches = Random(seed), int(seconds * 2 / 0.3 / 2)
    write(folder, SLEEPER, matches, 1, seed)
    quick = start(folder, "--set", "execution.backend=loky", "--out", "runs/quiet")
    quick.communicate()
    (folder / "seconds.txt").write_text("0.3")
    kills = 0
    with cluster(folder) as there:
        began, run = time.monotonic(), start(folder)
        last, first = began, None
        while run.poll() is None:
            time.sleep(0.1)
            alive = there.workers()
            now = time.monotonic()
            if first is None and len(stored(folder)):
                first = now
            if first is not None and now - first < seconds and now - last > every and alive:
                os.kill(chance.choice(alive), signal.SIGKILL)
                kills, last = kills + 1, time.monotonic()
        said, _ = run.communicate()
        took = time.monotonic() - began
    doubled = int(stored(folder).duplicated(["match", "seat"]).sum())
    same = payoffs(folder, "t").equals(payoffs(folder, "quiet"))
    print(
        f"workers: {kills} kills, {took:.0f} s, {3 * matches} matches, {doubled} rows doubled, same bits: {same}"
    )
    wrong = [f"exit code {run.returncode}: {said[-500:]}"] if run.returncode else []
    return wrong + (["rows are doubled"] if doubled else []) + ([] if same else ["other rows than undisturbed"])


def poison(folder: Path, seed: int, seconds: float, every: float) -> list[str]:
    """Play a match that ends its process, among others."""
    write(folder, DEADLY, 1, 64, seed)
    with cluster(folder):
        began, run = time.monotonic(), start(folder)
        said, _ = run.communicate()
        took = time.monotonic() - began
    failed = open_run(folder / "runs" / "t").failures
    kept = stored(folder)["match"].nunique()
    print(f"poison: {len(failed)} failures of {kept + len(failed)} matches, exit {run.returncode}, {took:.0f} s")
    wrong = [] if run.returncode == 1 else [f"exit code {run.returncode}: {said[-500:]}"]
    return wrong + ([] if kept == 44 and len(failed) == 1 else ["other failures than one"])


def scheduler(folder: Path, seed: int, seconds: float, every: float) -> list[str]:
    """Kill the scheduler, and go on with another."""
    write(folder, SLEEPER, 40, 1, seed)
    start(folder, "--set", "execution.backend=loky", "--out", "runs/quiet").communicate()
    (folder / "seconds.txt").write_text("0.3")
    with cluster(folder) as there:
        run = start(folder)
        while len(stored(folder)) < 20 and run.poll() is None:
            time.sleep(0.1)
        there.scheduler.kill()
        killed = time.monotonic()
        said, _ = run.communicate()
        took, kept = time.monotonic() - killed, stored(folder)["match"].nunique()
    sentence = re.search(r"^Error: .*", said, re.MULTILINE)
    with cluster(folder):
        again = start(folder)
        more, _ = again.communicate()
    same = payoffs(folder, "t").equals(payoffs(folder, "quiet"))
    print(f"scheduler: exit {run.returncode} after {took:.1f} s, {kept} matches kept; again: {again.returncode}")
    print(f"    {sentence[0] if sentence else said[-300:]}")
    wrong = ["no sentence"] if sentence is None or "Traceback" in said else []
    wrong += [f"exit code {run.returncode}"] if run.returncode != 2 else []
    wrong += [f"exit code {again.returncode}: {more[-500:]}"] if again.returncode else []
    return wrong + ([] if same else ["other rows than undisturbed"])


ATTACKS: dict[str, Callable[[Path, int, float, float], list[str]]] = {
    "workers": workers,
    "poison": poison,
    "scheduler": scheduler,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("attacks", nargs="*", choices=[*ATTACKS, []], help="all where left out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0, help="of .3-s chunks, on two workers")
    parser.add_argument("--every", type=float, default=3.0, help="seconds between two kills")
    given = parser.parse_args()
    complaints = list[str]()
    for name in given.attacks or ATTACKS:
        with tempfile.TemporaryDirectory() as folder:
            complaints += ATTACKS[name](Path(folder), given.seed, given.seconds, given.every)
    print("\n".join(complaints) or "nothing to complain of")
    sys.exit(bool(complaints))
