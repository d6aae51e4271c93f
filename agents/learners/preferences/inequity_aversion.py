"""Inequity aversion: to dislike earning less than others, and a little also earning more."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor

from ...agent import Chairs
from ..policy_gradient.trajectory import Trajectory
from .preference import Policy, Preference, Utility


class InequityParameters(BaseModel):
    """How much of which inequity costs."""

    alpha: float = Field(5.0, description="cost of earning less than another (disadvantageous inequity)", ge=0)
    beta: float = Field(0.05, description="cost of earning more than another (advantageous inequity)", ge=0)
    smoothing: float = Field(
        0.95, description="decay (lambda) of what was earned, beside the discount", ge=0, le=1
    )


class InequityAversion(InequityParameters, Preference):
    """Pays for envy and, less, for guilt, over what everybody earned of late.

        e_j <- discount smoothing e_j + r_j                         for everybody j
        u_i = r_i - alpha / (N - 1) sum_j max(e_j - e_i, 0) - beta / (N - 1) sum_j max(e_i - e_j, 0)
    Large alpha makes it punish who gets ahead, large beta makes it share.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "others_rewards"})

    kind: Literal["inequity_aversion"] = Field("inequity_aversion", description="as in `inequity_averse`")

    def utility(self, chairs: Chairs, discount: float) -> Utility:
        return InequityUtility(self, chairs, discount)


class InequityUtility(Utility):
    """Inequity aversion on its chairs."""

    def __init__(self, preference: InequityAversion, chairs: Chairs, discount: float):
        super().__init__(chairs)
        self.preference, self.discount = preference, discount

    def rewards(self, trajectory: Trajectory, policy: Policy) -> Tensor:
        preference = self.preference
        decay = self.discount * preference.smoothing
        ahead = smoothed(trajectory.reward[:, :, None] - trajectory.others_reward, decay)
        envy, guilt = (-ahead).clamp(min=0).mean(2), ahead.clamp(min=0).mean(2)
        return trajectory.reward - preference.alpha * envy - preference.beta * guilt


def smoothed(earned: Tensor, decay: float) -> Tensor:
    """e_t = decay e_{t-1} + earned_t, along the first dimension."""
    course = [earned[0]]
    for now in earned[1:]:
        course.append(decay * course[-1] + now)
    return torch.stack(course)
