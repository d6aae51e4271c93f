"""Public goods with punishment against sums done by hand and by loops."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from pydantic import ValidationError

from dilemma.envs.chance import Chance, derive
from dilemma.envs.public_goods import PublicGoods
from dilemma.envs.public_goods_with_punishment import PublicGoodsWithPunishment

torch.set_num_threads(1)


def period(game, gives, assigns):
    """A period: both steps, the state after each."""
    chance = Chance.at_tables(derive(torch.arange(1), 0), 1)
    state, steps, states = game.reset(1, 1, chance), [], []
    for action in (gives, assigns):
        state, step = game.step(state, torch.tensor(action)[None, :, None], chance)
        steps.append(step)
        states.append(state)
    return steps, states


def points(*ahead, base):
    """The action that assigns so many points to the next seat, the one after it, ..."""
    return sum(count * base**index for index, count in enumerate(ahead))


@pytest.mark.parametrize("gives", [(0, 0, 0, 0), (1, 1, 1, 1), (1, 0, 0, 0), (0, 1, 1, 0)])
def test_giving_is_the_public_goods_game(gives):
    plain = PublicGoods()
    _, expected = plain.step(
        plain.reset(1, 1, Chance(torch.zeros(1, 1).long())),
        torch.tensor(gives)[None, :, None],
        Chance(torch.zeros(1, 1).long()),
    )
    (step, _), _ = period(PublicGoodsWithPunishment(), gives, (0, 0, 0, 0))
    assert torch.allclose(step.reward, expected.reward)
    assert torch.equal(step.measures["contribution"], expected.measures["contribution"])


def test_points_cost_one_and_fine_three():
    game = PublicGoodsWithPunishment(points=2)
    assigns = [points(0, 0, 0, base=3), points(0, 0, 2, base=3), points(0, 2, 0, base=3), points(2, 0, 1, base=3)]
    (_, step), states = period(game, (1, 0, 0, 0), assigns)
    assert step.measures["punishes"].flatten().tolist() == [0, 2, 2, 3]
    assert step.measures["punished"].flatten().tolist() == [6, 0, 1, 0]
    assert step.measures["perverse"].flatten().tolist() == [0, 0, 0, 1]
    assert step.reward.flatten().tolist() == [-18, -2, -2 - 3, -3]
    assert step.cooperation.flatten().tolist() == [0, 1, 1, 1]
    seen = states[1].observation[0, 0, 0].tolist()
    assert seen == [0, *(0, 1, 1, 1), *(6, 0, 1, 0), *(2, 2, 2)]
    assert states[1].observation[0, 2, 0].tolist() == [0, *(1, 1, 0, 1), *(1, 0, 6, 0), *(1, 0, 0)]


def test_the_mask_says_what_can_be_done_when():
    game = PublicGoodsWithPunishment(players=3, levels=3)
    chance = Chance.at_tables(derive(torch.arange(1), 0), 1)
    state = game.reset(1, 1, chance)
    assert game.actions(0).n == 4
    assert state.action_mask[0, 0, 0].tolist() == [True, True, True, False]
    assert state.observation[0, 0, 0, 0] == 0
    state, step = game.step(state, torch.full((1, 3, 1), 3), chance)
    assert step.action.sum() == 0  # what is not allowed is action 0
    assert state.action_mask.all()
    assert state.observation[0, 0, 0, 0] == 1


@settings(max_examples=40, deadline=None)
@given(some.data())
def test_who_is_punished_against_loops(data):
    players, most = data.draw(some.integers(2, 5)), data.draw(some.integers(1, 3))
    game = PublicGoodsWithPunishment(players=players, points=most, fee=0.5, fine=2.0)
    given = [data.draw(some.integers(0, 1)) for _ in range(players)]
    assigned = [[data.draw(some.integers(0, most)) for _ in range(players - 1)] for _ in range(players)]
    (_, step), states = period(game, given, [points(*row, base=most + 1) for row in assigned])
    got = [[0] * players for _ in range(players)]
    for seat, ahead in itertools.product(range(players), range(players - 1)):
        got[(seat + 1 + ahead) % players][seat] = assigned[seat][ahead]
    for seat in range(players):
        assert step.reward[0, seat, 0] == -0.5 * sum(assigned[seat]) - 2 * sum(got[seat])
        by = [got[seat][(seat + 1 + ahead) % players] for ahead in range(players - 1)]
        assert states[1].observation[0, seat, 0, -(players - 1) :].tolist() == by


def test_efficiency_is_of_whole_periods():
    (giving, punishing), _ = period(PublicGoodsWithPunishment(), (0, 0, 0, 0), (0, 0, 0, 1))
    assert giving.measures["efficiency"][0, 0, 0] == 2
    assert punishing.measures["efficiency"][0, 0, 0] == pytest.approx(2 * -1 / 32)


def test_a_period_is_never_cut_in_two():
    game = PublicGoodsWithPunishment(continuation=0.5)
    chance = Chance.at_tables(derive(torch.arange(200), 0), 2)
    state = game.reset(200, 2, chance)
    zeros = torch.zeros(200, 4, 2, dtype=torch.int64)
    for _ in range(6):
        before = state.playing
        state, step = game.step(state, zeros, chance)
        if state.round % 2:
            assert torch.equal(state.playing, before)
        assert not step.reward[~before].any()
    assert not state.playing.all()


@pytest.mark.parametrize(
    ("given", "says"),
    [({"points": 10, "players": 6}, "161051 ways to punish"), ({"rounds": 5}, "multiple of 2")],
)
def test_what_does_not_fit_is_refused_with_a_sentence(given, says):
    with pytest.raises(ValidationError, match=says):
        PublicGoodsWithPunishment(**given)
