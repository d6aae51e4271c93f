"""What Cleanup, Harvest and Gathering share: apples, a beam that sends players away, and their return."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from .chance import Chance, Purpose
from .environment import Discrete, State, Step
from .gridworld import (
    FIRE,
    LAYERS,
    STAY,
    Beam,
    Board,
    Colour,
    Gridworld,
    Ray,
    View,
    add_players,
    as_headings,
    as_step,
    assign_places,
    beam,
    board,
    draws,
    index_mask,
    map_error,
    parallel_rays,
    picture,
    planes,
    players_hit,
    priorities,
    resolve_moves,
    site_numbers,
    sites,
    take_rows,
)

Count = Annotated[int, Field(ge=0)]
Offset = Annotated[int, Field(ge=-30, le=30)]
Cell = Annotated[tuple[Offset, Offset], Field(strict=False)]
Tensors = dict[str, Tensor]


class ForagingGame(Gridworld):
    """Players walk on a map, eat apples for a reward of 1, and may zap each other away for a while.

    Actions: 0 stay, 1 to 4 step forward, back, left, right (relative to the heading), 5 and 6 turn left and
    right, 7 zap. In a round all move and turn at once, eat the apple they then stand on, and fire; then apples
    grow. A player that is hit is away for `away` rounds, then comes back at a random free spawn point. It stays
    in the match meanwhile: `playing` is about episodes. A subclass says what grows. docs/environments.md has the
    rules in full.

    Measures: `apples`; `timed_apples`, whose ratio to `apples` is the mean time of eating as a share of the
    episode (sustainability); `beams`, zaps fired; `zaps`, hits on others; `peace`, 1 unless away; `efficiency`.

    State: `cell` (in the padded map), `heading`, `marks` (hits so far), `away` and `rest` (rounds until a player
    is back, and until its beam is ready) are int64 [match, table, seat]; what grows is bool [match, table,
    site].
    """

    map: ClassVar[str]
    letters: ClassVar[str]
    """What maps may hold; `S` are spawn points, `A` is where apples grow."""
    view: ClassVar[View]
    beam_timers: ClassVar[Mapping[int, str]] = {FIRE: "rest"}
    """For each beam, the state tensor that counts the rounds until it is ready."""
    shares: ClassVar[Mapping[str, tuple[str, str]]] = {"sustainability": ("timed_apples", "apples")}
    colours: ClassVar[tuple[Colour, ...]] = ((92, 160, 60),)
    """Colours of things other than players and walls, in the order of the planes; apples first."""

    rounds: Annotated[int, Field(ge=1)] = Field(1000, description="rounds of an episode")
    players: int = Field(7, ge=2, le=200, description="how many play")
    layout: str | None = Field(None, description="another map, one character a cell; by default the game's own")
    zap_length: int = Field(3, ge=1, le=30, description="how many cells ahead a zap reaches")
    zap_radius: int = Field(1, ge=0, le=10, description="how many cells to each side a zap reaches")
    zap_cells: tuple[Cell, ...] | None = Field(
        None,
        min_length=1,
        strict=False,
        description="cells (to the right, ahead) that a zap strikes, none behind another, instead of rays",
    )
    zap_cooldown: Count = Field(10, description="rounds that must pass between two zaps of a player")
    zap_cost: float = Field(0.0, ge=0, description="cost of a zap")
    zap_fine: float = Field(0.0, ge=0, description="loss of a player for each zap that hits it")
    hits: int = Field(1, ge=1, description="in how many rounds a player must be hit to be sent away")
    away: Count = Field(50, description="rounds for which it is sent away; 0: it stays")
    respawn: bool = Field(
        False, description="whether a player that is hit, and not sent away, moves to a free spawn point at once"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if wrong := map_error(self.terrain, self.letters, {"S": self.players, "A": 1}):
            raise ValueError(f"the map does not fit: {wrong}")
        return self

    @property
    def seats(self) -> int:
        return self.players

    @property
    def terrain(self) -> str:
        """The map that is played on."""
        return self.layout or self.map

    @property
    def rays(self) -> tuple[Ray, ...]:
        """The rays of a zap."""
        if self.zap_cells is not None:
            return tuple((cell,) for cell in self.zap_cells)
        return parallel_rays(self.zap_length, self.zap_radius)

    @property
    @abstractmethod
    def inflow(self) -> float:
        """The mean number of apples that would grow in a round on an empty map, with growth at its best."""

    @property
    def growth_draws(self) -> int:
        """How many random numbers `grow` needs at a table; by default one for each apple site."""
        return self.terrain.count("A")

    def actions(self, seat: int) -> Discrete:
        return Discrete(FIRE + len(self.beam_timers))

    def observation(self, seat: int) -> tuple[int, ...]:
        """[plane, height, width]: the player, others by heading (4), walls, apples, and what a game adds."""
        return (6 + len(self.colours), *self.view.shape)

    @abstractmethod
    def initial_resources(self, ground: Board, chance: Chance) -> Tensors:
        """The tensors of what grows, at the start."""

    @abstractmethod
    def grow(self, now: Tensors, drawn: Tensor, round: int, ground: Board) -> Tensors:
        """What has grown after a round; `drawn` are `growth_draws` random numbers at each table."""

    @abstractmethod
    def state_measures(self, now: Tensors, ground: Board) -> Tensors:
        """Measures of the state after a round, by name [match, table]."""

    def grow_early(self, now: Tensors, drawn: Tensor, round: int, ground: Board) -> Tensors:
        """What has grown in a round before players move; by default nothing does."""
        return {}

    def grow_late(self, now: Tensors, drawn: Tensor, round: int, ground: Board) -> Tensors:
        """What has grown in a round after all that players did; by default all that grows."""
        return self.grow(now, drawn, round, ground)

    def bearing(self, heading: Tensor) -> Tensor:
        """Where a step forward leads players of a heading; by default there."""
        return heading

    def clean(self, now: Tensors, action: Tensor, zap: Beam, ground: Board) -> tuple[Tensors, Tensor | None]:
        """The tensors that cleaning changes, and how much each player cleaned [match, table, seat].

        `zap` is where beams would go. None where a game has no cleaning.
        """
        return {}, None

    def cell_codes(self, now: Tensors, ground: Board) -> Tensor:
        """What each cell holds, without players, uint8 [match, table, cell]."""
        code = ground.code.repeat(*now["cell"].shape[:2], 1)
        return code.index_copy_(-1, sites(ground, "A"), now["apple"] * code.new_tensor(LAYERS[0]))

    def begin(self, matches: int, tables: int, chance: Chance, episode: int) -> State:
        device = chance.keys.device
        ground = self._ground(device)
        spawns = sites(ground, "S")
        drawn = draws(chance, len(spawns) + self.players, Purpose.START, episode, 0)
        now = {
            "cell": spawns[drawn[..., : len(spawns)].argsort(-1)[..., : self.players]],
            "heading": as_headings(drawn[..., len(spawns) :]),
        }
        zeros = torch.zeros_like(now["cell"])
        now |= dict.fromkeys(("marks", "away", *self.beam_timers.values()), zeros)
        now |= self.initial_resources(ground, chance)
        return self._with_observation(State(episode, 0), now, ground)

    def play(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        ground = self._ground(action.device)
        assert state.action_mask is not None
        executed = action * state.action_mask.gather(-1, action[..., None])[..., 0]  # 0 is to stay
        act = executed.transpose(1, 2)
        now = dict(state.tensors)
        present = now["away"] == 0
        drawn = draws(chance, self.players + self.growth_draws, Purpose.SPAWN, state.episode, state.round)
        order, fresh = priorities(drawn[..., : self.players]), drawn[..., self.players :]
        now |= self.grow_early(now, fresh, state.round, ground)
        now["cell"] = resolve_moves(ground, now["cell"], self.bearing(now["heading"]), act, order)
        now["heading"] = now["heading"] + take_rows(ground.turn, act) & 3
        now["apple"], eaten = _eat(now["apple"], take_rows(site_numbers(ground, "A"), now["cell"]))
        zap = beam(ground, now["cell"], now["heading"], self.rays)
        changed, cleaned = self.clean(now, act, zap, ground)
        now |= changed
        fires = act == FIRE
        hits = players_hit(ground, now["cell"], zap, fires)
        hits_taken = _count(hits, self.players + 1)[..., 1:]
        now |= self._next_timers(now, act)
        now |= self._remove_and_return(now, hits_taken > 0, ground, state, chance)
        now |= self.grow_late(now, fresh, state.round, ground)

        reward = eaten.double() - self.zap_cost * fires - self.zap_fine * hits_taken
        measures = {
            "apples": eaten.double(),
            "timed_apples": eaten.double() * ((state.round + 1) / self.rounds),
            "beams": fires.double(),
            "zaps": (hits > 0).sum(-1).double(),
            "peace": present.double(),
            "efficiency": (eaten.sum(-1, keepdim=True) / (self.inflow or 1.0)).double().expand_as(reward),
        }
        measures |= {} if cleaned is None else {"cleaned": cleaned.double()}
        measures |= {
            name: value[..., None].expand_as(reward) for name, value in self.state_measures(now, ground).items()
        }
        after = self._with_observation(state, now, ground)
        cooperation = None if cleaned is None else cleaned > 0
        return after, as_step(executed, reward, cooperation, measures)

    def picture(self, state: State, match: int, table: int) -> Tensor:
        """A table as an image, uint8 [height, width, 3], one pixel a cell."""
        ground = self._ground(state.tensors["cell"].device)
        code = self.cell_codes(dict(state.tensors), ground)[match, table]
        return picture(ground, code, self.colours, state.tensors["cell"][match, table])

    def _ground(self, device: torch.device) -> Board:
        view = self.view
        beams = (abs(offset) for ray in self.rays for cell in ray for offset in cell)
        return board(self.terrain, max(view.ahead, view.behind, view.sides, *beams), device)

    def _next_timers(self, now: Tensors, act: Tensor) -> Tensors:
        """Rounds until each beam is ready again."""
        return {
            name: torch.where(act == fire, self.cooldown(fire), (now[name] - 1).clamp_(min=0))
            for fire, name in self.beam_timers.items()
        }

    def cooldown(self, fire: int) -> int:
        """Rounds between two uses of a beam."""
        return self.zap_cooldown

    def _remove_and_return(
        self, now: Tensors, hit: Tensor, ground: Board, state: State, chance: Chance
    ) -> Tensors:
        """Send away players that were hit often enough, and bring back those whose time is over."""
        marks = now["marks"] + hit
        if not (self.away or self.respawn):
            return {"marks": marks}
        sent = marks >= self.hits
        coming = now["away"] == 1 if self.away else sent
        cell = now["cell"].masked_fill(sent, ground.nowhere)
        heading = now["heading"]
        if bool(coming.any()):
            spawns = sites(ground, "S")
            drawn = draws(chance, len(spawns) + self.players, Purpose.START, state.episode, state.round + 1)
            free = ~(spawns[:, None] == cell[..., None, :]).any(-1)
            places = spawns[assign_places(free, drawn[..., : len(spawns)], coming)]
            cell = torch.where(coming, places, cell)
            heading = torch.where(coming, as_headings(drawn[..., len(spawns) :]), heading)
        away = torch.where(sent, self.away, (now["away"] - 1).clamp_(min=0))
        return {"marks": marks * ~sent, "away": away, "cell": cell, "heading": heading}

    def _with_observation(self, state: State, now: Tensors, ground: Board) -> State:
        """The state with what players see and which actions are allowed."""
        code = add_players(self.cell_codes(now, ground), ground, now["cell"], now["heading"])
        seen = planes(ground, self.view, len(self.colours), code, now["cell"], now["heading"])
        allowed = (now["away"] == 0)[..., None].expand(-1, -1, -1, FIRE + len(self.beam_timers)).clone()
        for fire, name in self.beam_timers.items():
            allowed[..., fire] &= now[name] == 0
        allowed[..., STAY] = True
        return replace(state, tensors=now, observation=seen, action_mask=allowed.transpose(1, 2))


class VariedForagingGame(ForagingGame):
    """A foraging game that several projects have published, each with its own rules and map."""

    ssd_map: ClassVar[str]
    later: ClassVar[frozenset[str]] = frozenset({"moves", "growth_first", "growth_under_players"})

    variant: Literal["melting_pot", "socialjax", "ssd"] = Field(
        "melting_pot",
        description='whose rules the defaults of the others are: "melting_pot", "socialjax", or "ssd", '
        "the sequential social dilemma games",
    )
    moves: Literal["relative", "absolute"] = Field(
        "relative",
        description='where actions 1 to 4 lead: "relative" to the heading (forward, back, left, right), or '
        '"absolute" (north, south, west, east; the heading stays)',
    )
    growth_first: bool = Field(False, description="whether things grow before players move, not after all they do")
    growth_under_players: bool = Field(True, description="whether an apple can grow where a player stands")

    def grow_early(self, now: Tensors, drawn: Tensor, round: int, ground: Board) -> Tensors:
        return self._grown(now, drawn, round, ground) if self.growth_first else {}

    def grow_late(self, now: Tensors, drawn: Tensor, round: int, ground: Board) -> Tensors:
        return {} if self.growth_first else self._grown(now, drawn, round, ground)

    def bearing(self, heading: Tensor) -> Tensor:
        return torch.zeros_like(heading) if self.moves == "absolute" else heading

    def _grown(self, now: Tensors, drawn: Tensor, round: int, ground: Board) -> Tensors:
        grown = self.grow(now, drawn, round, ground)
        if self.growth_under_players:
            return grown
        under = index_mask(take_rows(site_numbers(ground, "A"), now["cell"]), grown["apple"].shape[-1])
        return grown | {"apple": grown["apple"] & (now["apple"] | ~under)}

    @property
    def terrain(self) -> str:
        return self.layout or (self.ssd_map if self.variant == "ssd" else self.map)


def _eat(apple: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
    """The apples that are left [match, table, site], and which players ate one; players stand at sites `where`."""
    none = torch.zeros_like(apple[..., :1])
    eaten = torch.cat((apple, none), -1).gather(-1, where)
    return apple & ~index_mask(where, apple.shape[-1]), eaten


def _count(indices: Tensor, count: int) -> Tensor:
    """How often each of 0 .. count - 1 occurs in `indices` [match, table, ...], int64 [match, table, count]."""
    found = indices.flatten(2)
    return found.new_zeros((*found.shape[:2], count)).scatter_add_(-1, found, torch.ones_like(found))
