"""LOLA-DiCE and POLA-DiCE with networks: derivatives against exact ones, and that they play Coins."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from dilemma.agents.agent import Agent, Chairs
from dilemma.agents.coins_players import CoinsCooperator
from dilemma.agents.learners.nets import layers
from dilemma.agents.learners.shaping.lola_dice import LolaDice
from dilemma.agents.learners.shaping.net_pair import NetPair
from dilemma.agents.learners.shaping.pola_dice import PolaDice
from dilemma.agents.learners.shaping.rollouts import RolloutModel, expected_returns
from dilemma.envs.chance import Chance, derive
from dilemma.envs.coins import Coins
from dilemma.envs.common_pool_trust import CommonPoolTrust
from dilemma.envs.environment import Discrete, Environment, State, Step
from dilemma.envs.in_the_matrix import InTheMatrix
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.testing import check_agent
from dilemma.tournament.arena import Played, play
from dilemma.tournament.protocol import Protocol

COINS = Coins(rounds=12, view="centred")
LOLA = LolaDice(policy="mlp", hidden=(6,), imagined_tables=8)
POLA = PolaDice(policy="mlp", hidden=(6,), imagined_tables=8, steps=2)
PAYOFFS = torch.tensor([[-1.0, -3.0], [0.0, -2.0]], dtype=torch.float64)
GRU = LOLA.model_copy(update={"policy": "gru"})
forms = pytest.mark.parametrize("agent", [LOLA, POLA, GRU], ids=["lola", "pola", "gru"])


class SeenDilemma(Environment):
    """A prisoner's dilemma in which each sees the last outcome from its own side, one-hot."""

    source: ClassVar[str] = "a test"

    @property
    def seats(self) -> int:
        return 2

    def actions(self, seat: int) -> Discrete:
        return Discrete(2)

    def begin(self, matches: int, tables: int, chance: Chance, episode: int) -> State:
        return State(episode, 0, observation=torch.eye(5)[0].expand(matches, 2, tables, 5))

    def play(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        last = 1 + 2 * action + action.flip(1)
        return replace(state, observation=torch.eye(5)[last]), Step(action, PAYOFFS[action, action.flip(1)])


def chairs(game: Environment, count: int, tables: int) -> Chairs:
    return Chairs(game, torch.arange(count) % 2, Chance.at_tables(derive(torch.arange(count), 7), tables))


def within(estimates: Tensor, exact: Tensor) -> None:
    """Means over independent chairs agree with exact values to four standard errors, which are small."""
    error = estimates.std(0) / math.sqrt(len(estimates))
    assert ((estimates.mean(0) - exact).abs() <= 4 * error + 1e-6).all()
    assert (error < 0.2 * exact.abs().max()).all()


def matches(
    agents: list[Agent], cast: list[list[int]], episodes: int = 3, tables: int = 8, keys: Tensor | None = None
) -> Played:
    keys = derive(torch.arange(len(cast)), 0) if keys is None else keys
    labels = [str(index) for index in range(len(agents))]
    return play(
        COINS,
        agents,
        torch.tensor(cast),
        keys,
        Protocol(tables=tables, episodes=episodes, keep=("0",)),
        labels=labels,
    )


@pytest.mark.parametrize("a_few_rounds_at_a_time", [False, True])
def test_simulated_play_has_the_first_and_mixed_derivatives_of_the_exact_game(a_few_rounds_at_a_time, monkeypatch):
    """A net without hidden layers over one-hot outcomes is a table of logits and a bias."""
    if a_few_rounds_at_a_time:  # as layers work through long episodes
        monkeypatch.setattr(layers, "AT_ONCE", 1)
    count, discount, rounds = 150, 0.9, 5
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 1, 5, 2, generator=generator).expand(2, count, 5, 2)
    pair = NetPair(chairs(SeenDilemma(rounds=rounds), count, 1), "mlp", (), "relu", 200, discount, 0.01)
    nets = [torch.cat((each.flatten(1), torch.zeros(count, 2)), 1).requires_grad_() for each in logits]
    tables = [each.double().clone().requires_grad_() for each in logits]

    def derivatives(value: Tensor, own: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
        first, across = torch.autograd.grad(value.sum(), (own, theirs), create_graph=True)
        (mixed,) = torch.autograd.grad(across.flatten(1)[:, 6].sum(), own)
        return first.flatten(1)[:, :10].detach(), mixed.flatten(1)[:, :10]

    rollout = pair.sample(*nets, 0, 0)
    sampled = derivatives(rollout.value(rollout.log_probability(*nets), discount), *nets)
    model = RolloutModel(chairs(PrisonersDilemma(payoffs=(-1, -3, 0, -2), rounds=rounds), count, 1), 2)
    # The other sees the outcome from its own side; a table of the chair's states lists CD and DC swapped.
    swapped = tables[1][:, [0, 1, 3, 2, 4]]
    value = expected_returns(*(torch.log_softmax(each, -1) for each in (tables[0], swapped)), model, discount)[0]
    exact = derivatives(value, *tables)
    for estimate, truth in zip(sampled, exact, strict=True):
        within(estimate.double(), truth[0])


@forms
@pytest.mark.parametrize(
    "game",
    [
        COINS,
        Coins(rounds=6, continuation=0.8),
        Coins(rounds=6, variant="coin_per_player"),
        InTheMatrix(size=4, coins=2, rounds=8),
    ],
    ids=["coins", "random_end", "coin_per_player", "masked"],
)
def test_it_keeps_the_contract(agent, game):
    check_agent(agent, game)


@pytest.mark.parametrize("agent", [LOLA, POLA], ids=["lola", "pola"])
def test_it_plays_matrix_games_too(agent):
    check_agent(agent, PrisonersDilemma(rounds=8, noise=0.1))


def test_it_says_what_it_does_not_play():
    assert 'set policy = "mlp"' in (LolaDice().refuses(COINS) or "")
    assert 'set policy = "tabular" or "mlp"' in (GRU.refuses(PrisonersDilemma()) or "")
    assert "games of two, not of 3" in (LOLA.refuses(Coins(variant="coin_per_player", players=3)) or "")
    assert "games of two" in (LOLA.refuses(CommonPoolTrust()) or "")


@forms
def test_chairs_do_not_leak(agent):
    keys = derive(torch.arange(3), 0)
    together = matches([agent, CoinsCooperator()], [[0, 0], [0, 1], [1, 0]], keys=keys)
    alone = matches([agent, CoinsCooperator()], [[0, 1]], keys=keys[1:2])
    torch.testing.assert_close(together.curves["payoff"][:, 1:2], alone.curves["payoff"])
    for name, value in alone.learned[0].state.items():
        torch.testing.assert_close(together.learned[0].state[name][2:3], value, rtol=1e-4, atol=1e-5)


@forms
def test_what_was_learned_can_be_restored(agent):
    state = matches([agent], [[0, 0]]).learned[0].state
    player = agent.sit(chairs(COINS, 2, 8))
    assert not torch.equal(player.state_dict()["model"], state["model"])
    player.load_state_dict(state)
    assert all(torch.equal(player.state_dict()[name], state[name]) for name in state)


def test_old_matches_keep_their_identity_and_networks_are_written():
    assert not {"policy", "hidden", "activation", "model_rate"} & set(LolaDice().model_dump())
    assert PolaDice.model_validate(POLA.model_dump(mode="json")) == POLA


def test_the_model_comes_to_know_the_other():
    """A cooperator moves without chance but where two ways are as short: entropy of a fair choice at most."""
    agent = LOLA.model_copy(update={"hidden": (32,), "model_rate": 0.02})
    surprise = matches([agent, CoinsCooperator()], [[0, 1]], episodes=25, tables=32).curves["model_error"]
    assert surprise[0, 0, 0] > 1.3  # of four moves
    assert surprise[-1, 0, 0] < 0.75


def test_they_come_to_run_for_coins():
    agent = LOLA.model_copy(update={"hidden": (16,), "learning_rate": 0.02, "imagined_tables": 32})
    coins = matches([agent, CoinsCooperator()], [[0, 1]], episodes=25).curves["pickups"][:, 0, 0]
    assert coins[-5:].mean() > 1.5 * coins[:5].mean()
