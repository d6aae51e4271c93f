"""Examples in docstrings, in the README and in docs: they run, and say what they say."""

import doctest
import importlib
import pkgutil
import re
import runpy
import tomllib
from pathlib import Path

import pytest

import dilemma
from dilemma.tournament.config import parse

README = Path(__file__).parents[1] / "README.md"
PAGES = [README, *sorted((README.parent / "docs").glob("*.md"))]
MODULES = ["dilemma"] + [
    module.name
    for module in pkgutil.walk_packages(dilemma.__path__, "dilemma.")
    if not module.name.endswith("__main__")
]


def blocks(language):
    """Every fenced block of a language in the README and in docs, named by its page and line."""
    pages = [(page.name, page.read_text(encoding="utf-8")) for page in PAGES if page.exists()]
    return [
        pytest.param(found[1], id=f"{name} line {text.count(chr(10), 0, found.start()) + 1}")
        for name, text in pages
        for found in re.finditer(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    ]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to run in, with the examples that begin with the name of their file."""
    for text in (block.values[0] for block in blocks("python")):
        if name := re.match(r"# (\w+\.py)\n", text):
            (tmp_path / name[1]).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0


@pytest.mark.parametrize("text", blocks("python"))
def test_python_in_the_readme_and_in_docs_runs(text, folder):
    script = folder / "script.py"
    script.write_text(text, encoding="utf-8")
    runpy.run_path(str(script), run_name="__main__")


def test_every_test_that_a_guarantee_names_is_there():
    text = (README.parent / "docs" / "guarantees.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/\S+?\.py)(?:::(\w+))?`", text)
    assert len(named) > 30
    for file, test in named:
        code = (README.parent / file).read_text(encoding="utf-8")
        assert not test or f"def {test}(" in code, f"{file} has no {test}"


@pytest.mark.parametrize("text", blocks("toml"))
@pytest.mark.usefixtures("folder")
def test_configs_in_the_readme_and_in_docs_have_no_mistakes(text):
    parse(tomllib.loads(text))
