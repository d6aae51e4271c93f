"""Advantage alignment over features: its critics' net, and that it plays Coins."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dilemma.agents.agent import Agent, Chairs
from dilemma.agents.coins_players import CoinsCooperator, CoinsDefector
from dilemma.agents.learners.advantage_alignment import AdvantageAlignment, explained
from dilemma.agents.learners.fitted_net import FittedNet
from dilemma.agents.learners.loqa import Loqa
from dilemma.agents.learners.returns import generalised_advantages
from dilemma.agents.learners.trajectory import Trajectory
from dilemma.envs.chance import Chance, derive
from dilemma.envs.coins import Coins
from dilemma.testing import check_agent
from dilemma.tournament.arena import Played, Protocol, play

COINS = Coins(rounds=12, view="centred")
GRU = AdvantageAlignment(policy="gru", hidden=(6,), gae=0.95, epochs=2, critic_hidden=(8,))
MLP = AdvantageAlignment(policy="mlp", hidden=(6,), epochs=2, critic_hidden=(8,))


def matches(
    agents: list[Agent], cast: list[list[int]], episodes: int = 3, tables: int = 8, keys: Tensor | None = None
) -> Played:
    keys = derive(torch.arange(len(cast)), 0) if keys is None else keys
    labels = [str(index) for index in range(len(agents))]
    protocol = Protocol(tables=tables, episodes=episodes, keep=("0",))
    return play(COINS, agents, torch.tensor(cast), keys, protocol, labels=labels)


def net(chairs: int = 2, tables: int = 16) -> tuple[FittedNet, Tensor]:
    """A net of its chairs, and features to fit it to."""
    where = Chairs(
        COINS, torch.zeros(chairs, dtype=torch.int64), Chance.at_tables(derive(torch.arange(chairs), 7), tables)
    )
    seen = torch.randn(12, chairs, tables, 36, generator=torch.Generator().manual_seed(0))
    return FittedNet(where, (32,), 2, 0.01, component=2), seen


@pytest.mark.parametrize("agent", [GRU, MLP], ids=["gru", "mlp"])
@pytest.mark.parametrize(
    "game", [COINS, Coins(rounds=6, continuation=0.8), Coins(rounds=6, variant="coin_per_player")]
)
def test_it_keeps_the_contract(agent, game):
    check_agent(agent, game)


def test_loqa_says_that_it_does_not_play_coins():
    assert Loqa().refuses(COINS) == "plays repeated matrix games of two"
    assert "table" in (AdvantageAlignment().refuses(COINS) or "")


def test_chairs_do_not_leak():
    keys = derive(torch.arange(3), 0)
    together = matches([GRU, CoinsDefector()], [[0, 0], [0, 1], [1, 0]], keys=keys)
    alone = matches([GRU, CoinsDefector()], [[0, 1]], keys=keys[1:2])
    torch.testing.assert_close(together.curves["payoff"][:, 1:2], alone.curves["payoff"])
    for name, value in alone.learned[0].state.items():
        torch.testing.assert_close(together.learned[0].state[name][2:3], value, rtol=1e-4, atol=1e-5)


def test_what_was_learned_can_be_restored():
    state = matches([GRU], [[0, 0]]).learned[0].state
    player = GRU.sit(Chairs(COINS, torch.arange(2), Chance.at_tables(derive(torch.arange(2), 7), 8)))
    assert any(name.startswith("critic_") for name in state)
    assert not torch.equal(player.state_dict()["critic_theta"], state["critic_theta"])
    player.load_state_dict(state)
    assert all(torch.equal(player.state_dict()[name], state[name]) for name in state)


def test_the_past_is_taken_without_what_came_after():
    """With lambda 1 an advantage tells the future; what multiplies the others' is to know the past alone."""
    rewards = torch.zeros(12, 2, 8, dtype=torch.float64)
    later = rewards.clone()
    later[8] = torch.arange(8)
    player = AdvantageAlignment(policy="gru", hidden=(6,), gae=1.0, normalise="nothing").sit(
        Chairs(COINS, torch.arange(2), Chance.at_tables(derive(torch.arange(2), 7), 8))
    )
    theirs = torch.randn(12, 2, 1, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def alignment(paid: Tensor) -> Tensor:
        """A* - A, with the critics as they were."""
        trajectory = Trajectory()
        trajectory.seen, trajectory.others_reward = torch.zeros(12, 2, 8, 36), theirs
        before = player.net.theta
        own = generalised_advantages(paid, player.net.values(trajectory.seen)[..., 0], 0.96, 1.0)
        found = player.estimate(trajectory, paid).advantage - own
        player.net.theta = before
        return found

    torch.testing.assert_close(alignment(later)[:9], alignment(rewards)[:9])
    assert not torch.allclose(alignment(later)[9:], alignment(rewards)[9:])


def test_the_net_is_fitted_to_targets_each_chair_to_its_own():
    fitted, seen = net()
    target = torch.stack(
        (seen[..., 0] + seen[..., 1], torch.arange(12.0)[:, None, None].expand(12, 2, 16) / 6), -1
    )
    target[:, 1] *= -1
    for _ in range(60):
        fitted.fit(seen, target, None)
    error = (fitted.values(seen) - target).square().mean((0, 2))
    assert (error < 0.1 * target.var((0, 2))).all()  # the second output needs the time left


def test_rounds_that_were_not_played_teach_nothing():
    fitted, seen = net()
    before = fitted.theta
    playing = torch.zeros(12, 2, 16, dtype=torch.bool)
    playing[:, 1] = True
    fitted.fit(seen, torch.ones(12, 2, 16, 2), playing)
    assert torch.equal(fitted.theta[0], before[0])
    assert not torch.equal(fitted.theta[1], before[1])


def test_the_share_explained_is_one_of_the_returns_and_nought_of_their_mean():
    returns = torch.randn(5, 3, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    playing = torch.ones(5, 3, 7, dtype=torch.bool)
    playing[4, :, :3] = False
    mean = ((returns * playing).sum((0, 2)) / playing.sum((0, 2)))[:, None].expand_as(returns)
    torch.testing.assert_close(explained(returns, returns, playing), torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(explained(returns, mean, playing), torch.zeros(3, dtype=torch.float64))


def test_it_comes_to_run_for_coins():
    agent = AdvantageAlignment(policy="gru", hidden=(8,), gae=0.95, epochs=3, clip=0.2, learning_rate=0.03)
    played = matches([agent, CoinsCooperator()], [[0, 1]], episodes=40, tables=16)
    coins = played.curves["pickups"][:, 0, 0]
    assert coins[-10:].mean() > 1.4 * coins[:10].mean()
