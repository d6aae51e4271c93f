"""Digests: they change with the code, and with nothing else."""

import functools
import importlib
import subprocess
import sys
import types

import pytest

from dilemma.agents import CATALOGUE
from dilemma.agents.automata import TitForTat
from dilemma.agents.plain import PlainAgent
from dilemma.envs.source import digest_of

ACT = "LIMIT = 3\n\ndef act(history):\n    return int(len(history) > LIMIT)\n"


@pytest.fixture
def digest(tmp_path):
    """The digest of `act` in a file with a text, at a path."""

    def of(text, path="mine.py"):
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(text.encode())
        return digest_of(PlainAgent(function=f"{file}:act").foreign_code)

    return of


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (("LIMIT)", "LIMIT + 1)"), True),
        (("LIMIT = 3", "LIMIT = 4"), True),
        (("\n\n", "\n# why\n"), True),
        (("\n", "\r\n"), False),
        (("LIMIT = 3\n", "LIMIT = 3  \n"), False),
    ],
    ids=["body", "constant", "comment", "line ends", "spaces at the end"],
)
def test_a_digest_is_of_the_text_of_the_module(digest, change, differs):
    assert (digest(ACT) != digest(ACT.replace(*change))) == differs


def test_a_digest_does_not_depend_on_the_file(digest, tmp_path):
    assert digest(ACT) == digest(ACT, "elsewhere/other.py")
    (tmp_path / "link.py").symlink_to(tmp_path / "mine.py")
    assert digest(ACT) == digest_of(PlainAgent(function=f"{tmp_path}/link.py:act").foreign_code)


def test_a_digest_does_not_depend_on_what_loads_the_file(tmp_path, monkeypatch):
    """Hooks that rewrite what they load, as pytest's, have no text to give."""
    (tmp_path / "mine_too.py").write_text(ACT)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("mine_too")
    plain = digest_of(module.act)
    monkeypatch.setattr(module.__spec__, "loader", object())
    sys.modules["mine_too"].loaded = "anew"
    assert digest_of(module.act) == plain


def test_a_file_that_has_changed_is_read_anew(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def act(history):\n    return 0\n")
    first = PlainAgent(function=f"{file}:act").foreign_code
    file.write_text("def act(history):\n    return 1\n")  # as long, and in the same second
    second = PlainAgent(function=f"{file}:act").foreign_code
    assert (first([]), second([])) == (0, 1)
    assert PlainAgent(function=f"{file}:act").foreign_code is second
    assert not (tmp_path / "__pycache__").exists()


PACKAGE = {
    "ours/__init__.py": "",
    "ours/base.py": "class Base:\n    patience = 1\n",
    "ours/tools.py": "def double(x):\n    return 2 * x\n",
    "ours/unrelated.py": "x = 1\n",
    "ours/late.py": "x = 1\n",
    "ours/players.py": "import ours.tools\nfrom .base import Base\n\nclass Mine(Base):\n    pass\n\n"
    "def later():\n    from . import late\n",
}


@pytest.mark.parametrize(
    ("file", "differs"),
    [("players", True), ("base", True), ("tools", True), ("late", True), ("unrelated", False)],
)
def test_the_modules_that_it_imports_from_its_own_package_count(tmp_path, monkeypatch, file, differs):
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in PACKAGE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    def digest():
        for name in [name for name in sys.modules if name.partition(".")[0] == "ours"]:
            del sys.modules[name]
        importlib.invalidate_caches()
        return digest_of(importlib.import_module("ours.players").Mine)

    before = digest()
    importlib.import_module("ours.unrelated")  # whatever else has been imported
    assert digest_of(sys.modules["ours.players"].Mine) == before == digest()
    with (tmp_path / "ours" / f"{file}.py").open("a") as text:
        text.write("# changed\n")
    assert (digest() != before) == differs


def test_a_module_counts_as_it_was_imported_until_it_is_reloaded(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # which goes by seconds
    file = tmp_path / "a_module_of_mine.py"
    file.write_text("def act(history):\n    return 0\n")
    module = importlib.import_module("a_module_of_mine")
    before = digest_of(module.act)
    file.write_text("def act(history):\n    return 1\n")
    assert digest_of(module.act) == before
    assert digest_of(importlib.reload(module).act) != before


CELL = """
from dilemma.agents.strategy import Strategy

LIMIT = 2

def enough(count):
    return count < LIMIT

class Mine(Strategy):
    patience: int = 1
    learns = False

    def cooperate(self, me, own, other):
        return enough(me.other_defections)
"""


def cell(text, name="Mine"):
    """What a cell of a notebook defines: in no file."""
    main = types.ModuleType("__main__")
    exec(text, vars(main))
    return vars(main)[name]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("me.other_defections", "me.own_defections"),
        ("patience: int = 1", "patience: int = 2"),
        ("learns = False", "learns = True"),
        ("count < LIMIT", "count <= LIMIT"),
        ("LIMIT = 2", "LIMIT = 3"),
    ],
)
def test_a_class_of_a_notebook_that_is_defined_anew_has_another_digest(old, new):
    assert digest_of(cell(CELL)) == digest_of(cell(CELL.replace("\n\n", "\n\n\n")))
    assert digest_of(cell(CELL)) != digest_of(cell(CELL.replace(old, new)))


def test_functions_count_with_what_they_close_over():
    make = "def make(p):\n    def act(history):\n        return int(p < 1)\n    return act\n"
    low, again, high = (cell(f"{make}act = make({p})\n", "act") for p in (0.3, 0.3, 0.7))
    assert digest_of(low) == digest_of(again) != digest_of(high)
    partial = functools.partial
    assert digest_of(partial(low, limit=3)) == digest_of(partial(low, limit=3)) != digest_of(partial(low, limit=4))


def test_a_digest_is_the_same_in_every_process(tmp_path):
    (tmp_path / "script.py").write_text(
        f"{CELL}\nfrom dilemma.envs.source import digest_of\nprint(digest_of(Mine), digest_of(enough))\n"
    )
    said = {
        subprocess.run(
            [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(said) == 1
    assert len(said.pop().split()) == 2


def test_what_comes_with_this_package_has_none():
    assert digest_of(TitForTat) == ""
    assert CATALOGUE.digest("tit_for_tat", TitForTat()) == ""
    assert digest_of(importlib.import_module("json").loads) == ""


def test_an_installed_package_counts_with_its_version(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "a_plugin.py").write_text(
        'from dilemma.agents.automata import TitForTat\n\nclass Mine(TitForTat):\n    "Mine."\n'
    )
    information = tmp_path / "a_plugin-1.0.dist-info"
    information.mkdir()
    (information / "entry_points.txt").write_text("[dilemma.agents]\nmine = a_plugin:Mine\n")
    digests = []
    for version in ("1.0", "1.0", "1.1"):
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: a-plugin\nVersion: {version}\n")
        importlib.invalidate_caches()
        vars(CATALOGUE).pop("plugins", None)
        digests.append(CATALOGUE.digest("mine", CATALOGUE.build("mine", {})))
    vars(CATALOGUE).pop("plugins", None)
    assert digests[0] == digests[1] != digests[2]
