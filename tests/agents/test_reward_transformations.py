"""Learners that are paid by more than their reward: what they're paid, by hand, and what they learn by it."""

from __future__ import annotations

import math

import pytest
import torch

from dilemma.agents.agent import Chairs, Observation, Round
from dilemma.agents.automata import TitForTat
from dilemma.agents.learners.policy_gradient.inequity_averse import InequityAverse
from dilemma.agents.learners.policy_gradient.ppo import PPO
from dilemma.agents.learners.policy_gradient.prosocial import Prosocial
from dilemma.agents.learners.policy_gradient.reward_transfer import RewardTransfer
from dilemma.agents.learners.policy_gradient.social_influence import SocialInfluence
from dilemma.agents.learners.policy_gradient.svo import SVO
from dilemma.envs.chance import Chance, derive
from dilemma.envs.matrix_game import MatrixGame, PrisonersDilemma
from dilemma.envs.n_player_ipd import NPlayerIPD
from dilemma.envs.public_goods import PublicGoods
from dilemma.testing import check_agent
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

torch.set_num_threads(1)

GAME = PrisonersDilemma(rounds=4)  # R, S, T, P = 3, 0, 5, 1


def watched(agent, *tables, game=GAME):
    """A player on every seat of one match, and what it kept of episodes played as scripted.

    A table is a string like "CC CD": what each seat did in each round.
    """
    keys = derive(torch.arange(1), 3)
    seats = game.seats
    chance = Chance.at_tables(derive(keys.repeat(seats), torch.arange(seats)), len(tables))
    player = agent.sit(Chairs(game, torch.arange(seats), chance))
    script(player, *tables, game=game)
    return player, player.trajectory


def script(player, *tables, game=GAME):
    """Have the players on all seats play an episode as scripted, and keep it."""
    chance = Chance.at_tables(derive(torch.arange(1), 0), len(tables))
    state = game.reset(1, len(tables), chance)
    player.begin()
    for done in zip(*(table.split() for table in tables), strict=True):
        player.act(Observation(state, None))
        action = torch.tensor([["CD".index(move) for move in each] for each in done]).T[None]
        state, step = game.step(state, action, chance)
        player.observe(Round(step, None))


def paid(agent, *tables, game=GAME, seat=0):
    """What a seat is paid in each round, at the first table."""
    player, trajectory = watched(agent, *tables, game=game)
    return player.rewards(trajectory)[:, seat, 0].tolist()


def test_inequity_aversion_smooths_what_was_earned():
    agent = InequityAverse(alpha=2.0, beta=0.5, discount=0.5, smoothing=0.5)
    # Ahead by 5, 5/4 - 5, (5/4 - 5)/4:
    assert paid(agent, "DC CD CC") == [5 - 2.5, 0 - 2 * 3.75, 3 - 2 * 0.9375]
    assert paid(agent, "DC CD CC", seat=1) == [0 - 2 * 5, 5 - 0.5 * 3.75, 3 - 0.5 * 0.9375]


def test_inequity_among_three_is_a_mean():
    agent = InequityAverse(alpha=1.0, beta=1.0)
    # One other cooperates with the first: cooperators earn 2, the defector 5.
    assert paid(agent, "CCD", game=NPlayerIPD()) == [2 - 3 / 2]
    assert paid(agent, "CCD", game=NPlayerIPD(), seat=2) == [5 - 3]


@pytest.mark.parametrize(("share", "pays"), [(0.0, [3, 0, 5]), (1.0, [3, 2.5, 2.5]), (0.5, [3, 1.25, 3.75])])
def test_prosocial_pays_a_share_of_the_mean(share, pays):
    assert paid(Prosocial(share=share), "CC CD DC") == pays


@pytest.mark.parametrize(("kept", "pays"), [(1.0, [3, 0, 5]), (0.25, [3, 3.75, 1.25]), (0.0, [3, 5, 0])])
def test_transfers_go_to_the_others(kept, pays):
    assert paid(RewardTransfer(kept=kept), "CC CD DC") == pays


def test_transfers_among_three_are_split():
    # One other cooperates with the first: cooperators earn 2, the defector 5.
    assert [paid(RewardTransfer(kept=0.5), "CCD", game=NPlayerIPD(), seat=seat) for seat in range(3)] == [
        [0.5 * 2 + 0.25 * 2 + 0.25 * 5],
        [0.5 * 2 + 0.25 * 2 + 0.25 * 5],
        [0.5 * 5 + 0.25 * 2 + 0.25 * 2],
    ]


def test_social_value_orientation_pays_for_the_angle():
    quarter = math.pi / 4
    assert paid(SVO(weight=1.0), "CC CD DC DD") == pytest.approx([3, 0 - quarter, 5 - quarter, 1])
    assert paid(SVO(weight=1.0, angle=90), "CC CD DC") == pytest.approx([3 - quarter, 0, 5 - 2 * quarter])


