"""Learners with tables: their updates by hand, many tables at once, and what they learn in the long run."""

from __future__ import annotations

import pytest
import torch

from dilemma.agents.agent import Chairs, Observation, Round
from dilemma.agents.automata import AllC, AllD, TitForTat
from dilemma.agents.learners.tabular.policy_hill_climbing import PHC, WoLFPHC
from dilemma.agents.learners.tabular.q_learning import DoubleQLearning, QLearning
from dilemma.agents.learners.tabular.sarsa import ExpectedSarsa, Sarsa
from dilemma.envs.chance import Chance, derive
from dilemma.envs.environment import State, Step
from dilemma.envs.matrix_game import MatrixGame, PrisonersDilemma, RockPaperScissors
from dilemma.testing import check_agent
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

torch.set_num_threads(1)

GAME = PrisonersDilemma(payoffs=(-1, -3, 0, -2), rounds=10)
PLAIN = {"learning_rate": 0.5, "learning_rate_decay": 0.0, "spread": 0.0, "epsilon": 0.0, "discount": 0.5}
START, CC, CD, DC, DD = range(5)
ALL = [QLearning, DoubleQLearning, Sarsa, ExpectedSarsa, PHC, WoLFPHC]


def sit(agent, tables=1, game=GAME):
    keys = derive(torch.arange(1), 7)
    player = agent.sit(Chairs(game, torch.zeros(1, dtype=torch.int64), Chance.at_tables(keys, tables)))
    player.begin()
    return player


def rounds(player, *courses):
    """Have each table play a course of outcomes, "CC CD" (own action first), whatever the player chooses."""
    pay = {"CC": -1.0, "CD": -3.0, "DC": 0.0, "DD": -2.0}
    for t, outcomes in enumerate(zip(*(course.split() for course in courses), strict=True)):
        player.act(Observation(State(0, t), None))
        own, other = (torch.tensor([["CD".index(o[i]) for o in outcomes]]) for i in range(2))
        reward = torch.tensor([[pay[o] for o in outcomes]], dtype=torch.float64)
        action = torch.stack((own, other), 1)
        seen = torch.stack((other, own), 1)[:, :, None]
        player.observe(Round(Step(action, torch.stack((reward, reward), 1), seen), torch.tensor([0])))


def cells(player, *where):
    return [player.values[0, state, action].item() for state, action in where]


def test_q_learning_by_hand():
    player = sit(QLearning(**PLAIN))
    rounds(player, "CC DC DD CC")
    # start C: half way to -1 + .5 * 0.  CC, D: to 0.  DC, D: to -2.  DD, C: to -1 + .5 max(Q(CC)) = -1
    assert cells(player, (START, 0), (CC, 1), (DC, 1), (DD, 0)) == [-0.5, 0, -1, -0.5]
    rounds(player, "CC")  # from CC: half of -1 + .5 * 0
    assert cells(player, (CC, 0)) == [-0.5]


def test_a_cell_moves_towards_the_mean_of_its_tables_targets():
    player = sit(QLearning(**PLAIN), tables=3)
    rounds(player, "CC", "CD", "DD")
    assert cells(player, (START, 0), (START, 1)) == [-1, -1]  # half way to (-1 - 3) / 2, and to -2


def test_sarsa_waits_for_the_next_action_and_learns_from_the_last_round():
    player = sit(Sarsa(**PLAIN))
    rounds(player, "CC")
    assert cells(player, (START, 0)) == [0]
    rounds(player, "CD CC")
    assert cells(player, (START, 0), (CC, 0)) == [-0.5, -1.5]
    player.begin()
    rounds(player, "CD CC")  # CD then C, which is worth 0, though the episode before ended in CC
    assert cells(player, (START, 0), (CD, 0)) == [-0.25 - 1.5, 0]


def test_expected_sarsa_expects_its_own_exploration():
    player = sit(ExpectedSarsa(**PLAIN | {"epsilon": 0.2}))
    rounds(player, "CD CC")  # CD, C is now worth -.5
    player.begin()
    rounds(player, "CD")  # -3 + .5 (.9 * 0 + .1 * -.5) = -3.025; it was at -1.5
    assert cells(player, (START, 0)) == [pytest.approx(-1.5 / 2 - 3.025 / 2)]


def test_double_q_learning_moves_one_table_at_a_time():
    player = sit(DoubleQLearning(**PLAIN))
    rounds(player, "CC")
    assert sorted(player.learned["values"][0, :, START, 0].tolist()) == [-0.5, 0]


def test_policy_hill_climbing_steps_towards_the_best_action():
    player = sit(PHC(**PLAIN, step=0.1, step_decay=0.0))
    rounds(player, "CC")  # C is worth -.5 at the start now, D still 0
    assert player.policy()[0, START].tolist() == pytest.approx([0.4, 0.6])
    assert player.policy()[0, CC].tolist() == [0.5, 0.5]
    for _ in range(9):
        player.begin()
        rounds(player, "CC")
    assert player.policy()[0, START].tolist() == pytest.approx([0, 1])


def test_it_learns_fast_while_it_loses():
    player = sit(WoLFPHC(**PLAIN, step=0.1, step_decay=0.0, losing=2.0))
    rounds(player, "CC")  # as good as its average so far, which is not winning
    assert player.policy()[0, START, 1].item() == pytest.approx(0.7)
    player.begin()
    rounds(player, "CC")  # better than its average, half way between .5 and .7
    assert player.policy()[0, START, 1].item() == pytest.approx(0.8)


