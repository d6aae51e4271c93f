"""Opponent shapers in sampled matrix games: their formulas by hand, their estimators against exact derivatives."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from dilemma.agents import CATALOGUE
from dilemma.agents.agent import Agent, Chairs
from dilemma.agents.automata import AllD, TitForTat
from dilemma.agents.learners.policy_gradient.trajectory import Trajectory
from dilemma.agents.learners.shaping.advantage_alignment import AdvantageAlignment, aligned, averaged
from dilemma.agents.learners.shaping.dice import box, loaded_dice
from dilemma.agents.learners.shaping.lola_dice import LolaDice
from dilemma.agents.learners.shaping.loqa import Loqa, shaping
from dilemma.agents.learners.shaping.pola_dice import PolaDice
from dilemma.agents.learners.shaping.rollouts import RolloutModel, expected_returns
from dilemma.agents.learners.tabular.fitted_table import fitted
from dilemma.classification import example
from dilemma.envs.chance import Chance, derive
from dilemma.envs.environment import Environment
from dilemma.envs.matrix_game import MatrixGame, PrisonersDilemma
from dilemma.testing import check_agent
from dilemma.tournament.arena import Played, play
from dilemma.tournament.eligibility import why_not
from dilemma.tournament.protocol import Protocol

IPD = PrisonersDilemma(payoffs=(-1, -3, 0, -2), rounds=16)
SHAPERS = [AdvantageAlignment(), Loqa(), LolaDice(), PolaDice(steps=2)]
QUICK = [
    AdvantageAlignment(learning_rate=0.02, memory=1.0),
    Loqa(learning_rate=0.3),
    LolaDice(learning_rate=0.15),
    PolaDice(learning_rate=0.15, steps=2, own_penalty=10),
]
named = pytest.mark.parametrize("shaper", SHAPERS, ids=lambda agent: type(agent).__name__)
LEARNERS = [agent for name in CATALOGUE.builtin if (agent := example(CATALOGUE.model(name))) and agent.learns]
quick = pytest.mark.parametrize("shaper", QUICK, ids=lambda agent: type(agent).__name__)


def matches(
    agents: list[Agent],
    cast: list[list[int]],
    episodes: int = 3,
    tables: int = 8,
    game: Environment = IPD,
    keys: Tensor | None = None,
    freeze: tuple[tuple[str, int], ...] = (),
) -> Played:
    keys = derive(torch.arange(len(cast)), 0) if keys is None else keys
    labels = [str(index) for index in range(len(agents))]
    protocol = Protocol(tables=tables, episodes=episodes, freeze_after=freeze, keep=("0",))
    return play(game, agents, torch.tensor(cast), keys, protocol, labels=labels)


def learned(played: Played) -> dict[str, Tensor]:
    """By the first of the agents."""
    return played.learned[0].state


def chairs(game: Environment, count: int, tables: int) -> Chairs:
    keys = derive(torch.arange(count), 7)
    return Chairs(game, torch.arange(count) % 2, Chance.at_tables(keys, tables))


# The contract.


@named
def test_shapers_keep_the_contract(shaper):
    check_agent(shaper, PrisonersDilemma(rounds=8))
    check_agent(shaper, PrisonersDilemma(rounds=8, continuation=0.8, noise=0.1))
    check_agent(shaper, MatrixGame(rounds=8, payoffs=((0, -1, 1), (1, 0, -1), (-1, 1, 0))))


@pytest.mark.parametrize("agent", LEARNERS, ids=lambda agent: type(agent).__name__)
def test_no_learner_plans_by_rules_in_which_all_see_what_is_done_where_they_do_not(agent):
    """Those who know the rules and learn from what they see of others; without rules they may take it as it is."""
    if "game_model" in agent.needs and why_not(agent, PrisonersDilemma()) is None:
        assert why_not(agent, PrisonersDilemma(misperception=0.1))


@named
def test_chairs_do_not_leak(shaper):
    keys = derive(torch.arange(3), 0)
    together = matches([shaper, TitForTat()], [[0, 0], [0, 1], [1, 0]], keys=keys)
    alone = matches([shaper, TitForTat()], [[0, 1]], keys=keys[1:2])
    torch.testing.assert_close(together.curves["payoff"][:, 1:2], alone.curves["payoff"])
    for name, value in learned(alone).items():
        torch.testing.assert_close(learned(together)[name][2:3], value, rtol=1e-9, atol=1e-9)


@named
def test_the_frozen_learn_nothing(shaper):
    before = learned(matches([shaper], [[0, 0]], episodes=2))
    frozen = learned(matches([shaper], [[0, 0]], episodes=5, freeze=(("0", 2),)))
    assert before.keys() == frozen.keys()
    assert all(torch.equal(before[name], frozen[name]) for name in before)


@named
def test_what_was_learned_can_be_restored(shaper):
    state = learned(matches([shaper], [[0, 0]]))
    player = shaper.sit(chairs(IPD, 2, 8))
    player.load_state_dict(state)
    assert all(torch.equal(player.state_dict()[name], state[name]) for name in state)


@quick
def test_each_seat_knows_its_own_payoffs(shaper):
    """In either seat, the second action is better against all_d, whatever the other seat earns."""
    row, column = ((-1.0, -3.0), (0.0, -2.0)), ((5.0, 4.0), (9.0, 8.0))
    game = MatrixGame(rounds=8, payoffs=(row, column))
    mirrored = MatrixGame(rounds=8, payoffs=(tuple(zip(*column, strict=True)), tuple(zip(*row, strict=True))))
    for rules, cast in ((game, [0, 1]), (mirrored, [1, 0])):
        played = matches([shaper, AllD()], [cast], game=rules, episodes=40, tables=32)
        assert played.curves["cooperation"][-1, 0, cast.index(0)] < 0.35


# Advantage alignment.


def test_advantages_are_aligned_by_the_discounted_past():
    own, theirs = torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([[5.0], [7.0], [11.0]])
    d = 0.5
    assert aligned(own, theirs, d).flatten().tolist() == [0, d * (d * 1) * 7, d * (d**2 * 1 + d * 2) * 11]


def test_in_the_released_code_the_past_is_averaged():
    own, theirs = torch.tensor([[1.0], [2.0], [6.0], [4.0]]), torch.tensor([[5.0], [7.0], [11.0], [10.0]])
    assert averaged(own, theirs).flatten().tolist() == [0, 1 / 1 * 7, (1 + 2) / 2 * 11, (1 + 2 + 6) / 3 * 10]


def test_both_forms_of_alignment_by_hand():
    """Three rounds without critics yet: rewards 1, 0, 2 against 3, 5, 7; one-step advantages are the rewards."""
    game = PrisonersDilemma(rounds=3)
    earned, theirs = (
        torch.tensor(column, dtype=torch.float64)[:, None, None] for column in ([1, 0, 2], [3, 5, 7])
    )
    trajectory = Trajectory()
    trajectory.encoded, trajectory.others_reward = torch.zeros(3, 1, 1, dtype=torch.int64), theirs[:, :, None]
    for form, adds in (("paper", [0, 0.5 * 0.5 * 5, 0.5 * 0.25 * 7]), ("code", [0, 5, 1 / 2 * 7])):
        agent = AdvantageAlignment(form=form, discount=0.5, normalise="nothing")
        found = agent.sit(chairs(game, 1, 1)).estimate(trajectory, earned).advantage
        assert (found - earned).flatten().tolist() == adds


def test_both_forms_of_loqa_by_hand():
    """Rewards 1, 0, 3 against 4, 5, 7, so that units are 1; the other is as open to both actions: openness is 1/2.

    Its advantages are 4, 5, 7, and from returns to go, at a discount of 1/2, 8.25, 8.5, 7. By default the first
    round is discounted by 1/4 and 1/16 (decay 1/2 from the next round on), as published by 1/2 and 1/8.
    """
    game = PrisonersDilemma(rounds=3)
    earned, theirs = (
        torch.tensor(column, dtype=torch.float64)[:, None, None] for column in ([1, 0, 3], [4, 5, 7])
    )
    trajectory = Trajectory()
    trajectory.encoded, trajectory.others_reward = torch.zeros(3, 1, 1, dtype=torch.int64), theirs[:, :, None]
    trajectory.others = torch.zeros(3, 1, 1, 1, dtype=torch.int64)
    for form, adds in (
        ("one_decay_more", [0, 1 / 4 / 2 * 5, 1 / 16 / 2 * 7]),
        ("published", [0, 1 / 2 / 2 * 8.5, 1 / 8 / 2 * 7]),
    ):
        agent = Loqa(form=form, discount=0.5, decay=0.5)
        found = agent.sit(chairs(game, 1, 1)).estimate(trajectory, earned).advantage
        assert (found - earned).flatten().tolist() == adds


@pytest.mark.parametrize("agent", [AdvantageAlignment, Loqa])
def test_old_matches_keep_their_identity_and_forms_are_written(agent):
    assert "form" not in agent().model_dump()
    other = agent(form="code" if agent is AdvantageAlignment else "published")
    assert agent.model_validate(other.model_dump(mode="json")) == other


def test_a_table_moves_to_means_and_remembers():
    table = torch.tensor([[10.0, 20.0, 30.0]], dtype=torch.float64)
    index, value = torch.tensor([[[0, 0, 2]]]), torch.tensor([[[1.0, 3.0, 5.0]]], dtype=torch.float64)
    assert fitted(table, index, value, None, memory=2.0).tolist() == [[(20 + 4) / 4, 20, (60 + 5) / 3]]
    played = torch.tensor([[[1.0, 0.0, 0.0]]], dtype=torch.float64)
    assert fitted(table, index, value, played, memory=1.0).tolist() == [[5.5, 20, 30]]


# LOQA.


def test_loqa_is_the_gradient_of_its_loss():
    """Against the loss as it is written: DiCE through the own actions, into the softmax of the other's values."""
    rounds, discount, temperature = 5, 0.9, 0.7
    generator = torch.Generator().manual_seed(0)
    logs = torch.randn(rounds, generator=generator, dtype=torch.float64).requires_grad_()
    own, other, rest = (torch.randn(rounds, generator=generator, dtype=torch.float64) for _ in range(3))
    taken = torch.randn(rounds, generator=generator, dtype=torch.float64)
    loss = torch.zeros((), dtype=torch.float64)
    for t in range(rounds):
        ahead = sum(discount ** (k - t - 1) * (box(logs[k]) - 1) * other[k] for k in range(t + 1, rounds))
        values = torch.stack((taken[t] + discount * ahead, rest[t])) / temperature
        loss = loss - logs[t] * own[t] - torch.log_softmax(values, 0)[0] * own[t]
    (gradient,) = torch.autograd.grad(loss, logs)
    openness = (1 - torch.softmax(torch.stack((taken, rest)) / temperature, 0)[0]) / temperature
    column = (slice(None), None, None)
    ours = own[column] + shaping(own[column], openness[column], other[column], discount)
    torch.testing.assert_close(-gradient, ours.flatten())


