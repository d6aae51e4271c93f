"""Coins in a large room, where few coins grow and players see a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from .chance import Chance, Purpose, threshold
from .coins import Payoff
from .environment import Discrete, Probability, Rounds, State, Step
from .gridworld import (
    FIRE,
    LAYERS,
    WALL,
    Board,
    Colour,
    Gridworld,
    View,
    add_players,
    as_headings,
    as_step,
    board,
    draws,
    picture,
    planes,
    priorities,
    resolve_moves,
    site_numbers,
    sites,
    take_rows,
)

COLOURS = 2
Side = Annotated[int, Field(ge=2, le=30)]


class CoinsRoom(Gridworld):
    """Two players in a room collect coins; a coin is of one player's colour, and taking the other's hurts it.

    All move and turn at once, and take the coin that they then stand on. Then coins grow: on each cell without
    one, with probability `growth`, of either colour alike. A player earns
        reward * (coins it took) - penalty * (its own coins that the other took).
    The room's height and width are drawn anew for each episode. It ends with probability `ending` after `least`
    rounds, and again after every `interval` rounds, or after `rounds`.

    Actions: 0 stay, 1 to 4 step forward, back, left, right (relative to the heading), 5 and 6 turn left and
    right. Observations are uint8 planes [8, 11, 11] around the player: itself, the other by heading (4), walls,
    its own coins, the other's. With `absent` one player is alone in the room, with coins of both colours.
    Measures are those of Coins: `own_coins`, `others_coins`, their sum `pickups`, `coins_lost`. The rules in full:
    docs/environments.md.

    State: `cell` (in the padded map) and `heading` are int64 [match, table, seat], `coin` is uint8
    [match, table, site], 0 for none or 1 + the owner, `walls` is bool [match, table, cell].
    """

    source: ClassVar[str] = "rules of Melting Pot's coins, Leibo et al. 2021; as in McKee, Bai and Fiske 2024"
    shares: ClassVar[Mapping[str, tuple[str, str]]] = {"own_coin_share": ("own_coins", "pickups")}
    view: ClassVar[View] = View(9, 1, 5)
    colours: ClassVar[tuple[Colour, ...]] = ((240, 140, 140), (140, 180, 230))

    rounds: Rounds = Field(5000, description="the most rounds of an episode")
    least: int = Field(300, ge=1, description="the fewest rounds")
    interval: int = Field(100, ge=1, description="rounds from one draw of the end to the next")
    ending: Probability = Field(0.05, description="probability that an episode ends at such a draw")
    absent: int = Field(0, ge=0, le=1, description="how many of the two players are not there")
    sides: Annotated[tuple[Side, Side], Field(strict=False)] = Field(
        (10, 15), description="the least and the largest height and width of the room"
    )
    growth: Probability = Field(0.0005, description="probability that a coin grows on an empty cell in a round")
    reward: Payoff = Field(1.0, description="reward of a player that takes a coin")
    penalty: Payoff = Field(2.0, description="what an owner pays for a coin that the other took")

    @model_validator(mode="after")
    def _is_a_room(self) -> Self:
        least, most = self.sides
        if least > most:
            raise ValueError(f"sides are the least and the largest, found {least} and {most}")
        return self

    @property
    def seats(self) -> int:
        return COLOURS - self.absent

    @property
    def extremes(self) -> tuple[float, float]:
        loss = 0.0 if self.absent else self.penalty
        every = [self.reward * took - loss * lost for took in (0, 1) for lost in (0, 1)]
        return min(every), max(every)

    def actions(self, seat: int) -> Discrete:
        return Discrete(FIRE)

    def observation(self, seat: int) -> tuple[int, ...]:
        return (6 + COLOURS, *self.view.shape)

    def begin(self, matches: int, tables: int, chance: Chance, episode: int) -> State:
        ground = self._ground(chance.keys.device)
        cells = sites(ground, ".")
        drawn = draws(chance, 2 + len(cells) + self.seats, Purpose.START, episode, 0)
        least, most = self.sides
        height, width = (least + ((side + 2**31) * (most - least + 1) >> 32) for side in drawn[..., :2].unbind(-1))
        place = torch.arange(len(cells), device=cells.device)
        inside = (place // most < height[..., None]) & (place % most < width[..., None])
        order = torch.where(inside, drawn[..., 2 : 2 + len(cells)], 2**40).argsort(-1)
        now = {
            "cell": take_rows(cells, order[..., : self.seats]),
            "heading": as_headings(drawn[..., 2 + len(cells) :]),
            "coin": torch.zeros_like(inside, dtype=torch.uint8),
            "walls": ground.walls.repeat(*inside.shape[:2], 1).index_copy_(-1, cells, ~inside),
        }
        playing = torch.ones(matches, self.seats, tables, dtype=torch.bool, device=cells.device)
        return self._with_observation(State(episode, 0, playing), now, ground)

    def play(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        ground = self._ground(action.device)
        cells, now = sites(ground, "."), dict(state.tensors)
        act = action.transpose(1, 2)
        drawn = draws(chance, self.seats + len(cells), Purpose.SPAWN, state.episode, state.round)
        order = priorities(drawn[..., : self.seats])
        cell = resolve_moves(ground, now["cell"], now["heading"], act, order, now["walls"])
        where = take_rows(site_numbers(ground, "."), cell)
        owner = now["coin"].gather(-1, where)
        own = owner == torch.arange(1, self.seats + 1, device=owner.device)
        pickups = owner > 0
        lost = torch.zeros_like(own) if self.absent else (pickups & ~own).flip(-1)
        measures = {
            "pickups": pickups.double(),
            "own_coins": own.double(),
            "others_coins": (pickups & ~own).double(),
            "coins_lost": lost.double(),
        }
        reward = self.reward * measures["pickups"] - self.penalty * measures["coins_lost"]
        coin = now["coin"].scatter(-1, where, 0)
        now |= {
            "cell": cell,
            "heading": now["heading"] + take_rows(ground.turn, act) & 3,
            "coin": self._grown(coin, drawn[..., self.seats :], now["walls"].index_select(-1, cells)),
        }
        after = self._with_observation(state, now, ground)
        return replace(after, playing=self._playing(state, chance)), as_step(action, reward, None, measures)

    def picture(self, state: State, match: int, table: int) -> Tensor:
        """A table as an image, uint8 [height, width, 3], one pixel a cell."""
        ground = self._ground(state.tensors["cell"].device)
        code = self._codes(state.tensors, ground)[match, table]
        return picture(ground, code, self.colours, state.tensors["cell"][match, table])

    def _ground(self, device: torch.device) -> Board:
        """The largest room."""
        most = self.sides[1]
        return board("\n".join(["." * most] * most), self.view.ahead, device)

    def _grown(self, coin: Tensor, drawn: Tensor, beyond: Tensor) -> Tensor:
        """The coins after growth; the lower half of the draws that let one grow is the first colour's."""
        grows = (drawn < threshold(self.growth)) & (coin == 0) & ~beyond
        colour = torch.where(drawn < threshold(self.growth / 2), 1, 2).to(torch.uint8)
        return torch.where(grows, colour, coin)

    def _playing(self, state: State, chance: Chance) -> Tensor | None:
        """Whether tables go on after this round [match, seat, table]."""
        played = state.round + 1
        if played < self.least or (played - self.least) % self.interval:
            return state.playing
        ends = chance.part(0).happens(self.ending, Purpose.END, state.episode, state.round)
        return ~ends[:, None].expand(-1, self.seats, -1)

    def _codes(self, now: Mapping[str, Tensor], ground: Board) -> Tensor:
        """What each cell holds, without players, uint8 [match, table, cell]."""
        code = now["walls"] * ground.code.new_tensor(WALL)
        layer = ground.code.new_tensor([0, *LAYERS[:COLOURS]])
        cells = sites(ground, ".")
        return code.index_add_(-1, cells, take_rows(layer, now["coin"].int()))

    def _with_observation(self, state: State, now: dict[str, Tensor], ground: Board) -> State:
        code = add_players(self._codes(now, ground), ground, now["cell"], now["heading"])
        seen = planes(ground, self.view, COLOURS, code, now["cell"], now["heading"])
        if self.seats == COLOURS:  # its own coins come first
            seen[:, 1, :, -COLOURS:] = seen[:, 1, :, -COLOURS:].flip(2)
        return replace(state, tensors=now, observation=seen)
