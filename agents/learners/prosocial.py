"""Prosocial learners: paid, in part or in whole, by what everybody earns."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from ..agent import Chairs, Player
from .ppo import PPO, PPOPlayer
from .trajectory import Trajectory


class Prosocial(PPO):
    """Earns a share of the group's mean reward, and keeps the rest of its own.

    u_i = (1 - share) r_i + share / N sum_j r_j
    """

    source: ClassVar[str] = "Peysakhovich and Lerer 2018"
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "others_rewards"})

    share: float = Field(1.0, description="weight of the group's mean; 0 is selfish", ge=0, le=1)

    def sit(self, chairs: Chairs) -> Player:
        return ProsocialPlayer(self, chairs)


class ProsocialPlayer(PPOPlayer):
    """A prosocial learner on its chairs."""

    agent: Prosocial

    def rewards(self, trajectory: Trajectory) -> Tensor:
        own, others = trajectory.reward, trajectory.others_reward
        mean = (own + others.sum(2)) / self.chairs.spec.seats
        return (1 - self.agent.share) * own + self.agent.share * mean
