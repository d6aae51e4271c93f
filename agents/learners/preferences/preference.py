"""Social preferences are plain data; on a player's chairs one becomes a subjective reward with a state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer
from torch import Tensor

from ....envs.environment import Environment
from ...agent import Chairs, Observation, Round
from ..nets.encoding import encoder_of
from ..policy_gradient.trajectory import Trajectory

Policy: TypeAlias = Callable[[Trajectory], Tensor]
"""The probabilities of a learner's own actions in an episode [round, chair, table, action]."""


class Preference(BaseModel, ABC):
    """How a learner values rewards: parameters only, compared by value."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)

    needs: ClassVar[frozenset[str]] = frozenset()
    """What the environment must grant the learner, of `GRANTS`."""

    def refuses(self, game: Environment) -> str | None:
        """Why it can't be used in `game`, as the end of a sentence; None if it can."""
        return None

    @abstractmethod
    def subjective_reward(self, chairs: Chairs, discount: float) -> SubjectiveReward:
        """The subjective reward on these chairs, of a player with this discount."""

    @model_serializer(mode="wrap")
    def _without_nothing(self, written: SerializerFunctionWrapHandler) -> dict[str, object]:
        # TOML has no null.
        return {name: value for name, value in written(self).items() if value is not None}


class SubjectiveReward:
    """The reward that a player learns from, with its state; this one is the environment's reward."""

    def __init__(self, chairs: Chairs):
        self.chairs = chairs
        self.encoder = encoder_of(chairs)
        """Encodes observations for the policy."""

    def begin(self) -> None:
        """An episode starts."""

    def observe(self, before: Observation, round: Round, learning: bool) -> None:
        """A round has been played; `before` is the observation before it."""

    def rewards(self, trajectory: Trajectory, policy: Policy) -> Tensor:
        """The rewards of an episode [round, chair, table]; called once for each episode."""
        return trajectory.reward

    def update(self, trajectory: Trajectory) -> None:
        """Update the state, after the player has learned from an episode."""

    def measures(self) -> Mapping[str, Tensor]:
        """Measures of the last episode, by name [chair]."""
        return {}

    def state_dict(self) -> dict[str, Tensor]:
        """Its state, each tensor starting with [chair]."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from `state`, which may have further entries."""


class Selfish(Preference):
    """Learns from its own reward, as the environment gives it."""

    kind: Literal["selfish"] = Field("selfish", description="only its own reward counts")

    def subjective_reward(self, chairs: Chairs, discount: float) -> SubjectiveReward:
        return SubjectiveReward(chairs)
