"""Prosocial learners: paid, in part or in whole, by what everybody earns."""

from __future__ import annotations

from typing import ClassVar

from ..preferences.prosociality import Prosociality, ProsocialParameters
from .ppo import ProximalPolicyGradient


class Prosocial(ProsocialParameters, ProximalPolicyGradient):
    """PPO that earns a share of the group's mean reward, and keeps the rest of its own.

    u_i = (1 - share) r_i + share / N sum_j r_j
    """

    source: ClassVar[str] = "Peysakhovich and Lerer 2018"

    @property
    def wants(self) -> Prosociality:
        return Prosociality.model_validate(self, from_attributes=True)
