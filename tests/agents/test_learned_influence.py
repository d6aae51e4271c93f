"""Learned influence: against the exact one on a board small enough to list, on any seat, among several."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from dilemma.agents.agent import Chairs, Observation, Round
from dilemma.agents.learners.policy_gradient.ppo import PPO
from dilemma.agents.learners.policy_gradient.trajectory import Trajectory
from dilemma.agents.learners.reciprocity.influence_unit import InfluenceUnit
from dilemma.agents.learners.reciprocity.learned_influence import LearnedInfluence
from dilemma.agents.learners.reciprocity.reciprocator import Reciprocator
from dilemma.agents.learners.shaping.joint_action_value import JointActionValue
from dilemma.envs.board import STEPS, coordinates
from dilemma.envs.chance import Chance, derive
from dilemma.envs.coins import Coins
from dilemma.testing import check_agent
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

torch.set_num_threads(1)

DISCOUNT = 0.96
ROUNDS = 16
TWO = Coins(variant="coin_per_player", rounds=ROUNDS, view="centred")
THREE = Coins(variant="coin_per_player", players=3, rounds=ROUNDS, view="centred")
CELLS, MOVES = 9, 5
WARM_UP = 24


def cell(place: Tensor) -> Tensor:
    """The number of a cell, of its row and column from the middle, on the torus."""
    return ((place + 1) % 3 * torch.tensor([3, 1])).sum(-1)


FROM_MIDDLE = coordinates(3) - 1
STEP = torch.tensor(STEPS)
STATES = torch.cartesian_prod(*[torch.arange(CELLS)] * 3)
"""Where the other, the own coin and the other's coin are, from the own place [state, 3]."""


def number(things: Tensor) -> Tensor:
    return (things * torch.tensor([CELLS**2, CELLS, 1])).sum(-1)


def as_the_other_sees() -> Tensor:
    """Each state, from the other's place [state]."""
    other, own_coin, its_coin = FROM_MIDDLE[STATES].unbind(1)
    return number(torch.stack([cell(-other), cell(its_coin - other), cell(own_coin - other)], -1))


def distances(things: Tensor) -> Tensor:
    """Steps from the middle, after each move [..., move]."""
    return (((FROM_MIDDLE[things][..., None, :] - STEP) + 1) % 3 - 1).abs().sum(-1)


def runs_for(own: float, others: float) -> Tensor:
    """A policy [state, move] that is drawn to each coin so much."""
    wish = -own * distances(STATES[:, 1]) - others * distances(STATES[:, 2])
    return wish.double().softmax(-1)


@dataclass(frozen=True)
class Exact:
    """The game of two, with policies [state, move] of the chair and of the other, as that sees itself, known."""

    own: Tensor
    other: Tensor

    def influence(self) -> tuple[Tensor, Tensor]:
        """Of the other on the chair, and of the chair on it [round, state, own move, other's move]."""
        after, kept, reward = self.moves()
        other = self.other[as_the_other_sees()]
        value = torch.zeros(len(STATES), 2, dtype=torch.float64)
        received, given = [], []
        for _ in range(ROUNDS):
            ahead = value.view(CELLS, CELLS, CELLS, 2)
            at = after.unbind(-1)
            # A coin that was taken is anywhere.
            both, own_gone = ahead[at], ahead.mean(1)[at[0], at[2]]
            its_gone, all_gone = ahead.mean(2)[at[0], at[1]], ahead.mean((1, 2))[at[0]]
            own_there, its_there = kept[..., 0, None], kept[..., 1, None]
            expected = torch.where(
                own_there,
                torch.where(its_there, both, its_gone),
                torch.where(its_there, own_gone, all_gone),
            )
            worth = reward + DISCOUNT * expected  # [state, own move, other's move, player]
            usual_other = torch.einsum("sb,sab->sa", other, worth[..., 0])
            usual_own = torch.einsum("sa,sab->sb", self.own, worth[..., 1])
            received.append(worth[..., 0] - usual_other[:, :, None])
            given.append(worth[..., 1] - usual_own[:, None])
            value = torch.einsum("sa,sb,sabp->sp", self.own, other, worth)
        return torch.stack(received[::-1]), torch.stack(given[::-1])

    def moves(self) -> tuple[Tensor, Tensor, Tensor]:
        """Where things are after every joint move, which coins were left there, and what both earned."""
        other, own_coin, its_coin = FROM_MIDDLE[STATES][:, :, None, None].unbind(1)
        mine, its = STEP[:, None], STEP
        at_other = cell(other + its - mine)
        coins = torch.stack([cell(coin - mine).expand_as(at_other) for coin in (own_coin, its_coin)], -1)
        i_take, it_takes = coins == CELLS // 2, coins == at_other[..., None]
        took = torch.stack([i_take, it_takes], -1).double()  # [..., coin, player]
        reward = torch.stack(
            [took[..., 0].sum(-1) - 2 * took[..., 0, 1], took[..., 1].sum(-1) - 2 * took[..., 1, 0]], -1
        )
        return torch.cat((at_other[..., None], coins), -1), ~(i_take | it_takes), reward


