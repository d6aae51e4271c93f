"""What sampled learners share: encoder, forms, returns, gradients; and what each of them learns."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from dilemma.agents.agent import Agent, Chairs, Observation, Round
from dilemma.agents.automata import AllC, AllD, TitForTat
from dilemma.agents.fixed_action import FixedAction
from dilemma.agents.learners.nets import layers
from dilemma.agents.learners.nets.adam import Adam, clipped
from dilemma.agents.learners.nets.categorical import allowed, bounds, choose
from dilemma.agents.learners.nets.encoding import OutcomeEncoder
from dilemma.agents.learners.nets.layers import linear
from dilemma.agents.learners.nets.policies import GRU, MLP
from dilemma.agents.learners.policy_gradient.actor_critic import ActorCritic
from dilemma.agents.learners.policy_gradient.policy_gradient import PolicyGradient, PolicyGradientPlayer
from dilemma.agents.learners.policy_gradient.ppo import PPO
from dilemma.agents.learners.policy_gradient.reinforce import Reinforce
from dilemma.agents.learners.policy_gradient.returns import generalised_advantages, normalised, returns_to_go
from dilemma.agents.memory_one import MemoryOne
from dilemma.envs.chance import Chance, Purpose, derive
from dilemma.envs.coins import Coins
from dilemma.envs.environment import Box, Environment
from dilemma.envs.harvest import Harvest
from dilemma.envs.matrix_game import BattleOfTheSexes, MatrixGame, PrisonersDilemma, RockPaperScissors
from dilemma.envs.n_player_ipd import NPlayerIPD
from dilemma.testing import check_agent
from dilemma.tournament.arena import Played, play
from dilemma.tournament.protocol import Protocol

GAME = PrisonersDilemma(rounds=8, payoffs=(-1, -3, 0, -2))
FORMS = ["tabular", "mlp", "gru"]
LEARNERS = [Reinforce(), Reinforce(baseline="value"), ActorCritic(), PPO(), PPO(minibatches=2), PPO(policy="gru")]


def learn(
    ours: Agent, theirs: Agent, *, game: Environment = GAME, matches=2, tables=16, episodes=2, freeze_after=()
) -> Played:
    """Play `ours` against `theirs`."""
    cast = torch.tensor([[0, 1]]).expand(matches, 2)
    protocol = Protocol(tables=tables, episodes=episodes, freeze_after=freeze_after, keep=("ours",))
    keys = derive(torch.arange(matches), 7)
    return play(game, [ours, theirs], cast, keys, protocol, ["ours", "theirs"])


def seated(agent: PolicyGradient, game: Environment = GAME, *, seat: Tensor | None = None, tables=16):
    """The agent's player on all seats of three matches, or on `seat` of each."""
    seat = torch.arange(game.seats).repeat(3) if seat is None else seat
    chairs = Chairs(game, seat, Chance.at_tables(derive(torch.arange(len(seat)), 3), tables))
    player = agent.sit(chairs)
    assert isinstance(player, PolicyGradientPlayer)
    return player


def episode(player: PolicyGradientPlayer, number: int) -> None:
    """One episode of a player that sits on all seats, in pairs; then it learns."""
    game, (chairs, tables) = player.chairs.game, player.chairs.shape
    matches = chairs // game.seats
    chance = Chance.at_tables(derive(torch.arange(matches), 11), tables)
    state = game.reset(matches, tables, chance, number)
    player.begin()
    for _ in range(int(game.rounds)):
        action = player.act(Observation(state, None)).view(matches, game.seats, tables)
        state, step = game.step(state, action, chance)
        player.observe(Round(step, None))
    if player.learning:
        player.learn()


# Returns.


def test_returns_and_advantages_by_hand():
    reward, value = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([3.0, 1.0, 2.0])
    assert returns_to_go(reward, 0.5).tolist() == [3, 4, 4]
    # One-step differences are 1 + 1/2 - 3, 2 + 1 - 1 and 4 - 2; each decays by 1/4 backwards.
    assert generalised_advantages(reward, value, 0.5, 0.5).tolist() == [-0.875, 2.5, 2]
    assert generalised_advantages(reward, value, 0.5, 1.0).tolist() == [0, 3, 2]
    playing = torch.tensor([True, True, False])
    assert generalised_advantages(reward * playing, value, 0.5, 0.5, playing).tolist() == [-1.25, 1, 0]


