"""Scripted players of Coins against published levels, which other programs measured.

Bounds are 4 standard errors of ours or more, but keys are fixed.
"""

import pytest
import torch
from torch import Tensor

from dilemma.agents.agent import Agent, Chairs, Observation, Player
from dilemma.agents.coins_players import CoinsCooperator, CoinsDefector, CoinsPlayer, CoinsTitForTat
from dilemma.agents.random_agent import Random
from dilemma.envs.chance import Chance, derive
from dilemma.envs.coins import Coins
from dilemma.envs.environment import State
from dilemma.envs.matrix_game import PrisonersDilemma
from dilemma.testing import check_agent
from dilemma.tournament.arena import play
from dilemma.tournament.protocol import Protocol

torch.set_num_threads(1)

AC, AD, TFT, R = CoinsCooperator(), CoinsDefector(), CoinsTitForTat(), Random()
ONE = Coins(rounds=50)
TWO = Coins(variant="coin_per_player", rounds=32)
THREE = Coins(variant="coin_per_player", players=3, rounds=32)


class StraightPlayer(CoinsPlayer):
    def cost(self, own: Tensor, others: Tensor) -> Tensor:
        return own


class Straight(CoinsCooperator):
    """Goes to its own coin, whatever lies on the way."""

    def sit(self, chairs: Chairs) -> Player:
        return StraightPlayer(chairs)


class BlindPlayer(CoinsPlayer):
    def distances(self, things: Tensor) -> Tensor:
        here, coins = things[..., :1], things[..., self.players :]
        elsewhere = torch.where(coins == here, self.cells, coins)
        return super().distances(torch.cat((things[..., : self.players], elsewhere), -1))

    def cost(self, own: Tensor, others: Tensor) -> Tensor:
        return torch.minimum(own, others)


class Blind(CoinsCooperator):
    """Goes to the nearest coin that doesn't lie under it."""

    def sit(self, chairs: Chairs) -> Player:
        return BlindPlayer(chairs)


def levels(game: Coins, cast: list[Agent], tables: int = 2500) -> dict[str, list[float]]:
    """Payoff and measures per round of each seat."""
    keys = derive(torch.arange(1), 0)
    played = play(game, cast, torch.arange(len(cast))[None], keys, Protocol(tables=tables))
    sums = {"payoff": played.payoff, **played.measures}
    return {name: (value / played.weight).mean((0, 2)).tolist() for name, value in sums.items()}


@pytest.mark.parametrize(
    ("cast", "payoff"),
    [
        ((AC, AC), (0.3487, 0.3486)),
        ((AC, AD), (-0.2657, 0.6364)),
        ((AD, AC), (0.6364, -0.2657)),
        ((AD, AD), (0.0, 0.0)),
        ((R, R), (0.0, 0.0)),
        ((R, AD), (-0.531, 0.531)),
        ((AD, R), (0.531, -0.531)),
        ((R, AC), (0.114, 0.059)),
    ],
)
def test_the_coin_game_league_is_reproduced(cast, payoff):
    assert levels(ONE, list(cast))["payoff"] == pytest.approx(payoff, abs=0.01)


def test_own_coin_fractions_of_the_league():
    def fraction(cast, seat):
        counts = levels(ONE, cast)
        return counts["own_coins"][seat] / counts["pickups"][seat]

    assert fraction([AC, AC], 0) == 1
    assert fraction([AC, AD], 1) == pytest.approx(0.58, abs=0.01)
    assert fraction([R, AC], 0) == pytest.approx(0.84, abs=0.01)
    counts = levels(ONE, [AD, AD])
    assert counts["own_coins"] + counts["others_coins"] == pytest.approx([0.330] * 4, abs=0.01)
    assert counts["easy_misses"] == [0, 0]


@pytest.mark.parametrize(
    ("cast", "payoff", "own", "others"),
    [
        ((R, R), (0, 0), (3.0, 3.0), (3.0, 3.0)),
        ((Straight(), Straight()), (18.0, 18.1), (21.7, 21.7), (3.7, 3.7)),
        ((AC, AC), (19.5, 19.3), (21.8, 21.8), (2.4, 2.4)),
        ((Blind(), Blind()), (0, 0), (13.7, 13.7), (13.6, 13.6)),
        ((Straight(), Blind()), (-0.7, 19.3), (21.3, 14.1), (3.9, 13.0)),
    ],
)
def test_the_reciprocators_levels_of_an_episode(cast, payoff, own, others):
    counts = levels(TWO, list(cast), 4000)
    for name, published, within in (
        ("payoff", payoff, 0.4),
        ("own_coins", own, 0.2),
        ("others_coins", others, 0.2),
    ):
        assert [32 * count for count in counts[name]] == pytest.approx(published, abs=within), name


@pytest.mark.parametrize(
    ("game", "cast", "payoff", "pickups"),
    [
        (TWO, (AC, AC), (0.605, 0.612), (0.761, 0.763)),
        (TWO, (AD, AD), (0, 0), (0.90, 0.90)),
        (TWO, (AC, AD), (-0.152, 0.715), (0.759, 0.891)),
        (TWO, (R, R), (0, 0), (0.187, 0.187)),
        (THREE, (AC, AC, AC), (0.595,) * 3, None),
        (THREE, (AD, AD, AD), (0,) * 3, None),
        (THREE, (AC, AC, AD), (0.166, 0.169, 0.790), None),
    ],
)
def test_levels_of_a_coin_per_player(game, cast, payoff, pickups):
    counts = levels(game, list(cast))
    assert counts["payoff"] == pytest.approx(payoff, abs=0.02)
    if pickups:
        assert counts["pickups"] == pytest.approx(pickups, abs=0.01)