def test_angles_are_measured_from_the_least_that_a_game_pays():
    game = PrisonersDilemma(payoffs=(-1, -3, 0, -2), rounds=4)
    quarter = math.pi / 4
    assert paid(SVO(weight=1.0), "CC CD DC DD", game=game) == pytest.approx([-1, -3 - quarter, -quarter, -2])
    nothing = MatrixGame(payoffs=(0, 0, 1, 1), rounds=4)
    assert paid(SVO(weight=1.0), "CC", game=nothing) == [0]


def test_social_influence_by_hand():
    """The other of the first seat copies what it did; the model of it is learned from one episode."""
    agent = SocialInfluence(weight=1.0, spread=0.0)
    player, trajectory = watched(agent, "CC DC CD CC", "DD DD DD DD")
    assert player.rewards(trajectory)[:, 0, 0].tolist() == [3, 5, 0, 3]  # it knows nothing yet
    # After CC it saw C once (P 2/3 for C), after DC D once, after CD C once, after DD D thrice (P 4/5 for D).
    script(player, "CC DC CD DD", "CC DC CD DD")
    given = (player.rewards(player.trajectory) - player.trajectory.reward)[:, 0, 0].tolist()

    def divergence(did, other):
        usual = (did + other) / 2
        return did * math.log(did / usual) + (1 - did) * math.log((1 - did) / (1 - usual))

    # With the other's action as it was, would-be outcomes are CC and DC, or CD and DD.
    expected = [divergence(2 / 3, 1 / 3), divergence(1 / 3, 2 / 3), divergence(2 / 3, 1 / 5)]
    assert given == pytest.approx([*expected, 0])


def test_social_influence_forgets():
    player, trajectory = watched(SocialInfluence(memory=0.5), "CC CC CC")
    for _ in range(2):
        player.rewards(trajectory)
    assert player.subjective_reward.counts[0, 0, 1].tolist() == [3, 0]


@pytest.mark.parametrize(
    "agent",
    [
        InequityAverse(alpha=0.0, beta=0.0),
        SVO(weight=0.0),
        Prosocial(share=0.0),
        RewardTransfer(kept=1.0),
        SocialInfluence(weight=0.0),
    ],
)
def test_without_its_weight_each_is_plain_ppo(agent):
    cast, keys = torch.tensor([[0, 0], [0, 1]]), derive(torch.arange(2), 0)
    games = PrisonersDilemma(rounds=8, continuation=0.9), NPlayerIPD(rounds=8)
    for game in games:
        seats = cast if game.seats == 2 else torch.cat((cast, cast[:, :1]), 1)
        ours, plain = (
            play(game, [it, TitForTat() if game.seats == 2 else it], seats, keys, Protocol(8, 5))
            for it in (agent, PPO())
        )
        assert torch.equal(ours.payoff, plain.payoff)


@pytest.mark.parametrize("policy", ["tabular", "mlp", "gru"])
def test_social_influence_goes_on_from_what_it_kept(policy):
    agent = SocialInfluence(policy=policy)
    player, _ = watched(agent, "CC DC CD CC", "DD DD DD DD")
    player.learn()
    other, _ = watched(agent, "CC DC CD CC", "DD DD DD DD")
    other.load_state_dict(player.state_dict())
    for each in (player, other):
        script(each, "CC DC CD DD", "CD CC CC CC")
        each.learn()
    assert player.subjective_reward.counts.sum() > 0
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in player.state_dict().items())


@pytest.mark.parametrize("agent", [InequityAverse(), SVO(), Prosocial(), RewardTransfer(), SocialInfluence()])
def test_the_contract(agent):
    check_agent(agent)


def test_prosocial_learners_cooperate_where_selfish_ones_defect():
    """P(C) at the end, over 60 matches of each: mean .97, deviation .02, and mean .04, deviation .07."""
    game = PrisonersDilemma(payoffs=(-1, -3, 0, -2), rounds=8)
    cast = torch.tensor([[0, 0], [1, 1]]).repeat_interleave(6, 0)
    agents = [Prosocial(learning_rate=0.02), PPO(learning_rate=0.02)]
    played = play(game, agents, cast, derive(torch.arange(12), 0), Protocol(32, 60, 10))
    cooperation = (played.cooperation / played.rounds).mean((1, 2))
    assert cooperation[:6].mean() > 0.9  # 9 standard errors
    assert cooperation[6:].mean() < 0.3


@pytest.mark.parametrize(
    ("game", "level"),
    [(PrisonersDilemma(rounds=1), 0.6), (PublicGoods(rounds=1), 0.4)],
    ids=["pd", "public_goods"],
)
def test_who_keeps_less_than_the_self_interest_level_cooperates(game, level):
    """By dominance; from (T - P) / (T - S) = .8 on, and above multiplier / N, defection dominates."""
    agents = [RewardTransfer(kept=level + less, learning_rate=0.1) for less in (-0.2, 0.35)]
    cast = torch.tensor([[0] * game.seats, [1] * game.seats]).repeat_interleave(3, 0)
    played = play(game, agents, cast, derive(torch.arange(6), 0), Protocol(128, 40, 10))
    cooperation = (played.cooperation / played.rounds).mean((1, 2))
    assert cooperation[:3].min() > 0.9
    assert cooperation[3:].max() < 0.1
