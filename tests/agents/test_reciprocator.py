"""The Reciprocator: influence, balances and baselines by hand, on any seat, among many; what it brings about."""

from __future__ import annotations

from math import sqrt

import pytest
import torch

from dilemma.agents.agent import Chairs, Observation, Round
from dilemma.agents.learners.policy_gradient.ppo import PPO
from dilemma.agents.learners.reciprocity.reciprocator import Reciprocator
from dilemma.agents.learners.reciprocity.value_influence import (
    influence_of_random_actions,
    payoffs,
    value_influence,
)
from dilemma.envs.chance import Chance, derive
from dilemma.envs.coins import Coins
from dilemma.envs.matrix_game import MatrixGame, PrisonersDilemma
from dilemma.envs.n_player_ipd import NPlayerIPD
from dilemma.envs.public_goods import PublicGoods
from dilemma.testing import check_agent
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

torch.set_num_threads(1)

GAME = PrisonersDilemma(payoffs=(-1, -3, 0, -2), rounds=4)
START, CC = 0, 1
RAW = {"weight": 1.0, "normalise_influence": False}


def sit(agent, tables=1, game=GAME):
    """A player on every seat of one match."""
    seats = torch.arange(game.seats)
    keys = derive(derive(torch.arange(1), 3).repeat(game.seats), seats)
    return agent.sit(Chairs(game, seats, Chance.at_tables(keys, tables)))


def script(player, *tables, game=GAME):
    """Have a player play an episode as scripted: "CC CD" is what each seat did in each round, at a table."""
    chance = Chance.at_tables(derive(torch.arange(1), 0), len(tables))
    state = game.reset(1, len(tables), chance)
    player.begin()
    for done in zip(*(table.split() for table in tables), strict=True):
        player.act(Observation(state, None))
        action = torch.tensor([["CD".index(move) for move in each] for each in done]).T[None]
        player.trajectory._action[-1] = action[0]  # as if it had chosen that
        state, step = game.step(state, action, chance)
        player.observe(Round(step, None))
    return player.trajectory


def reciprocal(agent, script_, game=GAME, seat=0):
    """The reciprocal reward of a seat in each round."""
    player = sit(agent, game=game)
    trajectory = script(player, script_, game=game)
    return (player.rewards(trajectory) - trajectory.reward)[:, seat, 0].tolist()


def test_influence_by_hand():
    """Against a half-and-half baseline, the other's C is worth 1 more than usual and its D 1 less."""
    player = sit(Reciprocator())
    received, given = player.subjective_reward.influence(script(player, "CC CD DC DD"))
    assert received[:, 0, 0, 0].tolist() == [1, -1, 1, -1]
    assert given[:, 0, 0, 0].tolist() == [1, 1, -1, -1]
    assert torch.equal(received[:, 0], given[:, 1])
    assert torch.equal(received[:, 1], given[:, 0])


@pytest.mark.parametrize(
    ("balance", "pays"),
    [
        ("previous", [0, 1, 1, -1]),  # owed 0, 1, -1, 1
        ("decayed", [0, 1, 0.5, -0.75]),  # 0, 1, .5 - 1, -.25 + 1
        ("decayed_minus_own", [0, 0, 2, -1]),  # 0, 1 - 1, -1 - 1, -1 + 1 + 1
        # The other gains -.5 by its C and .5 by its D: 0, 0 + .5, .25 - 2 - .5, -1.125 + 2 + .5
        ("decayed_minus_debit", [0, 0.5, 2.25, -1.375]),
    ],
)
def test_balances_by_hand(balance, pays):
    assert reciprocal(Reciprocator(balance=balance, discount=0.5, **RAW), "CC CD DC DC") == pays


def test_a_signed_debit_by_hand():
    agent = Reciprocator(balance="decayed_minus_debit", sign="balance", discount=0.5, **RAW)
    assert reciprocal(agent, "CC CD DC DC") == [0, 1, 1, -1]


@pytest.mark.parametrize(("forgiveness", "pays"), [(0.75, [0, 1, 0.25, -1]), (1, [0, 1, 0, -1])])
def test_what_is_forgiven_is_harm_alone(forgiveness, pays):
    assert reciprocal(Reciprocator(weight=1.0, forgiveness=forgiveness), "CC CD DC DC") == pays