def test_tit_for_tat_cooperates_with_cooperators_and_loses_little_to_defectors():
    assert levels(ONE, [TFT, AC], 500) == levels(ONE, [AC, AC], 500)
    ours, theirs = levels(ONE, [TFT, AD])["payoff"]
    assert -0.03 < ours < theirs < 0.05


def observation(round, *cells):
    """What one chair at one table sees: players, then coins, its own first; None is a coin that isn't there."""
    planes = torch.zeros(1, 1, 1, len(cells), 9)
    for plane, cell in enumerate(cells):
        if cell is not None:
            planes[..., plane, cell] = 1
    return Observation(State(0, round, observation=planes.unflatten(-1, (3, 3))), None)


def seated(agent, game=ONE):
    chairs = Chairs(game, torch.zeros(1, dtype=torch.int64), Chance.at_tables(derive(torch.arange(1), 0), 1))
    player = agent.sit(chairs)
    player.begin()
    return player


RIGHT, LEFT, DOWN, UP, STAY = range(5)


# The board:  0 1 2 / 3 4 5 / 6 7 8.
@pytest.mark.parametrize(
    ("agent", "game", "cells", "steps"),
    [
        (AC, ONE, (0, 8, 1, None), {RIGHT}),
        (AC, ONE, (0, 8, 2, None), {LEFT}),  # the short way round
        (AC, ONE, (0, 8, 4, None), {RIGHT, DOWN}),
        (AC, ONE, (0, 8, None, 1), {DOWN, UP}),  # away from the other's
        (AC, TWO, (0, 8, 4, 1), {DOWN}),  # round the other's
        (AC, TWO, (0, 8, 0, 1), {STAY}),
        (AD, ONE, (0, 8, None, 1), {RIGHT}),
        (AD, TWO, (0, 8, 4, 1), {RIGHT}),
        (AD, TWO, (0, 8, 1, 3), {RIGHT, DOWN}),
    ],
)
def test_steps(agent, game, cells, steps):
    player = seated(agent, game)
    assert {int(player.act(observation(round, *cells))) for round in range(60)} == steps


def test_tit_for_tat_remembers_what_the_other_took_last():
    player = seated(TFT)

    def defects(*seen):
        player.begin()
        for round, cells in enumerate(seen):
            player.act(observation(round, *cells))
        return int(player.act(observation(len(seen), 0, 8, None, 1))) == RIGHT

    assert not defects()
    assert not defects((3, 4, 5, None), (3, 1, 5, None))
    assert defects((3, 4, 5, None), (3, 5, 1, None))  # it took ours
    assert defects((3, 4, 5, None), (3, 5, 1, None), (3, 6, 1, None))  # and has not made good
    assert not defects((3, 4, 5, None), (3, 5, None, 6), (3, 6, 7, None))  # it took its own
    assert not defects((3, 4, 5, None), (4, 1, None, 8), (4, 1, None, 8))  # we took ours


@pytest.mark.parametrize("agent", [AC, AD, TFT, R], ids=lambda agent: type(agent).__name__)
@pytest.mark.parametrize(
    "game",
    [ONE, TWO, THREE, Coins(continuation=0.9, size=4), Coins(view="centred")],
    ids=["one", "two", "three", "ending", "centred"],
)
def test_they_keep_the_contract(agent, game):
    check_agent(agent, game)


def test_what_they_refuse():
    assert AC.refuses(PrisonersDilemma()) == "plays Coins, and knows no other game"
    assert TFT.refuses(PrisonersDilemma()) == "plays Coins, and knows no other game"
    assert AC.refuses(THREE) is AD.refuses(Coins(view="centred")) is TFT.refuses(THREE) is None


@pytest.mark.parametrize("agent", [AC, AD, TFT], ids=["cooperator", "defector", "tit for tat"])
@pytest.mark.parametrize(
    "game",
    [ONE, Coins(variant="coin_per_player", respawn="anywhere"), Coins(size=4), THREE],
    ids=["one", "two", "even", "three"],
)
def test_a_centred_view_tells_them_the_same(agent, game):
    board, centred = (
        levels(game.model_copy(update={"view": view}), [agent, *[AD, R][: game.seats - 1]], 200)
        for view in ("board", "centred")
    )
    assert board == centred


def test_tit_for_tat_answers_each_of_several_by_itself():
    player = seated(TFT, THREE)

    def steps(*seen):
        """Where it goes if its coin is two steps away, the second player's one up and the third's one down."""
        player.begin()
        for round, cells in enumerate(seen):
            player.act(observation(round, *cells))
        return {int(player.act(observation(round, 0, 0, 0, 4, 6, 3))) for round in range(len(seen), 60)}

    before = (0, 8, 7, 5, 1, 2)
    assert steps(before, (0, 8, 7, 5, 1, 2)) == {RIGHT}
    assert steps(before, (0, 5, 7, 8, 1, 2)) == {UP}  # the second took ours
    assert steps(before, (0, 8, 5, 8, 1, 2)) == {DOWN}
    assert steps(before, (0, 5, 5, 8, 1, 2)) == {UP, DOWN}
    assert steps(before, (0, 5, 7, 8, 1, 2), (0, 1, 7, 8, 4, 2)) == {RIGHT}  # and one of its own
    assert steps(before, (0, 5, 7, 8, 1, 2), (0, 5, 2, 8, 1, 4)) == {UP}  # the third's own makes nothing good
    assert steps(before, (0, 2, 1, 5, 1, 2)) == {RIGHT}  # they took each other's
