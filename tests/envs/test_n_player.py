"""Games of N players against their formulas. Statistical bounds are exceeded once in 10^4; keys are fixed."""

import itertools

import pytest
import torch
from pydantic import ValidationError
from scipy import stats

from dilemma.agents.agent import Round
from dilemma.envs.chance import Chance, derive
from dilemma.envs.n_player_ipd import NPlayerIPD
from dilemma.envs.optional_public_goods import OptionalPublicGoods
from dilemma.envs.public_goods import PublicGoods

ERROR = 1e-4


def round_of(game, actions):
    """One round in which each row of `actions` [match][seat] is done in a match of its own."""
    action = torch.tensor(actions)[:, :, None]
    chance = Chance.at_tables(torch.arange(len(actions)), 1)
    return game.step(game.reset(len(actions), 1, chance), action, chance)[1]


def rewards(game, actions):
    return round_of(game, [actions]).reward.flatten().tolist()


@pytest.mark.parametrize(
    ("actions", "paid"),
    [((0, 0, 0), (4, 4, 4)), ((0, 0, 1), (2, 2, 5)), ((0, 1, 1), (0, 3, 3)), ((1, 1, 1), (1, 1, 1))],
)
def test_three_players_have_the_published_payoffs(actions, paid):
    for order in set(itertools.permutations(zip(actions, paid, strict=True))):
        done, earned = zip(*order, strict=True)
        assert rewards(NPlayerIPD(), done) == list(earned)


def test_payoffs_may_be_given_by_the_number_of_other_cooperators():
    game = NPlayerIPD(players=4, cooperate=(0, 1, 2, 9), defect=(3, 4, 5, 10))
    assert rewards(game, (0, 0, 1, 0)) == [2, 2, 10, 2]
    assert rewards(game, (1, 0, 1, 1)) == [4, 0, 4, 4]


def test_two_players_are_a_prisoners_dilemma():
    game = NPlayerIPD(players=2)
    assert [rewards(game, pair) for pair in ((0, 0), (0, 1), (1, 1))] == [[2, 2], [0, 3], [1, 1]]


def test_optimum_is_over_all_joint_actions():
    for game in (
        NPlayerIPD(),
        NPlayerIPD(players=4, cooperate=(0, 0, 0, 4), defect=(3, 4, 5, 30)),
        PublicGoods(),
        PublicGoods(multiplier=0.5),
        PublicGoods(multiplier=9.0, levels=3, threshold=70.0),
        OptionalPublicGoods(players=3),
        OptionalPublicGoods(players=3, multiplier=1.5, punishers=True),
    ):
        joint = list(itertools.product(range(game.actions(0).n), repeat=game.seats))
        assert game.optimum == pytest.approx(round_of(game, joint).reward.mean(1).max().item())


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"players": 1}, "greater than or equal to 2"),
        ({"cooperate": (0.0, 1.0)}, r"each of 0 to 2 other cooperators \(3 numbers\), found 2"),
        ({"cooperate": (0.0, 2.0, 6.0)}, "with 2 other cooperators cooperation earns 6 and defection 5"),
        ({"defect": (5.0, 6.0, 7.0)}, "all cooperating earns 4 and all defecting 5"),
    ],
)
def test_what_is_no_dilemma_is_refused_with_a_sentence(given, says):
    with pytest.raises(ValidationError, match=says) as raised:
        NPlayerIPD(**given)
    assert raised.value.error_count() == 1


@pytest.mark.parametrize(
    ("actions", "paid"),
    [((0, 0, 0, 0), (32, 32, 32, 32)), ((1, 1, 1, 1), (20, 20, 20, 20)), ((1, 0, 0, 0), (44, 24, 24, 24))],
)
def test_public_goods_of_fehr_and_gaechter(actions, paid):
    assert rewards(PublicGoods(), actions) == pytest.approx(paid)


def test_a_lost_threshold_takes_the_contributions():
    game = PublicGoods(threshold=60.0)
    assert rewards(game, (1, 0, 0, 0)) == pytest.approx([44, 24, 24, 24])
    assert rewards(game, (1, 1, 0, 0)) == [20, 20, 0, 0]


