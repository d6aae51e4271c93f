"""What a preference is: plain data that says what a learner is paid for. At play it becomes a utility."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer
from torch import Tensor

from ....envs.environment import Environment
from ...agent import Chairs, Observation, Round
from ..nets.encoding import perceive
from ..policy_gradient.trajectory import Trajectory

Policy: TypeAlias = Callable[[Trajectory], Tensor]
"""A learner's probabilities of its own actions in an episode [round, chair, table, action]."""


class Preference(BaseModel, ABC):
    """What a learner is paid for: parameters, and nothing else. Equal when they are equal."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)

    needs: ClassVar[frozenset[str]] = frozenset()
    """What the environment must grant the learner for it."""

    def refuses(self, game: Environment) -> str | None:
        """Why it can't be had in `game`, as the end of a sentence; None if it can."""
        return None

    @abstractmethod
    def utility(self, chairs: Chairs, discount: float) -> Utility:
        """What a player that weighs the next round by `discount` is paid on these chairs."""

    @model_serializer(mode="wrap")
    def _without_nothing(self, written: SerializerFunctionWrapHandler) -> dict[str, object]:
        # A config can't say None.
        return {name: value for name, value in written(self).items() if value is not None}


class Utility:
    """A preference at play on a player's chairs: what it pays, and what it keeps. This one pays the reward."""

    def __init__(self, chairs: Chairs):
        self.chairs = chairs
        self.perception = perceive(chairs)
        """What the policy is fed with."""

    def begin(self) -> None:
        """An episode starts."""

    def observe(self, before: Observation, round: Round, learning: bool) -> None:
        """A round has been played, from what was seen before it."""

    def rewards(self, trajectory: Trajectory, policy: Policy) -> Tensor:
        """What an episode is worth, round by round [round, chair, table]; called once for each."""
        return trajectory.reward

    def learned(self, trajectory: Trajectory) -> None:
        """The player has learned from an episode."""

    def measures(self) -> Mapping[str, Tensor]:
        """What it tells of the last episode, by name [chair]."""
        return {}

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that it goes on with, each tensor starting with [chair]."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on as the one that gave `state`, among what others have in it."""


class Selfish(Preference):
    """Paid what the environment pays."""

    kind: Literal["selfish"] = Field("selfish", description="only the own reward counts")

    def utility(self, chairs: Chairs, discount: float) -> Utility:
        return Utility(chairs)
