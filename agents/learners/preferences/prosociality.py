"""Prosociality: part or all of the reward is the group's mean reward."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, Field
from torch import Tensor

from ...agent import Chairs
from ..policy_gradient.trajectory import Trajectory
from .preference import Policy, Preference, SubjectiveReward


class ProsocialParameters(BaseModel):
    """The parameters of prosociality."""

    share: float = Field(1.0, description="weight of the group's mean; 0 is selfish", ge=0, le=1)


class Prosociality(ProsocialParameters, Preference):
    """A weighted mean of the own reward and the group's mean reward.

    u_i = (1 - share) r_i + share / N sum_j r_j
    """

    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "others_rewards"})

    kind: Literal["prosocial"] = Field("prosocial", description="as in `prosocial`")

    def subjective_reward(self, chairs: Chairs, discount: float) -> SubjectiveReward:
        return ProsocialReward(self, chairs)


class ProsocialReward(SubjectiveReward):
    """The prosocial reward on a player's chairs."""

    def __init__(self, preference: Prosociality, chairs: Chairs):
        super().__init__(chairs)
        self.preference = preference

    def rewards(self, trajectory: Trajectory, policy: Policy) -> Tensor:
        own, others = trajectory.reward, trajectory.others_reward
        mean = (own + others.sum(2)) / self.chairs.spec.seats
        return (1 - self.preference.share) * own + self.preference.share * mean
