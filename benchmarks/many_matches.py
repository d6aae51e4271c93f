"""What many matches cost: peak memory, CPU seconds and disk of a tournament that is played, 10^5 to 10^7 matches.

46 memory-one agents with noise, two rounds a match, in one process that plans, plays and writes; with --shard 1/1,
which writes no report. Memory is that of its largest moment, libraries and the chunk that it plays included.

OMP_NUM_THREADS=1 python benchmarks/many_matches.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

AGENTS, REPETITIONS = 46, (100, 1_000, 10_000)


def config(repetitions: int) -> str:
    """A league of memory-one agents drawn at random, all of it played."""
    random = np.random.default_rng(0)
    parts = [
        'name = "many"\nseed = 1\n[evaluation]\nmode = "played"\n',
        f"[schedule]\nrepetitions = {repetitions}\n",
        '[[environments]]\nname = "prisoners_dilemma"\nnoise = 0.01\nrounds = 2\n',
    ]
    for number in range(AGENTS):
        p = ", ".join(f"{probability:.6f}" for probability in random.random(5))
        parts.append(f'[[agents]]\nname = "memory_one"\nlabel = "agent {number:02d}"\np = [{p}]\n')
    return "".join(parts)


def main() -> None:
    with TemporaryDirectory() as passing:
        folder = Path(passing)
        for repetitions in REPETITIONS:
            (folder / "many.toml").write_text(config(repetitions))
            run = folder / f"{repetitions}"
            command = ["run", str(folder / "many.toml"), "--out", str(run), "--shard", "1/1"]
            playing = subprocess.Popen(
                [sys.executable, "-m", "dilemma", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            _, status, used = os.wait4(playing.pid, 0)
            assert status == 0, f"it ended with status {status}"
            matches = repetitions * AGENTS * (AGENTS - 1) // 2
            disk = sum(file.stat().st_size for file in folder.glob(f"{run.name}.*/**/*") if file.is_file())
            print(
                f"{matches:>10,} matches: peak memory {used.ru_maxrss / 1e3:.0f} MB, "
                f"{used.ru_utime + used.ru_stime:.0f} CPU-s, {disk / 1e6:.0f} MB on disk",
                flush=True,
            )


if __name__ == "__main__":
    main()
