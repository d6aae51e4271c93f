"""Coins by hand, by symmetry and by counting. Statistical bounds are exceeded once in 10^4; keys are fixed."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

from dilemma.agents.coins_players import CoinsCooperator, CoinsDefector, CoinsTitForTat
from dilemma.agents.random_agent import Random
from dilemma.envs.board import distances, free_cell, moves, uniform_below
from dilemma.envs.chance import Chance, Purpose, derive
from dilemma.envs.coins import Coins
from dilemma.testing import check_environment
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

ERROR = 1e-4
RIGHT, LEFT, DOWN, UP, STAY = range(5)
AWAY = 9  # where a coin is that isn't on a board of nine cells

torch.set_num_threads(1)


def chance_of(matches, tables=1, seed=0):
    return Chance.at_tables(derive(torch.arange(matches), seed), tables)


def at(game, cells, coins, tables=1):
    """A table where players and coins are on these cells."""
    state = game.reset(1, tables, chance_of(1, tables))
    things = {"cells": cells, "coins": coins}
    placed = {name: torch.tensor(value)[None, :, None].expand(1, -1, tables) for name, value in things.items()}
    return replace(state, tensors={**state.tensors, **placed})


def one_round(game, cells, coins, actions, tables=1):
    action = torch.tensor(actions)[None, :, None].expand(1, -1, tables)
    return game.step(at(game, cells, coins, tables), action, chance_of(1, tables))


# The board:  0 1 2 / 3 4 5 / 6 7 8.


@pytest.mark.parametrize(
    ("cells", "coins", "actions", "paid"),
    [
        ((0, 8), (1, AWAY), (RIGHT, RIGHT), (1, 0)),  # its own
        ((0, 8), (AWAY, 1), (RIGHT, RIGHT), (1, -2)),  # the other's
        ((0, 2), (1, AWAY), (RIGHT, LEFT), (-1, 1)),  # both reach the first one's
        ((0, 2), (AWAY, 1), (RIGHT, LEFT), (1, -1)),
        ((2, 8), (0, AWAY), (RIGHT, UP), (1, 0)),  # over the right edge
        ((4, 1), (AWAY, 7), (UP, UP), (0, 1)),  # over the upper edge
        ((0, 8), (4, AWAY), (RIGHT, RIGHT), (0, 0)),
    ],
)
def test_one_coin_pays(cells, coins, actions, paid):
    assert one_round(Coins(), cells, coins, actions)[1].reward.flatten().tolist() == list(paid)


@pytest.mark.parametrize(
    ("cells", "coins", "actions", "paid"),
    [
        ((0, 0, 8), (1, 5, 7), (RIGHT, RIGHT, STAY), (1 - 1.5, 1, 0)),
        ((1, 1, 8), (5, 4, 7), (DOWN, DOWN, STAY), (1, 1 - 1.5, 0)),
        ((0, 2, 4), (1, 5, 7), (RIGHT, LEFT, UP), (1 - 3, 1, 1)),  # each thief is paid for
        ((0, 3, 4), (8, 8, 8), (LEFT, UP, UP), (0, 0, 0)),
        ((7, 3, 4), (8, 8, 8), (RIGHT, UP, UP), (3, -1.5, -1.5)),  # three coins on a cell
    ],
)
def test_three_players_pay_three_halves(cells, coins, actions, paid):
    game = Coins(variant="coin_per_player", players=3)
    assert one_round(game, cells, coins, actions)[1].reward.flatten().tolist() == list(paid)


def test_payoffs_are_parameters():
    game = Coins(reward=5.0, penalty=0.5)
    assert one_round(game, (0, 2), (1, AWAY), (RIGHT, LEFT))[1].reward.flatten().tolist() == [4.5, 5]


def test_walls_stop():
    state, _ = one_round(Coins(torus=False), (0, 8), (4, AWAY), (LEFT, DOWN))
    assert state.tensors["cells"].flatten().tolist() == [0, 8]


def test_measures_count_who_took_what():
    # The first misses its coin, which the second takes.
    measures = one_round(Coins(), (0, 2), (1, AWAY), (DOWN, LEFT))[1].measures
    assert {name: value.flatten().tolist() for name, value in measures.items()} == {
        "pickups": [0, 1],
        "own_coins": [0, 0],
        "others_coins": [0, 1],
        "coins_lost": [1, 0],
        "easy_misses": [1, 0],
    }


def test_who_cannot_stay_does_not_miss_what_lies_under_it():
    for stay, missed in ((True, 1), (False, 0)):
        game = Coins(variant="coin_per_player", stay=stay)
        step = one_round(game, (0, 8), (0, 4), (RIGHT, RIGHT))[1]
        assert step.measures["easy_misses"][0, 0] == missed


@pytest.mark.parametrize(("ties", "shares"), [("all", (1, 1)), ("first", (1, 0)), ("random", (0.5, 0.5))])
def test_ties(ties, shares):
    tables = 10000
    step = one_round(Coins(ties=ties), (0, 2), (1, AWAY), (RIGHT, LEFT), tables)[1]
    taken = step.measures["pickups"].sum(2).flatten().tolist()
    if ties == "random":
        assert sum(taken) == tables
        assert stats.binomtest(int(taken[0]), tables, 0.5).pvalue > ERROR
    else:
        assert taken == [share * tables for share in shares]
    assert (len(set(Coins(ties=ties).roles)) == 1) == (ties != "first")


@pytest.mark.parametrize("occupied", [(4,), (0, 8), (3, 3), (8, 0, 4), (5, 2, 5, 2, 5)])
def test_a_free_cell_is_any_of_those_left(occupied):
    left = sorted(set(range(9)) - set(occupied))
    each = 100
    draws = (torch.arange(len(left) * each) * 2 + 1) * (2**31 // (len(left) * each)) - 2**31  # evenly spread
    cells = torch.tensor(occupied)[None, :, None].expand(1, -1, len(draws))
    counts = free_cell(draws[None, None], cells, 9).flatten().bincount(minlength=9)
    assert counts.tolist() == [each if cell in left else 0 for cell in range(9)]


@pytest.mark.parametrize(
    ("game", "cells"),
    [
        (Coins(), [cell for cell in range(9) if cell not in (1, 3)]),
        (Coins(respawn="anywhere"), range(9)),
        (Coins(variant="coin_per_player"), range(9)),
        (Coins(variant="coin_per_player", respawn="free"), [cell for cell in range(9) if cell not in (1, 3)]),
    ],
)
def test_coins_come_back_uniformly_in_all_places_and_rounds(game, cells):
    tables = 20000
    coins = (1, AWAY) if game.variant == "one_coin" else (1, 3)
    state, _ = one_round(game, (0, 0), coins, (RIGHT, DOWN), tables)
    came = state.tensors["coins"][0]
    came = came[1:] if game.variant == "one_coin" else came
    for coin in came:
        counts = coin.bincount(minlength=9)
        assert counts[list(cells)].sum() == tables
        assert stats.chisquare(counts[list(cells)]).pvalue > ERROR
    if len(came) == 2:
        both = (came[0] * 9 + came[1]).bincount(minlength=81).view(9, 9)[list(cells)][:, list(cells)]
        assert stats.chi2_contingency(both).pvalue > ERROR


def course(game, matches=1, tables=64, rounds=40, seed=0):
    """The states and steps of random play."""
    chance, drawn = chance_of(matches, tables, seed), chance_of(matches, tables, seed + 1).parts(game.seats)
    states, steps = [game.reset(matches, tables, chance)], []
    for round in range(rounds):
        action = uniform_below(game.actions(0).n, drawn.integers(Purpose.ACTION, 0, round))
        state, step = game.step(states[-1], action, chance)
        states.append(state)
        steps.append(step)
    return states, steps


games = st.builds(
    lambda kind, size, torus, ties, start, respawn, colour, stay: Coins(
        variant="coin_per_player" if kind else "one_coin",
        players=kind or 2,
        size=size + (kind > 3),
        torus=torus,
        ties=ties,
        start=start,
        respawn=respawn,
        colour=colour,
        stay=stay,
    ),
    kind=st.sampled_from([0, 2, 3, 5]),
    size=st.integers(2, 5),
    torus=st.booleans(),
    ties=st.sampled_from(["all", "random", "first"]),
    start=st.sampled_from(["anywhere", "apart"]),
    respawn=st.sampled_from([None, "free", "anywhere"]),
    colour=st.sampled_from(["alternating", "random"]),
    stay=st.sampled_from([None, True, False]),
)


@given(games)
@settings(max_examples=25, deadline=None)
def test_nothing_is_lost_and_nobody_leaves(game):
    single = game.variant == "one_coin"
    free = game.respawn == "free" or (single and game.respawn is None)
    states, steps = course(game, tables=16, rounds=20)
    if game.start == "apart":
        assert len(states[0].tensors["cells"][0, :, 0].unique()) == game.seats
    for before, after, step in zip(states, states[1:], steps, strict=False):
        cells, coins = after.tensors["cells"], after.tensors["coins"]
        assert ((cells >= 0) & (cells < game.cells)).all()
        assert (distances(game.size, game.torus)[before.tensors["cells"], cells] <= 1).all()
        assert ((coins < game.cells).sum(1) == (1 if single else game.seats)).all()
        there = (cells[:, :, None] == coins[:, None]).any(1)
        if free:
            assert not there.any()
        counts = step.measures
        assert torch.equal(counts["own_coins"] + counts["others_coins"], counts["pickups"])
        assert torch.equal(counts["others_coins"].sum(1), counts["coins_lost"].sum(1))
        if game.ties != "all":
            assert counts["pickups"].sum(1).max() <= (1 if single else game.seats)
        earned = counts["pickups"] - game.seats / (game.seats - 1) * counts["coins_lost"]
        torch.testing.assert_close(step.reward, earned)
        gone = before.tensors["coins"] != coins
        taken = (counts["pickups"].sum(1, keepdim=True) > 0).expand_as(gone)
        assert not (gone & ~taken).any()


def test_the_owner_alternates_or_is_drawn():
    for colour in ("alternating", "random"):
        states, steps = course(Coins(colour=colour), tables=500)
        same = total = 0
        for before, after, step in zip(states, states[1:], steps, strict=False):
            taken = step.measures["pickups"].sum(1)[0] > 0
            first = [state.tensors["coins"][0, 0] < AWAY for state in (before, after)]
            assert torch.equal(first[0][~taken], first[1][~taken])
            same += int((first[0] == first[1])[taken].sum())
            total += int(taken.sum())
        if colour == "alternating":
            assert same == 0
        else:
            assert stats.binomtest(same, total, 0.5).pvalue > ERROR
        owners = int((states[0].tensors["coins"][0, 0] < AWAY).sum())
        assert stats.binomtest(owners, 500, 0.5).pvalue > ERROR


def test_swapped_seats_mirror_the_whole_episode():
    game = Coins()
    chance = chance_of(1, 64)
    drawn = chance_of(1, 64, 1).parts(2)
    state = game.reset(1, 64, chance)
    mirror = replace(
        state, tensors=state.tensors | {name: state.tensors[name].flip(1) for name in ("cells", "coins")}
    )
    for round in range(50):
        action = uniform_below(4, drawn.integers(Purpose.ACTION, 0, round))
        state, step = game.step(state, action, chance)
        mirror, mirrored = game.step(mirror, action.flip(1), chance)
        assert torch.equal(step.reward, mirrored.reward.flip(1))
        assert torch.equal(state.observation, mirror.observation.flip(1))


@pytest.mark.parametrize("variant", ["one_coin", "coin_per_player"])
def test_random_players_earn_nothing(variant):
    game = Coins(variant=variant, rounds=50)
    tables = {"one_coin": 30000, "coin_per_player": 60000}[variant]
    cast, keys = torch.zeros(1, 2, dtype=torch.int64), derive(torch.arange(1), 0)
    payoff = (played := play(game, [Random()], cast, keys, Protocol(tables=tables))).payoff[0] / 50
    bound = stats.norm.isf(ERROR / 4)  # two seats, both sides
    error = payoff.std(1) / tables**0.5
    assert (bound * error < 0.002).all()
    assert (payoff.mean(1).abs() < bound * error).all()
    picked = {"one_coin": 0.113, "coin_per_player": 0.187}[variant]  # published
    assert played.measures["pickups"].mean().item() / 50 == pytest.approx(picked, abs=0.004)


def test_a_seat_sees_itself_first():
    game = Coins(variant="coin_per_player", players=3)
    state, _ = one_round(game, (0, 4, 8), (7, 1, 6), (STAY, STAY, STAY))
    assert game.observation(0) == state.observation.shape[3:] == (6, 3, 3)
    assert state.observation.dtype == torch.float32
    planes = state.observation[0, :, 0].flatten(2)
    assert (planes.sum(-1) == 1).all()
    assert planes.argmax(-1).tolist() == [[0, 4, 8, 7, 1, 6], [4, 8, 0, 1, 6, 7], [8, 0, 4, 6, 7, 1]]


def test_a_coin_that_is_not_there_is_not_seen():
    state, _ = one_round(Coins(), (0, 4), (AWAY, 8), (RIGHT, RIGHT))
    planes = state.observation[0, :, 0].flatten(2)
    assert planes.sum(-1).tolist() == [[1, 1, 0, 1], [1, 1, 1, 0]]
    assert planes[0, 3, 8] == planes[1, 2, 8] == 1


def test_the_centred_view_turns_the_torus():
    state, _ = one_round(Coins(view="centred", stay=True), (0, 4), (8, AWAY), (STAY, STAY))
    planes = state.observation[0, :, 0].flatten(2)
    assert planes.argmax(-1)[0, :3].tolist() == [4, 8, 0]  # from the upper left corner, 8 is one up and left
    assert planes.argmax(-1)[1, [0, 1, 3]].tolist() == [4, 0, 8]


@pytest.mark.parametrize("variant", ["one_coin", "coin_per_player"])
def test_what_happens_at_a_table_does_not_depend_on_the_others(variant):
    game = Coins(variant=variant)
    _, many = course(game, matches=3, tables=7)
    _, few = course(game, matches=2, tables=4)
    for one, other in zip(many, few, strict=True):
        assert torch.equal(one.reward[:2, :, :4], other.reward)
        assert torch.equal(one.action[:2, :, :4], other.action)


def test_who_has_stopped_earns_nothing():
    states, steps = course(Coins(continuation=0.9), tables=200)
    for before, step in zip(states, steps, strict=False):
        assert not step.reward[~before.playing].any()
        assert not step.measures["easy_misses"][~before.playing].any()
    assert not states[-1].playing.all()


def test_a_picture_shows_players_and_their_coins():
    game = Coins(variant="coin_per_player")
    picture = game.picture(at(game, (0, 4), (8, 4)), 0, 0)
    assert (picture.shape, picture.dtype) == ((3, 3, 3), torch.uint8)
    assert picture[0, 0].tolist() == [255, 0, 0]
    assert picture[2, 2].tolist() == [255, 153, 153]
    assert len({tuple(pixel) for pixel in picture.flatten(0, 1).tolist()}) == 4  # the fourth is an empty cell


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"players": 3}, 'for 2 players, found 3; allowed: "coin_per_player"'),
        ({"variant": "coin_per_player", "players": 4, "size": 2}, "at most 3 players, found 4"),
        ({"view": "centred", "torus": False}, '"centred" needs a torus'),
    ],
)
def test_what_cannot_be_played_is_refused(parameters, says):
    with pytest.raises(ValidationError, match=says):
        Coins(**parameters)


def test_boards():
    assert moves(3)[0].tolist() == [1, 2, 3, 6, 0]
    assert moves(3, torus=False)[0].tolist() == [1, 0, 3, 0, 0]
    assert distances(4)[0].tolist() == [0, 1, 2, 1, 1, 2, 3, 2, 2, 3, 4, 3, 1, 2, 3, 2]
    assert distances(3, torus=False)[0].tolist() == [0, 1, 2, 1, 2, 3, 2, 3, 4]


def drawing(state, game):
    """The board: players in capitals, each with its own coin's letter; a dot where nothing is."""
    things = torch.cat((state.tensors["cells"], state.tensors["coins"]), 1)[0, :, 0].tolist()
    names = [chr(ord("A") + seat) for seat in range(game.seats)]
    letters = names + [name.lower() for name in names]
    width = len(letters)
    texts = ["".join(letters[i] for i, cell in enumerate(things) if cell == here) for here in range(game.cells)]
    rows = [texts[row : row + game.size] for row in range(0, game.cells, game.size)]
    return "\n".join(" ".join((text or ".").ljust(width) for text in row).rstrip() for row in rows)


