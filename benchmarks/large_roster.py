"""What many agents cost: the report of 500, a dry run of 1,600, and the report of 16 in two games.

CPU seconds of the command itself, the start of Python included, at the best of two; and what lies on disk.

OMP_NUM_THREADS=1 python benchmarks/large_roster.py
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

SMALL = (
    *(
        "all_c",
        "all_d",
        "tit_for_tat",
        "grudger",
        "win_stay_lose_shift",
        "generous_tit_for_tat",
        "random",
        "gradual",
    ),
    *("tit_for_two_tats", "suspicious_tit_for_tat", "alternator", "bully", "contrite_tit_for_tat"),
    *("evolved_fsm_16", "joss", "firm_but_fair"),
)


def drawn(agents: int) -> str:
    """A league of memory-one agents drawn at random, in one game with noise."""
    random = np.random.default_rng(0)
    parts = ['name = "drawn"\nseed = 1\n[[environments]]\nname = "prisoners_dilemma"\nnoise = 0.01\n']
    for number in range(agents):
        p = ", ".join(f"{probability:.6f}" for probability in random.random(5))
        parts.append(f'[[agents]]\nname = "memory_one"\nlabel = "agent {number:04d}"\np = [{p}]\n')
    return "".join(parts)


def two_games() -> str:
    """Sixteen strategies in two games, played."""
    games = "".join(
        f'[[environments]]\nname = "{name}"\nnoise = 0.01\n' for name in ("prisoners_dilemma", "stag_hunt")
    )
    agents = "".join(f'[[agents]]\nname = "{name}"\n' for name in SMALL)
    played = '[evaluation]\nmode = "played"\n[schedule]\nself_play = true\nrepetitions = 10\n'
    return f'name = "two games"\nseed = 1\n{games}{agents}{played}'


def seconds(*arguments: str) -> tuple[float, str]:
    """CPU seconds of a command, and what it prints."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "dilemma", *arguments], check=True, capture_output=True, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def best(*arguments: str) -> tuple[float, str]:
    return min(seconds(*arguments) for _ in range(2))


def megabytes(folders: Sequence[Path]) -> float:
    return sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file()) / 1e6


def main() -> None:
    with TemporaryDirectory() as passing:
        folder = Path(passing)
        for name, text in (("500", drawn(500)), ("1600", drawn(1600)), ("16", two_games())):
            (folder / f"{name}.toml").write_text(text)
        for name, said in (("500", "500 agents"), ("16", "16 agents in two games")):
            config, run = str(folder / f"{name}.toml"), folder / name
            _, told = best("run", config, "--out", str(run), "--dry-run")
            print(f"{said}, forecast: {told.strip()}", flush=True)
            took, _ = seconds("run", config, "--out", str(run))
            print(f"{said}, run and report: {took:.3g} CPU-s, {megabytes([run]):.3g} MB", flush=True)
            took, _ = best("report", str(run))
            print(f"{said}, report: {took:.3g} CPU-s, {megabytes([run / 'report']):.3g} MB", flush=True)
        took, told = best("run", str(folder / "1600.toml"), "--out", str(folder / "none"), "--dry-run")
        print(f"1,600 agents, dry run: {took:.3g} CPU-s: {told.strip()}", flush=True)


if __name__ == "__main__":
    main()
