"""Prosociality: to be paid, in part or in whole, by what everybody earns."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, Field
from torch import Tensor

from ...agent import Chairs
from ..policy_gradient.trajectory import Trajectory
from .preference import Policy, Preference, Utility


class ProsocialParameters(BaseModel):
    """How much the group counts."""

    share: float = Field(1.0, description="weight of the group's mean; 0 is selfish", ge=0, le=1)


class Prosociality(ProsocialParameters, Preference):
    """Earns a share of the group's mean reward, and keeps the rest of its own.

    u_i = (1 - share) r_i + share / N sum_j r_j
    """

    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "others_rewards"})

    kind: Literal["prosocial"] = Field("prosocial", description="as in `prosocial`")

    def utility(self, chairs: Chairs, discount: float) -> Utility:
        return ProsocialUtility(self, chairs)


class ProsocialUtility(Utility):
    """Prosociality on its chairs."""

    def __init__(self, preference: Prosociality, chairs: Chairs):
        super().__init__(chairs)
        self.preference = preference

    def rewards(self, trajectory: Trajectory, policy: Policy) -> Tensor:
        own, others = trajectory.reward, trajectory.others_reward
        mean = (own + others.sum(2)) / self.chairs.spec.seats
        return (1 - self.preference.share) * own + self.preference.share * mean
