"""The room of coins by hand and by counting. Keys are fixed; each statistical bound is exceeded once in 10^4."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from scipy import stats

from dilemma.agents.gridworld_players import CoinCollector
from dilemma.agents.learners.reciprocity.reciprocator import Reciprocator
from dilemma.agents.random_agent import Random
from dilemma.envs.chance import Chance, Purpose, derive
from dilemma.envs.coins_room import CoinsRoom
from dilemma.envs.gridworld import BACKWARD, FORWARD, LEFT, RIGHT, STAY, TURN_LEFT, sites
from dilemma.testing import check_agent, check_environment
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

torch.set_num_threads(1)
ERROR = 1e-4
SMALL = CoinsRoom(sides=(4, 4), growth=0.0)


def chance_of(tables, key=0):
    return Chance.at_tables(derive(torch.arange(1), key), tables)


def one_round(players, coins, actions, headings=(0, 0), game=SMALL):
    """A round from players and coins (place: colour) at these places of a room of 4 x 4, numbered row by row."""
    state = game.reset(1, 1, chance_of(1))
    cells = sites(game._ground(torch.device("cpu")), ".")
    coin = torch.zeros(1, 1, 16, dtype=torch.uint8)
    for place, colour in coins.items():
        coin[..., place] = 1 + colour
    tensors = {"cell": cells[list(players)][None, None], "heading": torch.tensor([[headings]]), "coin": coin}
    state = replace(state, tensors={**state.tensors, **tensors})
    after, step = game.step(state, torch.tensor(actions)[None, :, None], chance_of(1))
    where = [cells.tolist().index(cell) for cell in after.tensors["cell"].flatten().tolist()]
    return after, step, where


@pytest.mark.parametrize(
    ("players", "coins", "actions", "paid", "left"),
    [
        ((0, 15), {1: 0}, (RIGHT, STAY), (1, 0), []),  # its own
        ((0, 15), {1: 1}, (RIGHT, STAY), (1, -2), []),  # the other's
        ((0, 15), {1: 1, 14: 0}, (RIGHT, LEFT), (-1, -1), []),
        ((5, 15), {5: 0}, (STAY, STAY), (1, 0), []),  # grown under it
        ((0, 15), {4: 0}, (RIGHT, STAY), (0, 0), [4]),
    ],
)
def test_coins_pay(players, coins, actions, paid, left):
    after, step, _ = one_round(players, coins, actions)
    assert step.reward.flatten().tolist() == list(paid)
    assert after.tensors["coin"].flatten().nonzero().flatten().tolist() == left


def test_steps_are_relative_to_the_heading_and_end_at_walls():
    assert one_round((5, 15), {}, (FORWARD, TURN_LEFT))[2] == [1, 15]
    assert one_round((5, 15), {}, (FORWARD, STAY), headings=(1, 0))[2] == [6, 15]
    assert one_round((5, 15), {}, (BACKWARD, STAY), headings=(1, 0))[2] == [4, 15]
    assert one_round((0, 15), {}, (FORWARD, RIGHT))[2] == [0, 15]


def test_each_sees_its_own_coins_first():
    after, _, _ = one_round((5, 10), {1: 0, 14: 1}, (STAY, STAY))
    first, second = after.observation[0, :, 0]
    assert first[:, 9, 5].tolist() == [1, 0, 0, 0, 0, 0, 0, 0]
    assert first[6, 8, 5] == 1  # ahead
    assert first[7].sum() == 0  # two steps behind it, out of sight
    assert first[1, 10, 6] == 1  # the other looks the same way
    assert second[6, 10, 5] == 1
    assert second[7, 7, 4] == 1
    assert second[5].sum() == 11 * 11 - 4 * 4


def test_coins_grow_alike_everywhere_and_in_both_colours():
    """After t rounds a cell that nobody enters has a coin with probability 1 - (1 - p)^t."""
    game, tables, rounds = CoinsRoom(sides=(3, 3), growth=0.1), 4000, 5
    chance, state = chance_of(tables), None
    state = game.reset(1, tables, chance)
    for _ in range(rounds):
        state, _ = game.step(state, torch.zeros(1, 2, tables, dtype=torch.int64), chance)
    coin, cells = state.tensors["coin"][0], sites(game._ground(torch.device("cpu")), ".")
    free = ~(cells == state.tensors["cell"][0][..., None]).any(1)
    with_coin = [int((coin[:, place] > 0)[free[:, place]].sum()) for place in range(9)]
    for place, count in enumerate(with_coin):
        assert stats.binomtest(count, int(free[:, place].sum()), 1 - 0.9**rounds).pvalue > ERROR / 9
    first = int((coin == 1)[free].sum())
    assert stats.binomtest(first, sum(with_coin), 0.5).pvalue > ERROR


def test_rooms_have_any_height_and_width_in_which_players_start_anywhere():
    tables = 7200
    state = CoinsRoom().reset(1, tables, chance_of(tables))
    cells = sites(CoinsRoom()._ground(torch.device("cpu")), ".")
    inside = ~state.tensors["walls"][0][:, cells].view(tables, 15, 15)
    height, width = inside.any(2).sum(1), inside.any(1).sum(1)
    assert torch.equal(inside.sum((1, 2)), height * width)
    counts = ((height - 10) * 6 + width - 10).bincount(minlength=36)
    assert stats.chisquare(counts).pvalue > ERROR
    one, two = state.tensors["cell"][0].unbind(-1)
    assert not state.tensors["walls"][0].gather(-1, state.tensors["cell"][0]).any()
    assert (one != two).all()
    square = (height == 10) & (width == 10)
    assert len(one[square].unique()) > 80


def test_the_end_comes_at_intervals():
    """After 300 rounds, and then every 100, an episode ends with probability .05; at 5000 it ends anyway."""
    game, tables = CoinsRoom(sides=(2, 2), growth=0.0), 4000
    chance = chance_of(tables)
    state = game.reset(1, tables, chance)
    stay = torch.zeros(1, 2, tables, dtype=torch.int64)
    left = []
    for _ in range(600):
        state, _ = game.step(state, stay, chance)
        left.append(int(state.playing[0, 0].sum()))
    assert left[298] == tables
    ends = [left[298] - left[299], left[398] - left[399], left[498] - left[499], left[598] - left[599]]
    assert left[-1] == tables - sum(ends)
    for count, at_risk in zip(ends, (tables, left[299], left[399], left[499]), strict=True):
        assert stats.binomtest(count, at_risk, 0.05).pvalue > ERROR / 4
    assert game.horizon == 5000
    assert torch.equal(state.playing[:, 0], state.playing[:, 1])


@pytest.mark.parametrize(
    "game",
    [
        CoinsRoom(absent=1),
        CoinsRoom(sides=(2, 5), growth=0.2, rounds=20, least=3, interval=2, ending=0.5),
        CoinsRoom(sides=(2, 2), growth=0.5, absent=1),
    ],
)
def test_the_contract(game):
    check_environment(game)


def levels(agents, absent=0):
    cast = torch.arange(len(agents))[None]
    played = play(CoinsRoom(rounds=300, absent=absent), agents, cast, derive(cast[0, :1], 0), Protocol(tables=400))
    payoff = played.payoff[0] / 300
    measures = {name: value[0] / 300 for name, value in played.measures.items()}
    return payoff.mean(1), payoff.std(1) / 400**0.5, measures


def test_who_takes_any_coin_earns_nothing_with_its_like_and_more_from_the_considerate():
    """Of two that take what they find half is the other's, so on average they earn 1 - 2 / 2 = 0 a coin."""
    own, greedy = CoinCollector(), CoinCollector(takes="any")
    bound = stats.norm.isf(ERROR / 4)
    for pair in ((greedy, greedy), (Random(), Random())):
        mean, error, _ = levels(pair)
        assert (mean.abs() < bound * error).all()
    mean, _, measures = levels((own, greedy))
    together, _, _ = levels((own, own))
    assert mean[0] < 0 < together.min() < mean[1]
    assert torch.equal(measures["others_coins"].sum(0), measures["coins_lost"].sum(0))


