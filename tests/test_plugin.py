"""Agents in packages of their own: found by name, and harmless when they are broken."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples" / "plugin"

CONFIG = """
environments = [{ name = "prisoners_dilemma", rounds = 10 }]
agents = [{ name = "patient_grudger", patience = 1 }, { name = "all_d" }, { name = "tit_for_tat" }]
"""

COMMANDS = """
import sys
from contextlib import redirect_stderr, redirect_stdout
import pytest
from dilemma.cli import main

for command in ("run config.toml", "agents", "agents patient_grudger", "agents broken", "schema"):
    with open(f"{command}.out", "w") as out, open(f"{command}.err", "w") as err:
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main(command.split())
            except SystemExit as left:
                print(left.code, file=err)

sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", ".", sys.argv[1]]))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What commands say, and the plugin's own tests, where the example and a broken plugin are installed."""
    folder = tmp_path_factory.mktemp("plugin")
    tree = shutil.copytree(
        EXAMPLE, folder / "tree", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
    )
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-deps", "--no-index"]
    options = ["--no-build-isolation", "--target", str(folder / "target"), str(tree)]
    done = subprocess.run([*pip, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

    (folder / "target" / "broken_plugin.py").write_text("raise ImportError('no module named unobtainium')\n")
    information = folder / "target" / "broken_plugin-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-plugin\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[dilemma.agents]\nbroken = broken_plugin:Agent\ntit_for_tat = broken_plugin:Impostor\n"
    )

    (folder / "config.toml").write_text(CONFIG)
    path = os.pathsep.join([str(folder / "target"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, str(tree / "tests")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    return {path.name: path.read_text() for path in folder.glob("*.*") if path.suffix in (".out", ".err")}


def test_a_tournament_plays_a_plugin_by_its_name(said):
    said_first, *_, code = said["run config.toml.err"].splitlines()
    assert (said_first, code) == ("3 matches to play", "0")
    ranking = said["run config.toml.out"]
    # It takes one defection more than tit for tat does: against all_d two rounds at S, and eight at P.
    [line] = [line for line in ranking.splitlines() if "patient_grudger" in line]
    assert line.split()[1:3] == ["patient_grudger", f"{(3 + 0.8) / 2:.3f}"]


def test_plugins_are_listed_after_ours_and_a_broken_one_is_named_with_its_error(said):
    ours, theirs = said["agents.out"].split("\nplugins\n")
    assert "tit_for_tat" in ours.split()
    broken, example = re.split(r"^  (?=patient)", theirs.partition("\nyour own\n")[0], flags=re.MULTILINE)
    summary = "Cooperates until the other has defected more than `patience` times, then never again."
    assert " ".join(example.split()) == f"patient_grudger {summary}"
    assert broken.split()[0] == "broken"
    assert "package broken-plugin fails to import: ImportError: no module named unobtainium" in " ".join(
        broken.split()
    )
    assert said["agents.err"] == "0\n"


def test_a_plugin_is_described_like_ours(said):
    assert "defections that it takes without a grudge" in said["agents patient_grudger.out"]
    assert '"patient_grudger"' in said["schema.out"]
    assert '"broken"' not in said["schema.out"]


def test_asking_for_the_broken_one_is_a_mistake_of_one_line(said):
    error, code = said["agents broken.err"].splitlines()
    assert "fails to import: ImportError: no module named unobtainium" in error
    assert code == "2"


def test_a_plugin_cannot_take_a_name_of_ours(said):
    assert said["agents.out"].split().count("tit_for_tat") == 1
    assert "tit_for_tat" in said["run config.toml.out"]
