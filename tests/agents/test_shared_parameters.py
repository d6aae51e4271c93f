"""Parameter sharing: the seats of a match have one policy, and step by their mean gradient."""

from __future__ import annotations

import pytest
import torch

from dilemma.agents.agent import Chairs, Observation, Round
from dilemma.agents.inner_learner import InnerLearner
from dilemma.agents.learners.nets.adam import GradientDescent
from dilemma.agents.learners.policy_gradient.mappo import MAPPO
from dilemma.agents.learners.policy_gradient.ppo import PPO, PPOPlayer
from dilemma.agents.learners.reciprocity.reciprocator import Reciprocator
from dilemma.agents.mixture import Mixture
from dilemma.envs.chance import Chance, derive
from dilemma.envs.coins import Coins
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.envs.public_goods import PublicGoods
from dilemma.testing import check_agent
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

torch.set_num_threads(1)
NET = {"policy": "mlp", "hidden": (8,), "epochs": 2}
GAMES = [PrisonersDilemma(rounds=5), PublicGoods(players=3, rounds=5), Coins(rounds=5)]


def learned(game, agents, cast, episodes=2):
    """The parameters of the first agent after some episodes [its chair, parameter]."""
    cast = torch.tensor(cast)
    protocol = Protocol(tables=8, episodes=episodes, keep=("one",))
    names = ["one", "other", "third"][: len(agents)]
    [found] = play(game, agents, cast, derive(torch.arange(len(cast)), 7), protocol, names).learned
    return found.state["theta"]


def one_episode(player, game, matches, tables):
    chance = Chance.at_tables(derive(torch.arange(matches), 11), tables)
    state = game.reset(matches, tables, chance, 0)
    player.begin()
    for _ in range(int(game.rounds)):
        action = player.act(Observation(state, None)).view(matches, game.seats, tables)
        state, step = game.step(state, action, chance)
        player.observe(Round(step, None))
    player.learn()


@pytest.mark.parametrize("game", GAMES, ids=["two", "three", "features"])
def test_a_match_steps_by_the_mean_gradient_of_its_chairs(game, monkeypatch):
    monkeypatch.setattr(PPOPlayer, "make_optimiser", lambda _: GradientDescent(0.5))
    seat = torch.arange(game.seats).repeat(2)
    chance = Chance.at_tables(derive(torch.arange(len(seat)), 3), 6)
    match = torch.arange(2).repeat_interleave(game.seats)
    shared, apart = (
        PPO(**{**NET, "epochs": 1}, share_parameters=share).sit(Chairs(game, seat, chance, _match=match))
        for share in (True, False)
    )
    apart.theta = shared.theta.clone()
    for player in (shared, apart):
        one_episode(player, game, 2, 6)
    steps = apart.theta.view(2, game.seats, -1)
    assert (steps[:, 0] != steps[:, 1]).any()
    expected = steps.mean(1, keepdim=True).expand_as(steps).flatten(0, 1)
    torch.testing.assert_close(shared.theta, expected)


@pytest.mark.parametrize("game", GAMES, ids=["two", "three", "features"])
def test_only_seats_of_one_match_share(game):
    one = PPO(**NET, share_parameters=True)
    itself, mixed = [0] * game.seats, [0] * (game.seats - 1) + [1]
    theta = learned(game, [one, PPO(**NET)], [itself, mixed, itself])
    first, second, third = theta.split([game.seats, game.seats - 1, game.seats])
    assert all((part == part[0]).all() for part in (first, second, third))
    assert all((a[0] != b[0]).any() for a, b in [(first, second), (second, third), (first, third)])
    torch.testing.assert_close(learned(game, [one], [itself]), first)  # alone as among others


def test_each_group_of_an_inner_learner_is_a_match_of_its_own():
    inner = InnerLearner(of=PPO(**NET, share_parameters=True), episodes=4, tables=2)
    theta = learned(GAMES[0], [inner], [[0, 0]])  # [chair, group, parameter]
    assert torch.equal(theta[0], theta[1])
    assert (theta[0, 0] != theta[0, 1]).any()


@pytest.mark.parametrize(
    "agent",
    [
        MAPPO(**NET, share_parameters=True),
        Reciprocator(**NET, share_parameters=True),
        Mixture(of=(PPO(**NET, share_parameters=True), PPO(**NET))),
    ],
    ids=["mappo", "reciprocator", "mixture"],
)
def test_the_contract(agent):
    check_agent(agent, Coins(rounds=6))
