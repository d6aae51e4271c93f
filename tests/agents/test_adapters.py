"""Plain Python agents, and the Axelrod library's."""

import builtins
import math
import multiprocessing
import pickle
import random

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from dilemma.agents import CATALOGUE, axelrod_library
from dilemma.agents.adapters import agent_of
from dilemma.agents.automata import TitForTat
from dilemma.agents.axelrod_library import AxelrodLibrary
from dilemma.agents.plain import PlainAgent
from dilemma.envs.errors import DilemmaError
from dilemma.envs.matrix_game import BattleOfTheSexes, PrisonersDilemma, RockPaperScissors
from dilemma.envs.n_player_ipd import NPlayerIPD
from dilemma.testing import Probe
from dilemma.tournament.arena import AgentError, play
from dilemma.tournament.protocol import Protocol

NOISY = PrisonersDilemma(rounds=40, noise=0.1, misperception=0.05)


def payoffs(agent, other, game=NOISY, matches=6, tables=2):
    cast = torch.tensor([[0, 1], [1, 0]]).repeat(matches // 2, 1)
    return play(game, [agent, other], cast, torch.arange(matches), Protocol(tables)).payoff


def copy_last(history):
    return history[-1][1] if history else 0


def coin(history, rng: random.Random):
    return rng.randrange(2)


def majority(history):
    return int(bool(history) and sum(history[-1][1:]) * 2 > len(history[-1]) - 1)


class Patient:
    """Defects once the other has defected `patience` times."""

    def __init__(self, patience: int = 2):
        self.left = patience

    def act(self, history):
        self.left -= bool(history) and history[-1][1]
        return int(self.left <= 0)


def test_a_plain_function_plays_as_the_native_agent():
    assert torch.equal(payoffs(PlainAgent(function=copy_last), Probe()), payoffs(TitForTat(), Probe()))


def test_a_class_is_made_anew_for_every_chair_and_table():
    patient = PlainAgent(function=Patient, parameters={"patience": 1})
    native = CATALOGUE.build("grudger", {})
    assert torch.equal(payoffs(patient, Probe()), payoffs(native, Probe()))
    assert not torch.equal(payoffs(PlainAgent(function=Patient), Probe()), payoffs(native, Probe()))


def test_a_match_gives_the_same_bits_whoever_else_plays():
    together = payoffs(PlainAgent(function=coin), PlainAgent(function=coin))
    cast = torch.tensor([[1, 0]])
    alone = play(NOISY, [PlainAgent(function=coin)] * 2, cast, torch.tensor([3]), Protocol(2)).payoff
    assert torch.equal(together[3:4], alone)
    assert len(together.flatten().unique()) > 12  # chairs and tables draw apart


def test_a_plain_agent_sees_all_others_in_games_of_many():
    game = NPlayerIPD(players=4, rounds=3)
    always = [PlainAgent(function=majority), CATALOGUE.build("all_d", {})]
    played = play(game, always, torch.tensor([[0, 1, 1, 0], [0, 0, 0, 1]]), torch.arange(2))
    assert played.cooperation[:, :, 0].tolist() == [[1, 0, 0, 1], [3, 3, 3, 0]]


def test_a_plain_agent_is_named_by_its_import_string(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def act(history):\n    return 1\n")
    agent = CATALOGUE.build(f"{path}:act", {})
    assert agent == PlainAgent(function=f"{path}:act")
    assert payoffs(agent, agent, PrisonersDilemma(rounds=5)).unique().tolist() == [5]
    assert PlainAgent(function=copy_last).model_dump() == PlainAgent(function=copy_last).model_dump(mode="json")


def test_an_object_with_an_import_string_is_the_same_agent():
    from json import loads

    assert PlainAgent(function=loads) == PlainAgent(function="json:loads")
    assert pickle.loads(pickle.dumps(PlainAgent(function=loads))) == PlainAgent(function=loads)


def test_a_function_without_import_string_plays_but_has_no_json():
    agent = PlainAgent(function=lambda history: 0)
    assert payoffs(agent, agent, PrisonersDilemma(rounds=5)).unique().tolist() == [15]
    with pytest.raises(ValueError, match="no import string"):
        agent.model_dump(mode="json")


def test_a_parameter_may_be_infinite():
    agent = PlainAgent(function=Patient, parameters={"patience": [math.inf, 1.0]})
    assert agent.model_dump(mode="json")["parameters"] == {"patience": [math.inf, 1.0]}


def test_parameters_hash_whatever_their_order():
    one = PlainAgent(function=Patient, parameters={"b": [1, 2], "a": "x"})
    other = PlainAgent(function=Patient, parameters={"a": "x", "b": (1, 2)})
    assert one == other
    assert hash(one) == hash(other)
    assert PlainAgent.model_validate(one.model_dump(mode="json")) == one
    with pytest.raises(ValidationError):
        PlainAgent(function=Patient, parameters={"a": {"b": 1}})


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda history: 2, "returned 2 in round 1; allowed are the actions 0 to 1"),
        (lambda history: 0 if len(history) < 4 else -1, "returned -1 in round 5"),
        (lambda history: 0.5, "returned 0.5 in round 1"),
        (lambda history: 1.0, "returned 1.0 in round 1; allowed are the actions 0 to 1, as whole numbers"),
        (lambda history: None, "returned None in round 1"),
        (lambda history: "C", "returned 'C' in round 1; allowed are the actions 0 to 1, as whole numbers"),
        (lambda history: np.array([0, 1]), "allowed are the actions 0 to 1, as whole numbers"),
        (lambda history: np.float64(1), "allowed are the actions 0 to 1, as whole numbers"),
        (lambda history, memory: 0, "can't be called as act(history): missing a required argument: 'memory'"),
        (dict, "has no method act"),
        ("json:__doc__", "neither a function nor a class"),
    ],
)
def test_what_is_no_agent_says_so(function, says):
    with pytest.raises(AgentError) as raised:
        payoffs(PlainAgent(function=function), TitForTat())
    assert isinstance(raised.value.__cause__, DilemmaError)
    assert says in str(raised.value.__cause__)


