"""Social value orientation: a learner with a target ratio of others' rewards to its own."""

from __future__ import annotations

from typing import ClassVar

from ..preferences.social_value_orientation import OrientationParameters, SocialValueOrientation
from .ppo import ProximalPolicyGradient


class SVO(OrientationParameters, ProximalPolicyGradient):
    """PPO with a penalty on the deviation from a target angle between the others' mean reward and its own.

        u_i = r_i - weight |angle - atan2(mean_{j != i} r_j, r_i)|        (in radians)
    A target of 0 degrees is selfish, 45 seeks equality, 90 is altruistic. This holds only for non-negative
    rewards, so angles are measured from an `origin`, by default the lowest payoff of the game. Where all rewards
    equal the origin there is no angle and no penalty.
    """

    source: ClassVar[str] = "McKee et al. 2020"

    @property
    def social_preference(self) -> SocialValueOrientation:
        return SocialValueOrientation.model_validate(self, from_attributes=True)
