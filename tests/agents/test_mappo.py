"""Multi-agent PPO: who sees what, and what a central critic is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dilemma.agents.agent import Chairs, Observation
from dilemma.agents.at_tables import ObservationAt, Tables
from dilemma.agents.learners.policy_gradient.mappo import MAPPO
from dilemma.agents.learners.policy_gradient.ppo import PPO
from dilemma.agents.learners.preferences.prosociality import Prosociality
from dilemma.agents.mixture import Mixture
from dilemma.envs.chance import Chance, derive
from dilemma.envs.cleanup import Cleanup
from dilemma.envs.coins import Coins
from dilemma.envs.errors import DilemmaError
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.testing import check_agent
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

torch.set_num_threads(1)
NET = {"policy": "mlp", "hidden": (8,)}
CLEANUP = Cleanup(players=3, layout="S.~W\n.AW~\nSAS.", rounds=6, delay=2, away=3)


def there(game, tables=4):
    """One match: its state, and a player on all of its seats."""
    keys = derive(torch.arange(1), 0)
    chairs = Chairs(game, torch.arange(game.seats), Chance.at_tables(derive(keys.repeat(game.seats), 1), tables))
    player = MAPPO(**NET).sit(chairs)
    player.begin()
    return game.reset(1, tables, Chance.at_tables(keys, tables)), player


@pytest.mark.parametrize("game", [Coins(), CLEANUP], ids=["two", "three"])
def test_the_critic_sees_its_own_observation_and_then_the_others(game):
    state, player = there(game)
    seen = state.observation[0].flatten(2)
    joint = player.encoder.encode(Observation(state, None))
    for seat in range(game.seats):
        others = [(seat + after) % game.seats for after in range(1, game.seats)]
        assert torch.equal(joint[seat], torch.cat([seen[seat], *(seen[other] for other in others)], -1))


def test_what_others_see_moves_its_values_and_not_what_it_does():
    state, player = there(Coins())
    changed = state.observation.clone()
    changed[:, 1] = 1 - changed[:, 1]
    joint, other = (
        player.encoder.encode(Observation(each, None)) for each in (state, replace(state, observation=changed))
    )
    (logits, value), (same, moved) = (player.policy.unroll(player.theta, each[None]) for each in (joint, other))
    assert torch.equal(logits[:, 0], same[:, 0])
    assert (value[:, 0] != moved[:, 0]).all()
    assert not torch.equal(logits[:, 1], same[:, 1])


def test_where_all_see_the_same_it_is_ppo():
    keys = derive(torch.arange(2), 0)
    cast = torch.zeros(2, 2, dtype=torch.int64)
    ours, ppo = (play(PrisonersDilemma(rounds=6), [kind()], cast, keys, Protocol(8, 4)) for kind in (MAPPO, PPO))
    assert torch.equal(ours.payoff, ppo.payoff)


@pytest.mark.parametrize(
    "game", [Coins(rounds=6), Coins(absent=1, rounds=6), CLEANUP], ids=["two", "alone", "three"]
)
def test_the_contract(game):
    check_agent(MAPPO(**NET), game)
    check_agent(MAPPO(**NET, preference=Prosociality()), game)


def test_others_observations_are_for_those_who_declare_it():
    state, _ = there(Coins())
    with pytest.raises(DilemmaError, match="PPO reads others' observations and does not declare it"):
        _ = Observation(state, None, None, PPO()).others_features
    whole = Observation(state, None, None, Mixture(of=(MAPPO(), PPO())))
    tables = Tables(torch.zeros(2, 1, dtype=torch.int64))
    assert ObservationAt(whole, tables, MAPPO()).others_features.shape == (2, 1, 1, *state.observation.shape[3:])
    with pytest.raises(DilemmaError, match="PPO reads others' observations and does not declare it"):
        _ = ObservationAt(whole, tables, PPO()).others_features


def test_it_needs_a_net_for_features():
    assert 'set policy = "mlp"' in MAPPO(policy="gru").refuses(Coins())
    assert MAPPO(**NET).refuses(Coins()) is None
