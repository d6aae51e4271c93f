"""Trials of several episodes: inner learners begin anew with each, and a shaper learns from the whole of it."""

import pytest
import torch
from pydantic import ValidationError

from dilemma.agents.agent import Chairs, Observation
from dilemma.agents.automata import AllC, AllD
from dilemma.agents.inner_learner import InnerLearner
from dilemma.agents.learners.meta.shaper import Shaper
from dilemma.agents.learners.policy_gradient.ppo import PPO
from dilemma.agents.learners.policy_gradient.reinforce import Reinforce
from dilemma.agents.learners.tabular.q_learning import QLearning
from dilemma.agents.memory_one import MemoryOne
from dilemma.envs.chance import Chance, derive
from dilemma.envs.coins import Coins
from dilemma.envs.environment import State
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.tournament.arena import AgentError, play
from dilemma.tournament.protocol import Protocol

torch.set_num_threads(1)

NOISY = MemoryOne(p=(0.5, 0.8, 0.3, 0.6, 0.2))


def played(agents, tables, episodes, game=None, freeze_after=(), matches=1):
    cast, keys = torch.tensor([[0, 1]] * matches), derive(torch.arange(matches), 3)
    protocol = Protocol(tables=tables, episodes=episodes, keep=("one",), freeze_after=freeze_after)
    return play(game or PrisonersDilemma(rounds=10), agents, cast, keys, protocol, ("one", "other"))


def learned(agents, tables, episodes, **options):
    [found] = played(agents, tables, episodes, **options).learned
    return found.state


def test_an_inner_learner_forgets_at_the_start_of_a_trial():
    inner = InnerLearner(of=QLearning(), episodes=3, tables=2)
    rounds = [learned([inner, NOISY], 4, episodes)["rounds"].tolist() for episodes in (1, 3, 4, 7)]
    assert rounds == [[[10, 10]], [[30, 30]], [[10, 10]], [[10, 10]]]


def test_and_draws_its_parameters_anew():
    inner = InnerLearner(of=Reinforce(), episodes=2, tables=2)
    first = [learned([inner, NOISY], 4, episodes, freeze_after=(("one", 0),))["theta"] for episodes in (1, 2)]
    assert torch.equal(*first)
    drawn = learned([InnerLearner(of=Reinforce(learning_rate=1e-9), episodes=2, tables=2), NOISY], 4, 3)["theta"][
        ..., :5
    ]
    assert (drawn - first[0][..., :5]).abs().min() > 1e-3
    assert (drawn[:, 0] - drawn[:, 1]).abs().min() > 1e-3


def test_frozen_it_begins_anew_no_more():
    inner = InnerLearner(of=QLearning(), episodes=2, tables=2)
    states = [learned([inner, NOISY], 4, episodes, freeze_after=(("one", 2),)) for episodes in (2, 5)]
    assert torch.equal(states[0]["values"], states[1]["values"])


def test_groups_of_tables_learn_apart():
    """Of the first group no bit depends on the others."""
    inner = InnerLearner(of=Reinforce(), episodes=4, tables=3)
    alone, among = (learned([inner, NOISY], tables, 3)["theta"] for tables in (3, 9))
    assert torch.equal(alone[:, 0], among[:, 0])
    assert among.shape[:2] == (1, 3)


@pytest.mark.parametrize("policy", ["mlp", "gru"])
def test_in_coins_a_shaper_meets_learners_that_begin_anew(policy):
    inner = InnerLearner(of=PPO(policy=policy), episodes=2, tables=2)
    agents = [Shaper(policy=policy, trial=2, batch=2), inner]
    cast, keys = torch.tensor([[0, 1]]), derive(torch.arange(1), 3)
    protocol = Protocol(tables=4, episodes=4, keep=("one", "other"))
    found = play(Coins(rounds=6), agents, cast, keys, protocol, ("one", "other")).learned
    assert [state.state["theta"].shape[:-1] for state in found] == [(1,), (1, 2)]
    assert all(state.state["theta"].isfinite().all() for state in found)
    assert [state.state["optimiser_steps"].flatten().tolist() for state in found] == [[8], [20, 20]]


def test_tables_that_fill_no_group():
    with pytest.raises(AgentError) as error:
        played([InnerLearner(of=QLearning(), tables=3), AllC()], 4, 1)
    assert "an inner learner has 3 tables; found 4 tables, allowed are multiples" in str(error.value.__cause__)
    with pytest.raises(AgentError) as error:
        played([Shaper(batch=3), AllC()], 4, 1)
    assert "its co-players have 3 tables; found 4 tables, allowed are multiples" in str(error.value.__cause__)
    with pytest.raises(ValidationError):
        InnerLearner(of=QLearning(), episodes=0)


def shaper_player(tables, **parameters):
    chairs = Chairs(
        PrisonersDilemma(), torch.zeros(1, dtype=torch.int64), Chance.at_tables(torch.ones(1).long(), tables)
    )
    return Shaper(**parameters).sit(chairs)


@pytest.mark.parametrize(
    ("batch", "discount", "credit"),
    [
        # Two episodes of two rounds and one; rewards of tables 0 and 1 by round: 1 10, 2 20, 4 40.
        (1, 1.0, [[7, 70], [6, 60], [4, 40]]),
        (2, 1.0, [[3 + 44, 30 + 44], [2 + 44, 20 + 44], [4, 40]]),
        (2, 0.5, [[2 + 11, 20 + 11], [2 + 22, 20 + 22], [4, 40]]),
    ],
)
def test_later_rewards_are_those_of_all_tables_of_the_co_player(batch, discount, credit):
    player = shaper_player(2, batch=batch, discount=discount, trial=2)
    player._starts = [0, 2]
    reward = torch.tensor([[[1, 10]], [[2, 20]], [[4, 40]]], dtype=torch.float64)
    assert player.credited(reward)[:, 0].tolist() == credit


def test_over_three_episodes_they_add_up():
    player = shaper_player(2, batch=2, trial=3)
    player._starts = [0, 1, 2]
    reward = torch.tensor([[[1, 10]], [[2, 20]], [[4, 40]]], dtype=torch.float64)
    assert player.credited(reward)[:, 0].tolist() == [[1 + 66, 10 + 66], [2 + 44, 20 + 44], [4, 40]]


def test_a_shaper_learns_at_the_end_of_a_trial_alone():
    thetas = [
        learned([Shaper(trial=3), AllD()], 4, episodes, game=PrisonersDilemma(rounds=4))["theta"]
        for episodes in (1, 2, 3, 5, 6)
    ]
    assert torch.equal(thetas[0], thetas[1])
    assert not torch.equal(thetas[1], thetas[2])
    assert torch.equal(thetas[2], thetas[3])
    assert not torch.equal(thetas[3], thetas[4])


def test_its_memory_lasts_for_the_trial():
    player = shaper_player(3, trial=2, policy="gru")
    player.learning = False
    memories = []
    for episode in range(3):
        player.begin()
        player.act(Observation(State(episode, 0), None))
        memories.append(player._memory.clone())
    assert not torch.equal(memories[0], memories[1])
    assert torch.equal(memories[0], memories[2])


def test_in_a_trial_of_one_episode_it_earns_what_is_to_be_had_of_a_defector():
    """Against all_d the most is 1 a round, by defecting: after 60 updates no chair of 4 is below .95."""
    agents = [Shaper(trial=1, learning_rate=0.05), AllD()]
    curve = played(agents, 32, 60, matches=4).curves["payoff"][-1, :, 0]
    assert curve.min() > 0.95
