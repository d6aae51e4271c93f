"""Escalation: a stag hunt on a grid, in which a break of trust costs more the longer the trust has lasted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from .board import moves, uniform_below
from .chance import Chance, Purpose
from .environment import Discrete, State, Step
from .gridworld import GROUND, PLAYERS, Colour, Gridworld, as_step, draws

_LIT: Colour = (250, 220, 90)


class StagHuntGridworld(Gridworld):
    """Two players on a grid follow a light together; being there alone costs more, the longer they did.

    If both stand on the lit cell after a round, each earns 1, the streak L grows by 1, and the light moves to a
    random neighbouring cell. If exactly one does, it loses `betrayal` * L, and the episode ends if L > 0. If
    neither does, nothing happens. So k rounds together and then one alone earn k each, and -betrayal * k.

    Actions: 0 right, 1 left, 2 down, 3 up, 4 stay; a step into the edge is a stay, and both may share a cell.
    Observations are planes float32 [4, size, size]: the player, the other, the light, and L everywhere, divided
    by the number of rounds. Cooperation is not defined for a round. Measures, per seat and round: `together`,
    `alone`, `streak`. Starts are random. With `variant` "rpg" L is hidden, and players and light start on three
    different cells, as in the published code; what differs from it still: docs/environments.md.
    """

    source: ClassVar[str] = "Escalation of Tang et al. 2021; after Peysakhovich and Lerer 2018"
    colours: ClassVar[tuple[Colour, ...]] = (_LIT,)
    variants: ClassVar[Mapping[str, Mapping[str, object]]] = {"rpg": {"shows_streak": False, "start": "apart"}}
    later: ClassVar[frozenset[str]] = frozenset({"variant", "shows_streak", "start"})

    variant: Literal["rpg"] | None = Field(
        None, description='"rpg": defaults as in the code of Tang et al. 2021; by default those below'
    )
    rounds: Annotated[int, Field(ge=1)] = Field(50, description="rounds of an episode, unless a betrayal ends it")
    size: int = Field(5, ge=2, le=100, description="cells along each side")
    betrayal: float = Field(
        0.9, ge=0, description="cost of being on the light alone, for each round together before"
    )
    shows_streak: bool = Field(True, description="whether players see how long the streak is")
    start: Literal["anywhere", "apart"] = Field(
        "anywhere", description='where players and light start: "anywhere", or "apart" on different cells'
    )

    @property
    def seats(self) -> int:
        return 2

    def actions(self, seat: int) -> Discrete:
        return Discrete(5)

    def observation(self, seat: int) -> tuple[int, ...]:
        return (4 if self.shows_streak else 3, self.size, self.size)

    def begin(self, matches: int, tables: int, chance: Chance, episode: int) -> State:
        if self.start == "apart":
            drawn = draws(chance, self.size**2, Purpose.START, episode, 0).argsort(-1)[..., : self.seats + 1]
        else:
            drawn = uniform_below(self.size**2, draws(chance, self.seats + 1, Purpose.START, episode, 0))
        playing = torch.ones((matches, self.seats, tables), dtype=torch.bool, device=drawn.device)
        now = {"cell": drawn[..., :2], "light": drawn[..., 2], "streak": torch.zeros_like(drawn[..., 0])}
        return self._with_observation(State(episode, 0, playing), now)

    def play(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        now = state.tensors
        leads, around, count = _destinations(self.size, action.device)
        cell = leads[now["cell"], action.transpose(1, 2)]
        light, streak = now["light"], now["streak"]
        on = cell == light[..., None]
        together, alone = on.all(-1), on.sum(-1) == 1
        reward = together[..., None].double() - on * (alone * streak * self.betrayal)[..., None]
        ends = alone & (streak > 0)
        streak = streak + together
        which = uniform_below(count[light], chance.integers(Purpose.SPAWN, state.episode, state.round))
        light = torch.where(together, around[light, which], light)

        left = (~ends)[:, None].expand_as(action)
        after = self._with_observation(
            replace(state, playing=left), {"cell": cell, "light": light, "streak": streak}
        )
        measures = {
            "together": on & together[..., None],
            "alone": on & alone[..., None],
            "streak": streak[..., None].expand_as(reward),
        }
        counts = {name: value.double() for name, value in measures.items()}
        return after, as_step(action, reward, None, counts)

    def picture(self, state: State, match: int, table: int) -> Tensor:
        """A table as an image, uint8 [height, width, 3], one pixel a cell."""
        image = torch.tensor(GROUND, dtype=torch.uint8).repeat(self.size**2, 1)
        now = state.tensors
        image[int(now["light"][match, table])] = torch.tensor(_LIT, dtype=torch.uint8)
        for seat, cell in enumerate(now["cell"][match, table].tolist()):
            image[cell] = torch.tensor(PLAYERS[seat], dtype=torch.uint8)
        return image.view(self.size, self.size, 3)

    def _with_observation(self, state: State, now: dict[str, Tensor]) -> State:
        cell = now["cell"].transpose(1, 2)  # [match, seat, table]
        places = torch.stack((cell, cell.flip(1), now["light"][:, None].expand_as(cell)), -1)
        squares = torch.arange(self.size**2, device=cell.device)
        planes = (places[..., None] == squares).float()
        if self.shows_streak:
            streak = now["streak"][:, None, :, None, None].expand(*cell.shape, 1, self.size**2) / self.rounds
            planes = torch.cat((planes, streak.float()), -2)
        return replace(state, tensors=now, observation=planes.view(*cell.shape, -1, self.size, self.size))


@lru_cache(maxsize=16)
def _destinations(size: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Where each action leads from each cell; the neighbouring cells, padded; and how many there are."""
    with torch.inference_mode(False):
        leads = moves(size, torus=False)
        beside = leads != torch.arange(size * size)[:, None]
        order = beside.long().argsort(dim=-1, descending=True, stable=True)
        return leads.to(device), leads.gather(1, order).to(device), beside.sum(1).to(device)
