"""Selectors, and strategies of two players that answer each neighbour on a graph."""

import pytest
import torch
from pydantic import ValidationError

from dilemma.agents.agent import Agent, Chairs, Observation, Player, Round
from dilemma.agents.by_link import ByLink
from dilemma.agents.learners.nets.encoding import OutcomeEncoder
from dilemma.agents.learners.tabular.q_learning import QLearning
from dilemma.agents.selectors import AvoidDefectors, OutForTat
from dilemma.envs.chance import Chance, derive
from dilemma.envs.graphs import OwnEdges, Ring
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.envs.neighbourhood import Neighbours
from dilemma.envs.spatial_dilemma import SpatialDilemma
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

STAR = OwnEdges(edges=((0, 1), (0, 2), (0, 3)))
"""Site 0 in the middle."""


class Script(Agent):
    """Plays a script, one text for each seat."""

    source = "tests"
    moves: tuple[str, ...]

    def refuses(self, game):
        return None

    def sit(self, chairs):
        script = [["CD".index(move) for move in self.moves[seat]] for seat in chairs.seat.tolist()]
        return ScriptPlayer(torch.tensor(script))


class ScriptPlayer(Player):
    def __init__(self, script):
        self._script = script

    def act(self, observation: Observation):
        return self._script[:, observation.round, None]


class Actions:
    def __init__(self):
        self.all = []

    def record(self, played):
        self.all.append(played.step.action.clone())


def in_the_middle(agent, *others, selection=True):
    """The actions of an agent in the middle of a star, by round."""
    rounds = len(others[0])
    game = SpatialDilemma(graph=STAR, selection=selection, rounds=rounds)
    watch = Actions()
    agents = [agent, Script(moves=("C" * rounds, *others))]
    play(game, agents, torch.tensor([[0, 1, 1, 1]]), derive(torch.arange(1), 0), recorders=[watch])
    return [action[0, 0, 0].item() for action in watch.all]


def refusing(*neighbours):
    return sum(2 << neighbour for neighbour in neighbours)


@pytest.mark.parametrize(
    ("agent", "actions"),
    [
        (AvoidDefectors(), [0, refusing(0), 0, refusing(1), refusing(1)]),
        (AvoidDefectors(rounds=2), [0, refusing(0), refusing(0), refusing(1), refusing(1)]),
        (OutForTat(), [0, refusing(0), refusing(0), refusing(0, 1), refusing(0, 1)]),
        # Two tats in a row, from the second neighbour.
        (ByLink(strategy="tit_for_two_tats"), [0, 0, 0, 0, refusing(1)]),
        (ByLink(strategy="grudger"), [0, refusing(0), refusing(0), 1, 1]),
        (ByLink(strategy="all_d"), [1, 1, 1, 1, 1]),
        (ByLink(strategy="suspicious_tit_for_tat"), [1, refusing(0), 0, refusing(1), refusing(1)]),
    ],
    ids=str,
)
def test_whom_they_refuse(agent, actions):
    assert in_the_middle(agent, "DCCCC", "CCDDC", "CCCCC") == actions


def test_a_majority_of_answers_is_the_move_where_nobody_can_be_refused():
    tit_for_tat = ByLink()
    assert in_the_middle(tit_for_tat, "DDCC", "CDDC", "CCDC", selection=False) == [0, 0, 1, 1]


def test_stochastic_strategies_draw_for_each_neighbour():
    """Of two neighbours none, the first, the second, or both are answered D; bound: 4 standard errors."""
    game = SpatialDilemma(graph=Ring(size=3), rounds=1, selection=True)
    watch = Actions()
    cast, keys = torch.zeros(2000, 3, dtype=torch.int64), derive(torch.arange(2000), 0)
    play(game, [ByLink(strategy="random", parameters={"p": 0.5})], cast, keys, recorders=[watch])
    for action in (0, refusing(0), refusing(1), 1):
        assert abs((watch.all[0] == action).double().mean() - 1 / 4) < 0.023


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        ("q_learning", "q_learning learns, and can't hold a memory for each neighbour"),
        ("tit_for_tatt", "there is no agent 'tit_for_tatt'"),
    ],
)
def test_who_can_not_answer_each_neighbour(strategy, words):
    with pytest.raises(ValidationError, match=words):
        ByLink(strategy=strategy)


def test_where_they_do_not_play():
    assert "alone" in ByLink().refuses(PrisonersDilemma())
    assert "here nobody can" in OutForTat().refuses(SpatialDilemma())
    assert ByLink(strategy="fictitious_play").refuses(SpatialDilemma()) is None


@pytest.mark.parametrize("selection", [False, True])
def test_a_tabular_learner_goes_by_its_move_and_how_many_neighbours_defected(selection):
    game = SpatialDilemma(graph=STAR, selection=selection, rounds=2)
    chairs = Chairs(game, torch.tensor([0, 1]), Chance.at_tables(torch.arange(2), 1))
    encoder = OutcomeEncoder(chairs)
    assert encoder.states == 1 + 2 * (3 + 1)
    encoder.begin()
    move = torch.tensor([[[1], [0], [1], [1]]])
    refuses = torch.tensor([[[refusing(1)], [refusing(0)], [0], [0]]]) if selection else 0
    _, step = game.step(game.reset(1, 1, Chance.at_tables(torch.arange(1), 1)), move + refuses, chairs.chance)
    encoder.observe(Round(step, chairs.seat, Neighbours(game, chairs.seat)))
    middle, first = encoder.state.flatten().tolist()
    assert (middle, first) == (1 + 1 * 4 + 2, 1 + 0 * 2 + 1)


@pytest.mark.parametrize("selection", [False, True])
def test_tabular_learners_learn_on_a_lattice_what_dominates(selection):
    """Each link pays 1 to a defector, whatever the other does; a cooperator pays 1."""
    game = SpatialDilemma(graph=Ring(size=8), payoffs=(-1, -1, 1, 1), selection=selection, rounds=20)
    agent = QLearning(learning_rate=0.2, learning_rate_decay=0.0, discount=0.0, epsilon=0.1)
    cast = torch.zeros(1, 8, dtype=torch.int64)
    curves = play(game, [agent], cast, torch.arange(1), Protocol(tables=8, episodes=40)).curves
    late = {name: float(values[-10:].mean()) for name, values in curves.items()}
    assert late["cooperation"] < 0.15
    assert late["payoff"] > 1.0