def sit(game=TWO, tables=128, **given):
    seats = torch.arange(game.seats)
    chairs = Chairs(
        game, seats, Chance.at_tables(derive(derive(torch.arange(1), 3).repeat(game.seats), seats), tables)
    )
    return LearnedInfluence(
        chairs, **{"units": 64, "rate": 0.01, "passes": 1, "buffer": 4, "discount": DISCOUNT, **given}
    )


def fit(models, episode):
    models.fit_q_values(episode)
    models.fit_baselines(episode)


def played(policies, episode, game=TWO, tables=128) -> Trajectory:
    """An episode in which each seat draws its moves from a policy [state, move], or at random."""
    chance = Chance.at_tables(derive(torch.arange(1), 0), tables)
    draws = torch.Generator().manual_seed(episode)
    state = game.reset(1, tables, chance, episode)
    trajectory = Trajectory(episode, frozenset({"others_rewards"}))
    while state.round < game.rounds:
        observation = Observation(state, None)
        seen = observation.features.flatten(2)
        action = torch.stack(
            [
                torch.multinomial(
                    torch.ones(tables, MOVES) if policy is None else policy[states(seen[seat])], 1, generator=draws
                )[:, 0]
                for seat, policy in enumerate(policies)
            ]
        )
        trajectory.act(seen, action, observation)
        state, step = game.step(state, action[None], chance)
        trajectory.observe(Round(step, None))
    return trajectory


def course(trajectory) -> tuple[Tensor, Tensor]:
    """What was seen, and what everybody did."""
    return trajectory.encoded, torch.cat((trajectory.own[:, :, None], trajectory.others), 2)


def states(seen: Tensor) -> Tensor:
    return number(seen.unflatten(-1, (4, CELLS)).argmax(-1)[..., 1:])


def correlation(one: Tensor, other: Tensor) -> float:
    return torch.corrcoef(torch.stack((one.flatten(), other.flatten())))[0, 1].item()


def exact(policies, trajectory) -> tuple[Tensor, Tensor]:
    """Influence received and given, as learned influence has them."""
    found = []
    for seat in range(2):
        tables = Exact(policies[seat], policies[1 - seat]).influence()
        at = (torch.arange(ROUNDS)[:, None], states(trajectory.encoded[:, seat]))
        did = (trajectory.own[:, seat], trajectory.others[:, seat, 0])
        found.append([table[(*at, *did)] for table in tables])
    return tuple(torch.stack([each[part] for each in found], 1)[:, :, None] for part in range(2))


def test_the_exact_influence_by_hand():
    """In the last round, with nothing to come: the other takes the own coin, or leaves it."""
    away = runs_for(0.0, 0.0)
    received, given = Exact(away, away).influence()
    # The other stands to the right, on the own coin; its coin is far.
    here = number(torch.tensor([5, 5, 0]))
    stays, left, chance = 4, 1, 1 / 5
    assert received[-1, here, stays, stays].item() == pytest.approx(-2 + 2 * chance)
    assert received[-1, here, stays, left].item() == pytest.approx(2 * chance)
    assert given[-1, here, stays, stays].item() == 0


def test_it_correlates_with_the_exact_influence_on_play_held_out():
    """Over four other plays of this warm-up the correlations lay between .912 and .964."""
    policies = runs_for(1.0, 1.0), runs_for(1.5, 0.5)
    models = sit()
    for episode in range(WARM_UP):
        models.remember(played(policies, episode))
        fit(models, episode)
    held_out = played(policies, WARM_UP)
    for learned, known in zip(models.influence(*course(held_out)), exact(policies, held_out), strict=True):
        for seat in range(2):
            assert correlation(learned[:, seat], known[:, seat]) > 0.9


