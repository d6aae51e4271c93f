"""An agent that always does the same, in any game of discrete actions."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ..envs.environment import Discrete, Environment
from .agent import Agent, Chairs, Observation, Player, refuses_every_role


class FixedAction(Agent):
    """Always plays `action`."""

    source: ClassVar[str] = "a pure strategy"
    remembers: ClassVar[float] = 0

    action: int = Field(0, description="the action's number; 0 is cooperation where the game has it", ge=0)

    def refuses(self, game: Environment) -> str | None:
        return refuses_every_role(self, game)

    def refuses_role(self, game: Environment, role: str) -> str | None:
        for seat in (seat for seat, its in enumerate(game.roles) if its == role):
            space = game.actions(seat)
            if not isinstance(space, Discrete):
                return "knows discrete actions only"
            if self.action >= space.n:
                return f"can't do action {self.action} on seat {seat}, which has {space.n}"
        return None

    def sit(self, chairs: Chairs) -> Player:
        return FixedPlayer(self.action, chairs)


class FixedPlayer(Player):
    """Repeats its action."""

    def __init__(self, action: int, chairs: Chairs):
        self._action = torch.full(chairs.shape, action, device=chairs.device)

    def act(self, observation: Observation) -> Tensor:
        return self._action
