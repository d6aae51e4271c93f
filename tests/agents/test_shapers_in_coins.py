"""Opponent shapers over features: their critics' nets, and that they play Coins."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from dilemma.agents.agent import Agent, Chairs
from dilemma.agents.coins_players import CoinsCooperator, CoinsDefector
from dilemma.agents.learners.nets.fitted_net import FittedNet
from dilemma.agents.learners.policy_gradient.returns import generalised_advantages
from dilemma.agents.learners.policy_gradient.trajectory import Trajectory
from dilemma.agents.learners.shaping.advantage_alignment import AdvantageAlignment, explained
from dilemma.agents.learners.shaping.critics import NetCritics
from dilemma.agents.learners.shaping.loqa import Loqa
from dilemma.envs.chance import Chance, derive
from dilemma.envs.coins import Coins
from dilemma.testing import check_agent
from dilemma.tournament.arena import Played, play
from dilemma.tournament.protocol import Protocol

COINS = Coins(rounds=12, view="centred")
GRU = AdvantageAlignment(policy="gru", hidden=(6,), gae=0.95, epochs=2, critic_hidden=(8,))
MLP = AdvantageAlignment(policy="mlp", hidden=(6,), epochs=2, critic_hidden=(8,))
LOQA = Loqa(policy="gru", hidden=(6,), learning_rate=0.005, gae=0.95, normalise="advantages", critic_hidden=(8,))
shapers = pytest.mark.parametrize("agent", [GRU, LOQA], ids=["advantage_alignment", "loqa"])


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
    return FittedNet(where, 36, (32,), 2, 0.01, component=2), seen


@pytest.mark.parametrize("agent", [GRU, MLP, LOQA], ids=["gru", "mlp", "loqa"])
@pytest.mark.parametrize(
    "game", [COINS, Coins(rounds=6, continuation=0.8), Coins(rounds=6, variant="coin_per_player")]
)
def test_it_keeps_the_contract(agent, game):
    check_agent(agent, game)


def test_they_say_what_they_do_not_play():
    assert "table" in (Loqa().refuses(COINS) or "")
    assert "table" in (AdvantageAlignment().refuses(COINS) or "")
    assert "of two" in (LOQA.refuses(Coins(variant="coin_per_player", players=3)) or "")
    assert LOQA.refuses(Coins(variant="coin_per_player")) is None


@shapers
def test_chairs_do_not_leak(agent):
    keys = derive(torch.arange(3), 0)
    together = matches([agent, CoinsDefector()], [[0, 0], [0, 1], [1, 0]], keys=keys)
    alone = matches([agent, CoinsDefector()], [[0, 1]], keys=keys[1:2])
    torch.testing.assert_close(together.curves["payoff"][:, 1:2], alone.curves["payoff"])
    for name, value in alone.learned[0].state.items():
        torch.testing.assert_close(together.learned[0].state[name][2:3], value, rtol=1e-4, atol=1e-5)


@shapers
def test_what_was_learned_can_be_restored(agent):
    state = matches([agent], [[0, 0]]).learned[0].state
    player = agent.sit(Chairs(COINS, torch.arange(2), Chance.at_tables(derive(torch.arange(2), 7), 8)))
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
        trajectory.encoded, trajectory.others_reward = torch.zeros(12, 2, 8, 36), theirs
        before = player.critics.net.theta
        own = generalised_advantages(paid, player.critics.net.values(trajectory.encoded)[..., 0], 0.96, 1.0)
        found = player.estimate(trajectory, paid).advantage - own
        player.critics.net.theta = before
        return found

    torch.testing.assert_close(alignment(later)[:9], alignment(rewards)[:9])
    assert not torch.allclose(alignment(later)[9:], alignment(rewards)[9:])


def test_loqa_too_takes_the_past_without_what_came_after():
    agent = LOQA.model_copy(update={"gae": 1.0, "normalise": "nothing"})
    generator = torch.Generator().manual_seed(0)
    theirs = torch.randn(12, 2, 1, 8, generator=generator, dtype=torch.float64)
    rewards = torch.zeros(12, 2, 8, dtype=torch.float64)
    later = rewards.clone()
    later[8] = torch.arange(8) % 4  # a range of 3 has the same unit as no range

    def influence(paid: Tensor) -> Tensor:
        """What the advantage holds beside the own, of a player that has learned nothing yet."""
        player = agent.sit(Chairs(COINS, torch.arange(2), Chance.at_tables(derive(torch.arange(2), 7), 8)))
        trajectory = Trajectory()
        trajectory.encoded, trajectory.others_reward = torch.zeros(12, 2, 8, 36), theirs
        trajectory.others = torch.zeros(12, 2, 1, 8, dtype=torch.int64)
        own = generalised_advantages(paid, player.critics.evaluate(trajectory).value, 0.96, 1.0)
        return player.estimate(trajectory, paid).advantage - own

    torch.testing.assert_close(influence(later)[:9], influence(rewards)[:9])
    assert not torch.allclose(influence(later)[9:], influence(rewards)[9:])


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


def test_outputs_without_a_target_stay():
    fitted, seen = net()
    before, target = fitted.theta, torch.ones(12, 2, 16, 2)
    fitted.fit(seen, target, None, torch.zeros_like(target))
    assert torch.equal(fitted.theta, before)
    fitted.fit(seen, target, None, torch.tensor([1, 0]).expand_as(target))
    shifts = slice(-2, None)  # of the two outputs
    assert (fitted.theta != before)[:, shifts].tolist() == [[True, False]] * 2


def test_the_others_actions_are_worth_what_they_were_seen_to_bring():
    """Paid for the first of four actions where the first feature is positive, it is taken to choose it there."""
    generator = torch.Generator().manual_seed(1)
    fitted = FittedNet(
        Chairs(COINS, torch.zeros(2, dtype=torch.int64), Chance.at_tables(derive(torch.arange(2), 7), 64)),
        36,
        (32,),
        6,
        0.01,
        component=2,
    )
    critics = NetCritics(fitted, discount=0.0, actions=4, temperature=0.5)
    episode = Trajectory()
    episode.encoded = torch.randn(12, 2, 64, 36, generator=generator)
    episode.others = torch.randint(4, (12, 2, 1, 64), generator=generator)
    did = episode.others[:, :, 0]
    there = episode.encoded[..., 0] > 0
    theirs = (2 * (did == 0) * there).double()
    for _ in range(60):
        critics.fit(episode, critics.evaluate(episode), torch.ones_like(theirs), theirs)
    found = critics.evaluate(episode)
    assert (found.value - 1).abs().mean() < 0.1
    best = math.exp(4) / (math.exp(4) + 3)  # softmax of (2, 0, 0, 0) / 0.5
    assert found.likelihood[there & (did == 0)].mean().item() == pytest.approx(best, abs=0.1)
    assert found.likelihood[~there].mean().item() == pytest.approx(0.25, abs=0.05)


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


SHARED = {"policy": "gru", "hidden": (8,), "gae": 0.95, "epochs": 3, "clip": 0.2, "learning_rate": 0.03}


@pytest.mark.parametrize(
    "agent", [AdvantageAlignment(**SHARED), Loqa(**SHARED, normalise="advantages")], ids=["alignment", "loqa"]
)
def test_they_come_to_run_for_coins(agent):
    played = matches([agent, CoinsCooperator()], [[0, 1]], episodes=40, tables=16)
    coins = played.curves["pickups"][:, 0, 0]
    assert coins[-10:].mean() > 1.4 * coins[:10].mean()
