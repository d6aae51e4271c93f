"""Coins: players on a small board collect coins; taking another's costs its owner more than it brings."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn.functional import pad

from .board import STEPS, centred, free_cell, moves, uniform_below
from .chance import Chance, Purpose
from .environment import Discrete, Environment, Rounds, State, Step

Payoff = Annotated[float, Field(allow_inf_nan=False)]


class Coins(Environment):
    """All players move one cell at once; a player that then stands on a coin takes it, and a new one appears.

    A player earns  `reward` x (coins it took) - `penalty` x (its own coins that others took). With the default
    penalty N / (N - 1), players that take every coin they can earn 0 on average. Players may share a cell; if
    several reach a coin, all take it, and its owner pays for each of the others.

    Variants: "one_coin" has a single coin with alternating owner, two players and four steps (LOLA, POLA, LOQA);
    "coin_per_player" has a coin for each player, and staying is allowed (M-FOS, Pax, JaxMARL, Reciprocators).
    Their returns can't be compared. With `absent`, some of the players are not there while their coins are: with
    one of two, a player is alone in the room, and sees what it would see if the other stood nowhere.

    Observations are planes [2 N, size, size], float32: the player, the others from the next seat on, then their
    coins in the same order. Measures: `own_coins`, `others_coins`, their sum `pickups`, `coins_lost`,
    `easy_misses`. The literature's measure of cooperation is `own_coins` / `pickups`, a ratio of means, so
    `cooperation` is not defined. The rules in full, and the payoffs of cooperators and defectors:
    docs/environments.md.
    """

    shares: ClassVar[Mapping[str, tuple[str, str]]] = {"own_coin_share": ("own_coins", "pickups")}
    source: ClassVar[str] = "Lerer and Peysakhovich 2017; Foerster et al. 2018 (LOLA); Zhou, Hong and Kao 2024"

    variant: Literal["one_coin", "coin_per_player"] = Field(
        "one_coin", description='"one_coin" on the board, or "coin_per_player"'
    )
    rounds: Rounds = Field(50, description="rounds of an episode, or the most there can be with `continuation`")
    players: int = Field(2, ge=2, le=200, description="how many have coins; one coin needs 2")
    absent: int = Field(
        0,
        ge=0,
        exclude_if=lambda absent: absent == 0,  # rooms with everybody keep their identity
        description="how many of them are not there: nobody pays for their coins, and those who see them see none",
    )
    size: int = Field(3, ge=2, le=32, description="rows and columns of the board")
    torus: bool = Field(
        True, description="whether a player that leaves on one side comes in on the other; else there are walls"
    )
    stay: bool | None = Field(
        None,
        description="whether staying is an action, after right, left, down and up; by default not with one coin",
    )
    reward: Payoff = Field(1.0, description="reward of a player that takes a coin")
    penalty: Payoff | None = Field(
        None, description="what an owner pays for a coin that another took; by default N / (N - 1)"
    )
    colour: Literal["alternating", "random"] = Field(
        "alternating", description='owner of the next coin, with one coin: "alternating" or "random"'
    )
    respawn: Literal["free", "anywhere"] | None = Field(
        None,
        description='where new coins appear: "free" cells, without players, or "anywhere", also on other coins; '
        'by default "free" with one coin',
    )
    start: Literal["anywhere", "apart"] = Field(
        "anywhere", description='where players start: "anywhere", or "apart" on different cells'
    )
    ties: Literal["all", "random", "first"] = Field(
        "all",
        description='which players take a coin that several reach: "all", one at "random", or the "first" seat '
        "(a known defect of LOLA's published code)",
    )
    view: Literal["board", "centred"] = Field(
        "board", description='"board" with fixed axes, or "centred" on the player (on a torus)'
    )

    @model_validator(mode="after")
    def _can_be_played(self) -> Self:
        if self.variant == "one_coin" and self.players != 2:
            raise ValueError(f'"one_coin" is for 2 players, found {self.players}; allowed: "coin_per_player"')
        if self.absent >= self.players:
            raise ValueError(f"at least one of {self.players} players must be there, found {self.absent} absent")
        # As many as there are cells could leave no free one.
        if self.players >= self.cells:
            raise ValueError(f"{self.cells} cells are for at most {self.cells - 1} players, found {self.players}")
        if self.view == "centred" and not self.torus:
            raise ValueError('"centred" needs a torus; with walls, view = "board"')
        return self

    @property
    def seats(self) -> int:
        return self.players - self.absent

    @property
    def roles(self) -> tuple[str, ...]:
        if self.ties != "first":
            return super().roles
        return tuple(f"player {seat}" for seat in range(1, self.seats + 1))  # the first seat takes the coin

    @property
    def cells(self) -> int:
        """How many cells the board has."""
        return self.size**2

    @property
    def owner_penalty(self) -> float:
        """What an owner pays for a coin that another took."""
        return self.players / (self.players - 1) if self.penalty is None else self.penalty

    def actions(self, seat: int) -> Discrete:
        single = self.variant == "one_coin"
        return Discrete(5 if (not single if self.stay is None else self.stay) else 4)

    def observation(self, seat: int) -> tuple[int, ...]:
        return (2 * self.players, self.size, self.size)

    def begin(self, matches: int, tables: int, chance: Chance, episode: int) -> State:
        if self.start == "apart":
            shuffled = chance.parts(self.cells).bits(Purpose.START, episode, 0).argsort(1)
            cells = shuffled[:, : self.seats].contiguous()
        else:
            cells = uniform_below(self.cells, _draws(chance, self.seats, Purpose.START, episode, 0))
        draws = _draws(chance, self.players, Purpose.START, episode, 1)
        state = State(episode, 0, tensors=self._rules(cells.device))
        return self._with_observation(state, cells, self._new_coins(cells, _drawn_owner(draws), draws))

    def play(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        rules, tables = state.tensors, action.shape[2]
        before, coins, steps = (_merge_tables(tensor) for tensor in (rules["cells"], rules["coins"], action))
        anywhere = Chance(chance.keys.view(1, -1))
        cells = rules["moves"].take(before * len(STEPS) + steps)
        takes = self._takers(cells[:, :, None] == coins[:, None], state, anywhere).double()
        own = takes.diagonal(dim1=1, dim2=2).mT
        taken, pickups = takes.sum(1), takes.sum(2)
        mine = coins[:, : self.seats]
        lost = taken[:, : self.seats] - own
        missed = rules["near"].take(before * (self.cells + 1) + mine) & (cells != mine)
        measures = {
            "pickups": pickups,
            "own_coins": own,
            "others_coins": pickups - own,
            "coins_lost": lost,
            "easy_misses": missed.double(),
        }
        measures = {name: _split_tables(value, tables) for name, value in measures.items()}
        reward = _split_tables(self.reward * pickups - self.owner_penalty * lost, tables)
        draws = _draws(anywhere, self.players, Purpose.SPAWN, state.episode, state.round)
        owner = coins == self.cells if self.colour == "alternating" else _drawn_owner(draws)
        gone = taken.sum(1, keepdim=True) if self.variant == "one_coin" else taken
        coins = torch.where(gone > 0, self._new_coins(cells, owner, draws), coins)
        return self._with_observation(state, _split_tables(cells, tables), _split_tables(coins, tables)), Step(
            action, reward, measures=measures
        )

    def picture(self, state: State, match: int, table: int) -> Tensor:
        """Players in their colour on a dark board, their coins in a paler one; mixed where they share a cell."""
        seats, coins = range(self.seats), range(self.players)
        colours = torch.tensor([_rgb(seat, 1.0) for seat in seats] + [_rgb(seat, 0.4) for seat in coins])
        things = torch.cat((state.tensors["cells"], state.tensors["coins"]), 1)[match, :, table].cpu()
        there = things[:, None] == torch.arange(self.cells)
        count = there.sum(0)[:, None]
        mixed = torch.where(count > 0, there.float().T @ colours / count.clamp(min=1), 0.1)
        return (255 * mixed).round().to(torch.uint8).view(self.size, self.size, 3)

    def colour_of(self, seat: int) -> tuple[int, int, int]:
        red, green, blue = _rgb(seat, 1.0)
        return round(255 * red), round(255 * green), round(255 * blue)

    def _takers(self, there: Tensor, state: State, chance: Chance) -> Tensor:
        """Which seats take which coin, of those that stand `there` [match, seat, coin, table]."""
        if self.ties == "all":
            return there
        place = there.cumsum(1)
        if self.ties == "first":
            return there & (place == 1)
        draws = _draws(chance.part(self.players), self.players, Purpose.SPAWN, state.episode, state.round)
        return there & (place == 1 + uniform_below(place[:, -1], draws)[:, None])

    def _new_coins(self, cells: Tensor, owner: Tensor, draws: Tensor) -> Tensor:
        """Where new coins appear [match, seat, table]; with one coin only that of the `owner`."""
        one = self.variant == "one_coin"
        if self.respawn == "free" or (self.respawn is None and one):
            spawned = free_cell(draws[:, :1] if one else draws, cells, self.cells)
        else:
            spawned = uniform_below(self.cells, draws[:, :1] if one else draws)
        return torch.where(owner, spawned, self.cells) if one else spawned

    def _rules(self, device: torch.device) -> dict[str, Tensor]:
        """Tables of steps, of coins that are a step away, of planes, and the order in which a seat sees things."""
        steps = moves(self.size, self.torus)
        allowed = steps[:, : self.actions(0).n, None]
        first = (torch.arange(self.seats)[:, None] + torch.arange(self.players)) % self.players
        rules = {
            "moves": steps,
            "near": (allowed == torch.arange(self.cells + 1)).any(1),
            "planes": torch.eye(self.cells + 1)[:, :-1],
            "order": torch.cat((first, first + self.players), 1).flatten(),
        }
        if self.view == "centred":
            rules["centred"] = pad(centred(self.size), (0, 1), value=self.cells)
        return {name: rule.contiguous().to(device) for name, rule in rules.items()}

    def _with_observation(self, state: State, cells: Tensor, coins: Tensor) -> State:
        """`state` with players and coins at these cells [match, seat, table], and the observation of each seat."""
        rules = state.tensors
        there = pad(cells, (0, 0, 0, self.absent), value=self.cells) if self.absent else cells
        seen = torch.cat((there, coins), 1).index_select(1, rules["order"])
        seen = seen.view(len(cells), self.seats, 2 * self.players, -1).transpose(2, 3)
        if self.view == "centred":
            seen = rules["centred"].take(cells[..., None] * (self.cells + 1) + seen)
        planes = rules["planes"].index_select(0, seen.reshape(-1)).view(*seen.shape, self.size, self.size)
        return replace(state, tensors={**rules, "cells": cells, "coins": coins}, observation=planes)


def _rgb(seat: int, saturation: float) -> tuple[float, float, float]:
    """Red, green and blue from 0 to 1; the hues are far apart for any number of seats."""
    return colorsys.hsv_to_rgb(seat * (math.sqrt(5) - 1) / 2 % 1, saturation, 1.0)


def _merge_tables(tensor: Tensor) -> Tensor:
    """The tables of all matches as those of one [1, seat, match x table]: long rows are faster."""
    return tensor.transpose(0, 1).reshape(1, tensor.shape[1], -1)


def _split_tables(tensor: Tensor, tables: int) -> Tensor:
    """The inverse of `_merge_tables`: a view [match, seat, table]."""
    return tensor.view(tensor.shape[1], -1, tables).transpose(0, 1)


def _draws(chance: Chance, count: int, purpose: Purpose, episode: int, round: int) -> Tensor:
    """32 random bits [match, count, table], two from each hash."""
    if count == 2:
        return chance.pair(purpose, episode, round)
    return chance.parts((count + 1) // 2).pair(purpose, episode, round).flatten(1, 2)[:, :count]


def _drawn_owner(draws: Tensor) -> Tensor:
    """One of two seats, bool [match, seat, table], each with probability 1/2."""
    second = draws[:, 1:2] < 0
    return torch.cat((~second, second), 1)
