"""Differentiable games: exact values and their derivatives."""

import itertools

import pytest
import torch
from pydantic import ValidationError

from dilemma.agents.automata import AllC, AllD, Grudger, SuspiciousTitForTat, TitForTat, TitForTwoTats
from dilemma.agents.learners.exact.naive_exact import NaiveExact
from dilemma.agents.memory_one import GenerousTitForTat, MemoryOne, WinStayLoseShift
from dilemma.envs.chance import derive
from dilemma.envs.differentiable_game import AutogradDerivatives
from dilemma.envs.one_shot_game import OneShotGame, Tandem
from dilemma.envs.policy_game import PolicyGame
from dilemma.tournament.arena import play
from dilemma.tournament.exact.exactness import why_not_exact
from dilemma.tournament.protocol import Protocol

torch.set_num_threads(1)

UNEQUAL = (((3, 0), (5, 1)), ((2, 7), (-1, 4)))
SEATS = torch.tensor([0, 1])
FIXED = {
    "AC": AllC(),
    "AD": AllD(),
    "TFT": TitForTat(),
    "Grim": Grudger(),
    "WSLS": WinStayLoseShift(),
    "Rand": MemoryOne(p=(0.5, 0.5, 0.5, 0.5, 0.5)),
    "GTFT": GenerousTitForTat(),
    "Ext3": MemoryOne(p=(0, 11 / 13, 1 / 2, 7 / 26, 0)),
    "sTFT": SuspiciousTitForTat(),
}
TABLE = """
AC     -1.000 -3.000 -1.000 -1.000 -1.000 -2.000 -1.000 -1.841 -1.080
AD      0.000 -2.000 -1.920 -1.920 -0.980 -1.000 -1.280 -2.000 -2.000
TFT    -1.000 -2.040 -1.000 -1.000 -1.000 -1.520 -1.000 -1.991 -1.531
Grim   -1.000 -2.040 -1.000 -1.000 -1.000 -1.077 -1.000 -2.000 -1.963
WSLS   -1.000 -2.510 -1.000 -1.000 -1.000 -1.520 -1.000 -2.002 -1.681
Rand   -0.500 -2.500 -1.460 -2.346 -1.460 -1.500 -1.140 -1.965 -1.540
Ext3   -0.579 -2.000 -1.877 -1.940 -1.383 -1.268 -1.191 -2.000 -2.000
"""


def policies(count, chairs=2, tables=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, count, chairs, tables, generator=generator, dtype=torch.float64)


def test_fixed_policies_earn_what_is_published():
    rows = [line.split() for line in TABLE.strip().splitlines()]
    names = list(FIXED)
    pairs = [(names.index(row[0]), column) for row in rows for column in range(len(names))]
    cast = torch.tensor(pairs)
    played = play(PolicyGame(rounds=3), list(FIXED.values()), cast, derive(torch.arange(len(pairs)), 0))
    payoff = (played.payoff / played.weight)[:, :, 0]
    published = torch.tensor([float(cell) for row in rows for cell in row[1:]], dtype=torch.float64)
    assert (payoff[:, 0] - published).abs().max() < 6e-4
    mirrored = {(pair[1], pair[0]): other for pair, other in zip(pairs, payoff[:, 1].tolist(), strict=True)}
    for pair, own in zip(pairs, payoff[:, 0].tolist(), strict=True):
        assert mirrored.get(pair, own) == pytest.approx(own, abs=1e-12)


def test_the_first_round_has_no_weight():
    played = play(PolicyGame(rounds=3), [AllC(), AllD()], torch.tensor([[0, 1]]), derive(torch.arange(1), 0))
    assert played.weight.flatten().tolist() == [3, 3]
    assert played.rounds.flatten().tolist() == [4, 4]
    assert (played.cooperation / played.weight).flatten().tolist() == pytest.approx([1, 0])
    assert (played.mutual / played.weight).flatten().tolist() == pytest.approx([0, 0])


def test_values_are_sums_over_rounds():
    game, (own, other) = PolicyGame(payoffs=UNEQUAL, discount=0.8), policies(5)
    rewards, expected = game.rewards(SEATS), torch.zeros(2, 2, 7, dtype=torch.float64)
    for chair in range(2):
        for table in range(7):
            a, b = own[:, chair, table], other[[0, 1, 3, 2, 4], chair, table]
            moves = torch.stack((a * b, a * (1 - b), (1 - a) * b, (1 - a) * (1 - b)), 1)
            outcome = moves[0]
            for round in range(150):
                expected[:, chair, table] += 0.8**round * outcome @ rewards[:, :, chair, 0]
                outcome = outcome @ moves[1:]
    assert torch.allclose(game.values(own, other, rewards), expected, atol=1e-10)
    cooperation = game.outcome(own, other, rewards).cooperation
    only_c = PolicyGame(payoffs=(((1, 1), (0, 0)), ((1, 0), (1, 0))), discount=0.8)
    assert torch.allclose(cooperation, only_c.outcome(own, other, only_c.rewards(SEATS)).reward)


