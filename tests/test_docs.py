"""Examples in docstrings, in the README and in docs: they run, and say what they say."""

import doctest
import importlib
import pkgutil
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import dilemma
from dilemma.agents import CATALOGUE as AGENTS
from dilemma.cli import main
from dilemma.envs import CATALOGUE as ENVIRONMENTS
from dilemma.tournament.config import load, parse, shipped

README = Path(__file__).parents[1] / "README.md"
DOCS = README.parent / "docs"
TUTORIAL = DOCS / "tutorial.md"
PAGES = [
    README,
    *(
        page
        for page in sorted(DOCS.rglob("*.md"))
        if page.relative_to(DOCS).parts[0] not in ("_build", "reference")
    ),
]
MODULES = ["dilemma"] + [
    module.name
    for module in pkgutil.walk_packages(dilemma.__path__, "dilemma.")
    if not module.name.endswith(("__main__", "ray_engine"))  # Ray need not be there
]


def found(page, language):
    """The fenced blocks of a language on a page, each with its line."""
    text = page.read_text(encoding="utf-8")
    fenced = re.finditer(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, block.start()) + 1, block[1]) for block in fenced]


def blocks(language, pages=PAGES):
    """Every fenced block of a language on pages of the README and docs, named by its page and line."""
    return [
        pytest.param(text, id=f"{page.relative_to(README.parent)} line {line}")
        for page in pages
        for line, text in found(page, language)
    ]


def commands():
    """Every command of this package or of make in the README and in docs, named by its page and line."""
    for page in PAGES:
        lines = [
            (line + n + 1, text) for line, block in found(page, "sh") for n, text in enumerate(block.splitlines())
        ]
        for line, block in found(page, "console"):
            lines += [(line + n + 1, text[2:]) for n, text in enumerate(block.splitlines()) if text[:2] == "$ "]
        for line, text in lines:
            yield pytest.param(text, id=f"{page.relative_to(README.parent)} line {line}")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to run in, with the examples that begin with the name of their file."""
    for text in (block.values[0] for language in ("python", "toml") for block in blocks(language)):
        if name := re.match(r"# (\w+\.(?:py|toml))\n", text):
            (tmp_path / name[1]).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0


@pytest.mark.parametrize("text", blocks("python", [page for page in PAGES if page != TUTORIAL]))
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


@pytest.mark.parametrize("text", list(commands()))
def test_commands_in_the_readme_and_in_docs_are_there(text):
    program, *words = shlex.split(text.partition(" > ")[0], comments=True)
    if program == "make":
        makefile = (README.parent / "Makefile").read_text(encoding="utf-8")
        assert all(f"\n{word}:" in makefile for word in words)
    elif program == "python" and words[0].startswith("benchmarks/"):
        assert (README.parent / words[0]).exists()
    elif program == "dilemma":
        context = main.make_context("dilemma", words)
        name, command, rest = main.resolve_command(context, [*context._protected_args, *context.args])
        while isinstance(command, click.Group):
            context = command.make_context(name, rest, parent=context)
            name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        given = command.make_context(name, rest, parent=context).params
        if name == "run" and not given["config"].endswith(".toml"):
            assert given["config"] in shipped()
            load(given["config"], given["changes"])
        if name in ("agents", "envs") and given["name"] not in (None, "NAME"):
            assert given["name"] in (AGENTS if name == "agents" else ENVIRONMENTS).names


def test_the_tutorial_prints_what_it_says(folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for _, block in found(TUTORIAL, "console"):
        for step in block.split("$ ")[1:]:
            command, _, expected = step.partition("\n")
            program, *words = shlex.split(command)
            if program == "dilemma":
                result = CliRunner().invoke(main, words)
                assert result.exit_code == 0, f"{command}: {result.output}"
                printed = result.stdout
            else:
                done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
                assert done.returncode == 0, done.stderr
                printed = done.stdout
            alike = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            if expected.strip():
                assert doctest.OutputChecker().check_output(expected, printed, alike), f"{command}:\n{printed}"