@pytest.mark.parametrize(
    ("sign", "pays"),
    [("nothing", [0, -1.5 * 2, 1.5 * 1.5]), ("balance", [0, -2, 1.5]), ("influence", [0, -1.5, 1.5])],
)
def test_signs_by_hand(sign, pays):
    """With payoffs 3, 0, 5, 1 influence is 1.5 among cooperators, 2 on a defector."""
    game = PrisonersDilemma(rounds=3)
    assert reciprocal(Reciprocator(sign=sign, **RAW), "CC DD CD", game)[:2] == pays[:2]
    assert reciprocal(Reciprocator(sign=sign, **RAW), "CC CC", game)[1] == pays[2]


def test_the_baseline_is_taken_after_what_it_was_taken_from():
    agent = Reciprocator(weight=1.0, refresh=1)
    player = sit(agent)
    script(player, "CC CC")
    player.learn()
    told = player.measures()
    assert told["influence_given"].tolist() == told["influence_received"].tolist() == [1, 1]  # not yet 2/3
    assert told["reciprocal_reward"].tolist() == told["balance"].tolist() == [0.5, 0.5]
    # In both states each did C once, and the prior has one C and one D.
    assert player.subjective_reward.baselines[0, :, : CC + 1, 0].flatten().tolist() == pytest.approx([2 / 3] * 4)
    assert player.subjective_reward.baselines[0, :, CC + 1 :, 0].flatten().tolist() == [0.5] * 6
    received, given = player.subjective_reward.influence(script(player, "CC CD"))
    assert received[:, 0, 0, 0].tolist() == pytest.approx([2 / 3, -4 / 3])
    assert given[:, 0, 0, 0].tolist() == pytest.approx([2 / 3, 2 / 3])


def test_buffer_and_refresh():
    player = sit(Reciprocator(refresh=2, buffer=2))
    usual = []
    for first in ("CC", "DD", "DD", "DD"):
        script(player, first)
        player.learn()
        usual.append(player.subjective_reward.baselines[0, 0, START, 0].item())
    assert usual == [0.5, pytest.approx(2 / 4), pytest.approx(2 / 4), pytest.approx(1 / 4)]


def test_uniform_play_keeps_its_share_of_the_baseline():
    """Each did C once: with the prior 2 of 3, half-way to 1 of 2 7 of 12, and 1 of 2 where nobody has been."""
    player = sit(Reciprocator(refresh=1, uniform_share=0.5))
    script(player, "CC")
    player.learn()
    baselines = player.subjective_reward.baselines[0, :, :, 0]
    assert baselines[:, START].tolist() == pytest.approx([7 / 12, 7 / 12])
    assert baselines[:, CC].tolist() == [0.5, 0.5]


def test_refreshed_first_the_baseline_has_the_episode_that_it_is_for():
    """Each did C once in both states, and the prior has one C and one D: C is worth 2/3 more than usual."""
    first, after = (
        reciprocal(Reciprocator(weight=1.0, refresh=1, refresh_first=order), "CC CC") for order in (True, False)
    )
    assert first == pytest.approx([0, 4 / 9])
    assert after == [0, 1]
    player = sit(Reciprocator(refresh=2, buffer=2, refresh_first=True))
    usual = []
    for outcome in ("CC", "DD", "DD", "DD"):
        script(player, outcome)
        player.learn()
        usual.append(player.subjective_reward.baselines[0, 0, START, 0].item())
    assert usual == pytest.approx([2 / 3, 2 / 3, 1 / 4, 1 / 4])  # in the first, the third, ...


def test_while_it_warms_up_influence_alone_is_learned():
    player = sit(Reciprocator(refresh=1, warm_up=2))
    moved, usual = [], []
    for _ in range(4):
        before = player.theta
        script(player, "CC CD DC")
        player.learn()
        moved.append(not torch.equal(player.theta, before))
        usual.append(player.subjective_reward.baselines[0, 0, START, 0].item())
    assert moved == [False, False, True, True]
    assert usual[0] == pytest.approx(2 / 3)