def playthrough(game, rounds=12):
    states, steps = course(game, tables=1, rounds=rounds, seed=96)
    lines = [f"{type(game).__name__}, {game.variant}, {game.players} players", drawing(states[0], game)]
    for state, step in zip(states[1:], steps, strict=True):
        done = [("right", "left", "down", "up", "stay")[action] for action in step.action[0, :, 0].tolist()]
        earned = " ".join(f"{reward:g}" for reward in step.reward[0, :, 0].tolist())
        lines += [f"\nround {state.round}: {' '.join(done)}; earned {earned}", drawing(state, game)]
    return "\n".join(lines) + "\n"


def test_the_golden_playthrough():
    games = (Coins(), Coins(variant="coin_per_player", players=3))
    golden = Path(__file__).with_name("coins_playthrough.txt").read_text()
    assert "\n".join(playthrough(game) for game in games) == golden


@pytest.mark.parametrize(
    "game",
    [
        Coins(absent=1),
        Coins(variant="coin_per_player", absent=1, view="centred"),
        Coins(variant="coin_per_player", players=3, absent=1, ties="random", start="apart"),
        Coins(variant="coin_per_player", players=4, absent=3),
    ],
    ids=lambda game: f"{game.absent} of {game.players} absent",
)
def test_who_is_absent_leaves_coins_and_is_seen_nowhere(game):
    check_environment(game)
    states, steps = course(game)
    planes = torch.stack([state.observation for state in states]).sum(
        (-1, -2)
    )  # [state, match, seat, table, plane]
    players, coins = planes[..., : game.players], planes[..., game.players :]
    assert game.observation(0) == (2 * game.players, 3, 3)
    assert (players.sum(-1) == game.seats).all()
    assert (coins.sum(-1) == (1 if game.variant == "one_coin" else game.players)).all()
    for step in steps:
        lost = game.owner_penalty * step.measures["coins_lost"]
        torch.testing.assert_close(step.reward, step.measures["pickups"] - lost)
    others = torch.stack([step.measures["others_coins"].sum(1) for step in steps])
    lost = torch.stack([step.measures["coins_lost"].sum(1) for step in steps])
    assert (others >= lost).all()
    assert (others > lost).any()  # nobody pays for the coins of those who are away


