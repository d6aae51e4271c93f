"""What Cleanup, Harvest and Gathering share: apples to eat, a beam that sends others away, and a way back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from .chance import Chance, Purpose
from .environment import Discrete, Environment, State, Step
from .gridworld import (
    FIRE,
    LAYERS,
    Board,
    Colour,
    Ray,
    View,
    board,
    complaint,
    draws,
    fan,
    moved,
    numbers,
    picture,
    placed,
    planes,
    priorities,
    shot,
    sites,
    with_players,
)

Count = Annotated[int, Field(ge=0)]
Tensors = dict[str, Tensor]
RED: Colour = (200, 30, 40)


class ForagingGame(Environment):
    """Players walk on a map, eat apples for a reward of 1, and may zap each other away for a while.

    Actions: 0 stay, 1 to 4 step forward, back, left, right (relative to one's heading), 5 and 6 turn left and
    right, 7 zap. In a round all move and turn at once, eat what they then stand on, fire, and things grow; so an
    apple that grows under a player is eaten in the next round. Who is hit is away for `away` rounds, in which it
    sees nothing and can only stay, and comes back at a random free spawn point, with a random heading. It stays
    in the match: `playing` is about episodes. A subclass says how things grow.

    State: cell, heading, marks (hits so far), away and rests (rounds until back, and until a beam is ready) int64
    [match, table, seat], where cells are numbers in the padded map; things as bool [match, table, site].
    """

    letters: ClassVar[str]
    """What its maps may hold; `S` are spawn points, `A` apples."""
    map: ClassVar[str]
    view: ClassVar[View]
    rests: ClassVar[Mapping[int, str]] = {FIRE: "zap_rest"}
    """The beams, and the tensors that count until they are ready."""
    layers: ClassVar[tuple[Colour, ...]] = (RED,)
    """What there is beside players and walls; apples first."""

    rounds: Annotated[int, Field(ge=1)] = Field(1000, description="rounds of an episode")
    players: int = Field(7, ge=2, le=200, description="how many play")
    layout: str | None = Field(None, description="another map, a character for each cell; by default the game's own")
    zap_length: int = Field(3, ge=1, le=30, description="how many cells ahead a zap reaches")
    zap_radius: int = Field(1, ge=0, le=10, description="how many cells to each side a zap reaches")
    zap_cooldown: Count = Field(10, description="rounds that must pass between two zaps")
    zap_cost: float = Field(0.0, ge=0, description="what it costs to zap")
    zap_fine: float = Field(0.0, ge=0, description="what it costs to be zapped, for each hit")
    hits: int = Field(1, ge=1, description="hits that send a player away")
    away: Count = Field(50, description="rounds for which a player that is zapped is away")

    @model_validator(mode="after")
    def _map(self) -> Self:
        wrong = self.layout and complaint(self.layout, self.letters, {"S": self.players, "A": 1})
        if wrong:
            raise ValueError(f"layout: {wrong}")
        if (places := self.map.count("S")) < self.players and not self.layout:
            raise ValueError(f"players: the map has {places} spawn points, found {self.players} players")
        return self

    @property
    def seats(self) -> int:
        return self.players

    @property
    @abstractmethod
    def inflow(self) -> float:
        """The most apples that can grow in a round, on average."""

    def actions(self, seat: int) -> Discrete:
        return Discrete(FIRE + len(self.rests))

    def observation(self, seat: int) -> tuple[int, ...]:
        """[plane, height, width]: oneself, others by heading, walls, apples, and what else there is."""
        return (6 + len(self.layers), *self.view.shape)

    @abstractmethod
    def start(self, ground: Board, like: Tensor) -> Tensors:
        """Things at the start; `like` is [match, table]."""

    @abstractmethod
    def grow(self, things: Tensors, draw: Tensor, round: int) -> Tensors:
        """Things after a round; `draw` has `sources` numbers at each table."""

    @property
    @abstractmethod
    def sources(self) -> int:
        """How many draws `grow` needs at a table."""

    @abstractmethod
    def show(self, things: Tensors, code: Tensor, ground: Board) -> None:
        """Write things into the codes of cells, uint8 [match, table, cell]."""

    def tend(self, things: Tensors, players: Tensors, action: Tensor, ground: Board) -> tuple[Tensors, Tensors]:
        """What else players do to things, and what is counted of it, by name [match, table, seat]."""
        return {}, {}

    def cooperation(self, counts: Tensors) -> Tensor | None:
        """How much each cooperated [match, table, seat]."""
        return None

    def ground(self, device: torch.device) -> Board:
        """The board."""
        reach = max(self.zap_length, self.zap_radius, self.view.ahead, self.view.behind, self.view.sides)
        return board(self.layout or self.map, reach, device)

    def reset(self, matches: int, tables: int, chance: Chance, episode: int = 0) -> State:
        device = chance.keys.device
        ground = self.ground(device)
        spawns = sites(ground, "S")
        drawn = draws(chance, len(spawns) + self.players, Purpose.START, episode, 0)
        order = drawn[..., : len(spawns)].argsort(-1)[..., : self.players]
        players = {"cell": spawns[order], "heading": drawn[..., len(spawns) :] & 3}
        zeros = torch.zeros_like(players["cell"])
        tensors = players | {name: zeros for name in ("marks", "away", *self.rests.values())}
        tensors |= self.start(ground, chance.keys)
        shape = (matches, self.seats, tables)
        playing = None if self.continuation == 1 else torch.ones(shape, dtype=torch.bool, device=device)
        return self._seen(State(episode, 0, playing), tensors)

    def step(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        ground = self.ground(action.device)
        now = dict(state.tensors)
        assert state.action_mask is not None
        done = action * state.action_mask.gather(-1, action[..., None])[..., 0]  # 0 is to stay
        act = done.transpose(1, 2)
        drawn = draws(chance, self.players + self.sources, Purpose.SPAWN, state.episode, state.round)
        order = priorities(drawn[..., : self.players])
        now["cell"] = moved(ground, now["cell"], now["heading"], act, order)
        now["heading"] = now["heading"] + ground.turn[act] & 3
        now["apple"], eaten = _eaten(now["apple"], numbers(ground, "A")[now["cell"]])
        changes, counts = self.tend(now, now, act, ground)
        now |= changes
        beam = fan(self.zap_length, self.zap_radius)
        hit, beaten = shot(ground, now["cell"], now["heading"], act == FIRE, beam)
        for fire, name in self.rests.items():
            now[name] = torch.where(act == fire, self._cooldown(name), (now[name] - 1).clamp_(min=0))
        marks = now["marks"] + beaten
        sent = marks >= self.hits if self.away else torch.zeros_like(beaten)
        now["marks"] = marks * ~sent
        now = self._home(now, sent, ground, chance, state)
        now |= self.grow(now, drawn[..., self.players :], state.round)
        ...
