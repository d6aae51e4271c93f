"""Social value orientation: a target ratio of others' rewards to the own reward."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor

from ...agent import Chairs
from ..policy_gradient.trajectory import Trajectory
from ..reciprocity.value_influence import payoffs, refuses_all_but_small_tables
from .preference import Policy, Preference, SubjectiveReward


class OrientationParameters(BaseModel):
    """The target angle, and the cost of deviations from it."""

    angle: float = Field(45.0, description="the target angle, in degrees", ge=0, le=90)
    weight: float = Field(0.2, description="cost of a radian; the paper's is about 0.2 of the rewards' size", ge=0)
    origin: float | None = Field(
        None,
        description="the reward that counts as 0; by default the game's lowest payoff, or 0 if it lists none",
        allow_inf_nan=False,
    )


class SocialValueOrientation(OrientationParameters, Preference):
    """A penalty on the deviation from a target angle between the others' mean reward and the own reward.

        u_i = r_i - weight |angle - atan2(mean_{j != i} r_j, r_i)|        (in radians)
    A target of 0 degrees is selfish, 45 seeks equality, 90 is altruistic. This holds only for non-negative
    rewards, so angles are measured from an `origin`, by default the lowest payoff of the game. Where all rewards
    equal the origin there is no angle and no penalty.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "others_rewards", "game_model"})

    kind: Literal["svo"] = Field("svo", description="as in `svo`")

    def subjective_reward(self, chairs: Chairs, discount: float) -> SubjectiveReward:
        return OrientationReward(self, chairs)


class OrientationReward(SubjectiveReward):
    """The reward of a social value orientation on a player's chairs."""

    def __init__(self, preference: SocialValueOrientation, chairs: Chairs):
        super().__init__(chairs)
        self.preference = preference
        listed = refuses_all_but_small_tables(chairs.game) is None
        least = payoffs(chairs).min().item() if listed else 0.0
        self.origin = least if preference.origin is None else preference.origin

    def rewards(self, trajectory: Trajectory, policy: Policy) -> Tensor:
        own, others = trajectory.reward - self.origin, trajectory.others_reward.mean(2) - self.origin
        off = (math.radians(self.preference.angle) - torch.atan2(others, own)).abs()
        nothing = (own == 0) & (others == 0)
        return trajectory.reward - self.preference.weight * off.masked_fill(nothing, 0.0)