def test_before_the_first_fit_nobody_has_influence():
    models = sit(THREE, 4)
    found = models.influence(*course(played([None] * 3, 0, THREE, 4)))
    assert [tuple(each.shape) for each in found] == [(ROUNDS, 3, 2, 4)] * 2
    assert not any(each.any() for each in found)


def test_what_is_usual_changes_nothing_on_average():
    """The mean of influence over what is usual is 0, whatever the models say."""
    models = sit(TWO, 4)
    trajectory = played([None] * 2, 0, TWO, 4)
    models.remember(trajectory)
    fit(models, 0)
    usual = models.baselines(models._with_time(trajectory.encoded.transpose(0, 1)).flatten(1, 2))[:, :, 0]
    mean = torch.zeros(ROUNDS, 2, 1, 4, dtype=torch.float64)
    for action in range(MOVES):
        trajectory.own = torch.full_like(trajectory.own, action)
        given = models.influence(*course(trajectory))[1]
        mean += given * usual[..., action].view(2, ROUNDS, 1, 4).permute(1, 0, 2, 3)
    assert given.abs().max() > 1e-3
    assert mean.abs().max() < 1e-6


def test_influence_on_themselves_is_the_others_on_their_own_returns():
    """Its mean over what is usual is 0, and it is in what the player's own network says of the other's return."""
    models = sit(TWO, 4)
    trajectory = played([None] * 2, 0, TWO, 4)
    models.remember(trajectory)
    fit(models, 0)
    state = models._with_time(trajectory.encoded.transpose(0, 1)).flatten(1, 2)
    usual = models.baselines(state)[:, :, 1]
    found, values = [], []
    for action in range(MOVES):
        trajectory.others = torch.full_like(trajectory.others, action)
        features, actions = course(trajectory)
        found.append(models.influence_on_themselves(features, actions))
        net = models._q_value
        leaves = net.leaves(models.theta["q_value"])
        chosen = net.chosen(net.parts(leaves, state), actions.permute(1, 0, 3, 2).flatten(1, 2)).sum(2)
        values.append(net.value(leaves, chosen)[..., 1].double())
    expected = torch.stack(values) - sum(value * usual[..., action] for action, value in enumerate(values))
    expected = expected.view(MOVES, 2, ROUNDS, 4).transpose(1, 2)[:, :, :, None]
    torch.testing.assert_close(torch.stack(found), expected, rtol=0, atol=1e-5)
    assert expected.abs().max() > 1e-3


def test_the_influence_of_a_random_action_is_that_of_each_in_turn():
    models = sit(TWO, 4)
    trajectory = played([None] * 2, 0, TWO, 4)
    models.remember(trajectory)
    models.fit_q_values(0)  # the baselines are uniform yet
    found = models.influence_of_random_actions()
    squares = []
    for action in range(MOVES):
        one = copy(trajectory)
        one.others = torch.full_like(trajectory.others, action)
        squares.append(models.influence(*course(one))[0].square().mean((0, 2, 3)))
    torch.testing.assert_close(found[:, 1, 0], torch.stack(squares).mean(0).sqrt())
    assert found.min() > 1e-3


def test_models_that_see_no_influence_have_that_of_0_and_leave_the_unit_as_it_was():
    models = sit(TWO, 4)
    models.remember(played([None] * 2, 0, TWO, 4))
    theta = models.theta["q_value"]
    leaves = models._q_value.leaves(torch.zeros_like(theta))
    leaves.shift.fill_(0.1)  # a view of nothing else: each action of each state is worth .1
    models.theta["q_value"] = torch.cat([part.flatten(1) for part in (*leaves.compress, *leaves[:4])], 1)
    influence = models.influence_of_random_actions()
    assert influence.count_nonzero() == 0
    unit = InfluenceUnit(torch.tensor([[2.0]]), torch.tensor([[3.0]]))
    assert unit.after(influence[:1, 1:, 0], influence[:1, 0, 1:]) == unit


