"""Coins: players on a small board run for coins; taking somebody else's coin costs its owner more than it brings."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from .board import centred, distances, moves, nth_free
from .chance import Chance, Purpose
from .environment import Discrete, Environment, Rounds, State, Step

Payoff = Annotated[float, Field(allow_inf_nan=False)]


class Coins(Environment):
    """Everybody moves one cell at once; who then stands on a coin takes it, and it comes back elsewhere.

    A player earns  `reward` x (coins it took) - `penalty` x (coins of its own that others took).
    With the default penalty N / (N - 1) indiscriminate greed earns nothing on average. Players may share a cell;
    several who reach a coin all take it, and its owner pays for each of the others.

    "one_coin", of two: a single coin whose owner alternates, four steps (LOLA, POLA, LOQA). Mean payoff a round of
    two cooperators .349, of a cooperator and a defector -.266 and .636, of two defectors 0.
    "coin_per_player": a coin for each player, and staying is allowed (M-FOS, Pax, JaxMARL, Reciprocators). Of two
    .61, -.15 and .715, and 0.
    Returns of the two can't be compared.

    A seat sees itself first: planes of the board float32 [2 N, size, size], with a one where the thing is. First
    itself, then the others, the next seat first, then their coins in the same order.
    """

    source: ClassVar[str] = "Lerer and Peysakhovich 2017; Foerster et al. 2018 (LOLA); Zhou, Hong and Kao 2024"

    variant: Literal["one_coin", "coin_per_player"] = Field(
        "one_coin", description='"one_coin" on the board, or "coin_per_player"'
    )
    rounds: Rounds = Field(50, description="rounds of an episode, or the most there can be with `continuation`")
    players: int = Field(2, ge=2, description="how many play; one coin is for two")
    size: int = Field(3, ge=2, le=32, description="rows and columns of the board")
    torus: bool = Field(True, description="whether who leaves on one side comes in on the other; else there are walls")
    stay: bool | None = Field(
        None, description="whether one may stay, after right, left, down and up; by default not with one coin"
    )
    reward: Payoff = Field(1.0, description="what a coin brings to who takes it")
    penalty: Payoff | None = Field(
        None, description="what an owner pays for a coin that another took; by default N / (N - 1)"
    )
    colour: Literal["alternating", "random"] = Field(
        "alternating", description='whose the next coin is, where there is one: "alternating" or "random"'
    )
    respawn: Literal["free", "anywhere"] | None = Field(
        None,
        description='where coins come: "free" cells, on which nobody stands, or "anywhere", also on other coins; '
        'by default "free" with one coin',
    )
    start: Literal["anywhere", "apart"] = Field(
        "anywhere", description='where players start: "anywhere", or "apart" on different cells'
    )
    ties: Literal["all", "random", "first"] = Field(
        "all",
        description='who takes a coin that several reach: "all", one at "random", or the "first" seat '
        "(a known defect of LOLA's published code)",
    )
    view: Literal["board", "centred"] = Field(
        "board", description='"board" as it lies, or "centred" on the player (on a torus)'
    )

    @model_validator(mode="after")
    def _can_be_played(self) -> Self:
        if self.variant == "one_coin" and self.players != 2:
            raise ValueError(f'"one_coin" is for 2 players, found {self.players}; allowed: "coin_per_player"')
        # As many as there are cells could leave no free one.
        if self.players >= self.cells:
            raise ValueError(f"{self.cells} cells are for at most {self.cells - 1} players, found {self.players}")
        if self.view == "centred" and not self.torus:
            raise ValueError('"centred" needs a torus; with walls, view = "board"')
        return self

    @property
    def seats(self) -> int:
        return self.players

    @property
    def symmetric(self) -> bool:
        return self.ties != "first"

    @property
    def cells(self) -> int:
        """How many cells the board has."""
        return self.size**2

    @property
    def stealing_costs(self) -> float:
        """What an owner pays for a coin that another took."""
        return self.players / (self.players - 1) if self.penalty is None else self.penalty

    def actions(self, seat: int) -> Discrete:
        single = self.variant == "one_coin"
        return Discrete(5 if (not single if self.stay is None else self.stay) else 4)

    def observation(self, seat: int) -> tuple[int, ...]:
        return (2 * self.players, self.size, self.size)

    def reset(self, matches: int, tables: int, chance: Chance, episode: int = 0) -> State:
        device = chance.keys.device
        if self.start == "apart":
            shuffled = chance.parts(self.cells).bits(Purpose.START, episode, 0).argsort(1)
            cells = shuffled[:, : self.seats].contiguous()
        else:
            cells = below(self.cells, _draws(chance, self.seats, Purpose.START, episode, 0))
        draws = _draws(chance, self.seats, Purpose.START, episode, 1)
        nowhere = torch.full_like(cells, self.cells)
        nowhere[:, 0] = 0  # the first coin may be anybody's: with "alternating" too its colour is drawn
        coins = self._new_coins(cells, self._owner(draws), draws)
        playing = None if self.continuation == 1 else torch.ones_like(cells, dtype=torch.bool)
        return self._at(State(episode, 0, playing, self._rules(device)), cells, coins)

    def step(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        rules = state.tensors
        before, coins = rules["cells"], rules["coins"]
        cells = rules["moves"].take(before * len(STEPS) + action)
        takes = self._takes(cells[:, :, None] == coins[:, None], state, chance).double()
        own = takes.diagonal(dim1=1, dim2=2).mT
        taken, pickups = takes.sum(1), takes.sum(2)
        stolen, lost = pickups - own, taken - own
        missed = rules["near"].take(before * (self.cells + 1) + coins) & (cells != coins)
        measures = {
            "pickups": pickups,
            "own_coins": own,
            "others_coins": stolen,
            "coins_lost": lost,
            "easy_misses": missed.double(),
        }
        reward = self.reward * pickups - self.stealing_costs * lost
        playing = state.playing
        if playing is not None:
            reward = reward * playing
            measures = {name: value * playing for name, value in measures.items()}
            playing = playing & ~self.ends_by_chance(state, chance)[:, None]
        draws = _draws(chance, self.seats, Purpose.SPAWN, state.episode, state.round)
        if self.variant == "one_coin":
            gone = taken.sum(1, keepdim=True) > 0
            owner = coins == self.cells if self.colour == "alternating" else self._owner(draws)
        else:
            gone, owner = taken > 0, None
        coins = torch.where(gone, self._new_coins(cells, owner, draws), coins)
        seen = action[:, rules["others"]]
        after = self._at(replace(state, round=state.round + 1, playing=playing), cells, coins)
        return after, Step(action, seen, reward, measures=measures)
