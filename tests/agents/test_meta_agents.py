"""Meta-agents: what they learn from trial to trial, what they keep, and what they were shipped with."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal

from dilemma.agents.agent import Chairs
from dilemma.agents.learners.exact.lola_exact import LolaExact
from dilemma.agents.learners.exact.naive_exact import NaiveExact
from dilemma.agents.learners.meta.good_shepherd import GoodShepherd
from dilemma.agents.learners.meta.m_fos import MFOS, log_density, normal_entropy
from dilemma.agents.learners.meta.m_maml import ExactMMamlPlayer, MMaml
from dilemma.agents.learners.reciprocity.reciprocator_exact import ReciprocatorExact
from dilemma.agents.memory_one import MemoryOne
from dilemma.envs.chance import Chance, derive
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.envs.policy_game import PolicyGame
from dilemma.testing import check_agent
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

META = [GoodShepherd, MMaml, MFOS]
EXACT = MMaml(weights="none", gradient="exact")
LEARNERS = [*(kind(weights="none") for kind in META), EXACT]
SHORT = PolicyGame(rounds=10)


def curve(agent, other, tables, trials=1, game=SHORT, match=0, keep=()):
    """What a match gives: the curve [trial, seat] of payoffs, and what was kept."""
    cast, keys = torch.tensor([[0, 1]]), derive(torch.arange(match, match + 1), 0)
    played = play(game, [agent, other], cast, keys, Protocol(tables, trials, keep=keep), ("us", "them"))
    return played.curves["payoff"][:, 0], played.learned


def mean(agent, other, tables=128, match=0):
    """Payoff per round of each in trials of 100 rounds."""
    curves, _ = curve(agent, other, tables, game=PolicyGame(), match=match)
    return curves[1:].mean(0).tolist()


def seated(agent, tables=4, game=SHORT):
    keys = derive(torch.arange(3), 1)
    return agent.sit(Chairs(game, torch.tensor([0, 1, 0]), Chance.at_tables(keys, tables)))


@pytest.mark.parametrize("agent", [*(kind() for kind in META), *LEARNERS], ids=repr)
def test_contract(agent):
    check_agent(agent, SHORT)
    assert agent.refuses(PrisonersDilemma())


# What is learned.


def test_neighbouring_tables_play_opposite_perturbations_around_the_mean():
    player = seated(GoodShepherd(weights="none", spread=0.3), tables=400)
    deviates = player.perturbations(7)
    assert torch.equal(deviates[..., 0::2], -deviates[..., 1::2])
    assert deviates.std() == pytest.approx(1, abs=0.05)
    assert not torch.equal(deviates, player.perturbations(8))


def test_the_strategy_climbs_the_gradient_of_what_is_earned():
    """With R = a . e of weights a, the estimate is a, give or take |a| / sqrt(2,000) at 4,000 tables."""
    player = seated(GoodShepherd(weights="none"), tables=4000)
    player.deviates = player.perturbations(0)
    weights = torch.tensor([1.0, -2.0, 0.0, 0.5, 3.0], dtype=torch.float64)
    earned = 7 + player.agent.spread * (weights[:, None] * player.deviates).sum(1)
    assert torch.allclose(player.estimate(earned), weights.expand(3, 5), atol=0.5)


def test_densities_and_entropies_are_those_of_normal_distributions():
    logits, mean, variance = torch.rand(3, 2, 4, 5).unbind(0)
    normal = Normal(mean, variance.sqrt())
    assert torch.allclose(log_density(logits, mean, variance), normal.log_prob(logits).sum(-1), atol=1e-5)
    assert torch.allclose(normal_entropy(variance), normal.entropy().sum(-1), atol=1e-5)


@pytest.mark.parametrize(
    ("agent", "trials"),
    [
        (GoodShepherd(weights="none"), 12),
        (MMaml(weights="none", spread=0.5, meta_rate=0.3), 20),
        (MFOS(weights="none", hidden=32), 12),
        (EXACT, 12),
    ],
    ids=lambda value: type(value).__name__,
)
def test_it_earns_more_from_trial_to_trial(agent, trials):
    """A mean over 64 tables has a standard error near .03."""
    payoff, _ = curve(agent, NaiveExact(), 64, trials)
    assert payoff[-3:, 0].mean() > payoff[0, 0] + 0.1


def test_the_trial_that_m_maml_differentiates_is_the_one_that_is_played(monkeypatch):
    differences = []

    def compare(player):
        imagined = player.of_trial(player._theta, player._first)
        differences.append((imagined - player._earned / player._rounds).abs().max().item())

    monkeypatch.setattr(ExactMMamlPlayer, "learn", compare)
    curve(EXACT, NaiveExact(), 16, 2)
    assert len(differences) == 2
    assert max(differences) < 1e-10


def test_m_maml_climbs_the_derivative_of_a_trial():
    player = seated(EXACT, tables=3)
    other = torch.rand(5, 3, 3, dtype=torch.float64)
    start = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda theta: player.of_trial(theta, other), start)


@pytest.mark.parametrize("agent", LEARNERS, ids=repr)
def test_chairs_learn_by_themselves(agent):
    cast, keys = torch.tensor([[0, 1], [1, 0]]), derive(torch.arange(2), 0)
    both = play(SHORT, [agent, NaiveExact()], cast, keys, Protocol(8, 3)).curves["payoff"]
    one = play(SHORT, [agent, NaiveExact()], cast[1:], keys[1:], Protocol(8, 3)).curves["payoff"]
    assert torch.allclose(both[:, 1:], one, atol=1e-5)


# Trials.


def test_co_players_begin_each_trial_afresh_with_other_policies():
    static = MemoryOne(p=(1, 1, 0, 1, 0))
    for learner in (NaiveExact(), LolaExact(), ReciprocatorExact()):
        payoff, _ = curve(learner, static, 400, 3)
        assert payoff[:, 0].std() < 0.05
        assert len(set(payoff[:, 0].tolist())) == 3


def test_a_loaded_learner_goes_on_from_what_was_loaded():
    player = seated(ReciprocatorExact())
    state = {name: value.clone() for name, value in seated(ReciprocatorExact(initial_std=3)).state_dict().items()}
    player.load_state_dict(state)
    assert all(torch.equal(value, state[name]) for name, value in player.state_dict().items())


def test_loaded_at_more_tables_players_take_turns():
    few, many = seated(ReciprocatorExact(), tables=2), seated(ReciprocatorExact(), tables=4)
    many.load_state_dict(few.state_dict())
    assert torch.equal(many.state_dict()["parameters"], few.state_dict()["parameters"][:, [0, 1, 0, 1]])


# Frozen.


@pytest.mark.parametrize("agent", LEARNERS, ids=repr)
def test_what_was_learned_is_kept_and_restored_to_the_bit(agent):
    _, [learned] = curve(agent, NaiveExact(), 8, 2, keep=("us",))
    keys = derive(torch.arange(1), 0)
    chairs = Chairs(SHORT, torch.zeros(1, dtype=torch.int64), Chance.at_tables(keys, 8))
    player = agent.sit(chairs)
    player.load_state_dict(learned.state)
    assert all(torch.equal(value, learned.state[name]) for name, value in player.state_dict().items())


@pytest.mark.parametrize("kind", META)
def test_frozen_it_plays_every_trial_alike(kind):
    """Against a constant policy; M-FOS draws each trial's first policy, which has no weight."""
    _, [learned] = curve(kind(), MemoryOne(p=(1, 1, 0, 1, 0)), 8, 1, keep=("us",))
    _, [later] = curve(kind(), MemoryOne(p=(1, 1, 0, 1, 0)), 8, 3, keep=("us",))
    assert all(torch.equal(value, later.state[name]) for name, value in learned.state.items())


@pytest.mark.parametrize(
    ("agent", "ours", "theirs"),
    [(GoodShepherd(), -0.647, -1.838), (MMaml(), -1.03, -1.04), (MFOS(), -0.45, -2.21)],
    ids=repr,
)
def test_shipped_weights_earn_against_naive_learners_what_docs_say(agent, ours, theirs):
    """On 128 tables; the standard error is below .01, and two Good Shepherds leave .04 more or less."""
    assert mean(agent, NaiveExact()) == pytest.approx([ours, theirs], abs=0.04)