@pytest.mark.parametrize("inputs", [3, 9], ids=["as they are", "compressed"])
def test_joint_action_values_are_what_their_docstring_says(inputs):
    players, actions, units = 2, 3, 4
    net = JointActionValue(inputs, players, actions, units)
    theta = net.initial(sit(TWO, 4)._chairs, 4)
    draws = torch.Generator().manual_seed(1)
    state = torch.rand(2, 5, inputs, generator=draws)
    did = torch.randint(actions, (2, 5, players), generator=draws)
    leaves = net.leaves(theta)
    assert len(leaves.compress) == (0 if inputs <= units else 2)
    found = net.value(leaves, net.chosen(net.parts(leaves, state), did).sum(2))
    for chair in range(2):
        first, bias, out, shift, *before = (leaf[chair] for leaf in (*leaves[:4], *leaves.compress))
        features = state[chair] if inputs <= units else torch.relu(state[chair] @ before[0] + before[1])
        by_action = first.view(-1, players, actions, units)
        for row in range(5):
            chosen = [features[row] @ by_action[:, player, did[chair, row, player]] for player in range(players)]
            expected = torch.relu(bias + sum(chosen)) @ out + shift
            torch.testing.assert_close(found[chair, row], expected)


@pytest.mark.parametrize(("rounds", "steps"), [(1, 1), (32, 16), (128, 64), (1000, 67)])
def test_a_pass_over_the_buffer_takes_no_more_steps_for_longer_episodes(rounds, steps):
    batches = list(sit(TWO, 4)._batches("q_value", 0, rounds))
    assert len(batches) == steps
    assert (torch.cat(batches, 1).sort(1).values == torch.arange(rounds)).all()


def test_uniform_play_keeps_its_share_of_learned_baselines():
    plain, mixed, uniform = (sit(TWO, 4, uniform_share=share) for share in (0.0, 0.25, 1.0))
    trajectory = played([runs_for(0.0, 9.0)] * 2, 0, TWO, 4)
    for models in (plain, mixed, uniform):
        models.remember(trajectory)
        fit(models, 0)
    state = plain._with_time(trajectory.encoded.transpose(0, 1)).flatten(1, 2)
    found = [models.baselines(state) for models in (plain, mixed, uniform)]
    torch.testing.assert_close(found[1], 0.75 * found[0] + 0.25 / MOVES)
    assert found[0].min() < 0.9 / MOVES
    torch.testing.assert_close(found[2], torch.full_like(found[2], 1 / MOVES))


def test_models_refreshed_first_know_the_episode_that_is_paid_for():
    first = {"refresh_first": True, "refresh": 1, "model_refresh": 1, "normalise_influence": False}
    agent = Reciprocator(**first, balance="decayed_minus_debit", model_units=8, **GIVEN)
    player = agent.sit(Chairs(GAMES[0], torch.arange(2), Chance.at_tables(derive(torch.arange(2), 0), 8)))
    there = Chance.at_tables(derive(torch.arange(1), 1), 8)
    player.begin()
    state = GAMES[0].reset(1, 8, there)
    for _ in range(GAMES[0].rounds):
        state, step = GAMES[0].step(state, player.act(Observation(state, None))[None], there)
        player.observe(Round(step, None))
    reward, trajectory = player.subjective_reward, player.trajectory
    assert not any(each.any() for pair in reward._influence for each in pair)  # nothing was known in play
    paid = player.rewards(trajectory) - trajectory.reward
    assert reward.models.fits["q_value"].tolist() == reward.models.fits["baseline"].tolist() == [1, 1]
    features, actions = course(trajectory)
    features = features[..., :-1]  # without the balance
    received, given = reward.models.influence(features, actions)
    alone = reward.models.influence_on_themselves(features, actions)
    owed = torch.zeros_like(received)
    for t in range(1, len(owed)):
        owed[t] = agent.discount * owed[t - 1] + (received - given - alone)[t - 1]
    torch.testing.assert_close(paid, reward.settled.weight * (owed * given).mean(2))
    assert paid.abs().max() > 1e-6


def rolled(trajectory: Trajectory, by: int) -> Trajectory:
    """The same play, with every chair one further."""
    other = Trajectory(trajectory.episode, frozenset({"others_rewards"}))
    for name in ("encoded", "own", "others", "reward", "others_reward"):
        setattr(other, name, getattr(trajectory, name).roll(by, 1))
    other._reward = trajectory._reward
    return other


@pytest.mark.parametrize("game", [TWO, THREE])
def test_chairs_that_see_the_same_think_the_same(game):
    """A chair's models depend on what it saw and did, not on where in the chunk it stands."""
    one, two = sit(game, 4), sit(game, 4)
    for models in (one, two):
        for name, theta in models.theta.items():
            models.theta[name] = theta[:1].expand_as(theta).clone()
        models._chairs = Chairs(
            game, models._chairs.seat, Chance(models._chairs.chance.keys[:1].expand(game.seats, -1))
        )
    for episode in range(2):
        trajectory = played([None] * game.seats, episode, game, 4)
        one.remember(trajectory)
        two.remember(rolled(trajectory, 1))
        fit(one, episode)
        fit(two, episode)
    for ours, theirs in zip(
        one.influence(*course(trajectory)), two.influence(*course(rolled(trajectory, 1))), strict=True
    ):
        torch.testing.assert_close(ours.roll(1, 1), theirs, rtol=0, atol=1e-5)