def test_normalised_values_know_their_own_chair_only_and_only_what_was_played():
    values = torch.tensor([[[1.0, 3.0], [10.0, 10.0]], [[5.0, 7.0], [10.0, 10.0]]]).double()
    expected = torch.tensor([[-3.0, -1.0], [1.0, 3.0]]).double() / 5**0.5
    assert torch.allclose(normalised(values)[:, 0], expected)
    assert (normalised(values)[:, 1] == 0).all()  # and no NaN where they are all the same
    playing = torch.ones_like(values, dtype=torch.bool)
    playing[1, :, 1] = False
    assert torch.allclose(
        normalised(values, playing)[:, 0].flatten(), torch.tensor([-2.0, 0, 2, 0]).double() / (8 / 3) ** 0.5
    )


def test_adam_steps_by_its_formula_and_by_chair():
    start, gradients = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).double(), [2.0, -0.1, 0.5]
    theta, optimiser = start, Adam(0.1)
    for gradient in gradients:
        theta = optimiser.step(theta, torch.tensor([[1.0, -1.0], [0.0, 3.0]]).double() * gradient)
    first = second = 0.0
    moved = 0.0
    for n, gradient in enumerate(gradients, 1):
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        moved -= 0.1 * (first / (1 - 0.9**n)) / ((second / (1 - 0.999**n)) ** 0.5 + 1e-8)
    assert torch.allclose(theta - start, moved * torch.tensor([[1.0, -1.0], [0.0, 1.0]]).double())


def test_gradients_are_cut_by_chair():
    gradient = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
    assert torch.allclose(clipped(gradient, 1.0), torch.tensor([[0.6, 0.8], [0.3, 0.4]]))


# What is seen, and what is chosen.


@pytest.mark.parametrize(
    ("game", "own", "others", "state"),
    [
        (GAME, [0, 0, 1, 1], [[0], [1], [0], [1]], [1, 2, 3, 4]),
        (NPlayerIPD(players=3), [0, 0, 1, 1], [[0, 0], [0, 1], [1, 0], [1, 1]], [1, 2, 5, 6]),
        (RockPaperScissors(), [0, 1, 2, 2], [[2], [1], [0], [2]], [3, 5, 7, 9]),
    ],
)
def test_the_last_round_is_a_state(game, own, others, state):
    player = seated(PPO(), game, seat=torch.zeros(1, dtype=torch.int64), tables=4)
    encoder = player.encoder
    encoder.begin()
    assert (encoder.encode(None) == 0).all()
    encoder.state = encoder.outcome(torch.tensor([own]), torch.tensor(others).sum(1)[None])
    assert encoder.state.tolist() == [state]
    if game.seats == 2:
        assert encoder.from_other_side(encoder.from_other_side(encoder.state)).tolist() == [state]
        assert encoder.from_other_side(encoder.state).tolist() == [
            [1 + other[0] * player.actions + mine for mine, other in zip(own, others, strict=True)]
        ]


def test_seats_with_different_actions_have_different_states():
    game = MatrixGame(payoffs=(((1, 0), (0, 2), (3, -9)), ((1, 0), (0, 2), (3, -9))))
    encoder = seated(PPO(), game, seat=torch.tensor([0, 1]), tables=1).encoder
    assert isinstance(encoder, OutcomeEncoder)
    assert encoder.states == 7
    assert encoder.outcome(torch.tensor([[2], [1]]), torch.tensor([[1], [2]])).tolist() == [[6], [6]]


