"""Hand-written players for the gridworlds with apples: one that harvests, one that cleans the river."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ..envs.chance import Purpose
from ..envs.cleanup import Cleanup
from ..envs.environment import Environment, Probability
from ..envs.foraging import ForagingGame
from ..envs.gridworld import BACKWARD, FIRE_TWO, FORWARD, LEFT, RIGHT, STAY, TURN_LEFT, TURN_RIGHT, View
from .agent import Agent, Chairs, Observation, Player

APPLE, WASTE = 6, 8
"""Planes of what is seen."""


class Harvester(Agent):
    """Goes for the nearest apple that it sees, if enough others are near it; wanders where it sees none.

    With `leaves` 0 it takes everything; with more it spares what lets a patch of Harvest grow back.
    """

    source: ClassVar[str] = "this project"
    needs: ClassVar[frozenset[str]] = frozenset({"game_model"})
    leaves: int = Field(0, ge=0, le=12, description="takes only apples with as many others within distance 2")
    wander: Probability = Field(0.1, description="probability of a random step or turn, which frees who is stuck")

    def refuses(self, game: Environment) -> str | None:
        return None if isinstance(game, ForagingGame) else "knows apples, of Cleanup, Harvest and Gathering"

    def sit(self, chairs: Chairs) -> Player:
        return GridPlayer(self.wander, chairs, leaves=self.leaves)


class Cleaner(Agent):
    """Goes for the nearest waste that it sees, and cleans it; wanders where it sees none."""

    source: ClassVar[str] = "this project"
    needs: ClassVar[frozenset[str]] = frozenset({"game_model"})
    wander: Probability = Field(0.1, description="probability of a random step or turn, which frees who is stuck")

    def refuses(self, game: Environment) -> str | None:
        return None if isinstance(game, Cleanup) else "cleans rivers, of Cleanup"

    def sit(self, chairs: Chairs) -> Player:
        assert isinstance(chairs.game, Cleanup)
        return GridPlayer(self.wander, chairs, cleans=chairs.game)


class GridPlayer(Player):
    """Walks to the nearest of what it wants."""

    def __init__(self, wander: float, chairs: Chairs, leaves: int = 0, cleans: Cleanup | None = None):
        assert isinstance(chairs.game, ForagingGame)
        view = chairs.game.view
        self._wander, self._leaves, self._cleans, self._chairs = wander, leaves, cleans, chairs
        right, ahead = (part.to(chairs.device) for part in _places(view))
        # A step is towards the longer side.
        sideways = torch.where(right > 0, RIGHT, LEFT)
        along = torch.where(ahead > 0, FORWARD, BACKWARD)
        self._step = torch.where(right.abs() > ahead.abs(), sideways, along)
        self._step[view.own] = STAY
        self._apart = right.abs() + ahead.abs()
        distance = (right[:, None] - right).square() + (ahead[:, None] - ahead).square()
        self._near = ((distance > 0) & (distance <= 4)).float()
        if cleans:
            beam = {cell for ray in cleans.rays for cell in ray}
            cells = zip(right.tolist(), ahead.tolist(), strict=True)
            self._beam = torch.tensor([cell in beam for cell in cells], device=chairs.device)

    def act(self, observation: Observation) -> Tensor:
        seen, allowed = observation.features, observation.action_mask
        assert seen is not None
        assert allowed is not None
        wanted = seen[:, :, WASTE if self._cleans else APPLE].flatten(2) > 0
        if self._leaves:
            wanted = wanted & (wanted.float() @ self._near >= self._leaves)
        none = len(self._apart) + 1
        distance, nearest = torch.where(wanted, self._apart, none).min(-1)
        draw = self._chairs.chance.uniform(Purpose.ACTION, observation.episode, observation.round)
        action = torch.where(distance < none, self._step[nearest], FORWARD)
        lost = draw < torch.where(distance < none, self._wander, max(self._wander, 0.3))
        random = (draw * 1e6).long() % 4
        options = torch.tensor([TURN_LEFT, TURN_RIGHT, LEFT, RIGHT], device=draw.device)
        action = torch.where(lost, options[random], action)
        if self._cleans:
            near = (wanted & self._beam).any(-1)
            action = torch.where(near, torch.where(allowed[..., FIRE_TWO], FIRE_TWO, STAY), action)
        return torch.where(allowed.gather(-1, action[..., None])[..., 0], action, STAY)


def _places(view: View) -> tuple[Tensor, Tensor]:
    """How far each cell of a window is to the right and ahead, int64 [cell]."""
    height, width = view.shape
    cells = torch.arange(height * width)
    return cells % width - view.sides, view.ahead - cells // width