GIVEN = {"policy": "gru", "hidden": (4,), "epochs": 4, "learning_rate": 0.05}
RAW = {**GIVEN, "normalise_influence": False}
GAMES = [
    TWO.model_copy(update={"rounds": 6}),
    Coins(rounds=6),
    Coins(variant="coin_per_player", players=3, rounds=6, continuation=0.8),
]


@pytest.mark.parametrize("game", GAMES)
def test_without_weight_and_balance_in_sight_it_is_plain_ppo(game):
    cast, keys = torch.zeros(2, game.seats, dtype=torch.int64), derive(torch.arange(2), 0)
    agents = [
        Reciprocator(weight=weight, sees_balance=False, refresh=1, model_refresh=1, model_units=64, **RAW)
        for weight in (0.0, 20.0)
    ]
    without, weighted, plain = (play(game, [each], cast, keys, Protocol(8, 4)) for each in (*agents, PPO(**GIVEN)))
    assert torch.equal(without.payoff, plain.payoff)
    assert not torch.equal(weighted.payoff, plain.payoff)


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("learning", [True, False])
def test_it_sees_the_balance_that_it_is_paid_by(game, learning):
    chance = Chance.at_tables(derive(torch.arange(game.seats), 0), 8)
    agent = Reciprocator(refresh=1, model_units=8, balance="decayed_minus_own", **RAW)
    player = agent.sit(Chairs(game, torch.arange(game.seats), chance))
    there = Chance.at_tables(derive(torch.arange(1), 1), 8)
    for episode in range(3):
        player.learning = learning or episode < 2
        player.begin()
        state = game.reset(1, 8, there, episode)
        seen, balance = [], [torch.zeros(game.seats, game.seats - 1, 8, dtype=torch.float64)]
        for _ in range(game.rounds):
            observation = Observation(state, None)
            action = player.act(observation)
            seen.append(player.encoder.encode(observation))
            state, step = game.step(state, action[None], there)
            player.observe(Round(step, None))
            balance.append(player.encoder.balance)
        if player.learning:
            paid_by = player.subjective_reward.balance(*player.subjective_reward.influence(player.trajectory))
            torch.testing.assert_close(torch.stack(balance[:-1]), paid_by)
            player.learn()
    assert torch.stack(balance).abs().max() > 0.01
    inputs = seen[0].shape[-1] - (game.seats - 1)
    torch.testing.assert_close(torch.stack(seen)[..., inputs:], torch.stack(balance[:-1]).mT.float())


@pytest.mark.parametrize("game", GAMES)
def test_alone_or_among_others_a_match_is_the_same(game):
    agent = Reciprocator(refresh=1, buffer=2, model_units=8, **GIVEN)
    keys = derive(torch.arange(3), 0)
    cast = torch.zeros(3, game.seats, dtype=torch.int64)
    among = play(game, [agent], cast, keys, Protocol(4, 3)).curves
    alone = play(game, [agent], cast[:1], keys[:1], Protocol(4, 3)).curves
    for name in ("influence_received", "influence_given", "paid"):
        torch.testing.assert_close(among[name][:, :1], alone[name], rtol=0, atol=1e-4)


def test_what_it_learned_goes_on():
    one, two = sit(tables=4, buffer=2), sit(tables=4, buffer=2)
    one.remember(played([None] * 2, 0, tables=4))
    fit(one, 0)
    two.load_state_dict(one.state_dict())
    for models in (one, two):
        models.remember(played([None] * 2, 1, tables=4))
        fit(models, 1)
    state = two.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in one.state_dict().items())
    assert state["kept_reward"].shape == (2, 2, ROUNDS, 4, 2)


@pytest.mark.parametrize("normalise", [False, True])
def test_the_contract(normalise):
    agent = Reciprocator(refresh=1, model_units=8, normalise_influence=normalise, **GIVEN)
    check_agent(agent, Coins(variant="coin_per_player", rounds=4))


def test_a_table_has_no_features():
    assert "features" in (Reciprocator().refuses(TWO) or "")
