"""Social value orientation: a learner that wants rewards to stand in a given relation."""

from __future__ import annotations

from typing import ClassVar

from ..preferences.social_value_orientation import OrientationParameters, SocialValueOrientation
from .ppo import ProximalPolicyGradient


class SVO(OrientationParameters, ProximalPolicyGradient):
    """PPO that pays for the angle between the others' mean reward and its own where it isn't the one it wants.

        u_i = r_i - weight |angle - atan2(mean_{j != i} r_j, r_i)|        (in radians)
    An angle of 0 wants all for itself, 45 equality, 90 all for the others. Angles mean that only among rewards
    of at least 0, so they are measured from an `origin` in the rewards, by default the least that the game pays;
    where nobody earns more than that there is no angle, and nothing to pay.
    """

    source: ClassVar[str] = "McKee et al. 2020"

    @property
    def wants(self) -> SocialValueOrientation:
        return SocialValueOrientation.model_validate(self, from_attributes=True)