def test_levels_lie_evenly_and_add_up_exactly():
    game = PublicGoods(players=3, levels=4, multiplier=3.0, threshold=20.0)
    assert rewards(game, (2, 2, 2)) == pytest.approx([20 - 20 / 3 + 20] * 3)  # three thirds reach the threshold
    assert rewards(game, (0, 3, 3)) == pytest.approx([20, 40, 40])


@pytest.mark.parametrize(
    ("actions", "paid"),
    [
        ((0, 0, 0, 0, 0), (2, 2, 2, 2, 2)),
        ((0, 0, 1, 2, 2), (1, 1, 2, 1, 1)),
        ((0, 1, 1, 1, 2), (-0.25, 0.75, 0.75, 0.75, 1)),
        ((0, 2, 2, 2, 2), (1, 1, 1, 1, 1)),
        ((2, 1, 2, 2, 2), (1, 1, 1, 1, 1)),
        ((3, 3, 1, 1, 2), (-0.1, -0.1, -0.5, -0.5, 1)),
        ((3, 0, 2, 2, 2), (2, 2, 1, 1, 1)),
    ],
)
def test_optional_public_goods_leave_out_who_stays_out(actions, paid):
    assert rewards(OptionalPublicGoods(punishers=True), actions) == pytest.approx(paid)


def test_who_stays_out_takes_no_part_and_who_punishes_contributes():
    measures = round_of(OptionalPublicGoods(players=4, punishers=True), [(0, 1, 2, 3)]).measures
    assert measures["contribution"].flatten().tolist() == [1, 0, 0, 1]
    assert measures["participation"].flatten().tolist() == [1, 1, 0, 1]


def test_contribution_and_efficiency():
    measures = round_of(PublicGoods(levels=5), [(0, 1, 2, 4), (0, 0, 0, 0)]).measures
    assert measures["contribution"][0].flatten().tolist() == [1, 0.75, 0.5, 0]
    welfare = 4 * 20 + 0.6 * 45  # what is given grows by 0.6
    assert measures["efficiency"][0].flatten().tolist() == pytest.approx([welfare / (4 * 32)] * 4)
    assert measures["efficiency"][1].flatten().tolist() == pytest.approx([1] * 4)


def test_others_are_seen_around_the_table():
    seen = Round(round_of(PublicGoods(levels=9), [(5, 6, 7, 8)]), None).others[..., 0]
    assert seen.tolist() == [[6, 7, 8], [7, 8, 5], [8, 5, 6], [5, 6, 7]]


def test_noise_is_uniform_among_the_other_levels_and_apart_for_each_seat():
    game = PublicGoods(levels=4, noise=0.3)
    keys = derive(torch.arange(4000), 1)
    chance = Chance.at_tables(keys, 5)
    action = torch.full((len(keys), 4, 5), 2)
    _, step = game.step(game.reset(len(keys), 5, chance), action, chance)
    wrong = step.action != action
    for seat in range(4):
        counts = torch.bincount(step.action[:, seat].flatten(), minlength=4)
        expected = torch.tensor([0.1, 0.1, 0.7, 0.1]).double() * counts.sum()
        assert stats.chisquare(counts, expected).pvalue > ERROR
    for one, other in itertools.combinations(range(4), 2):
        both = wrong[:, one] & wrong[:, other]
        assert stats.binomtest(int(both.sum()), both.numel(), 0.09).pvalue > ERROR


def test_all_at_a_table_stop_together_and_earn_nothing_after():
    game = PublicGoods(continuation=0.5, rounds=30)
    chance = Chance.at_tables(derive(torch.arange(500), 1), 2)
    state = game.reset(500, 2, chance)
    action = torch.zeros(500, 4, 2, dtype=torch.int64)
    for _ in range(30):
        before = state.playing
        assert torch.equal(before, before[:, :1].expand_as(before))
        state, step = game.step(state, action, chance)
        assert torch.equal(step.reward != 0, before)
        assert torch.equal(step.measures["efficiency"] != 0, before)
    assert not state.playing.any()
