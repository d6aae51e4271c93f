"""An inequity-averse learner: it dislikes earning less than others and, less strongly, earning more."""

from __future__ import annotations

from typing import ClassVar

from ..preferences.inequity_aversion import InequityAversion, InequityParameters
from .ppo import ProximalPolicyGradient


class InequityAverse(InequityParameters, ProximalPolicyGradient):
    """PPO whose reward has a penalty for envy and a smaller one for guilt, over recent rewards.

        e_j <- discount smoothing e_j + r_j                         for every player j
        u_i = r_i - alpha / (N - 1) sum_j max(e_j - e_i, 0) - beta / (N - 1) sum_j max(e_i - e_j, 0)
    A large alpha makes it punish players that get ahead; a large beta makes it share.
    """

    source: ClassVar[str] = "Hughes et al. 2018; Fehr and Schmidt 1999"

    @property
    def social_preference(self) -> InequityAversion:
        return InequityAversion.model_validate(self, from_attributes=True)
