"""The social planner: what its network can't tell apart, what it may allocate, and that it learns."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dilemma.agents.agent import Chairs
from dilemma.agents.learners.planner.allocation_network import AllocationNetwork, log_density, player_features
from dilemma.agents.learners.planner.social_planner import SocialPlanner
from dilemma.agents.pool_players import ConstantReturner
from dilemma.envs.chance import Chance, derive
from dilemma.envs.common_pool_trust import CommonPoolTrust
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.testing import check_agent
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

LEARNER = SocialPlanner(weights="none")
GAME = CommonPoolTrust(rounds=6)


def seated(players=4, tables=3, matches=2):
    game = CommonPoolTrust(players=players)
    seats = torch.full((matches,), players)
    return Chairs(game, seats, Chance.at_tables(derive(torch.arange(matches), 1), tables))


def views(rounds, chairs, tables, players, seed=0):
    """What a mechanism may see [round, chair, table, 2 + 2 N]."""
    generator = torch.Generator().manual_seed(seed)
    pool = torch.rand(rounds, chairs, tables, 1, generator=generator)
    got = pool * torch.rand(rounds, chairs, tables, players, generator=generator) / players
    back = got * torch.rand(rounds, chairs, tables, players, generator=generator)
    return torch.cat((torch.zeros_like(pool), pool, got, back), -1)


def curve(agents, tables, episodes, game=GAME):
    """Payoffs per round [episode, seat]: the first agent plays, the second allocates."""
    cast = torch.tensor([[0] * game.players + [1]])
    protocol = Protocol(tables, episodes)
    return play(game, agents, cast, derive(torch.arange(1), 0), protocol).curves["payoff"][:, 0]


@pytest.mark.parametrize("agent", [LEARNER, SocialPlanner()], ids=["learns", "pretrained"])
def test_contract(agent):
    check_agent(agent, GAME)
    assert agent.refuses(PrisonersDilemma())
    assert agent.refuses_role(GAME, "player")
    assert agent.refuses_role(GAME, "mechanism") is None


@given(st.permutations(range(5)), st.integers(0, 20))
def test_players_that_change_places_change_their_shares_and_nothing_else(order, seed):
    chairs, network = seated(players=5), AllocationNetwork(8)
    theta = network.initial(chairs)
    seen = views(4, 2, 3, 5, seed)
    features = torch.stack([player_features(view) for view in seen])
    before, after = (network.unroll(theta, each) for each in (features, features[:, :, order]))
    assert torch.allclose(after[..., :5], before[..., order], atol=1e-6)
    assert torch.allclose(after[..., 5:], before[..., 5:], atol=1e-6)


def test_round_by_round_the_network_is_what_it_is_over_the_episode():
    network = AllocationNetwork(8)
    theta = network.initial(seated())
    features = torch.stack([player_features(view) for view in views(4, 2, 3, 4)])
    memory, found = None, []
    for each in features:
        outputs, memory = network.step(theta, each, memory)
        found.append(outputs)
    assert torch.allclose(torch.stack(found), network.unroll(theta, features), atol=1e-6)


def test_weights_are_of_no_number_of_players():
    assert AllocationNetwork(8).initial(seated(players=2)).shape == AllocationNetwork(8).initial(seated(9)).shape


@given(st.integers(2, 6), st.integers(0, 50), st.booleans())
def test_it_allocates_no_more_than_the_pool(players, seed, learns):
    chairs = seated(players)
    player = LEARNER.sit(chairs)
    player.learning = learns
    view = views(1, 2, 3, players, seed)[0]
    game = CommonPoolTrust(players=players)
    state = game.reset(2, 3, Chance.at_tables(derive(torch.arange(2), 0), 3))
    state, _ = game.step(state, torch.zeros(2, players + 1, 3, players, dtype=torch.float64), chairs.chance)

    class Seen:
        episode, round, playing, features = 0, state.round, None, view

    shares = player.act(Seen())
    assert (shares >= 0).all()
    assert (shares.sum(-1) <= 1 + 1e-12).all()


def test_what_a_player_did_is_told_in_numbers_that_do_not_grow_with_the_game():
    # Of a pool of .5 three players got .1 each, and returned all, half and nothing.
    view = torch.tensor([0, 0.5, 0.1, 0.1, 0.1, 0.1, 0.05, 0.0]).view(1, 1, -1)
    features = player_features(view)[0, :, 0]
    assert features[:, 0].tolist() == pytest.approx([0.3] * 3)
    assert features[:, 2].tolist() == pytest.approx([1, 0.5, 0])
    assert features[:, 3].exp().sub(0.02).tolist() == pytest.approx([2, 1, 0], abs=1e-6)
    assert torch.isfinite(player_features(torch.zeros(1, 1, 8))).all()


def test_the_density_is_that_of_independent_normal_logits():
    logits, mean = torch.tensor([[1.0], [2.0], [0.5]]), torch.tensor([[0.0], [2.5], [0.5]])
    normal = torch.distributions.Normal(mean, 0.7)
    found = log_density(logits, mean, torch.tensor([0.7]).log())
    assert torch.allclose(found, normal.log_prob(logits).sum(0))


def test_it_learns_to_hand_out_the_pool_to_players_that_return_enough():
    """Shares of .8 fill the pool whatever it keeps; what it keeps earns nobody anything."""
    game = CommonPoolTrust(rounds=12)
    payoff = curve([ConstantReturner(share=0.8), LEARNER], tables=32, episodes=60, game=game)[:, -1]
    assert payoff[-5:].mean() > payoff[:5].mean() + 0.5


def test_a_match_that_ends_by_chance_is_learned_from():
    game = CommonPoolTrust(rounds=12, continuation=0.7)
    payoff = curve([ConstantReturner(share=0.8), LEARNER], tables=8, episodes=3, game=game)
    assert torch.isfinite(payoff).all()


def test_a_planner_goes_on_from_what_it_has_learned():
    first, second = LEARNER.sit(seated()), LEARNER.sit(seated())
    state = {name: value + 1 for name, value in first.state_dict().items()}
    second.load_state_dict(state)
    assert all(torch.equal(value, state[name]) for name, value in second.state_dict().items())