def test_actions_are_drawn_by_their_probabilities():
    probability = torch.tensor([0.5, 0.0, 0.3, 0.2]).double()
    draws = ((torch.arange(1000) * 2 + 1) * 2**22 // 1000 * 2**9) - 2**31
    mask = torch.tensor([True, False, True, False])
    chosen = choose(draws, bounds(probability.log().clamp(min=-100)).expand(1000, -1))
    assert torch.bincount(chosen, minlength=4).tolist() == [500, 0, 300, 200]
    masked = choose(draws, bounds(allowed(probability.clamp(min=1e-9).log(), mask)).expand(1000, -1))
    assert torch.bincount(masked, minlength=4).tolist() == [625, 0, 375, 0]


# Forms: the same functions as torch's modules, on every chair by itself.


def forms(kind):
    chairs = Chairs(GAME, torch.tensor([0, 1]), Chance.at_tables(derive(torch.arange(2), 5), 3))
    encoder = OutcomeEncoder(chairs)
    form = GRU(encoder, 4, 2) if kind == "gru" else MLP(encoder, (4, 3), 2, "relu")
    seen = torch.randint(5, (6, 2, 3), generator=torch.Generator().manual_seed(1))
    return form, form.initial(chairs), seen


def test_a_gru_is_torchs_on_every_chair_and_steps_as_it_unrolls():
    form, theta, seen = forms("gru")
    out = form.unroll(theta, seen)
    features = torch.nn.functional.one_hot(seen, 5).float()
    assert torch.allclose(out, form.unroll(theta, features), atol=1e-6)
    for chair in range(2):
        weight_in, bias_in, weight, bias, weight_out, bias_out = (leaf[chair] for leaf in form.unpack(theta))
        module = nn.GRU(5, 4)
        new = {"weight_ih_l0": weight_in.T, "weight_hh_l0": weight.T, "bias_ih_l0": bias_in}
        new["bias_hh_l0"] = torch.cat((torch.zeros(8), bias))
        module.load_state_dict(new)
        hidden, _ = module(features[:, chair])
        assert torch.allclose(out[:, chair], hidden @ weight_out + bias_out, atol=1e-6)
    memory = None
    for at, expected in zip(seen, out, strict=True):
        step, memory = form.step(theta, at, memory)
        assert torch.allclose(step, expected, atol=1e-6)


def test_a_layer_over_many_bytes_is_the_layer_over_few_floats(monkeypatch):
    draws = torch.Generator().manual_seed(1)
    bits = torch.randint(2, (5, 2, 3, 7), generator=draws, dtype=torch.uint8)
    weight, bias = (
        torch.randn(shape, generator=draws, dtype=torch.float64, requires_grad=True)
        for shape in ((2, 7, 4), (2, 4))
    )
    expected = linear(bits.double(), weight, bias)
    slopes = torch.randn(expected.shape, generator=draws, dtype=torch.float64)
    gradients = torch.autograd.grad((expected * slopes).sum(), (weight, bias))
    monkeypatch.setattr(layers, "AT_ONCE", 2 * bits[0].numel())
    alike = linear(bits.movedim(1, 0).flatten(1, 2), weight, bias)  # all of them as one round
    assert torch.allclose(alike, expected.movedim(1, 0).flatten(1, 2), rtol=0, atol=1e-12)
    found = linear(bits, weight, bias)
    assert torch.allclose(found, expected, rtol=0, atol=1e-12)
    for ours, plain in zip(torch.autograd.grad((found * slopes).sum(), (weight, bias)), gradients, strict=True):
        assert torch.allclose(ours, plain, rtol=0, atol=1e-12)
    assert torch.autograd.gradgradcheck(lambda *leaves: linear(bits, *leaves), (weight, bias))


def test_features_are_kept_as_the_bytes_that_the_environment_gives():
    player = seated(PPO(policy="mlp"), Harvest(rounds=2), tables=2)
    episode(player, 0)
    assert player.trajectory.encoded.dtype == torch.uint8


def test_a_perceptron_is_torchs_on_every_chair():
    form, theta, seen = forms("mlp")
    out = form.unroll(theta, seen)
    for chair in range(2):
        fed = torch.nn.functional.one_hot(seen[:, chair], 5).double()
        leaves = [leaf[chair] for leaf in form.unpack(theta)]
        for index in range(0, 6, 2):
            fed = (fed.relu() if index else fed) @ leaves[index] + leaves[index + 1]
        assert torch.allclose(out[:, chair], fed)


# Gradients.


def exact_gradient(theirs: list[float], discount: float, noise: float) -> Tensor:
    """Of the discounted return from the first round at theta = 0, in GAME against a memory-one strategy."""
    theta = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    own = torch.sigmoid(theta) * (1 - 2 * noise) + noise
    other = torch.tensor(theirs).double()[[0, 1, 3, 2, 4]] * (1 - 2 * noise) + noise
    joint = torch.stack((own * other, own * (1 - other), (1 - own) * other, (1 - own) * (1 - other)), 1)
    outcome, value = joint[0], torch.zeros(())
    for t in range(int(GAME.rounds)):
        value = value + discount**t * (outcome @ torch.tensor([-1.0, -3, 0, -2]).double())
        outcome = outcome @ joint[1:]
    return torch.autograd.grad(value, theta)[0]


@pytest.mark.parametrize(
    ("given", "rate", "optimiser"),
    [
        ({}, 1.0, "gradient_descent"),
        ({"policy": "mlp"}, 0.01, "adam"),
        ({"policy": "gru", "learning_rate": 1.0, "optimiser": "gradient_descent"}, 1.0, "gradient_descent"),
        ({"optimiser": "adam"}, 1.0, "adam"),
    ],
)
def test_reinforce_steps_as_its_policy_can_bear(given, rate, optimiser):
    agent = Reinforce(**given)
    assert (agent.learning_rate, agent.optimiser) == (rate, optimiser)
    assert Reinforce.model_validate(agent.model_dump()) == agent


def test_a_net_finds_the_shortest_way_to_the_coin_by_reinforce():
    """Alone in Coins .6 a round is the most; plain steps at rate 1 end at 0 to .02 in each of 8 runs."""
    coins = Coins(absent=1, rounds=16, view="centred")
    keys, protocol = derive(torch.arange(4), 18), Protocol(64, 80, 10)
    played = play(coins, [Reinforce(policy="mlp")], torch.zeros(4, 1, dtype=torch.int64), keys, protocol)
    assert (played.payoff / played.weight).mean() > 0.5


@pytest.mark.parametrize(("baseline", "noise"), [("leave_one_out", 0.0), ("leave_one_out", 0.1), ("nothing", 0.0)])
def test_reinforce_climbs_the_exact_gradient(baseline, noise):
    theirs = [0.7, 0.9, 0.2, 0.6, 0.3]
    agent = Reinforce(spread=0, baseline=baseline, discount=0.8)
    game = PrisonersDilemma(rounds=8, payoffs=(-1, -3, 0, -2), noise=noise)
    played = learn(agent, MemoryOne(p=tuple(theirs)), game=game, matches=200, tables=64, episodes=1)
    sampled = played.learned[0].state["theta"][:, :5]  # from 0, by a step of 1
    error = sampled.std(0) / len(sampled) ** 0.5
    assert error.max() < (0.06 if baseline == "nothing" else 0.02)
    exact = exact_gradient(theirs, 0.8, noise)
    assert ((sampled.mean(0) - exact).abs() < 3 * error).all(), (sampled.mean(0), exact, error)


@pytest.mark.parametrize(
    "agent",
    [PPO(clip=0.02), PPO(policy="mlp"), ActorCritic(), Reinforce(), PPO(policy="gru", clip=0.02)],
)
@pytest.mark.parametrize("ends", [False, True])
def test_sums_by_what_was_seen_and_action_have_the_same_loss_and_gradient_as_samples(agent, ends):
    player = seated(agent)
    episode(player, 0)
    trajectory = player.trajectory
    if ends:
        rounds = torch.arange(len(trajectory))[:, None, None]
        trajectory.playing = rounds < torch.arange(1, 17).expand(6, 16)
    samples = player.samples(trajectory, player.estimate(trajectory, trajectory.reward))
    moved = player.theta + 0.3 * torch.randn(player.theta.shape, generator=torch.Generator().manual_seed(0))
    found = []
    for each in (samples, player.aggregated(samples)):
        with torch.enable_grad():
            theta = moved.clone().requires_grad_()
            loss = player.loss(theta, each, player.log_probabilities(each))
            parts = torch.stack((loss.policy, loss.value, loss.entropy))
            found.append((parts.detach(), *torch.autograd.grad(parts.sum(), theta)))
    exact = {"rtol": 1e-4, "atol": 1e-6} if agent.policy == "gru" else {"rtol": 1e-9, "atol": 1e-12}
    for ours, theirs in zip(*found, strict=True):
        assert torch.allclose(ours, theirs, **exact)


# What they learn.


@pytest.mark.parametrize("form", FORMS)
def test_ppo_learns_the_best_response(form):
    """To all C and all D that is defection, to tit for tat cooperation."""
    agents = [PPO(policy=form, learning_rate=0.05), AllC(), AllD(), TitForTat()]
    cast = torch.tensor([[0, 1], [2, 0], [0, 2], [3, 0], [0, 3]])
    played = play(GAME, agents, cast, derive(torch.arange(5), 0), Protocol(tables=32, episodes=40))
    cooperation = played.curves["cooperation"][-1][cast == 0]
    assert (cooperation[:3] < 0.15).all(), cooperation
    assert (cooperation[3:] > 0.85).all(), cooperation


@pytest.mark.parametrize("agent", [PPO(learning_rate=0.05), Reinforce(), ActorCritic(learning_rate=0.1)])
def test_naive_learners_end_in_mutual_defection(agent):
    cooperation = learn(agent, agent, tables=64, episodes=60).curves["cooperation"][-1]
    assert (cooperation < 0.15).all(), cooperation


def test_they_learn_among_three_players_and_three_actions():
    crowd = play(
        NPlayerIPD(rounds=8),
        [PPO(learning_rate=0.05)],
        torch.zeros(1, 3).long(),
        derive(torch.arange(1), 0),
        Protocol(tables=32, episodes=30),
    )
    assert (crowd.curves["cooperation"][-1] < 0.2).all()
    against_rock = learn(
        PPO(learning_rate=0.05), FixedAction(action=0), game=RockPaperScissors(rounds=8), tables=32, episodes=40
    )
    assert (against_rock.curves["payoff"][-1, :, 0] > 0.8).all()


# The contract.


@pytest.mark.parametrize("agent", LEARNERS)
def test_chairs_do_not_leak(agent):
    """One update is the same alone as beside others, and the same block gives the same bits."""
    together = learn(agent, agent, matches=3, episodes=1).learned[0].state["theta"]
    again = learn(agent, agent, matches=3, episodes=1).learned[0].state["theta"]
    alone = learn(agent, agent, matches=1, episodes=1).learned[0].state["theta"]
    assert torch.equal(together, again)
    assert torch.allclose(together[:1], alone, atol=1e-5)
    assert not torch.allclose(together[0], together[1], atol=1e-2)


@pytest.mark.parametrize("agent", LEARNERS)
def test_frozen_they_act_and_change_nothing(agent):
    two = learn(agent, TitForTat(), episodes=2)
    frozen = learn(agent, TitForTat(), episodes=4, freeze_after=(("ours", 2),))
    assert all(torch.equal(two.learned[0].state[name], value) for name, value in frozen.learned[0].state.items())
    assert torch.isfinite(frozen.curves["payoff"]).all()


@pytest.mark.parametrize("agent", LEARNERS)
def test_what_was_saved_goes_on_bit_for_bit(agent):
    first = seated(agent)
    for number in range(2):
        episode(first, number)
    second = seated(agent)
    second.load_state_dict({name: value.clone() for name, value in first.state_dict().items()})
    for player in (first, second):
        episode(player, 2)
    assert all(len(value) == 6 for value in first.state_dict().values())
    assert all(torch.equal(second.state_dict()[name], value) for name, value in first.state_dict().items())


@pytest.mark.parametrize("agent", LEARNERS)
def test_swapped_seats_give_the_mirrored_result(agent):
    """In a game that looks the same from both seats once their payoffs are swapped too."""
    row, column = BattleOfTheSexes().matrices
    games = [MatrixGame(rounds=6, payoffs=(row, column)), MatrixGame(rounds=6, payoffs=(column.T, row.T))]
    thetas = []
    for seats, game in zip(([0, 1], [1, 0]), games, strict=True):
        player = seated(agent, game, seat=torch.tensor(seats * 3))
        player.begin()
        chance = Chance.at_tables(derive(torch.arange(3), 11), 16)
        state = game.reset(3, 16, chance)
        places = torch.arange(6).view(3, 2)[:, seats].flatten()
        for _ in range(6):
            action = torch.empty(6, 16, dtype=torch.int64)
            action[places] = player.act(Observation(state, places))
            state, step = game.step(state, action.view(3, 2, 16), chance)
            player.observe(Round(step, places))
        player.learn()
        thetas.append(player.theta)
    assert torch.equal(*thetas)


@pytest.mark.parametrize("agent", LEARNERS)
def test_equal_rewards_and_certain_policies_give_no_nan(agent):
    flat = MatrixGame(rounds=4, payoffs=((1, 1), (1, 1)))
    certain = agent.model_copy(update={"spread": 1000.0})
    for game, player in ((flat, agent), (GAME, certain)):
        played = learn(player, player, game=game, tables=1, episodes=3)
        assert all(
            torch.isfinite(value).all() for value in (*played.curves.values(), *played.learned[0].state.values())
        )


def test_rounds_that_are_not_played_teach_nothing():
    game = PrisonersDilemma(rounds=8, continuation=0.6)
    player = seated(PPO(normalise="nothing"), game)
    player.update = lambda samples: None
    episode(player, 0)
    trajectory = player.trajectory
    over = ~trajectory.playing
    assert over.any()
    assert (trajectory.reward[over] == 0).all()
    samples = player.samples(trajectory, player.estimate(trajectory, trajectory.reward))
    other = replace(samples, action=samples.action ^ over.long(), target=samples.target + 50.0 * over)
    before, after = (player.loss(player.theta, each, each.advantage * 0) for each in (samples, other))
    for name in ("policy", "value", "entropy"):
        assert torch.equal(getattr(before, name), getattr(after, name))
    played = (~over).sum((0, 2))
    assert torch.allclose(before.value, (returns_to_go(trajectory.reward, 0.96) ** 2).sum((0, 2)) / played)


def test_they_refuse_what_is_no_choice_among_actions():
    class Slider(PrisonersDilemma):
        """Cooperation by degrees."""

        def actions(self, seat):
            return Box(0, 1)

    assert "box" in PPO().refuses(Slider())
    with pytest.raises(ValueError, match="bootstrap"):
        PPO(gae=0.9)


# A user's module.


def small_net(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, 8), nn.LayerNorm(8), nn.Tanh(), nn.Linear(8, outputs))


