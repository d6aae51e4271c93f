"""A prosocial learner: part or all of its reward is the group's mean reward."""

from __future__ import annotations

from typing import ClassVar

from ..preferences.prosociality import Prosociality, ProsocialParameters
from .ppo import ProximalPolicyGradient


class Prosocial(ProsocialParameters, ProximalPolicyGradient):
    """PPO on a weighted mean of its own reward and the group's mean reward.

    u_i = (1 - share) r_i + share / N sum_j r_j
    """

    source: ClassVar[str] = "Peysakhovich and Lerer 2018"

    @property
    def social_preference(self) -> Prosociality:
        return Prosociality.model_validate(self, from_attributes=True)
