"""What Python hands to a Tournament: checked as a config is, played whatever it is, kept if it has a name."""

import functools
import subprocess
import sys
import types
from dataclasses import dataclass

import numpy as np
import pytest
from pydantic import Field

from dilemma import Tournament
from dilemma.agents.automata import TitForTat
from dilemma.agents.memory_one import MemoryOne
from dilemma.agents.plain import PlainAgent
from dilemma.agents.strategy import Strategy
from dilemma.envs.errors import DilemmaError
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.tournament.config import load
from dilemma.tournament.config_file import ConfigError

AGENTS = ["tit_for_tat", "random", "all_d"]


def tournament(agents=AGENTS, environments=("prisoners_dilemma",), **given):
    return Tournament(environments, agents, **given)


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"seed": "a"}, "seed"),
        ({"repetitions": 0}, "schedule.repetitions"),
        ({"repetitions": 2.0}, "schedule.repetitions"),
        ({"repetitions": "many"}, "schedule.repetitions"),
        ({"self_play": "no"}, "schedule.self_play"),
        ({"background": ["nobody"]}, "schedule.background"),
        ({"background": "all_d"}, "schedule.background"),
        ({"background": {"all_d": 0.0}}, "schedule.background"),
        ({"mode": "exactly"}, "evaluation.mode"),
        ({"jobs": 0}, "execution.jobs"),
        ({"timeout": -1}, "execution.timeout"),
        ({"analysis": {"top": 0}}, "analysis.top"),
        ({"analysis": {"tops": 3}}, "analysis.tops"),
        ({"learning": {"tables": 0}}, "learning.tables"),
        ({"name": ""}, "name"),
    ],
)
def test_a_mistake_is_told_as_in_a_config(tmp_path, given, key):
    import tomli_w

    with pytest.raises(ConfigError) as from_python:
        tournament(**given)
    [(argument, value)] = given.items()
    section, _, name = key.rpartition(".")
    table = value if argument == section else {name: value}
    asked = {
        "environments": [{"name": "prisoners_dilemma"}],
        "agents": [{"name": name} for name in AGENTS],
        **({section: table} if section else table),
    }
    path = tmp_path / "config.toml"
    path.write_text(tomli_w.dumps(asked))
    with pytest.raises(ConfigError) as from_config:
        load(str(path))
    sentence = from_config.value.mistakes[0].sentence
    assert str(from_python.value).splitlines()[0] == "Tournament(...) has 1 mistake:"
    where = argument if argument != section else f"{argument}.{next(iter(value))}"
    assert [line.partition("[")[0] for line in str(from_python.value).splitlines()[1:]] == [
        f"  {where}: {sentence}".partition("[")[0]
    ]


@pytest.mark.parametrize(
    ("agents", "said"),
    [
        ({1: "tit_for_tat", "b": "random"}, "agents[0].label: found 1; allowed: a text in quotes"),
        ({"": "tit_for_tat", "b": "random"}, "agents[0].label: found ''; allowed: a text that is not empty"),
        ({"x" * 81: "tit_for_tat", "b": "random"}, "allowed: a text of at most 80 characters"),
        (["random", "random"], "agents[1]: the label 'random' is taken by agents[0]"),
        ([], "agents: found an empty list; allowed: one or more"),
        ("tit_for_tat", "agents: found 'tit_for_tat'; allowed: a list"),
        (TitForTat(), "agents: found TitForTat(); allowed: a list"),
        (["tft", "random"], "agents[0].name: there is no agent 'tft'; did you mean tit_for_tat?"),
        ([3, "random"], "agents[0].name: found 3; allowed: an agent, the name of one, a function, or a class"),
        ([dict, "random"], "found <class 'dict'>; allowed: an agent"),
        ([MemoryOne, "random"], "agents[0].p: 'p' is missing"),
        ([PrisonersDilemma(), "random"], "allowed: an agent"),
        ([lambda history, memory: 0, "random"], "<lambda> can't be called as act(history): missing a required"),
    ],
)
def test_what_is_no_list_of_agents_is_refused_in_a_sentence(agents, said):
    with pytest.raises(ConfigError) as refused:
        tournament(agents)
    assert said in str(refused.value)
    assert "Tournament(...) has 1 mistake:" in str(refused.value)


def test_what_is_no_environment_is_refused_in_a_sentence():
    for given in (PrisonersDilemma(), "prisoners_dilemma"):
        with pytest.raises(ConfigError, match=r"environments: found .*; allowed: a list"):
            tournament(environments=given)
    with pytest.raises(ConfigError, match="found <class 'dict'>; allowed: an environment, or the name of one"):
        tournament(environments=[dict])


def test_every_mistake_is_told_at_once():
    with pytest.raises(ConfigError, match="has 3 mistakes") as refused:
        tournament([TitForTat(), "tft"], seed=-1, mode="exactly")
    assert "seed: found -1" in str(refused.value)


def test_numbers_of_numpy_are_numbers():
    given = {"seed": np.int64(3), "repetitions": np.int32(2), "background": ("all_d",), "jobs": np.int8(1)}
    config = tournament(mode="played", analysis={"margin": np.float64(0.1)}, **given).plan
    given = {"seed": 3, "repetitions": 2, "background": ["all_d"], "jobs": 1}
    assert config == tournament(mode="played", analysis={"margin": 0.1}, **given).plan
    assert type(config.seed) is int