def with_dropout(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.Dropout())


def recurrent(inputs: int, outputs: int) -> nn.Module:
    return nn.GRU(inputs, outputs)


HERE = f"{__file__}:"


def test_a_users_module_is_stacked_and_learns():
    check_agent(agent := PPO(policy=f"{HERE}small_net", learning_rate=0.03), GAME)
    form = seated(agent).policy.actor
    theta = form.initial(seated(agent).chairs)
    leaves = form.unpack(theta)
    assert (leaves[2] == 1).all()  # the scale of the LayerNorm
    assert leaves[0].std() > 0.1
    module = small_net(5, 2)
    for own, given in zip(module.parameters(), leaves, strict=True):
        own.data = given[3]
    assert torch.allclose(form.table(theta)[3], module(torch.eye(5)), atol=1e-6)
    features = torch.randn(4, 6, 16, 5, generator=torch.Generator().manual_seed(0))
    form.states = None
    assert torch.allclose(form.unroll(theta, features)[:, 3], module(features[:, 3]), atol=1e-5)
    cooperation = learn(agent, AllC(), tables=32, episodes=30).curves["cooperation"][-1, :, 0]
    assert (cooperation < 0.2).all(), cooperation


@pytest.mark.parametrize(
    ("factory", "reason"), [("with_dropout", "chance"), ("recurrent", "gru"), ("HERE", "called"), ("none", "none")]
)
def test_modules_that_cannot_be_stacked_are_refused_with_a_sentence(factory, reason):
    assert reason in PPO(policy=HERE + factory).refuses(GAME)
    with pytest.raises(ValueError, match="import path"):
        PPO(policy="lstm")


