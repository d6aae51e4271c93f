"""Inequity aversion: a penalty for earning less than others, and a smaller one for earning more."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor

from ...agent import Chairs
from ..policy_gradient.trajectory import Trajectory
from .preference import Policy, Preference, SubjectiveReward


class InequityParameters(BaseModel):
    """The costs of inequity."""

    alpha: float = Field(5.0, description="cost of earning less than another (disadvantageous inequity)", ge=0)
    beta: float = Field(0.05, description="cost of earning more than another (advantageous inequity)", ge=0)
    smoothing: float = Field(0.95, description="decay (lambda) of past rewards, beside the discount", ge=0, le=1)


class InequityAversion(InequityParameters, Preference):
    """A penalty for envy and a smaller one for guilt, over recent rewards.

        e_j <- discount smoothing e_j + r_j                         for every player j
        u_i = r_i - alpha / (N - 1) sum_j max(e_j - e_i, 0) - beta / (N - 1) sum_j max(e_i - e_j, 0)
    A large alpha makes it punish players that get ahead; a large beta makes it share.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "others_rewards"})

    kind: Literal["inequity_aversion"] = Field("inequity_aversion", description="as in `inequity_averse`")

    def subjective_reward(self, chairs: Chairs, discount: float) -> SubjectiveReward:
        return InequityReward(self, chairs, discount)


class InequityReward(SubjectiveReward):
    """The inequity-averse reward on a player's chairs."""

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
    levels = [earned[0]]
    for now in earned[1:]:
        levels.append(decay * levels[-1] + now)
    return torch.stack(levels)