def test_schedules():
    player = sit(QLearning(epsilon=0.5, epsilon_decay=0.5, spread=0.0))
    assert player.policy()[0, START].tolist() == [0.5, 0.5]  # equals share
    rounds(player, "CC CC CC CC")
    assert player.policy()[0, START].tolist() == pytest.approx([1 / 8, 7 / 8])  # epsilon 1 / (2 + .5 * 4) = 1/4


def test_a_random_end_is_in_the_discount():
    player = sit(QLearning(**PLAIN), game=PrisonersDilemma(payoffs=(-1, -3, 0, -2), continuation=0.5))
    assert player.discount == 0.25


def test_seats_with_different_actions():
    game = MatrixGame(rounds=20, payoffs=(((1, 0), (0, 2), (3, -9)), ((0, 1), (1, 0), (0, 0))))
    for agent in (kind() for kind in ALL):
        played = play(
            game, [agent], torch.zeros(4, 2, dtype=torch.int64), derive(torch.arange(4), 0), Protocol(4, 3)
        )
        assert torch.isfinite(played.payoff).all()


@pytest.mark.parametrize("kind", ALL)
def test_a_frozen_player_learns_nothing_and_a_loaded_one_goes_on(kind):
    agent = kind(exploration="softmax", temperature_decay=0.1)
    player, other = sit(agent, 2), sit(agent, 2)
    rounds(player, "CC CD DC", "DD CC DC")
    other.load_state_dict(player.state_dict())
    before = {name: value.clone() for name, value in player.state_dict().items()}
    for each in (player, other):
        each.begin()
    player.learning = False
    rounds(player, "CC CC", "DD DD")
    assert all(torch.equal(value, before[name]) for name, value in player.state_dict().items())
    player.learning = True
    for each in (player, other):
        each.begin()
        rounds(each, "CD DC", "CD DD")
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in player.state_dict().items())


@pytest.mark.parametrize("agent", [QLearning(exploration="softmax"), *(kind() for kind in ALL)])
def test_the_contract(agent):
    check_agent(agent, GAME)
    check_agent(agent, RockPaperScissors(rounds=10))


def test_what_q_learning_learns_against_fixed_partners():
    """Figures of an independent implementation at one table, 60,000 rounds; here 1,500 at 16 tables.

    24 runs with each partner; the mean of their last 500 rounds has a standard error below .001.
    """
    agents = [QLearning(learning_rate=0.3, learning_rate_decay=0.0, spread=0.0), TitForTat(), AllD(), AllC()]
    game, late = PrisonersDilemma(payoffs=(-1, -3, 0, -2), rounds=1500), Late(1000)
    cast = torch.tensor([[0, 1], [2, 0], [0, 3]]).repeat(24, 1)
    play(game, agents, cast, derive(torch.arange(72), 0), Protocol(16), recorders=(late,))
    mine = cast == 0
    payoff, cooperation = (
        total[mine].view(24, 3, 16).mean((0, 2)) / 500 for total in (late.reward, late.cooperation)
    )
    assert payoff.tolist() == pytest.approx([-1.025, -2.025, -0.025], abs=0.01)
    assert cooperation.tolist() == pytest.approx([0.975, 0.025, 0.025], abs=0.01)


class Late:
    """A recorder of sums from some round on."""

    def __init__(self, first):
        self.first, self.reward, self.cooperation = first, 0.0, 0.0

    def record(self, played):
        if played.before.round >= self.first:
            self.reward = self.reward + played.step.reward
            self.cooperation = self.cooperation + (played.step.action == 0).double()


PAY = PrisonersDilemma(payoffs=(3, 0, 5, 1), rounds=2)
EVEN = {"learning_rate": 0.1, "learning_rate_decay": 0.0, "epsilon": 1.0, "discount": 0.5}


@pytest.mark.parametrize("kind", [QLearning, DoubleQLearning, Sarsa, ExpectedSarsa, PHC, WoLFPHC])
def test_values_of_a_game_of_two_rounds(kind):
    """Against tit for tat, by random moves: the last round is worth its pay, and the first what follows, too."""
    player = sit(kind(**EVEN), tables=400, game=PAY)
    pay = torch.tensor(PAY.payoffs, dtype=torch.float64)
    for episode in range(150):
        player.begin()
        other = torch.zeros(1, 400, dtype=torch.int64)
        for t in range(2):
            own = player.act(Observation(State(episode, t), None))
            reward, theirs = pay[2 * own + other], pay[2 * other + own]
            step = Step(
                torch.stack((own, other), 1),
                torch.stack((reward, theirs), 1),
                torch.stack((other, own), 1)[:, :, None],
            )
            player.observe(Round(step, torch.tensor([0])))
            other = own
    after_c, after_d = (4.0, 0.5) if kind in (Sarsa, ExpectedSarsa) else (5.0, 1.0)
    assert cells(player, (CC, 0), (CC, 1), (DC, 0), (DC, 1)) == pytest.approx([3, 5, 0, 1], abs=1e-3)
    assert cells(player, (START, 0), (START, 1)) == pytest.approx([3 + after_c / 2, 5 + after_d / 2], abs=0.1)
