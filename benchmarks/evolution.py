"""How fast evolution is, with its peers beside it where they are installed: all parts in one run.

OMP_NUM_THREADS=1 python benchmarks/evolution.py
"""

from __future__ import annotations

import runpy
from pathlib import Path

if __name__ == "__main__":
    for part in ("populations", "played", "infinite", "structured"):
        print(f"\n{part}", flush=True)
        runpy.run_path(str(Path(__file__).with_name(f"evolution_{part}.py")), run_name="__main__")
