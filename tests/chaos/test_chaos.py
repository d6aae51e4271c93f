"""Short forms of the attacks: a few cases of each, by another seed than the long forms of `make chaos`."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHORT = {"configs": 6, "arguments": 8, "damage": 1, "hostile": 1}
"""No kills, whose moments a busy machine shifts: `make chaos` has them, and tests of the command line a few."""


@pytest.mark.parametrize("attack", SHORT)
def test_a_few_attacks_are_withstood(tmp_path, attack):
    command = [sys.executable, "-m", f"tests.chaos.{attack}", "--seed", "2", "--count", str(SHORT[attack])]
    done = subprocess.run(
        [*command, "--kept", tmp_path], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{SHORT[attack]} cases, 0 with complaints" in done.stdout