def test_old_matches_keep_their_identity():
    later = {"refresh_first", "warm_up", "normalise_influence", "uniform_share"}
    assert not later & Reciprocator().model_dump().keys()
    agent = Reciprocator(refresh_first=True, warm_up=1)
    assert Reciprocator.model_validate(agent.model_dump(mode="json")) == agent
    assert agent.social_preference.refresh_first


def test_the_ramp():
    up, down = (sit(Reciprocator(weight=w, weight_start=s, weight_step=1.0)) for w, s in ((2.5, 0.0), (0.0, 2.5)))
    course = []
    for _ in range(5):
        course.append((up.subjective_reward.weight()[0].item(), down.subjective_reward.weight()[0].item()))
        for player in (up, down):
            script(player, "CC")
            player.learn()
    assert course == [(0, 2.5), (1, 1.5), (2, 0.5), (2.5, 0), (2.5, 0)]


def test_the_unit_is_the_influence_of_a_random_action():
    """Among 3, 0, 5, 1 another's action moves a cooperator by 3 and a defector by 4, half of it either way."""
    agent = Reciprocator(weight=1.0)
    player = sit(agent, game=PrisonersDilemma(rounds=2))
    unit = sqrt((1.5**2 + 2**2) / 2)
    found = player.subjective_reward.unit
    assert found.received.flatten().tolist() == found.given.flatten().tolist() == pytest.approx([unit, unit])
    trajectory = script(player, "CC CC", game=PrisonersDilemma(rounds=2))
    expected = [3 / unit, 3 / unit + 1.5**2 / unit**2]
    assert player.rewards(trajectory)[:, 0, 0].tolist() == pytest.approx(expected)
    # With -1, -3, 0, -2 it is 1, and nothing changes.
    assert reciprocal(agent, "CC CD DC DC") == reciprocal(Reciprocator(**RAW), "CC CD DC DC")


@pytest.mark.parametrize(
    ("balance", "parts"), [("decayed", 1), ("decayed_minus_own", 2), ("decayed_minus_debit", 3)]
)
def test_a_balance_is_in_units_of_what_random_play_comes_to(balance, parts):
    normal = Reciprocator(weight=1.0, balance=balance, discount=0.5)
    plain, normalised = (reciprocal(each, "CC CD DC DC") for each in (normal.model_copy(update=RAW), normal))
    deviation = sqrt(parts * (1 + 1 / 4 + 1 / 16 + 1 / 64))
    assert normalised == pytest.approx([pay / deviation for pay in plain])


@pytest.mark.parametrize("policy", ["tabular", "mlp"])
def test_payoffs_times_a_number_teach_the_same(policy):
    """A power of two, which floating-point numbers are multiplied by without rounding; one for each player."""
    cast, keys = torch.zeros(2, 2, dtype=torch.int64), derive(torch.arange(2), 0)
    one = ((3, 0, 1), (5, 1, 0))
    other = ((2, 5, 0), (0, 1, 4))

    def played(ours, theirs):
        payoffs = tuple(
            tuple(tuple(scale * pay for pay in row) for row in matrix)
            for scale, matrix in ((ours, one), (theirs, other))
        )
        agent = Reciprocator(policy=policy, balance="decayed_minus_debit")
        found = play(MatrixGame(payoffs=payoffs, rounds=8), [agent], cast, keys, Protocol(8, 5))
        return found.payoff / torch.tensor([ours, theirs])[None, :, None]

    assert torch.equal(played(1, 1), played(16, 16))
    assert torch.equal(played(1, 1), played(0.25, 64))


def test_payoffs_plus_a_number_are_returned_the_same():
    agent = Reciprocator()
    pays = []
    for more in (0, 16):
        game = MatrixGame(payoffs=(3 + more, more, 5 + more, 1 + more), rounds=4)
        player = sit(agent, game=game)
        trajectory = script(player, "CC DC CD CC", game=game)
        unit = player.subjective_reward.unit.reward[:, None]
        pays.append(player.rewards(trajectory) - trajectory.reward / unit)
    torch.testing.assert_close(*pays)