def test_published_loqa_is_the_gradient_of_its_loss():
    """As in the authors' code: a backward recursion over returns less values, decayed from the second round on."""
    rounds, discount, decay, temperature = 5, 0.9, 0.6, 0.7
    generator = torch.Generator().manual_seed(0)
    logs = torch.randn(rounds, generator=generator, dtype=torch.float64).requires_grad_()
    own, other, rest, taken = (torch.randn(rounds, generator=generator, dtype=torch.float64) for _ in range(4))
    ahead, loss = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    for t in reversed(range(rounds)):
        values = torch.stack((taken[t] + discount * ahead, rest[t])) / temperature
        loss = loss - logs[t] * own[t] - torch.log_softmax(values, 0)[0] * own[t]
        ahead = (box(logs[t]) - 1) * other[t] + discount * decay * ahead
    (gradient,) = torch.autograd.grad(loss, logs)
    openness = (1 - torch.softmax(torch.stack((taken, rest)) / temperature, 0)[0]) / temperature
    column = (slice(None), None, None)
    ours = own[column] + shaping(own[column], openness[column], other[column], discount, decay)
    torch.testing.assert_close(-gradient, ours.flatten())


# DiCE, LOLA and POLA.


def policies(count: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    both = torch.randn(2, 1, 5, 2, generator=generator, dtype=torch.float64).expand(2, count, 5, 2)
    own, theirs = (logits.clone().requires_grad_() for logits in both)
    return own, theirs


def within(estimates: Tensor, exact: Tensor, errors: float = 4.0) -> None:
    """Means over independent chairs agree with the exact values to `errors` standard errors."""
    error = estimates.std(0) / math.sqrt(len(estimates))
    assert ((estimates.mean(0) - exact).abs() <= errors * error + 1e-12).all()
    assert (error < 0.2 * exact.abs().max()).all()


def test_box_is_one_and_passes_on_derivatives():
    x = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    assert box(x**2) == 1
    (first,) = torch.autograd.grad(box(x**2), x, create_graph=True)
    assert first.item() == pytest.approx(0.6)
    # Twice: (d log p)^2 + d^2 log p, as of a probability divided by itself.
    assert torch.autograd.grad(first, x)[0].item() == pytest.approx(0.36 + 2)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_dice_estimates_first_and_mixed_derivatives(noise):
    game = PrisonersDilemma(payoffs=(-1, -3, 0, -2), rounds=6, noise=noise)
    count, discount = 200, 0.9
    rollouts = RolloutModel(chairs(game, count, 1), 200)
    own, theirs = policies(count)

    def both() -> tuple[Tensor, Tensor]:
        return rollouts.with_noise(torch.log_softmax(own, -1)), rollouts.with_noise(torch.log_softmax(theirs, -1))

    def derivatives(value: Tensor) -> tuple[Tensor, Tensor]:
        first, across = torch.autograd.grad(value.sum(), (own, theirs), create_graph=True)
        (mixed,) = torch.autograd.grad(across[:, 3, 0].sum(), own)
        return first.detach(), mixed

    ours, others = both()
    exact = derivatives(expected_returns(ours, others, rollouts, discount)[0])
    ours, others = both()
    seen = rollouts.sample(ours, others, 0, 0)
    sampled = derivatives(loaded_dice(seen.log_probability(ours, others), seen.reward, discount))
    for estimate, truth in zip(sampled, exact, strict=True):
        within(estimate, truth[0])


def test_imagined_returns_are_those_of_the_chain():
    game = PrisonersDilemma(payoffs=(3, 0, 5, 1), rounds=7)
    rollouts = RolloutModel(chairs(game, 200, 1), 100)
    ours, others = (torch.log_softmax(logits.detach(), -1) for logits in policies(200))
    seen = rollouts.sample(ours, others, 3, 1)
    weight = 0.9 ** torch.arange(7, dtype=torch.float64)
    exact = expected_returns(ours, others, rollouts, 0.9)
    for rewards, truth in zip((seen.reward, seen.their_reward), exact, strict=True):
        within(torch.einsum("tcb,t->c", rewards, weight)[:, None] / 100, truth[:1])


def test_lola_climbs_the_return_after_a_look_ahead():
    """The expected gradient is that of the return after the exact step, but for what a noisy step curves."""
    game = PrisonersDilemma(payoffs=(-1, -3, 0, -2), rounds=5)
    agent = LolaDice(look_aheads=1, look_ahead_rate=0.2, imagined_tables=2000, spread=1.0, discount=0.9)
    count = 100
    player = agent.sit(chairs(game, count, 1))
    own, theirs = policies(count)
    player.theta = own.detach().flatten(1)
    player.pair.probabilities = torch.softmax(theirs.detach(), -1)
    player._episode = 0
    theta = player.theta.clone().requires_grad_()
    (sampled,) = torch.autograd.grad(player.value_after(theta, 0)[0].sum(), theta)

    logits = theirs.detach().requires_grad_()
    theta = player.theta.clone().requires_grad_()
    policy = player.pair.own(theta)
    value = expected_returns(policy, torch.log_softmax(logits, -1), player.pair.rollouts, 0.9)[1]
    (step,) = torch.autograd.grad(value.sum(), logits, create_graph=True)
    after = torch.log_softmax(logits + 0.2 * step, -1)
    exact, naive = (
        torch.autograd.grad(
            expected_returns(policy, theirs, player.pair.rollouts, 0.9)[0].sum(), theta, retain_graph=True
        )[0]
        for theirs in (after, after.detach())
    )
    within(sampled, exact[0])
    assert (exact - naive)[0].norm() > 5 * (sampled.mean(0) - exact[0]).norm()


def test_the_model_is_fitted_to_what_was_seen():
    state = learned(matches([LolaDice(), TitForTat()], [[0, 1]], episodes=4, tables=64))
    start, cc, cd, dc, dd = state["model"][0, :, 0].tolist()
    assert min(start, cc, cd) > 0.9
    assert max(dc, dd) < 0.1


def test_penalties_hold_a_policy_where_it_was():
    free, held = (
        matches([PolaDice(steps=5, own_penalty=penalty, learning_rate=0.1)], [[0, 0]], episodes=1, tables=32)
        for penalty in (0.0, 1e4)
    )
    moved = [learned(played)["theta"].abs().max() for played in (free, held)]
    assert moved[1] < 0.5 * moved[0]


# What they learn.


@quick
def test_shapers_cooperate_with_reciprocators_and_not_with_defectors(shaper):
    game = PrisonersDilemma(payoffs=(-1, -3, 0, -2), rounds=12)
    played = matches([shaper, TitForTat(), AllD()], [[0, 1], [0, 2]], episodes=60, tables=64, game=game)
    cooperation = played.curves["cooperation"][-5:].mean(0)
    assert cooperation[0, 0] > 0.75
    assert cooperation[1, 0] < 0.2
