"""Imitators on graphs: their rules, their memory, and how much cooperation they keep up on a lattice."""

import math

import pytest
import torch

from dilemma.agents.experience import Experience, memory_length
from dilemma.agents.imitators import BestNeighbour, Fermi, Proportional
from dilemma.envs.chance import Chance, derive
from dilemma.envs.graphs import Lattice, Ring
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.envs.spatial_dilemma import SpatialDilemma
from dilemma.tournament.arena import play


class Moves:
    """Records moves [round, match, seat]."""

    def __init__(self):
        self.rounds = []

    def record(self, played):
        self.rounds.append(played.step.action[..., 0].clone())


def moves(game, agent, matches=1, key=0):
    watch = Moves()
    keys = derive(torch.arange(matches), key)
    play(game, [agent], torch.zeros(matches, game.seats, dtype=torch.int64), keys, recorders=[watch])
    return torch.stack(watch.rounds)


def test_memory_length():
    assert [memory_length(alpha) for alpha in (0, 0.3, 0.6)] == [1, 2, 4]


def test_clean_experience():
    memory, rewards = Experience(0.5, "clean"), (8.0, 4.0, 2.0, 1.0, 0.0)
    found = [float(memory.add(torch.tensor(reward))) for reward in rewards]
    assert found[:2] == pytest.approx([8, (4 + 8 / 2) / 1.5])
    # 0.5, 0.25, 0.0625, 0.0039: three rounds are remembered.
    assert found[4] == pytest.approx((0 + 1 / 2 + 2 / 4 + 4 / 8) / (1 + 1 / 2 + 1 / 4 + 1 / 8))


def test_published_experience_counts_a_round_twice():
    memory = Experience(0.3, "published")
    first = float(memory.add(torch.tensor(3.0)))
    second = float(memory.add(torch.tensor(1.0)))
    assert first == pytest.approx((3 + 0.3 * 3) / 1.3)
    assert second == pytest.approx((1 + 0.3 * 1 + 0.09 * first) / 1.39)


def test_imitators_start_as_the_environment_says():
    disc = SpatialDilemma(graph=Lattice(rows=7, columns=7), start="disc", cooperators=9 / 49, rounds=1)
    [first] = moves(disc, Fermi())
    assert (first == disc.reset(1, 1, Chance.at_tables(torch.arange(1), 1)).tensors["action"][..., 0]).all()
    assert (first == 0).sum() == 9


@pytest.mark.parametrize(
    ("b", "after"),
    [  # On a ring of CCDCCCC D earns 2b, its neighbours 1, and theirs 2.
        (1.2, "CDDDCCC"),
        (0.9, "CCDCCCC"),
    ],
)
def test_the_best_neighbour_is_imitated(b, after):
    game = SpatialDilemma(graph=Ring(size=7), payoffs=(1, 0, b, 0), rounds=2)
    state = game.reset(1, 1, Chance.at_tables(torch.arange(1), 1))
    state.tensors["action"].zero_()
    state.tensors["memory"].zero_()
    state.tensors["memory"][0, 2, 0, 0] = 1

    class Started(SpatialDilemma):
        def begin(self, matches, tables, chance, episode):
            return state

    game = Started.model_validate(game.model_dump())
    assert "".join("CD"[move] for move in moves(game, BestNeighbour())[1, 0].tolist()) == after


@pytest.mark.parametrize(
    ("agent", "turns"),
    [  # A defector among two cooperators in a triangle earns 1.5 and each of them 2; at most there are 3 to earn.
        (Fermi(temperature=0.5), 1 / (1 + math.exp((1.5 - 2) / 0.5))),
        (Fermi(temperature=1e-6), 1.0),
        (Proportional(), (2 - 1.5) / 3),
    ],
)
def test_how_often_a_better_neighbour_is_imitated(agent, turns):
    game = SpatialDilemma(graph=Ring(size=3), payoffs=(1.5, 0.5, 0.75, 0), rounds=2)
    played = moves(game, agent, matches=6000)
    lone = (played[0].sum(1) == 1)[:, None] & (played[0] == 1)
    turned = (played[1] == 0)[lone].double()
    assert len(turned) > 2000  # so that 0.045 is more than 4 standard errors
    assert abs(turned.mean() - turns) < 0.045


CELLS = [
    # Mean of the last quarter of 400 generations of 5 lattices. A deviation of 0.06 is 4 standard errors.
    (Fermi(), 1.0, 0.558),
    (Fermi(alpha=0.3), 1.05, 0.780),
    (Fermi(alpha=0.3, memory="published"), 1.10, 0.0),
]


@pytest.mark.parametrize(("agent", "b", "known"), CELLS)
def test_cooperation_of_fermi_imitation_agrees_with_an_independent_implementation(agent, b, known):
    game = SpatialDilemma(graph=Lattice(rows=30, columns=30), payoffs=(1, 0, b, 0), rounds=400)
    cooperation = (moves(game, agent, matches=5, key=7)[300:] == 0).double().mean()
    assert abs(cooperation - known) < 0.06


def test_imitators_play_on_graphs_alone():
    assert Fermi().refuses(PrisonersDilemma()) == "imitates neighbours in spatial_dilemma alone"
