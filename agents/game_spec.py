"""What every agent may know of a game without its rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ..envs.environment import Box, Discrete, Environment


@dataclass(frozen=True, slots=True)
class GameSpec:
    """Roles, length, action and observation spaces, and weights of rounds; no payoffs and no dynamics.

    Fields have the same names as in the environment.
    """

    roles: tuple[str, ...]
    rounds: float
    horizon: float
    discount: float
    continuation: float
    actions: Callable[[int], Discrete | Box]
    """The action space of a seat."""
    observation: Callable[[int], tuple[int, ...] | None]
    """The shape of a seat's observation; None where the only observation is the others' actions."""
    weight: Callable[[int], float]
    """The weight of a round in the payoff per round."""
    neighbours: Tensor | None
    """The seats that each seat sees [seat, neighbour], -1 where there are fewer; None: all others."""

    @staticmethod
    def of(game: Environment) -> GameSpec:
        """The specification of `game`."""
        return GameSpec(
            game.roles,
            game.rounds,
            game.horizon,
            game.discount,
            game.continuation,
            game.actions,
            game.observation,
            game.weight,
            game.neighbours,
        )

    @property
    def seats(self) -> int:
        """The number of seats."""
        return len(self.roles)