def test_where_nobody_has_influence_there_is_nothing_to_return():
    game = MatrixGame(payoffs=(1, 1, 0, 0), rounds=4)
    agent = Reciprocator()
    assert reciprocal(agent, "CC DC CD CC", game) == [0, 0, 0, 0]
    assert sit(agent, game=game).subjective_reward.weight().flatten().tolist() == [5, 5]  # by default


def test_one_balance_for_each_of_several_others():
    game = NPlayerIPD(rounds=2)  # another's C is worth 2 whatever one does, so influence is 1 or -1
    agent = Reciprocator(**RAW)
    pays = [reciprocal(agent, "CCD CCC", game, seat)[1] for seat in range(3)]
    assert pays == [0, 0, 1]  # who met a cooperator and a defector owes nothing on the whole
    agent = Reciprocator(weight=1.0)  # the unit is 1, and what is paid a sum
    assert [reciprocal(agent, "CCD CCC", game, seat)[1] for seat in range(3)] == [0, 0, 2]


def test_payoffs_from_each_seat():
    game = MatrixGame(payoffs=(((1, 2, 3), (4, 5, 6)), ((10, 20, 30), (40, 50, 60))))
    chairs = sit(Reciprocator(), game=game).chairs
    own, other = payoffs(chairs)[0].view(2, 3, 3)
    assert own[:2].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert other[:2].tolist() == [[10, 20, 30], [40, 50, 60]]
    own, other = payoffs(chairs)[1].view(2, 3, 3)
    assert own[:, :2].T.tolist() == [[10, 20, 30], [40, 50, 60]]
    assert other[:, :2].T.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("influencer", [0, 1, 2])
def test_influence_among_many_is_what_the_definition_says(influencer):
    """VI = R(a) - sum_b usual(b) R(b, a_-p), term by term, for three players with three actions."""
    game = PublicGoods(players=3, levels=3, threshold=40.0)
    payoff = payoffs(sit(Reciprocator(), game=game).chairs)[:1, 1]
    usual = torch.tensor([[[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]]], dtype=torch.float64)
    found = value_influence(payoff, usual, influencer)[0]
    paid = payoff[0].view(3, 3, 3)
    for state in range(2):
        expected = torch.tensordot(paid, usual[0, state], ([influencer], [0])).unsqueeze(influencer)
        torch.testing.assert_close(found[state].view(3, 3, 3), paid - expected)


@pytest.mark.parametrize("actions", [2, 3, 5, 7])
@pytest.mark.parametrize("payoff", [0.1, 1 / 3, -2.7])
def test_who_can_change_nothing_has_no_influence_not_that_of_rounding(payoff, actions):
    play = torch.full((1, 2, actions), 1 / actions, dtype=torch.float64)
    table = torch.full((1, actions**2), payoff, dtype=torch.float64)
    assert influence_of_random_actions(table, play, 1).item() == 0
    assert value_influence(table, play[:, 1, None], 1).count_nonzero() == 0


def test_swapped_seats_learn_the_mirrored_thing():
    agent = Reciprocator(spread=0.0, refresh=1)
    one, two = sit(agent, 2), sit(agent, 2)
    for tables in (("CC CD DC", "DD DC DD"), ("CD CC DD", "CC DD DC")):
        mirrored = [" ".join(outcome[::-1] for outcome in table.split()) for table in tables]
        for player, played in ((one, tables), (two, mirrored)):
            script(player, *played)
            player.learn()
    assert not torch.equal(one.theta[0], one.theta[1])
    assert torch.equal(one.theta, two.theta.flip(0))
    assert torch.equal(one.subjective_reward.baselines, two.subjective_reward.baselines.flip(0))


def test_nothing_is_nan_where_a_state_is_never_seen():
    player = sit(Reciprocator(refresh=1, prior=1e-9), 2)
    for _ in range(3):
        script(player, "CC CC CC", "CC CC CC")
        player.learn()
    script(player, "DD DC CD", "CC DD DC")  # the first time in any of these
    player.learn()
    assert all(
        torch.isfinite(value).all() for value in [*player.measures().values(), *player.state_dict().values()]
    )