def test_values_of_deterministic_policies_are_those_of_four_equations():
    every = torch.tensor(list(itertools.product((0.0, 1.0), repeat=5)), dtype=torch.float64)
    own, other = every.T.repeat(1, 32), every.T.repeat_interleave(32, 1)
    a, b = own.T, other[[0, 1, 3, 2, 4]].T
    moves = torch.stack((a * b, a * (1 - b), (1 - a) * b, (1 - a) * (1 - b)), 2)
    for discount, tolerance in ((0.96, 1e-12), (0.999, 1e-9)):
        game = PolicyGame(payoffs=UNEQUAL, discount=discount)
        rewards = game.rewards(SEATS[:1])
        equations = torch.eye(4, dtype=torch.float64) - discount * moves[:, 1:]
        worth = torch.linalg.solve(equations, rewards[:, :, 0, 0].expand(len(a), 4, 2))
        expected = (moves[:, :1] @ worth)[:, 0].T
        found = game.values(own[:, None], other[:, None], rewards)[:, 0]
        assert (found - expected).abs().max() < tolerance * expected.abs().max()


@pytest.mark.parametrize("payoffs", [(-1, -3, 0, -2), UNEQUAL])
@pytest.mark.parametrize("discount", [0.5, 0.96])
def test_the_closed_form_of_derivatives_is_autograds(payoffs, discount):
    game, (own, other) = PolicyGame(payoffs=payoffs, discount=discount), policies(5, seed=1)
    own[:, 0, 0], other[1:3, 1, 1] = 1, 0  # at the bounds too
    rewards = game.rewards(SEATS)
    ours, theirs = game.derivatives(own, other, rewards), AutogradDerivatives(game, own, other, rewards)
    for whose in (1, 2):
        for by in (1, 2):
            assert torch.allclose(ours.gradient(whose, by), theirs.gradient(whose, by))
        assert torch.allclose(ours.mixed(whose), theirs.mixed(whose))
        for by, mover in itertools.product((1, 2), (1, 2)):
            step = policies(5, seed=2)[0] - 0.5
            assert torch.allclose(ours.hvp(whose, by, mover, step), theirs.hvp(whose, by, mover, step))


@pytest.mark.parametrize(
    "game",
    [
        PolicyGame(payoffs=UNEQUAL),
        OneShotGame(payoffs=UNEQUAL),
        OneShotGame(payoffs=((0, -1, 1), (1, 0, -1), (-1, 1, 0))),
    ],
)
def test_seat_1_sees_the_mirrored_game(game):
    one, other = policies(len(game.components), chairs=1)
    first = game.outcome(one, other, game.rewards(SEATS[:1]))
    second = game.outcome(other, one, game.rewards(SEATS[1:]))
    assert torch.allclose(first.reward, second.reward.flip(0))
    assert torch.allclose(first.cooperation, second.cooperation.flip(0))


def test_a_mixed_strategy_names_the_next_action_where_none_before_was_taken():
    game = OneShotGame(payoffs=((1, 2, 3), (4, 5, 6), (7, 8, 9)))
    own, other = (torch.tensor(p, dtype=torch.float64)[:, None, None] for p in ((0.5, 0.2), (0, 1)))
    paid = game.outcome(own, other, game.rewards(SEATS[:1])).reward.flatten()
    assert paid.tolist() == pytest.approx([0.5 * 2 + 0.1 * 5 + 0.4 * 8, 0.5 * 4 + 0.1 * 5 + 0.4 * 6])


def test_tandem():
    game = Tandem()
    x, y = torch.tensor([[[2.0]]]).double(), torch.tensor([[[0.5]]]).double()
    assert game.values(x, y, game.rewards(SEATS[:1])).flatten().tolist() == [4 - 6.25, 1 - 6.25]


@pytest.mark.parametrize(
    ("agent", "p"),
    [
        (TitForTat(), [1, 1, 0, 1, 0]),
        (SuspiciousTitForTat(), [0, 1, 0, 1, 0]),
        (Grudger(), [1, 1, 0, 0, 0]),
        (AllD(), [0, 0, 0, 0, 0]),
        (WinStayLoseShift(), [1, 1, 0, 0, 1]),
    ],
)
def test_automata_of_memory_one_sit_as_constants(agent, p):
    game = PolicyGame(rounds=2)
    assert agent.refuses(game) is None
    assert agent.as_automaton(game) is None
    assert why_not_exact(agent, game)
    shown = []

    class Recorded(PolicyGame):
        def step(self, state, action, chance):
            shown.append(action.clone())
            return super().step(state, action, chance)

    play(
        Recorded(rounds=2),
        [agent, NaiveExact()],
        torch.tensor([[0, 1]]),
        derive(torch.arange(1), 0),
        Protocol(tables=2),
    )
    assert [action[0, 0].tolist() for action in shown] == [[p, p]] * 3


@pytest.mark.parametrize(
    ("agent", "game", "reason"),
    [
        (TitForTwoTats(), PolicyGame(), "remembers more than the last round"),
        (TitForTat(), Tandem(), "knows two actions"),
        (NaiveExact(), OneShotGame(payoffs=(0, -1, 1, -100)), None),
        (TitForTwoTats(), OneShotGame(payoffs=(0, -1, 1, -100)), None),
    ],
)
def test_who_may_sit(agent, game, reason):
    found = agent.refuses(game)
    assert found == reason or reason in found


@pytest.mark.parametrize(
    ("kind", "payoffs", "says"),
    [
        (PolicyGame, ((0, -1, 1), (1, 0, -1), (-1, 1, 0)), "two actions"),
        (OneShotGame, (((0, 1, 2), (3, 4, 5)), ((0, 1, 2), (3, 4, 5))), "both seats need as many actions"),
    ],
)
def test_games_that_have_no_such_policies_are_refused(kind, payoffs, says):
    with pytest.raises(ValidationError, match=says):
        kind(payoffs=payoffs)
