"""Social value orientation: to want rewards to stand in a given relation."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor

from ...agent import Chairs
from ..policy_gradient.trajectory import Trajectory
from ..reciprocity.value_influence import payoffs, refuses_all_but_small_tables
from .preference import Policy, Preference, Utility


class OrientationParameters(BaseModel):
    """Which relation is wanted, and what another one costs."""

    angle: float = Field(45.0, description="the angle that it wants, in degrees", ge=0, le=90)
    weight: float = Field(0.2, description="cost of a radian; the paper's is about 0.2 of what rewards are", ge=0)
    origin: float | None = Field(
        None,
        description="the reward that counts as nothing; by default the least in the rules, or 0 if they list none",
        allow_inf_nan=False,
    )


class SocialValueOrientation(OrientationParameters, Preference):
    """Pays for the angle between the others' mean reward and its own where it isn't the one it wants.

        u_i = r_i - weight |angle - atan2(mean_{j != i} r_j, r_i)|        (in radians)
    An angle of 0 wants all for itself, 45 equality, 90 all for the others. Angles mean that only among rewards
    of at least 0, so they are measured from an `origin` in the rewards, by default the least that the game pays;
    where nobody earns more than that there is no angle, and nothing to pay.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "others_rewards", "game_model"})

    kind: Literal["svo"] = Field("svo", description="as in `svo`")

    def utility(self, chairs: Chairs, discount: float) -> Utility:
        return OrientationUtility(self, chairs)


class OrientationUtility(Utility):
    """Social value orientation on its chairs."""

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