def test_nobody_can_be_alone_without_a_player():
    with pytest.raises(ValidationError, match="at least one of 2 players must be there, found 2 absent"):
        Coins(absent=2)


def test_a_room_in_which_nobody_is_absent_keeps_its_identity():
    assert "absent" not in Coins().model_dump()
    assert Coins.model_validate(Coins(absent=1).model_dump(mode="json")) == Coins(absent=1)


def alone(agent, variant, rounds=50):
    """Payoff and own coins per round of an agent alone in the room, and the payoff's standard error."""
    game = Coins(variant=variant, absent=1, rounds=rounds)
    cast, keys = torch.zeros(1, 1, dtype=torch.int64), derive(torch.arange(1), 0)
    played = play(game, [agent], cast, keys, Protocol(tables=4000))
    payoff = played.payoff.flatten() / rounds
    return (
        payoff.mean().item(),
        played.measures["own_coins"].mean().item() / rounds,
        payoff.std().item() / 4000**0.5,
    )


def test_alone_a_defector_needs_a_step_or_two_for_each_coin():
    """A coin appears on one of the four cells next to it, or of the four further ones.

    So a coin is taken in round t with probability u_t = (u_{t-1} + u_{t-2}) / 2 = 2 / 3 + (-1 / 2)^t / 3.
    """
    expected = sum(2 / 3 + (-1 / 2) ** t / 3 for t in range(1, 51)) / 50
    payoff, own, error = alone(CoinsDefector(), "one_coin")
    assert abs(payoff - expected) < stats.norm.isf(ERROR / 2) * error
    assert own == pytest.approx(payoff / 2, abs=0.01)


@pytest.mark.parametrize("agent", [CoinsCooperator(), CoinsTitForTat()], ids=lambda agent: type(agent).__name__)
def test_alone_who_leaves_others_coins_to_them_waits_for_them(agent):
    """With one coin it takes its own if that comes first, and then waits for ever."""
    payoff, own, _ = alone(agent, "one_coin")
    assert payoff == pytest.approx(own)
    assert stats.binomtest(round(payoff * 50 * 4000), 4000, 0.5).pvalue > ERROR
