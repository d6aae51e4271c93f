"""Monster-Hunt: a stag hunt on a grid, in which the monster comes to its hunters and mauls a lone one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from .board import free_cell, moves
from .chance import Chance, Purpose
from .environment import Discrete, State, Step
from .gridworld import GROUND, PLAYERS, Colour, Gridworld, as_step, draws

_MONSTER: Colour = (150, 40, 160)
_APPLE: Colour = (60, 170, 60)


class MonsterHunt(Gridworld):
    """Two players on a grid pick apples, or wait together for a monster that comes to the nearest of them.

    In a round both players move at once. Then the monster moves one cell towards the nearest player, or stays
    with a player that it has reached; ties are random. Then `hunt` goes to each player if both stand on the
    monster's cell, `mauling` to a player that stands there alone, and `apple` to a player that stands on an
    apple (to one of both at random). Rewards add up. What was caught comes back at once on a random free cell.

    Actions: 0 right, 1 left, 2 down, 3 up, 4 stay; a step into the edge is a stay. Observations are planes
    float32 [4, size, size]: the player, the other, the monster, both apples. Cooperation is not defined for a
    round. Measures: `joint_hunts`, `maulings`, `apples`. With `variant` "rpg" the monster moves before the
    players, as in the published code. The rules in full, and what differs from it: docs/environments.md.
    """

    source: ClassVar[str] = "Monster-Hunt of Tang et al. 2021 (RPG); after Peysakhovich and Lerer 2018"
    colours: ClassVar[tuple[Colour, ...]] = (_APPLE, _MONSTER)
    variants: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "rpg": {"monster_moves": "first", "nearest": "straight"}
    }
    later: ClassVar[frozenset[str]] = frozenset({"variant", "monster_moves", "nearest"})

    variant: Literal["rpg"] | None = Field(
        None, description='"rpg": defaults as in the code of Tang et al. 2021; by default those below'
    )
    rounds: Annotated[int, Field(ge=1)] = Field(50, description="rounds of an episode")
    size: int = Field(5, ge=3, le=100, description="cells along each side")
    hunt: float = Field(5.0, allow_inf_nan=False, description="reward of each when both meet the monster")
    mauling: float = Field(-2.0, allow_inf_nan=False, description="reward of a player that meets it alone")
    apple: float = Field(2.0, allow_inf_nan=False, description="reward of an apple")
    monster_moves: Literal["first", "last"] = Field(
        "last", description='whether the monster moves "first" in a round, or "last", after the players'
    )
    nearest: Literal["steps", "straight"] = Field(
        "steps", description='distance to players by which the monster chooses: in "steps", or "straight"'
    )

    @property
    def seats(self) -> int:
        return 2

    def actions(self, seat: int) -> Discrete:
        return Discrete(5)

    def observation(self, seat: int) -> tuple[int, ...]:
        return (4, self.size, self.size)

    def begin(self, matches: int, tables: int, chance: Chance, episode: int) -> State:
        order = draws(chance, self.size**2, Purpose.START, episode, 0).argsort(-1)
        now = {"cell": order[..., :2], "monster": order[..., 2], "apple": order[..., 3:5]}
        return self._with_observation(State(episode, 0), {name: what.clone() for name, what in now.items()})

    def play(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        drawn = draws(chance, 7, Purpose.SPAWN, state.episode, state.round)
        before = state.tensors["cell"]
        cell = _destinations(self.size, action.device)[before, action.transpose(1, 2)]
        seen = before if self.monster_moves == "first" else cell
        monster = self._monster_step(state.tensors["monster"], seen, drawn[..., 0] < 0, drawn[..., 1] < 0)
        apple = state.tensors["apple"]

        met = cell == monster[..., None]
        together = met.all(-1, keepdim=True)
        there = cell[..., None] == apple[..., None, :]  # [match, table, seat, apple]
        first = drawn[..., 2:4] < 0
        wins = torch.stack((first, ~first), -2)
        takes = there & (wins | ~there.all(-2, keepdim=True))
        measures = {
            "joint_hunts": (met & together).double(),
            "maulings": (met & ~together).double(),
            "apples": takes.sum(-1).double(),
        }
        hunted = self.hunt * measures["joint_hunts"] + self.mauling * measures["maulings"]
        reward = hunted + self.apple * measures["apples"]

        # The old cell of what was caught is under a player, so it is never free.
        monster = torch.where(met.any(-1), self._free_cell(drawn[..., 4], cell, apple), monster)
        left, right = apple.unbind(-1)
        gone = takes.any(-2)
        left = torch.where(
            gone[..., 0], self._free_cell(drawn[..., 5], cell, monster[..., None], apple[..., 1:]), left
        )
        right = torch.where(
            gone[..., 1], self._free_cell(drawn[..., 6], cell, monster[..., None], left[..., None]), right
        )
        now = {"cell": cell, "monster": monster, "apple": torch.stack((left, right), -1)}
        after = self._with_observation(state, now)
        return after, as_step(action, reward, None, measures)

    def picture(self, state: State, match: int, table: int) -> Tensor:
        """A table as an image, uint8 [height, width, 3], one pixel a cell."""
        image = torch.tensor(GROUND, dtype=torch.uint8).repeat(self.size**2, 1)
        cells = {name: tensor[match, table].flatten().tolist() for name, tensor in state.tensors.items()}
        colours = (_APPLE, _APPLE, _MONSTER, *PLAYERS[:2])
        for where, colour in zip(cells["apple"] + cells["monster"] + cells["cell"], colours, strict=True):
            image[where] = torch.tensor(colour, dtype=torch.uint8)
        return image.view(self.size, self.size, 3)

    def _monster_step(self, monster: Tensor, cell: Tensor, second: Tensor, upright: Tensor) -> Tensor:
        """Where the monster goes [match, table]; ties go to the `second` player, and `upright`."""
        down = cell // self.size - monster[..., None] // self.size
        right = cell % self.size - monster[..., None] % self.size
        far = down.square() + right.square() if self.nearest == "straight" else down.abs() + right.abs()
        one, two = far.unbind(-1)
        prey = torch.where(one == two, second, two < one).long()[..., None]
        down, right = down.gather(-1, prey)[..., 0], right.gather(-1, prey)[..., 0]
        return monster + torch.where((down != 0) & (upright | (right == 0)), down.sign() * self.size, right.sign())

    def _free_cell(self, draw: Tensor, *taken: Tensor) -> Tensor:
        """A random cell outside of `taken` [match, table, thing], int64 [match, table]."""
        occupied = torch.cat(taken, -1).transpose(1, 2)
        return free_cell(draw[:, None], occupied, self.size**2)[:, 0]

    def _with_observation(self, state: State, now: dict[str, Tensor]) -> State:
        cell = now["cell"].transpose(1, 2)  # [match, seat, table]
        things = torch.cat((now["monster"][..., None], now["apple"]), -1)[:, None].expand(-1, 2, -1, -1)
        places = torch.cat((cell[..., None], cell.flip(1)[..., None], things), -1)
        marks = (places[..., None] == torch.arange(self.size**2, device=cell.device)).float()
        planes = torch.cat((marks[..., :3, :], marks[..., 3:, :].sum(-2, keepdim=True)), -2)
        return replace(state, tensors=now, observation=planes.view(*cell.shape, 4, self.size, self.size))


@lru_cache(maxsize=16)
def _destinations(size: int, device: torch.device) -> Tensor:
    """Where each action leads from each cell, int64 [cell, action]."""
    with torch.inference_mode(False):
        return moves(size, torus=False).to(device)
