"""Deep Q-learning: what it remembers, its targets by hand, and games whose values are known."""

from __future__ import annotations

import pytest
import torch

from dilemma.agents.agent import Chairs, Observation, Round
from dilemma.agents.automata import TitForTat
from dilemma.agents.learners.deep_q.dqn import DQN
from dilemma.agents.learners.deep_q.q_network import QNetwork
from dilemma.agents.learners.deep_q.round_replay import RoundReplay
from dilemma.envs.chance import Chance, derive
from dilemma.envs.cleanup import Cleanup
from dilemma.envs.coins import Coins
from dilemma.envs.matrix_game import MatrixGame, PrisonersDilemma
from dilemma.testing import check_agent
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

torch.set_num_threads(1)
CLEANUP = Cleanup(players=2, layout="S.~W\n.AW~\nSA.S", rounds=8, delay=2, away=3)
QUICK = {"hidden": (32,), "exploration": 100, "every": 1, "learning_rate": 0.005, "copy_every": 20}


def one_by_one(memory, kept):
    """Every transition of the memory, newest first [chair, transition]."""
    middles = (torch.arange(kept, dtype=torch.float64) + 0.5) / kept
    return memory.draw(middles.expand(2, -1))


def test_a_round_is_followed_by_the_next_one_of_its_episode():
    memory = RoundReplay(5)
    for round in range(8):
        view = torch.tensor([[round], [10 + round]])
        playing = torch.tensor([[True], [round != 4]])  # the second chair's match is over before round 4
        memory.see(view, None, follows=round not in (0, 3, 6))
        memory.do(view % 7, view.double(), playing, last=round == 5)
    # Of eight rounds the last five are kept, and what follows the newest of them is not known yet.
    drawn = one_by_one(memory, memory.kept)
    assert drawn.view.tolist() == [[6, 5, 4, 3], [16, 15, 14, 13]]
    assert drawn.action.tolist() == [[6, 5, 4, 3], [2, 1, 0, 6]]
    assert drawn.reward.tolist() == drawn.view.tolist()
    assert drawn.after.tolist() == [[7, 6, 5, 4], [17, 16, 15, 14]]
    assert drawn.goes_on[0].tolist() == [1, 0, 1, 1]
    assert drawn.weight.tolist() == [[1, 1, 1, 1], [1, 1, 0, 1]]


def test_what_follows_is_unknown_where_all_matches_ended_by_chance():
    memory = RoundReplay(4)
    for follows in (False, False, True):
        memory.see(torch.zeros(2, 1), None, follows)
        memory.do(torch.zeros(2, 1), torch.zeros(2, 1), None, last=False)
    assert one_by_one(memory, 2).weight[0].tolist() == [1, 0]


def test_tables_of_a_round_are_drawn_alike():
    memory = RoundReplay(3)
    for round in range(3):
        memory.see(torch.tensor([[0, 1], [2, 3]]) + 10 * round, None, round > 0)
    drawn = one_by_one(memory, 4)
    assert drawn.view.tolist() == [[10, 11, 0, 1], [12, 13, 2, 3]]
    assert drawn.after.tolist() == [[20, 21, 10, 11], [22, 23, 12, 13]]


@pytest.mark.parametrize(("double", "allowed", "goal"), [(False, 3, 8), (True, 3, 5), (False, 2, 5), (True, 2, 5)])
def test_targets_by_hand(double, allowed, goal):
    """Q = (1, 2, 3) and its copy 4, 5, 6 or so: the best by the copy is 8, by the network's choice 5."""
    chairs = Chairs(
        PrisonersDilemma(), torch.zeros(1, dtype=torch.int64), Chance.at_tables(derive(torch.arange(1), 0), 1)
    )
    net = QNetwork(chairs, 1, (1,), torch.ones(1, 3, dtype=torch.bool), 0, None)
    net.theta, net.target = torch.zeros_like(net.theta), torch.zeros_like(net.target)
    net.theta[0, -3:], net.target[0, -3:] = torch.tensor([1.0, 3.0, 2.0]), torch.tensor([4.0, 5.0, 8.0])
    there = (torch.arange(3) < allowed)[None, None]
    nothing = torch.zeros(1, 1, 1)
    one = torch.ones(1, 1)
    error = net.update(
        nothing, one.long(), 10 * one, nothing, one, discount=0.5, rate=0.1, allowed=there, double=double
    )
    assert error.item() == 10 + 0.5 * goal - 3


