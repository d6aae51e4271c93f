"""Players of a common pool: those that always return the same share, and conditional cooperators."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ..envs.environment import Box, Discrete, Environment, Probability
from .agent import Agent, Chairs, Observation, Player
from .mechanisms import refuses_all_but_pools


class PoolPlayer(Agent):
    """An agent for the players' seats of a common pool."""

    def refuses(self, game: Environment) -> str | None:
        return refuses_all_but_pools(game)

    def refuses_role(self, game: Environment, role: str) -> str | None:
        return None if role == "player" else "returns as a player, and is no mechanism"


class ConstantReturner(PoolPlayer):
    """Always returns the same share of its allocation."""

    source: ClassVar[str] = "a pure strategy"
    remembers: ClassVar[float] = 0

    share: Probability = Field(0.8, description="the share of its allocation that it returns")

    def sit(self, chairs: Chairs) -> Player:
        return ConstantReturnerPlayer(self.share, chairs)


class ConstantReturnerPlayer(Player):
    """Returns the same share on all of its chairs."""

    def __init__(self, share: float, chairs: Chairs):
        wanted = torch.full(chairs.shape, share, dtype=torch.float64, device=chairs.device)
        self._action = as_actions(wanted, chairs.spec.actions(0))

    def act(self, observation: Observation) -> Tensor:
        mask = observation.action_mask
        return self._action if mask is None else only_allowed(self._action, mask)


def as_actions(share: Tensor, space: Discrete | Box) -> Tensor:
    """Shares of the allocation to return, as actions of a player's space: itself, or the nearest level."""
    if isinstance(space, Box):
        return share
    return ((1 - share) * (space.n - 1)).round().long()


def only_allowed(action: Tensor, mask: Tensor) -> Tensor:
    """The actions [chair, table] where the mask [chair, table, action] allows them, else 0."""
    return action * mask.gather(-1, action[..., None])[..., 0]
