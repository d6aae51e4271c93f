"""In the matrix: players gather what they mean to play, and meet to play it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Self

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
    beam,
    board,
    draws,
    look,
    moved,
    picture,
    planes,
    priorities,
    quarters,
    shots,
    sites,
    told,
    with_players,
)
from .matrix_game import Payoffs, two_matrices, two_roles

_ACTIONS = (TURN_LEFT, TURN_RIGHT, FORWARD, FIRE, STAY)
_BEAM: tuple[Ray, ...] = (((0, 1), (0, 2)), ((-1, 1),), ((1, 1),))
_VIEW = View(3, 1, 2)


class InTheMatrix(Gridworld):
    """Two players collect resources on a map; who strikes the other with its beam makes them play a matrix game.

    With inventories v and w, each divided by its sum, the mixed strategies that players carry, they earn
        v' A w   and   v' B w
    of the payoffs A of seat 0 (rows) and B of seat 1. Both must have collected something; else nothing happens.
    Then they stand frozen for `freeze` rounds, seeing what the other had, and after that everything is laid out
    anew: players and coins on cells of their own at random, inventories empty.

    Actions: 0 turn left, 1 turn right, 2 step forward, 3 interact, 4 stay. The beam strikes 1 and 2 cells ahead
    and the two beside the nearer. A player that walks onto a coin has it. Players see 5 x 5 cells (3 ahead, 1
    behind): planes of themselves, the other by heading (as its own, to the right, opposite, to the left), walls, a
    plane for each resource; then planes that are the same everywhere: its own inventory (a count for each
    resource), the other's (zero unless frozen), and whether the other is ready. Cooperation has no meaning in a
    round; of the measures, per seat and round, `share_0`, ... over `interactions` is how much of each resource was
    played, and `collected_0`, ... are coins. Variant: STORM of pax and JaxMARL, on 8 x 8 cells with 6 coins of
    each resource. With `initial` 1 inventories start with one of each, as in Melting Pot's games of this name.
    """

    source: ClassVar[str] = "Vezhnevets et al. 2020; STORM of JaxMARL, Rutherford et al. 2024"
    colours: ClassVar[tuple[Colour, ...]] = ((214, 180, 60), (60, 130, 190), (150, 80, 160))

    rounds: Annotated[int, Field(ge=1)] = Field(152, description="rounds of an episode")
    payoffs: Payoffs = Field(
        (3, 0, 5, 1), description="[R, S, T, P]; or the row player's KxK matrix; or [row's, column's], K of 2 or 3"
    )
    size: int = Field(8, ge=3, le=30, description="cells along each side of the map")
    coins: int = Field(6, ge=1, description="coins of each resource")
    initial: int = Field(0, ge=0, le=1, description="how much of each resource players start with")
    freeze: int = Field(5, ge=1, description="rounds for which players stand still after they have played")

    @field_validator("payoffs")
    @classmethod
    def _square(cls, payoffs: Payoffs) -> Payoffs:
        _, rows, columns = np.shape(two_matrices(payoffs))
        if rows != columns or rows > len(LAYERS):
            raise ValueError(f"both need the same 2 or 3 resources, found {rows} and {columns}")
        return payoffs

    @model_validator(mode="after")
    def _fits(self) -> Self:
        things = self.seats + self.kinds * self.coins
        if things > self.size**2:
            raise ValueError(f"coins: {things} coins and players do not fit on {self.size} x {self.size} cells")
        return self

    @property
    def seats(self) -> int:
        return 2

    @property
    def kinds(self) -> int:
        """How many resources there are."""
        return int(two_matrices(self.payoffs).shape[1])

    @property
    def roles(self) -> tuple[str, ...]:
        return two_roles(two_matrices(self.payoffs))

    def actions(self, seat: int) -> Discrete:
        return Discrete(len(_ACTIONS))

    def observation(self, seat: int) -> tuple[int, ...]:
        return (7 + 3 * self.kinds, *_VIEW.shape)

    def begin(self, matches: int, tables: int, chance: Chance, episode: int) -> State:
        device = chance.keys.device
        ground = self._ground(device)
        cell, heading, coin = self._laid_out(ground, chance, episode, 0)
        now = {
            "cell": cell,
            "heading": heading,
            "coin": coin,
            "inventory": torch.full((*cell.shape, self.kinds), self.initial, device=device),
            "frozen": torch.zeros_like(chance.keys),
        }
        return self._seen(State(episode, 0), now, ground)

    def play(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        ground = self._ground(action.device)
        now = dict(state.tensors)
        assert state.action_mask is not None
        done = torch.where(state.action_mask.gather(-1, action[..., None])[..., 0], action, len(_ACTIONS) - 1)
        meaning = torch.tensor(_ACTIONS, device=action.device)
        act = look(meaning, done.transpose(1, 2))
        order = priorities(draws(chance, self.seats, Purpose.SPAWN, state.episode, state.round))
        cell = moved(ground, now["cell"], now["heading"], act, order)
        heading = now["heading"] + look(ground.turn, act) & 3
        takes = cell[..., None] == now["coin"][..., None, :]  # [match, table, seat, coin]
        collected = takes.view(*cell.shape, self.kinds, self.coins).sum(-1)
        inventory = now["inventory"] + collected
        coin = now["coin"].masked_fill(takes.any(-2), ground.nowhere)

        hits = (
            shots(ground, cell, beam(ground, cell, heading, _BEAM), act == FIRE).any(-1).any(-1)
        )  # whom else could one hit?
        meets = hits & self._ready(inventory).all(-1)
        mixed = inventory / inventory.sum(-1, keepdim=True).clamp(min=1)
        matrices = torch.as_tensor(two_matrices(self.payoffs), device=action.device)
        earned = torch.einsum("mtr,src,mtc->mts", mixed[..., 0, :].double(), matrices, mixed[..., 1, :].double())
        once = meets[..., None]
        frozen = torch.where(meets, self.freeze, (now["frozen"] - 1).clamp(min=0))
        now |= {"cell": cell, "heading": heading, "coin": coin, "inventory": inventory, "frozen": frozen}
        self._thaw(now, state.tensors["frozen"] == 1, ground, chance, state)

        measures = {"interactions": once.double().expand_as(earned)}
        for kind in range(self.kinds):
            measures[f"share_{kind}"] = (mixed[..., kind] * once).double()
            measures[f"collected_{kind}"] = collected[..., kind].double()
        after = self._seen(state, now, ground)
        return after, told(done, earned * once, None, measures)

    def picture(self, state: State, match: int, table: int) -> Tensor:
        """A table as an image, uint8 [height, width, 3], one pixel a cell."""
        ground = self._ground(state.tensors["cell"].device)
        code = self._codes(state.tensors["coin"], ground)[match, table]
        return picture(ground, code, self.colours, state.tensors["cell"][match, table])

    def _ground(self, device: torch.device) -> Board:
        return board("\n".join(["." * self.size] * self.size), max(_VIEW.ahead, _VIEW.sides), device)

    def _ready(self, inventory: Tensor) -> Tensor:
        """Who has collected anything [match, table, seat]."""
        return inventory.sum(-1) > self.initial * self.kinds

    def _laid_out(self, ground: Board, chance: Chance, episode: int, round: int) -> tuple[Tensor, Tensor, Tensor]:
        """Cells and headings of players, and cells of coins, at random, each at a cell of its own."""
        cells = sites(ground, ".")
        drawn = draws(chance, len(cells) + self.seats, Purpose.START, episode, round)
        taken = drawn[..., : len(cells)].argsort(-1)[..., : self.seats + self.kinds * self.coins]
        where = look(cells, taken)
        return where[..., : self.seats], quarters(drawn[..., len(cells) :]), where[..., self.seats :]

    def _thaw(self, now: dict[str, Tensor], over: Tensor, ground: Board, chance: Chance, state: State) -> None:
        """Lay out anew the tables at which the time of standing still is over."""
        rows = over.flatten().nonzero()[:, 0]
        if not len(rows):
            return
        some = Chance(chance.keys.flatten()[rows])
        fresh = (*self._laid_out(ground, some, state.episode, state.round + 1), torch.tensor(self.initial))
        for name, value in zip(("cell", "heading", "coin", "inventory"), fresh, strict=True):
            flat = now[name].flatten(0, 1).clone()
            flat[rows] = value.to(flat)
            now[name] = flat.view_as(now[name])

    def _codes(self, coin: Tensor, ground: Board) -> Tensor:
        code = ground.code.repeat(*coin.shape[:2], 1)
        layer = torch.tensor(LAYERS[: self.kinds], dtype=torch.uint8, device=coin.device)
        shown = torch.where(coin == ground.nowhere, WALL, layer.repeat_interleave(self.coins))
        return code.scatter_(-1, coin, shown)

    def _seen(self, state: State, now: dict[str, Tensor], ground: Board) -> State:
        cell, heading, inventory = now["cell"], now["heading"], now["inventory"]
        code = with_players(self._codes(now["coin"], ground), ground, cell, heading)
        seen = planes(ground, _VIEW, self.kinds, code, cell, heading)
        other = inventory.flip(-2) * (now["frozen"] > 0)[..., None, None]
        ready = self._ready(inventory).flip(-1)[..., None]
        flat = torch.cat((inventory, other, ready), -1).transpose(1, 2).to(torch.uint8)
        seen = torch.cat((seen, flat[..., None, None].expand(-1, -1, -1, -1, *_VIEW.shape)), -3)
        moves = (now["frozen"] == 0)[:, None, :, None].repeat(1, self.seats, 1, len(_ACTIONS))
        moves[..., -1] = True
        return replace(state, tensors=now, observation=seen, action_mask=moves)