@pytest.mark.parametrize("policy", ["tabular", "mlp", "gru"])
def test_without_weight_it_is_plain_ppo(policy):
    keys = derive(torch.arange(2), 0)
    for game in (PrisonersDilemma(rounds=8, continuation=0.9), NPlayerIPD(rounds=8)):
        cast = torch.zeros(2, game.seats, dtype=torch.int64)
        agents = (Reciprocator(policy=policy, **{**RAW, "weight": 0.0}), PPO(policy=policy))
        ours, plain = (play(game, [agent], cast, keys, Protocol(8, 4)) for agent in agents)
        assert torch.equal(ours.payoff, plain.payoff)
        weighted = play(game, [Reciprocator(policy=policy)], cast, keys, Protocol(8, 4))
        assert not torch.equal(weighted.payoff, plain.payoff)


@pytest.mark.parametrize(
    ("game", "usual"),
    [
        (PrisonersDilemma(rounds=8), {"weight": 5.0, "balance": "previous", "buffer": 1, "refresh": 3}),
        (
            Coins(variant="coin_per_player", rounds=8),
            {"weight": 2.0, "balance": "decayed_minus_own", "buffer": 3, "refresh": 2},
        ),
    ],
)
def test_what_is_not_given_is_as_usual_in_such_games(game, usual):
    def payoff(**given):
        agent = Reciprocator(policy="mlp", hidden=(4,), model_units=8, learning_rate=0.05, **given)
        cast, keys = torch.zeros(1, 2, dtype=torch.int64), derive(torch.arange(1), 0)
        return play(game, [agent], cast, keys, Protocol(16, 8)).payoff

    assert torch.equal(payoff(), payoff(**usual))
    for name, other in {"weight": 1.0, "balance": "decayed", "buffer": 2, "refresh": 1}.items():
        assert not torch.equal(payoff(), payoff(**{name: other})), name


def test_what_it_kept_goes_on():
    agent = Reciprocator(buffer=2, refresh=2, weight_start=0.0, weight_step=1.0)
    player, other = sit(agent, 2), sit(agent, 2)
    script(player, "CC CD DC", "DD DC DD")
    player.learn()
    other.load_state_dict(player.state_dict())
    for each in (player, other):
        script(each, "CD CC DD", "CC DD DC")
        each.learn()
    state = other.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in player.state_dict().items())
    assert player.subjective_reward.episodes.tolist() == [2, 2]


@pytest.mark.parametrize(
    "agent",
    [
        Reciprocator(**RAW),
        Reciprocator(policy="gru", balance="decayed_minus_own"),
        Reciprocator(balance="decayed_minus_debit", refresh_first=True, warm_up=1),
        Reciprocator(),
    ],
)
def test_the_contract(agent):
    check_agent(agent)


def test_it_refuses_what_it_can_not_list():
    assert "4096: there are 65536" in (Reciprocator().refuses(NPlayerIPD(players=16)) or "")


def test_it_brings_about_cooperation():
    """Among themselves, and of a naive learner, on either seat.

    Over 20 matches of each, P(C) at the end: among themselves mean .92, deviation .015; of the naive learner .94,
    deviation .05. The Reciprocator earned .23 more than it, deviation .1.
    """
    game = PrisonersDilemma(payoffs=(-1, -3, 0, -2), rounds=16)
    cast = torch.tensor([[0, 0], [0, 1], [1, 0]]).repeat(4, 1)
    agents = [Reciprocator(learning_rate=0.02), PPO(learning_rate=0.02)]
    played = play(game, agents, cast, derive(torch.arange(12), 0), Protocol(64, 60, 20))
    cooperation = (played.cooperation / played.rounds).mean(2).view(4, 3, 2).mean(0)
    payoff = (played.payoff / played.rounds).mean(2).view(4, 3, 2).mean(0)
    assert cooperation[0].min() > 0.85
    assert cooperation[1, 1] > 0.8
    assert cooperation[2, 0] > 0.8
    assert payoff[1, 0] > payoff[1, 1]
    assert payoff[2, 1] > payoff[2, 0]
