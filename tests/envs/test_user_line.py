"""The line of a user's file in which something was raised."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from dilemma import Tournament
from dilemma.envs.catalogue import load_object
from dilemma.envs.errors import DilemmaError
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.envs.user_line import user_line
from dilemma.tournament.config import load

AGENT = """
class Fragile:
    def act(self, history):
        return self.divided(len(history))

    def divided(self, number):
        return 0 * (1 // (number - 3))
"""


def raised(call):
    with pytest.raises(Exception) as caught:  # noqa: PT011 (any)
        call()
    return user_line(caught.value)


@pytest.fixture
def module(tmp_path):
    """A module of a user's own, from its text."""

    def made(text, name="mine.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        spec = importlib.util.spec_from_file_location("mine", path)
        found = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found)
        return found

    return made


def test_it_is_the_innermost_line_of_a_users_file(module):
    mine = module("import json\ndef outer():\n    inner()\ndef inner():\n    json.loads('{')\n")
    assert raised(mine.outer) == "mine.py, line 5, in inner"


def test_installed_packages_and_our_own_are_not_a_users(module):
    installed = module("def fail():\n    raise ValueError\n", "site-packages/theirs.py")
    assert raised(installed.fail).startswith("test_user_line.py, line ")
    mine = module("def call(it):\n    it()\n")
    assert raised(lambda: mine.call(installed.fail)) == "mine.py, line 2, in call"
    assert raised(lambda: mine.call(lambda: np.linalg.inv(np.zeros((2, 2))))).startswith(
        "test_user_line.py, line "
    )
    assert raised(lambda: mine.call(lambda: PrisonersDilemma(rounds=-1))).startswith("test_user_line.py")


def test_at_the_top_of_a_file_there_is_no_function(tmp_path):
    (tmp_path / "mine.py").write_text("x = 1\ny = x / 0\n")
    assert raised(lambda: load_object(f"{tmp_path}/mine.py:Mine")) == "mine.py, line 2"


def test_a_syntax_error_says_itself_where_it_is(tmp_path):
    (tmp_path / "mine.py").write_text("def f(:\n")
    assert raised(lambda: load_object(f"{tmp_path}/mine.py:Mine")) == ""


def test_a_failure_says_the_line_and_no_folder(tmp_path):
    path = tmp_path / "my_agent.py"
    path.write_text(AGENT)
    results = Tournament(["prisoners_dilemma"], {"mine": f"{path}:Fragile", "d": "all_d"}).run(tmp_path / "run")
    [failure] = results.failures
    said = "Fragile: ZeroDivisionError: integer division or modulo by zero (my_agent.py, line 7, in divided)"
    assert failure["reason"] == said
    kept = json.loads((tmp_path / "run" / "failures.jsonl").read_text())
    assert kept["reason"] == said
    assert said in results.report(tmp_path / "report").read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f(:\n", "SyntaxError: invalid syntax (mine.py, line 1)"),
        ("\nimport not_there\n", "ModuleNotFoundError: No module named 'not_there' (mine.py, line 2)"),
        ("def f():\n    return 1 / 0\nf()\n", "ZeroDivisionError: division by zero (mine.py, line 2, in f)"),
    ],
)
def test_a_file_that_can_not_be_loaded_says_the_line(tmp_path, text, said):
    (tmp_path / "mine.py").write_text(text)
    config = tmp_path / "config.toml"
    config.write_text('[[environments]]\nname = "prisoners_dilemma"\n[[agents]]\nname = "mine.py:Mine"\n')
    with pytest.raises(DilemmaError, match="fails to import: ") as error:
        load(str(Path(config)))
    assert said in str(error.value)