def learned(agent, game, partner, episodes, matches=2, tables=16):
    """What is learned on the first of two seats against a partner that does not learn, or alone."""
    cast = torch.tensor([[0, 1]] if game.seats == 2 else [[0]]).repeat(matches, 1)
    keep = Protocol(tables, episodes, max(1, episodes // 10), keep=("it",))
    agents = [agent, partner] if game.seats == 2 else [agent]
    return play(game, agents, cast, derive(torch.arange(matches), 5), keep, labels=["it", "other"][: game.seats])


@pytest.mark.parametrize(
    ("rounds", "discount", "double"),
    [({"rounds": 100}, 0.5, False), ({"rounds": 100}, 0.5, True), ({"continuation": 0.5}, 1.0, False)],
    ids=["discount", "double", "random end"],
)
def test_a_game_of_two_states_with_known_values(rounds, discount, double):
    """Tit for tat is about to cooperate or to defect, which is worth V = 5 + W / 2 and W = V / 2: 6.67 and 3.33.

    Q(cooperates) = 3 + V / 2, 5 + W / 2; Q(defects) = V / 2, 1 + W / 2. A unit is a third of 5.
    """
    agent = DQN(discount=discount, epsilon=1.0, double=double, **QUICK)
    episodes = 8 if discount == 0.5 else 200
    game = PrisonersDilemma(payoffs=(3, 0, 5, 1), **rounds)
    played = learned(agent, game, TitForTat(), episodes, tables=8)
    chairs = Chairs(
        PrisonersDilemma(), torch.zeros(2, dtype=torch.int64), Chance.at_tables(derive(torch.arange(2), 0), 1)
    )
    player = agent.sit(chairs)
    player.load_state_dict(played.learned[0].state)
    values = player.net.values(player._inputs(torch.arange(5).expand(2, -1)), player.net.theta) * 5 / 3
    cooperates, defects = [19 / 3, 20 / 3], [10 / 3, 8 / 3]
    for chair in values.tolist():
        for state, expected in enumerate((cooperates, cooperates, defects, defects), 1):
            assert chair[state] == pytest.approx(expected, abs=0.3)


def test_it_finds_the_shortest_way_to_the_coin():
    """Alone in Coins .6 a round is the most, a twentieth of random moves included; random moves earn .11."""
    played = learned(DQN(), Coins(absent=1, rounds=16, view="centred"), None, 60, matches=4, tables=64)
    assert (played.payoff / played.weight).mean() > 0.45


@pytest.mark.parametrize(
    "game",
    [Coins(rounds=6), CLEANUP, PrisonersDilemma(rounds=6, continuation=0.8)],
    ids=["features", "masks", "states"],
)
def test_it_never_does_what_is_forbidden(game):
    check_agent(DQN(exploration=0, batch=4, every=1, hidden=(8,)), game)


def test_seats_with_different_actions():
    game = MatrixGame(rounds=20, payoffs=(((1, 0), (0, 2), (3, -9)), ((0, 1), (1, 0), (0, 0))))
    played = play(
        game, [DQN(**QUICK)], torch.zeros(4, 2, dtype=torch.int64), derive(torch.arange(4), 0), Protocol(4, 3)
    )
    assert torch.isfinite(played.payoff).all()


def test_a_frozen_player_learns_nothing_and_a_loaded_one_goes_on():
    agent, game = DQN(**QUICK | {"exploration": 0, "epsilon": 0.0}), Coins(rounds=8)
    chairs = Chairs(game, torch.arange(2), Chance.at_tables(derive(torch.arange(2), 3), 16))
    one, two = agent.sit(chairs), agent.sit(chairs)
    episode(one, game, 0), episode(one, game, 1)
    before = {name: value.clone() for name, value in one.state_dict().items()}
    two.load_state_dict(before)
    one.learning = two.learning = False
    assert torch.equal(episode(one, game, 2), episode(two, game, 2))
    assert all(torch.equal(value, before[name]) for name, value in one.state_dict().items())
    assert before["updates"].tolist() == [8, 8]


def episode(player, game, number):
    """The actions of an episode on both seats of one match [round, chair, table]."""
    there = Chance.at_tables(derive(torch.arange(1), 1), 16)
    state, actions = game.reset(1, 16, there, number), []
    player.begin()
    for _ in range(game.rounds):
        actions.append(player.act(Observation(state, None)))
        state, step = game.step(state, actions[-1][None], there)
        player.observe(Round(step, None))
    return torch.stack(actions)
