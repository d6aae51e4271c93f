"""Inequity aversion: a learner that dislikes to earn less than others, and a little also to earn more."""

from __future__ import annotations

from typing import ClassVar

from ..preferences.inequity_aversion import InequityAversion, InequityParameters
from .ppo import ProximalPolicyGradient


class InequityAverse(InequityParameters, ProximalPolicyGradient):
    """PPO that pays for envy and, less, for guilt, over what everybody earned of late.

        e_j <- discount smoothing e_j + r_j                         for everybody j
        u_i = r_i - alpha / (N - 1) sum_j max(e_j - e_i, 0) - beta / (N - 1) sum_j max(e_i - e_j, 0)
    Large alpha makes it punish who gets ahead, large beta makes it share.
    """

    source: ClassVar[str] = "Hughes et al. 2018; Fehr and Schmidt 1999"

    @property
    def wants(self) -> InequityAversion:
        return InequityAversion.model_validate(self, from_attributes=True)
