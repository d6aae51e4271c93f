"""What learners earn where the best response is known: in a single round, and where rounds weigh less and less."""

from __future__ import annotations

import pytest
import torch

from dilemma.agents import CATALOGUE
from dilemma.envs.chance import derive
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

FAST = {"learning_rate": 0.1, "learning_rate_decay": 0.0}
CLIMBS = FAST | {"step": 0.01, "step_decay": 0.0}
TABLES = {
    "q_learning": FAST,
    "double_q_learning": FAST,
    "sarsa": FAST,
    "expected_sarsa": FAST,
    "phc": CLIMBS,
    "wolf_phc": CLIMBS,
}
POLICIES = {
    "reinforce": {"learning_rate": 1.0},
    "actor_critic": {"learning_rate": 0.1},
    "ppo": {"learning_rate": 0.1},
    "advantage_alignment": {"learning_rate": 0.1},
    "loqa": {"learning_rate": 0.1},
    "dqn": {"exploration": 100},
}
LEARNERS = [pytest.param(name, given, id=name) for name, given in (TABLES | POLICIES).items()]
RUNS = 8


def learned(name, given, game, partner, episodes, tables=8):
    """Payoff per round and cooperation in the last tenth of the episodes, of each of 8 runs."""
    agents = [CATALOGUE.build(name, given), CATALOGUE.build(partner, {})]
    protocol = Protocol(tables, episodes, episodes // 10)
    played = play(game, agents, torch.tensor([[0, 1]]).repeat(RUNS, 1), derive(torch.arange(RUNS), 3), protocol)
    weight = played.weight[:, 0].sum(1)
    return tuple(value[:, 0].sum(1) / weight for value in (played.payoff, played.cooperation))


@pytest.mark.parametrize(("name", "given"), LEARNERS)
def test_in_a_single_round_it_defects(name, given):
    """Beyond exploration, nobody cooperates; by values that go on beyond the end a fifth of runs do."""
    _, cooperation = learned(name, given, PrisonersDilemma(rounds=1), "all_d", 400)
    assert cooperation.max() < 0.1


@pytest.mark.parametrize(("name", "given"), LEARNERS)
def test_it_is_no_more_patient_than_the_game(name, given):
    """Where rounds weigh a tenth of those before, defection earns 0.9 * (5 + 1 / 9) = 4.6 against tit for tat."""
    payoff, _ = learned(name, given, PrisonersDilemma(rounds=8, discount=0.1), "tit_for_tat", 200)
    assert payoff.min() > 4.2


def test_policy_hill_climbing_has_steps_large_enough_for_some_thousand_rounds():
    """It defects against all_c, but for exploration; with the published step, 200 times as small, it earns 4.2."""
    payoff, _ = learned("phc", {}, PrisonersDilemma(rounds=16), "all_c", 150, tables=64)
    assert payoff.min() > 4.5


@pytest.mark.parametrize("name", ["ppo", "advantage_alignment", "loqa", "dqn"])
@pytest.mark.parametrize("partner", ["tit_for_tat", "all_d"])
def test_it_learns_the_same_from_payoffs_ten_times_as_large(name, partner):
    """Where advantages or rewards are standardised and steps are Adam's.

    Plain gradients, tables of values that start at random, weights of squared rewards and other players' expected
    steps have a scale.
    """
    one, ten = (
        learned(name, {}, PrisonersDilemma(payoffs=payoffs, rounds=16), partner, 30)[1]
        for payoffs in ((3, 0, 5, 1), (30, 0, 50, 10))
    )
    assert torch.equal(one, ten)


@pytest.mark.parametrize("name", ["reinforce", "lola_dice"])
def test_it_learns_the_same_from_payoffs_that_are_all_higher(name):
    """Where a baseline takes off what all tables earn; critics that start from 0 first have to learn it."""
    less, more = (
        learned(name, {}, PrisonersDilemma(payoffs=payoffs, rounds=16), "tit_for_tat", 20)[1]
        for payoffs in ((3, 0, 5, 1), (6, 3, 8, 4))
    )
    assert torch.equal(less, more)
