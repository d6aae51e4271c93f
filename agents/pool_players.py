"""Players of a common pool: those that always return the same share, and conditional cooperators."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ..envs.chance import Purpose
from ..envs.common_pool_trust import allocates
from ..envs.environment import Box, Discrete, Environment, Probability
from .agent import Agent, Chairs, Observation, Player
from .mechanisms import refuses_all_but_pools

Spread = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Normal = Annotated[tuple[Annotated[float, Field(allow_inf_nan=False)], Spread], Field(strict=False)]
"""A mean and a standard deviation."""


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


class ConditionalCooperator(PoolPlayer):
    """Returns a share that is linear in what the others returned, in its allocation and in the pool.

        f_t = share + others (O_{t-1} - share)
              + allocation (N e_t / capacity - 1) + pool (R_t / capacity - 1) + noise
    cut off at 0 and 1. O is the share of their allocations that the other players returned in the round before; in
    the first round, and after one in which they got nothing, that term is left out. The last two terms are 0 where
    a full pool is split equally. With others = 1 it returns what others do, with others = 0 it does not mind them.

    Players differ: the four coefficients are normally distributed, drawn anew for each chair, table and episode.
    The noise is normal, too, and drawn for each round.
    """

    source: ClassVar[str] = "conditional cooperation, Fischbacher, Gächter and Fehr 2001"
    remembers: ClassVar[float] = 1

    share: Normal = Field((0.6, 0.15), description="what it returns at the start: mean and deviation over players")
    others: Normal = Field((0.3, 0.2), description="how far it moves to what the others returned")
    allocation: Normal = Field((0.0, 0.0), description="how much more it returns of a larger allocation")
    pool: Normal = Field((0.0, 0.0), description="how much more it returns when the pool is fuller")
    noise: Spread = Field(0.05, description="standard deviation of the noise of a round")

    def sit(self, chairs: Chairs) -> Player:
        return ConditionalCooperatorPlayer(self, chairs)


class ConditionalCooperatorPlayer(Player):
    """Conditional cooperators on their chairs."""

    def __init__(self, agent: ConditionalCooperator, chairs: Chairs):
        self._agent, self._chairs = agent, chairs
        self._players = len(chairs.spec.roles) - 1
        self._space = chairs.spec.actions(0)
        self._nothing = torch.zeros(chairs.shape, dtype=torch.float64, device=chairs.device)

    def begin(self) -> None:
        self._drawn: list[Tensor] | None = None
        self._others: Tensor | None = None

    def act(self, observation: Observation) -> Tensor:
        assert observation.features is not None
        seen, players = observation.features.double(), self._players
        allocated, returned = seen[..., 2 : 2 + players], seen[..., 2 + players :]
        if allocates(observation.round):
            got = allocated[..., 1:].sum(-1)
            share = returned[..., 1:].sum(-1) / got.masked_fill(got == 0, 1.0)
            self._others = torch.where(got > 0, share, torch.nan)
            return as_actions(self._nothing + 1, self._space) if self._is_discrete else self._nothing
        if self._drawn is None:
            self._drawn = self._draw(observation.episode)
        share, others, allocation, pool = self._drawn
        wanted = share + allocation * (players * allocated[..., 0] - 1) + pool * (seen[..., 1] - 1)
        if self._others is not None:
            wanted = wanted + others * (self._others - share).nan_to_num(0.0)
        if self._agent.noise:
            address = (Purpose.ACTION, observation.episode, observation.round)
            wanted = wanted + self._agent.noise * self._chairs.chance.normal(*address)
        return as_actions(wanted.clamp(0, 1), self._space)

    @property
    def _is_discrete(self) -> bool:
        return isinstance(self._space, Discrete)

    def _draw(self, episode: int) -> list[Tensor]:
        """The coefficients of this episode [chair, table], in the order of the agent's parameters."""
        agent = self._agent
        return [
            mean + deviation * self._chairs.chance.part(part).normal(Purpose.START, episode, 0)
            for part, (mean, deviation) in enumerate((agent.share, agent.others, agent.allocation, agent.pool))
        ]


def as_actions(share: Tensor, space: Discrete | Box) -> Tensor:
    """Shares of the allocation to return, as actions of a player's space: itself, or the nearest level."""
    if isinstance(space, Box):
        return share
    return ((1 - share) * (space.n - 1)).round().long()


def only_allowed(action: Tensor, mask: Tensor) -> Tensor:
    """The actions [chair, table] where the mask [chair, table, action] allows them, else 0."""
    return action * mask.gather(-1, action[..., None])[..., 0]
