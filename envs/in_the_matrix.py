"""In the matrix: players collect resources, and play a matrix game with what they have when they meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor

from .chance import Chance, Purpose
from .environment import Discrete, State, Step
from .gridworld import (
    FIRE,
    FORWARD,
    LAYERS,
    STAY,
    TURN_LEFT,
    TURN_RIGHT,
    WALL,
    Board,
    Colour,
    Gridworld,
    Ray,
    View,
    add_players,
    as_headings,
    as_step,
    beam,
    board,
    draws,
    map_error,
    picture,
    planes,
    players_hit,
    priorities,
    resolve_moves,
    sites,
    take_rows,
)
from .matrix_game import Payoffs, bimatrix, bimatrix_roles

_ACTIONS = (TURN_LEFT, TURN_RIGHT, FORWARD, FIRE, STAY)
_BEAM: tuple[Ray, ...] = (((0, 1), (0, 2)), ((-1, 1),), ((1, 1),))
_STORM_MAP = """\
S.S..S.S
.1S..S2.
S2....1S
...12...
...21...
S1....2S
.2S..S1.
S.S..S.S"""


class InTheMatrix(Gridworld):
    """Two players collect resources on a map; when one hits the other with its beam, they play a matrix game.

    A player's inventory, divided by its sum, is a mixed strategy. With the strategies v and w of seats 0 and 1,
    and their payoffs A and B, an interaction pays
        v' A w   and   v' B w.
    Both must have collected something, else nothing happens. Then both stand frozen for `freeze` rounds and see
    the other's inventory, and the board is set up anew, with empty inventories.

    Actions: 0 turn left, 1 turn right, 2 step forward, 3 interact, 4 stay. Observations are planes of 5 x 5
    cells: the player, the other by heading, walls, each resource, then both inventories, and whether the other
    is ready. Cooperation is not defined for a round. Measures: `interactions`; `share_0`, ..., whose ratio to
    `interactions` is how much of each resource was played; `collected_0`, ... coins. The defaults have the size,
    coins, beam and payoffs of STORM (Pax, JaxMARL); `variant` "storm" also its view (4 cells ahead, none behind),
    moves (two players may change places) and coins that keep their places. The rules in full, and what differs:
    docs/environments.md.
    """

    source: ClassVar[str] = "Vezhnevets et al. 2020; STORM of JaxMARL, Rutherford et al. 2024"
    colours: ClassVar[tuple[Colour, ...]] = ((214, 180, 60), (60, 130, 190), (150, 80, 160))
    variants: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "storm": {"ahead": 4, "behind": 0, "swaps": True, "layout": _STORM_MAP}
    }
    later: ClassVar[frozenset[str]] = frozenset({"variant", "ahead", "behind", "swaps", "layout"})

    variant: Literal["storm"] | None = Field(
        None, description='"storm": defaults as in STORM of Pax and JaxMARL; by default those below'
    )
    rounds: Annotated[int, Field(ge=1)] = Field(152, description="rounds of an episode")
    payoffs: Payoffs = Field(
        (3, 0, 5, 1), description="[R, S, T, P]; or the row player's KxK matrix; or [row's, column's], K of 2 or 3"
    )
    size: int = Field(8, ge=3, le=30, description="cells along each side of the map")
    coins: int = Field(6, ge=1, description="coins of each resource")
    initial: int = Field(0, ge=0, le=1, description="amount of each resource that players start with")
    freeze: int = Field(5, ge=1, description="rounds for which players stand still after an interaction")
    ahead: int = Field(3, ge=1, le=30, description="how many cells ahead a player sees; 2 to each side")
    behind: int = Field(1, ge=0, le=30, description="how many cells behind a player sees")
    swaps: bool = Field(False, description="whether two players may change places")
    layout: str | None = Field(
        None,
        description="a map of fixed places, one character a cell: S where players may start, 1, 2, 3 coins of a "
        "resource, # walls; by default all is at random on an empty square",
    )

    @field_validator("payoffs")
    @classmethod
    def _square(cls, payoffs: Payoffs) -> Payoffs:
        _, rows, columns = np.shape(bimatrix(payoffs))
        if rows != columns or rows > len(LAYERS):
            raise ValueError(f"both need the same 2 or 3 resources, found {rows} and {columns}")
        return payoffs

    @model_validator(mode="after")
    def _fits(self) -> Self:
        things = self.seats + self.kinds * self.coins
        if self.layout is None:
            if things > self.size**2:
                raise ValueError(
                    f"coins: {things} coins and players do not fit on {self.size} x {self.size} cells"
                )
            return self
        wrong = map_error(self.layout, f".#S{self._resources}", {"S": self.seats})
        found = [self.layout.count(resource) for resource in self._resources]
        if wrong is None and found != [self.coins] * self.kinds:
            wrong = f"it needs {self.coins} of each of {self._resources!r} (`coins`), found {found}"
        if wrong:
            raise ValueError(f"the map does not fit: {wrong}")
        return self

    @property
    def view(self) -> View:
        """What a player sees."""
        return View(self.ahead, self.behind, 2)

    @property
    def _resources(self) -> str:
        """The letters of the resources on a map."""
        return "123"[: self.kinds]

    @property
    def seats(self) -> int:
        return 2

    @property
    def kinds(self) -> int:
        """How many resources there are."""
        return int(bimatrix(self.payoffs).shape[1])

    @property
    def roles(self) -> tuple[str, ...]:
        return bimatrix_roles(bimatrix(self.payoffs))

    def actions(self, seat: int) -> Discrete:
        return Discrete(len(_ACTIONS))

    def observation(self, seat: int) -> tuple[int, ...]:
        return (7 + 3 * self.kinds, *self.view.shape)

    def begin(self, matches: int, tables: int, chance: Chance, episode: int) -> State:
        device = chance.keys.device
        ground = self._ground(device)
        cell, heading, coin = self._random_layout(ground, chance, episode, 0)
        now = {
            "cell": cell,
            "heading": heading,
            "coin": coin,
            "inventory": torch.full((*cell.shape, self.kinds), self.initial, device=device),
            "frozen": torch.zeros_like(chance.keys),
        }
        return self._with_observation(State(episode, 0), now, ground)

    def play(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        ground = self._ground(action.device)
        now = dict(state.tensors)
        assert state.action_mask is not None
        executed = torch.where(state.action_mask.gather(-1, action[..., None])[..., 0], action, len(_ACTIONS) - 1)
        meaning = torch.tensor(_ACTIONS, device=action.device)
        act = take_rows(meaning, executed.transpose(1, 2))
        order = priorities(draws(chance, self.seats, Purpose.SPAWN, state.episode, state.round))
        cell = resolve_moves(ground, now["cell"], now["heading"], act, order, swaps=self.swaps)
        heading = now["heading"] + take_rows(ground.turn, act) & 3
        takes = cell[..., None] == now["coin"][..., None, :]  # [match, table, seat, coin]
        collected = takes.view(*cell.shape, self.kinds, self.coins).sum(-1)
        inventory = now["inventory"] + collected
        coin = now["coin"].masked_fill(takes.any(-2), ground.nowhere)

        hits = players_hit(ground, cell, beam(ground, cell, heading, _BEAM), act == FIRE).any(-1).any(-1)
        meets = hits & self._ready(inventory).all(-1)
        mixed = inventory / inventory.sum(-1, keepdim=True).clamp(min=1)
        matrices = torch.as_tensor(bimatrix(self.payoffs), device=action.device)
        earned = torch.einsum("mtr,src,mtc->mts", mixed[..., 0, :].double(), matrices, mixed[..., 1, :].double())
        once = meets[..., None]
        frozen = torch.where(meets, self.freeze, (now["frozen"] - 1).clamp(min=0))
        now |= {"cell": cell, "heading": heading, "coin": coin, "inventory": inventory, "frozen": frozen}
        self._restart(now, state.tensors["frozen"] == 1, ground, chance, state)

        measures = {"interactions": once.double().expand_as(earned)}
        for kind in range(self.kinds):
            measures[f"share_{kind}"] = (mixed[..., kind] * once).double()
            measures[f"collected_{kind}"] = collected[..., kind].double()
        after = self._with_observation(state, now, ground)
        return after, as_step(executed, earned * once, None, measures)

    def picture(self, state: State, match: int, table: int) -> Tensor:
        """A table as an image, uint8 [height, width, 3], one pixel a cell."""
        ground = self._ground(state.tensors["cell"].device)
        code = self._codes(state.tensors["coin"], ground)[match, table]
        return picture(ground, code, self.colours, state.tensors["cell"][match, table])

    def _ground(self, device: torch.device) -> Board:
        empty = "\n".join(["." * self.size] * self.size)
        return board(self.layout or empty, max(self.ahead, self.behind, self.view.sides), device)

    def _ready(self, inventory: Tensor) -> Tensor:
        """Which players have collected anything [match, table, seat]."""
        return inventory.sum(-1) > self.initial * self.kinds

    def _random_layout(
        self, ground: Board, chance: Chance, episode: int, round: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Random cells and headings of players, and cells of coins; no two things share a cell."""
        cells = sites(ground, "S" if self.layout else ".")
        drawn = draws(chance, len(cells) + self.seats, Purpose.START, episode, round)
        where = take_rows(cells, drawn[..., : len(cells)].argsort(-1))
        if self.layout:
            coin = torch.cat([sites(ground, resource) for resource in self._resources])
            coin = coin.expand(*chance.keys.shape, -1)
        else:
            coin = where[..., self.seats : self.seats + self.kinds * self.coins]
        return where[..., : self.seats], as_headings(drawn[..., len(cells) :]), coin

    def _restart(self, now: dict[str, Tensor], over: Tensor, ground: Board, chance: Chance, state: State) -> None:
        """Set up anew the tables at which the frozen time is over, in place."""
        rows = over.flatten().nonzero()[:, 0]
        if not len(rows):
            return
        some = Chance(chance.keys.flatten()[rows])
        fresh = (*self._random_layout(ground, some, state.episode, state.round + 1), torch.tensor(self.initial))
        for name, value in zip(("cell", "heading", "coin", "inventory"), fresh, strict=True):
            flat = now[name].flatten(0, 1).clone()
            flat[rows] = value.to(flat)
            now[name] = flat.view_as(now[name])

    def _codes(self, coin: Tensor, ground: Board) -> Tensor:
        code = ground.code.repeat(*coin.shape[:2], 1)
        layer = torch.tensor(LAYERS[: self.kinds], dtype=torch.uint8, device=coin.device)
        shown = torch.where(coin == ground.nowhere, WALL, layer.repeat_interleave(self.coins))
        return code.scatter_(-1, coin, shown)

    def _with_observation(self, state: State, now: dict[str, Tensor], ground: Board) -> State:
        cell, heading, inventory = now["cell"], now["heading"], now["inventory"]
        code = add_players(self._codes(now["coin"], ground), ground, cell, heading)
        seen = planes(ground, self.view, self.kinds, code, cell, heading)
        other = inventory.flip(-2) * (now["frozen"] > 0)[..., None, None]
        ready = self._ready(inventory).flip(-1)[..., None]
        flat = torch.cat((inventory, other, ready), -1).transpose(1, 2).to(torch.uint8)
        seen = torch.cat((seen, flat[..., None, None].expand(-1, -1, -1, -1, *self.view.shape)), -3)
        moves = (now["frozen"] == 0)[:, None, :, None].repeat(1, self.seats, 1, len(_ACTIONS))
        moves[..., -1] = True
        return replace(state, tensors=now, observation=seen, action_mask=moves)
