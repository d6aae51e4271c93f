"""What a report costs, and what comes before it: CPU seconds against the bars that this project sets itself.

CPU seconds of the command itself, the start of Python included: the best of three and the worst. Where others are
at work on the machine they are more; a loop that is timed first tells machines, and their hours, apart.

OMP_NUM_THREADS=1 python benchmarks/report.py
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from large_roster import drawn, two_games

TIMES = 3


def cpu_seconds(*arguments: str) -> float:
    """Of a Python process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(what: str, bar: float, *arguments: str) -> None:
    took = sorted(cpu_seconds(*arguments) for _ in range(TIMES))
    print(f"{what}: {took[0]:.2f} to {took[-1]:.2f} CPU-s, to be below {bar:g}", flush=True)


def main() -> None:
    loop = cpu_seconds("-c", "total = 0\nfor number in range(20_000_000): total += number")
    print(f"20 million additions in Python: {loop:.2f} CPU-s", flush=True)
    compare("import dilemma", 0.5, "-c", "import dilemma, sys; assert 'torch' not in sys.modules")
    compare("dilemma agents", 0.3, "-m", "dilemma", "agents")
    with TemporaryDirectory() as passing:
        folder = Path(passing)
        for name, text, bar in (
            ("16 agents in two games", two_games(), 5.0),
            ("100 agents", drawn(100), 15.0),
            ("200 agents", drawn(200), float("inf")),
        ):
            config, run = folder / f"{name}.toml", folder / name
            config.write_text(text)
            cpu_seconds("-m", "dilemma", "run", str(config), "--out", str(run))
            compare(f"dilemma report, {name}", bar, "-m", "dilemma", "report", str(run))
            size = (run / "report" / "index.html").stat().st_size / 1e6
            print(f"its page: {size:.1f} MB, to be below 15", flush=True)


if __name__ == "__main__":
    main()