def test_learners_learn_for_as_long_as_is_said():
    learning = {"tables": 4, "episodes": 3, "window": 2, "block": 2}
    made = tournament(["q_learning", "all_c"], [PrisonersDilemma(rounds=3)], learning=learning, repetitions=2)
    plan = made.plan
    assert (plan.learning.tables, plan.learning.episodes, plan.learning.window, plan.learning.block) == (
        4,
        3,
        2,
        2,
    )
    curves = made.run().curves
    assert curves["point"].max() == 2


def grudger(history):
    """A plain function of a module."""
    return int(any(other for own, other in history))


class Impatient:
    """A plain class of a module."""

    def __init__(self, patience: int = 1):
        self.patience = patience

    def act(self, history):
        return int(sum(other for own, other in history) >= self.patience)


class Sulk(Strategy):
    """An agent of a module."""

    patience: int = Field(1, ge=1)

    def cooperate(self, me, own, other):
        return me.other_defections < self.patience


def limited(history, limit):
    return int(sum(other for own, other in history) >= limit)


def closure(limit):
    def act(history):
        return limited(history, limit)

    return act


class Local(Sulk):
    """Stands for a class that is made in a function."""


@dataclass
class Limit:
    """A plain object that can be called, and has no hash."""

    most: int

    def __call__(self, history):
        return limited(history, self.most)


LIKE_GRUDGER = {
    "function": grudger,
    "lambda": lambda history: int(any(other for own, other in history)),
    "closure": closure(1),
    "partial": functools.partial(limited, limit=1),
    "method": Impatient(1).act,
    "callable object": Limit(1),
    "class": Impatient,
    "agent class": Sulk,
    "plain agent": PlainAgent(function=closure(1)),
}


@pytest.mark.parametrize("jobs", [1, 2])
def test_whatever_plays_like_grudger_earns_what_grudger_earns(jobs):
    """All of them at once, and with several workers, which know nothing of this module."""
    rivals = {"alternator": "alternator", "tit_for_tat": "tit_for_tat"}
    game = PrisonersDilemma(rounds=20)
    given = {"mode": "played", "jobs": jobs, "chunk": 8}
    results = tournament(LIKE_GRUDGER | rivals, [game], **given).run()
    assert not [failure["reason"] for failure in results.failures]
    payoffs = results.payoffs
    wanted = tournament({"grudger": "grudger"} | rivals, [game], mode="played").run().payoffs
    wanted = wanted[wanted["agent"] == "grudger"].set_index("opponent")["payoff"]
    for label in LIKE_GRUDGER:
        own = payoffs[payoffs["agent"] == label].set_index("opponent")["payoff"]
        assert {name: own[name] for name in rivals} == {name: wanted[name] for name in rivals}, label


def test_what_has_a_name_is_kept_under_it_and_the_rest_is_refused_before_anything_is_played(tmp_path):
    named = {label: LIKE_GRUDGER[label] for label in ("function", "class", "agent class")}
    tournament(named).run(tmp_path / "named")
    assert "test_arguments:grudger" in (tmp_path / "named" / "config.toml").read_text()
    again = r"can't keep what it can't name again: lambda is .*; closure is "
    with pytest.raises(DilemmaError, match=again) as refused:
        tournament(LIKE_GRUDGER).run(tmp_path / "run")
    for label in ("lambda", "closure", "partial", "method", "plain agent"):
        assert f"{label} is " in str(refused.value)
    assert "function is " not in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_an_environment_that_a_function_makes_plays_and_is_not_kept(tmp_path):
    class Kind(PrisonersDilemma):
        """Pays one more."""

        def rewards(self, done, state):
            return super().rewards(done, state) + 1

    made = tournament(["all_c", "all_d"], {"kind": Kind(rounds=4)}, mode="played", jobs=2, chunk=1)
    assert made.run().seats["payoff"].tolist() == [1, 6]
    with pytest.raises(DilemmaError, match="can't keep what it can't name again: kind is "):
        made.run(tmp_path / "run")


CELL = """
def act(history):
    return helper(history)

def helper(history):
    return int(any(other for own, other in history))
"""


@pytest.mark.parametrize("registered", [False, True])
def test_code_that_no_worker_can_import_travels(registered, monkeypatch):
    """As a cell of a notebook, or a module loaded by hand, is run."""
    module = types.ModuleType("submission_17")
    if registered:
        monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(CELL, vars(module))
    given = {"mode": "played", "jobs": 2, "chunk": 1}
    results = tournament({"cell": module.act, "a": "alternator", "d": "all_d"}, **given).run()
    assert not [failure["reason"] for failure in results.failures]
    assert len(results.seats) == 6


SCRIPT = """
from dilemma import Tournament

def grudger(history):
    return int(any(other for own, other in history))

if __name__ == "__main__":
    given = {"mode": "played", "jobs": 2, "chunk": 1}
    made = Tournament(["prisoners_dilemma"], {"mine": grudger, "a": "alternator", "d": "all_d"}, **given)
    for folder in ("run", "run"):
        print(len(made.run(folder).seats))
"""


def test_a_function_of_a_script_plays_is_kept_and_goes_on(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["6", "6"], done.stderr
    with pytest.raises(DilemmaError, match="'grudger' is defined in a script or a notebook: only that finds it"):
        load(str(tmp_path / "run" / "config.toml"))
