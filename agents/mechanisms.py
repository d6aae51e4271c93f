"""Mechanisms that share out a common pool by rule: equally, in proportion to what was returned, or in between."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ..envs.common_pool_trust import CommonPoolTrust, allocates
from ..envs.environment import Environment, Probability
from .agent import Agent, Chairs, Observation, Player


class Mechanism(Agent):
    """A rule that gives all of the pool R, a part w of it equally and the rest in proportion to what was returned.

        e_i = R (w / N + (1 - w) c_i / sum_j c_j),    c the returns of the round before
    Where nobody has returned anything all get the same; the source does not say what happens then.
    """

    source: ClassVar[str] = "Koster et al. 2025"
    remembers: ClassVar[float] = 1

    def refuses(self, game: Environment) -> str | None:
        return refuses_all_but_pools(game)

    def refuses_role(self, game: Environment, role: str) -> str | None:
        return None if role == "mechanism" else "allocates as a mechanism, and is no player"

    @abstractmethod
    def equal_part(self, pool: Tensor) -> Tensor | float:
        """The part w that is shared equally, at this pool, as a share of the capacity [chair, table]."""

    def sit(self, chairs: Chairs) -> Player:
        return MechanismPlayer(self, chairs)


class MechanismPlayer(Player):
    """A rule on its chairs."""

    def __init__(self, mechanism: Mechanism, chairs: Chairs):
        self._mechanism = mechanism
        self._players = len(chairs.spec.roles) - 1
        self._nothing = torch.zeros((*chairs.shape, self._players), dtype=torch.float64, device=chairs.device)

    def act(self, observation: Observation) -> Tensor:
        if not allocates(observation.round):
            return self._nothing
        assert observation.features is not None
        seen = observation.features.double()
        return mixture(seen[..., 2 + self._players :], self._mechanism.equal_part(seen[..., 1]))


def mixture(returned: Tensor, equal_part: Tensor | float) -> Tensor:
    """Shares of the pool [..., player] from what was returned [..., player] and the part shared equally [...]."""
    players, total = returned.shape[-1], returned.sum(-1, keepdim=True)
    proportional = torch.where(total > 0, returned / total.masked_fill(total == 0, 1.0), 1 / players)
    part = equal_part[..., None] if isinstance(equal_part, Tensor) else equal_part
    return part / players + (1 - part) * proportional


def refuses_all_but_pools(game: Environment) -> str | None:
    """Why an agent for the common pool can't play `game`; None if it can."""
    return None if isinstance(game, CommonPoolTrust) else "knows common_pool_trust alone"


class EqualMechanism(Mechanism):
    """Gives every player the same:  w = 1."""

    remembers: ClassVar[float] = 0

    def equal_part(self, pool: Tensor) -> float:
        return 1.0


class ProportionalMechanism(Mechanism):
    """Gives in proportion to what was returned:  w = 0. Who returned nothing gets nothing, and can't return."""

    def equal_part(self, pool: Tensor) -> float:
        return 0.0


class MixedMechanism(Mechanism):
    """Gives a part equally, and the rest in proportion to what was returned."""

    weight: Probability = Field(0.5, description="the part w of the pool that is shared equally")

    def equal_part(self, pool: Tensor) -> float:
        return self.weight
