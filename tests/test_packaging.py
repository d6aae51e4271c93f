"""What is in the wheel: everything that an editable install finds, and nothing else; and it plays."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from dilemma.version import VERSION

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS = PROJECT["tool"]["setuptools"]["package-dir"]


def test_every_folder_with_an_init_is_listed_as_a_package():
    found = {
        ".".join([package, *init.parent.relative_to(ROOT / folder).parts])
        for package, folder in FOLDERS.items()
        for init in (ROOT / folder).rglob("__init__.py")
    }
    assert sorted(PROJECT["tool"]["setuptools"]["packages"]) == sorted(found)


def test_every_link_beside_the_front_door_leads_to_its_package():
    links = {path.name: path.resolve() for path in (ROOT / "src" / "dilemma").iterdir() if path.is_symlink()}
    expected = {folder: ROOT / folder for folder in FOLDERS.values() if folder != "src/dilemma"}
    assert links == expected


def test_what_is_cited_and_what_is_new_are_of_this_version():
    assert f"\nversion: {VERSION}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {VERSION}" in (ROOT / "CHANGELOG.md").read_text()


def pip(*arguments):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy: building leaves its traces in the tree."""
    folder = tmp_path_factory.mktemp("packaging")
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
    (folder / "tree").mkdir()
    for name in ("pyproject.toml", PROJECT["project"]["readme"], "LICENSE"):
        shutil.copy(ROOT / name, folder / "tree" / name)
    for name in FOLDERS.values():
        shutil.copytree(ROOT / name, folder / "tree" / name, symlinks=True, ignore=unwanted)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, folder / "tree")
    [path] = folder.glob("*.whl")
    return path


def test_the_wheel_holds_our_packages_and_the_files_they_need(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    version = wheel.name.split("-")[1]
    assert {name.partition("/")[0] for name in names} == {"dilemma", f"dilemma_tournaments-{version}.dist-info"}
    expected = {
        Path(package.replace(".", "/"), file.relative_to(ROOT / folder)).as_posix()
        for package, folder in FOLDERS.items()
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert {name for name in names if name.startswith("dilemma/")} == expected
    page = "dilemma/analysis/report/page.html"
    assert {"dilemma/py.typed", page, "dilemma/configs/quickstart.toml"} <= expected


def test_a_tournament_runs_from_the_installed_wheel(wheel, tmp_path):
    target, empty = tmp_path / "target", tmp_path / "empty"
    pip("install", "--no-deps", "--no-index", "--target", target, wheel)
    empty.mkdir()
    code = "import dilemma, dilemma.cli; print(dilemma.__file__); dilemma.cli.main(['run', 'quickstart'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=empty,
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, *_, last = done.stdout.splitlines()
    assert first == str(target / "dilemma" / "__init__.py")
    assert "tit_for_tat" in done.stdout
    assert (empty / last).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