# Environments with features and forbidden actions.


class Signals(PrisonersDilemma):
    """A coin is shown before each round, and where it shows heads defection is forbidden."""

    def reset(self, matches, tables, chance, episode=0):
        return self._shown(super().reset(matches, tables, chance, episode), chance)

    def step(self, state, action, chance):
        assert state.action_mask.gather(-1, action[..., None]).all()
        state, step = super().step(state, action, chance)
        return self._shown(state, chance), step

    def _shown(self, state, chance):
        heads = chance.parts(2).happens(0.5, Purpose.SPAWN, state.episode, state.round)
        mask = torch.stack((torch.ones_like(heads), ~heads), -1)
        return replace(state, observation=mask.double(), action_mask=mask)


@pytest.mark.parametrize("form", ["mlp", "gru", f"{HERE}small_net"])
def test_features_and_masks_are_heeded(form):
    game = Signals(rounds=8, payoffs=(-1, -3, 0, -2))
    agent = PPO(policy=form, learning_rate=0.05, minibatches=2)
    assert "features" in PPO().refuses(game)
    played = learn(agent, agent, game=game, episodes=8)
    cooperation = played.curves["cooperation"]
    assert (cooperation[0] - 0.75).abs().max() < 0.15  # half forced, and half of the rest
    assert (cooperation[-1] < cooperation[0]).all()
    assert torch.isfinite(played.learned[0].state["theta"]).all()