def test_alone_coins_of_both_colours_are_free():
    mean, _, measures = levels((CoinCollector(takes="any"),), absent=1)
    assert mean.item() == pytest.approx(measures["pickups"].mean().item())
    pickups, own = (int(measures[name].sum() * 300 + 0.5) for name in ("pickups", "own_coins"))
    assert stats.binomtest(own, pickups, 0.5).pvalue > ERROR


def test_a_reciprocator_alone_has_nobody_to_reciprocate_with():
    check_agent(Reciprocator(policy="mlp"), CoinsRoom(rounds=8, sides=(3, 4), growth=0.2, absent=1))


def test_swapped_seats_mirror_a_round():
    """In a room with the colours swapped too, in every state that random play comes by."""
    game, tables = CoinsRoom(sides=(5, 5), growth=0.05), 64
    chance, drawn = chance_of(tables), chance_of(tables, 1).parts(2)
    state, taken = game.reset(1, tables, chance), 0
    for round in range(30):
        now = state.tensors
        other = {name: now[name].flip(-1) for name in ("cell", "heading")}
        swapped = torch.where(now["coin"] > 0, 3 - now["coin"], now["coin"])
        mirror = replace(state, tensors={**now, **other, "coin": swapped})
        action = (drawn.integers(Purpose.ACTION, 0, round) + 2**31) * 7 >> 32
        action[:, 1] = torch.where(action[:, 1] < TURN_LEFT, STAY, action[:, 1])  # one mover: no ties
        state, step = game.step(state, action, chance)
        _, mirrored = game.step(mirror, action.flip(1), chance)
        assert torch.equal(step.reward, mirrored.reward.flip(1))
        taken += int(step.measures["pickups"].sum())
    assert taken > 100


def test_sides_are_ordered():
    with pytest.raises(ValidationError, match="the least and the largest, found 12 and 10"):
        CoinsRoom(sides=(12, 10))


def test_playthrough(playthrough):
    playthrough(CoinsRoom(sides=(4, 6), growth=0.05), Path(__file__), rounds=12)