@pytest.mark.parametrize("action", [1, True, np.int8(1), np.bool_(True), np.array(1), np.array(True)])
def test_actions_are_whole_numbers_and_bools_of_python_and_numpy(action):
    agent = PlainAgent(function=lambda history: action)
    assert payoffs(agent, agent, PrisonersDilemma(rounds=5)).unique().tolist() == [5]


def test_an_agent_that_changes_its_history_changes_only_its_own_copy():
    def pops(history):
        return history.pop()[1] if history else 0

    assert torch.equal(payoffs(PlainAgent(function=pops), Probe()), payoffs(TitForTat(), Probe()))


def test_an_object_that_plays_is_copied_for_every_match():
    counter = Patient(2)
    played = payoffs(PlainAgent(function=counter.act), Probe())
    assert torch.equal(played, payoffs(PlainAgent(function=Patient), Probe()))
    assert counter.left == 2


def test_tit_for_tat_through_the_library_is_tit_for_tat(axelrod):
    theirs = CATALOGUE.build("axelrod:TitForTat", {})
    assert theirs == AxelrodLibrary(strategy="TitForTat")
    assert torch.equal(payoffs(theirs, Probe()), payoffs(TitForTat(), Probe()))


def test_chance_in_the_library_is_ours(axelrod):
    coin = AxelrodLibrary(strategy="Random", parameters={"p": 0.4})
    together = payoffs(coin, coin)
    alone = play(NOISY, [coin], torch.tensor([[0, 0]]), torch.tensor([3]), Protocol(2)).payoff
    assert torch.equal(together[3:4], alone)
    assert len(together.flatten().unique()) > 12


def test_the_library_is_told_length_payoffs_and_noise(axelrod, monkeypatch):
    told = []
    monkeypatch.setattr(
        axelrod.TitForTat, "set_match_attributes", lambda self, *given: told.append(given), raising=False
    )
    agent = AxelrodLibrary(strategy="TitForTat")
    game = BattleOfTheSexes(rounds=7, noise=0.25)
    play(game, [agent], torch.zeros(1, 2, dtype=torch.int64), torch.arange(1))
    play(PrisonersDilemma(continuation=0.5), [agent], torch.zeros(1, 2, dtype=torch.int64), torch.arange(1))
    told = [(length, tuple(payoffs.RPST()), noise) for length, payoffs, noise in filter(None, told)]
    assert told == [(7, (3, 2, 0, 0), 0.25), (7, (2, 3, 0, 0), 0.25), *[(float("inf"), (3, 1, 0, 5), 0)] * 2]


@pytest.mark.parametrize(
    ("strategy", "parameters", "says"),
    [
        ("Darwin", {}, "reads its opponent's code and changes its opponent's state, which is not allowed"),
        ("MetaMinority", {"team": ["TitForTat", "Darwin"]}, "reads its opponent's code"),
        ("tit_for_tat", {}, "; the nearest is TitForTat"),
        ("NothingOfTheKind", {}, "is no strategy of the Axelrod library"),
        ("Random", {"q": 0.5}, "unexpected keyword argument 'q'"),
        ("FSMPlayer", {"transitions": [[1, "C", 1, "C"]]}, "can't be made with these parameters (ValueError"),
        ("Action", {}, "is no player of the Axelrod library, nor derived from one"),
        ("json:loads", {}, "is no player of the Axelrod library, nor derived from one"),
        ("json:nothing", {}, "can't be imported (json has no 'nothing'"),
    ],
)
def test_the_library_refuses(axelrod, strategy, parameters, says):
    agent = AxelrodLibrary(strategy=strategy, parameters=parameters)
    assert says in agent.refuses(PrisonersDilemma())
    with pytest.raises(AgentError) as raised:
        payoffs(agent, TitForTat())
    assert isinstance(raised.value.__cause__, DilemmaError)


