"""What every agent may know of a game without its rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..envs.environment import Box, Discrete, Environment


@dataclass(frozen=True, slots=True)
class GameSpec:
    """Who plays a game, for how long, what they can do and see, how rounds are weighed: no payoffs, no dynamics.

    Whatever it has is called as in the environment.
    """

    roles: tuple[str, ...]
    rounds: float
    horizon: float
    continuation: float
    actions: Callable[[int], Discrete | Box]
    """What a seat can do."""
    observation: Callable[[int], tuple[int, ...] | None]
    """The shape of what a seat sees; None where the others' actions are all there is to see."""
    weight: Callable[[int], float]
    """Of a round in the payoff per round."""

    @staticmethod
    def of(game: Environment) -> GameSpec:
        """That of `game`."""
        return GameSpec(
            game.roles,
            game.rounds,
            game.horizon,
            game.continuation,
            game.actions,
            game.observation,
            game.weight,
        )

    @property
    def seats(self) -> int:
        """How many play."""
        return len(self.roles)