@pytest.mark.parametrize(
    ("strategy", "parameters", "moves"),
    [
        ("Cycler", {"cycle": "CCD"}, "CCDCCDCC"),
        ("MockPlayer", {"actions": ["C", "D", "D"]}, "CDDCDDCD"),
        ("MemoryOnePlayer", {"four_vector": [1, 0, 1, 0], "initial": "D"}, "DCDCDCDC"),
        ("FSMPlayer", {"transitions": [[1, "C", 2, "D"], [1, "D", 1, "C"], [2, "C", 1, "C"], [2, "D", 2, "D"]],
                       "initial_state": 2, "initial_action": "D"}, "DCCDDCCD"),
        ("MetaMajority", {"team": ["Cooperator", "Defector", "Defector"]}, "DDDDDDDD"),
    ],
)  # fmt: skip
def test_parameters_of_the_library_are_given_as_toml_has_them(axelrod, strategy, parameters, moves):
    """Against CDCDCDCD; by hand."""
    agent = AxelrodLibrary(strategy=strategy, parameters=parameters)
    assert AxelrodLibrary.model_validate(agent.model_dump(mode="json")) == agent
    assert shown(agent) == moves


def shown(agent):
    """Eight moves against CDCDCDCD."""
    histories = []

    def alternates(history):
        histories.append(history)
        return len(history) % 2

    players = [agent, PlainAgent(function=alternates)]
    play(PrisonersDilemma(rounds=9), players, torch.tensor([[0, 1]]), torch.arange(1))
    return "".join("CD"[other] for own, other in histories[-1])


PATIENT = """
import axelrod


class Patient(axelrod.Player):
    name = "Patient"
    classifier = {"stochastic": False}

    def __init__(self, patience=3):
        super().__init__()
        self.patience = patience

    def strategy(self, opponent):
        return axelrod.Action.D if opponent.defections >= self.patience else axelrod.Action.C


class Letters(Patient):
    def strategy(self, opponent):
        return "C"
"""


@pytest.mark.parametrize("name", ["{file}:Patient", "axelrod:{file}:Patient", "axelrod:my_player:Patient"])
def test_ones_own_player_class_plays_by_file_and_by_module(axelrod, tmp_path, monkeypatch, name):
    file = tmp_path / "my_player.py"
    file.write_text(PATIENT)
    monkeypatch.syspath_prepend(tmp_path)
    agent = CATALOGUE.build(name.format(file=file), {"patience": 2})
    assert shown(agent) == "CCCCDDDD"
    assert CATALOGUE.build(CATALOGUE.name_of(agent), {"patience": 2}) == agent
    letters = AxelrodLibrary(strategy=f"{file}:Letters")
    with pytest.raises(AgentError) as raised:
        shown(letters)
    assert "returned 'C' in round 1; allowed: axelrod.Action.C or D" in str(raised.value.__cause__)


def test_players_of_the_library_are_handed_over_as_they_are(axelrod):
    action = axelrod.Action
    fsm = axelrod.FSMPlayer(((1, action.C, 1, action.D), (1, action.D, 1, action.C)), 1, action.D)
    for player, moves in (
        (axelrod.Cycler("CCD"), "CCDCCDCC"),
        (axelrod.Alternator, "CDCDCDCD"),
        (axelrod.GoByMajority(memory_depth=float("inf"), soft=False), "DCDCDCDC"),
        (axelrod.GoByMajority(memory_depth=1), "CCDCDCDC"),
        (axelrod.MetaMajority(team=[axelrod.Cooperator, axelrod.Defector, axelrod.Defector]), "DDDDDDDD"),
        (fsm, "DDCDCDCD"),
    ):
        agent = agent_of(player)
        assert shown(agent) == moves
        name = CATALOGUE.name_of(agent)
        assert CATALOGUE.build(name, CATALOGUE.parameters(name, agent)) == agent

    class Sulks(axelrod.Player):
        def strategy(self, opponent):
            return action.D

    assert shown(agent_of(Sulks())) == shown(agent_of(Sulks)) == "DDDDDDDD"


def test_the_library_plays_two_by_two_only():
    agent = AxelrodLibrary(strategy="TitForTat")
    assert agent.refuses(RockPaperScissors()) == "knows two actions, cooperate and defect"
    assert agent.refuses(NPlayerIPD()) == "plays games of two, not of 3"


def test_the_librarys_absence_says_how_to_install_it(monkeypatch):
    def without(name, *given):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(axelrod_library.importlib, "import_module", without)
    axelrod_library._library.cache_clear()
    axelrod_library._find.cache_clear()
    with pytest.raises(DilemmaError, match=r"pip install 'dilemma-tournaments\[axelrod\]'"):
        AxelrodLibrary(strategy="TitForTat").refuses(PrisonersDilemma())


def test_importing_the_library_leaves_the_start_method_alone(monkeypatch):
    def importing(name):
        multiprocessing.set_start_method("spawn", force=True)
        return builtins

    before = multiprocessing.get_start_method(allow_none=True)
    monkeypatch.setattr(axelrod_library.importlib, "import_module", importing)
    axelrod_library._library.cache_clear()
    axelrod_library._library()
    assert multiprocessing.get_start_method(allow_none=True) == before
    axelrod_library._library.cache_clear()
