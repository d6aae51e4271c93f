"""Welfare: the others' rewards count, each by the same weight."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from ...agent import Chairs
from ..policy_gradient.trajectory import Trajectory
from .preference import Policy, Preference, SubjectiveReward


class Welfare(Preference):
    """The own reward and a part of the sum of the others'.

        u_i = r_i + level sum_{j != i} r_j
    The selfishness level of a game is the least weight of everybody's payoff, the own included, with which its
    optimum is an equilibrium: (T - R) / (2 R - S - T) in a prisoner's dilemma, (b - 1) / (2 - b) in the weak one.
    Apt and Schaefer 2014; as a reward of learners, from the others alone, in Ren and Zeng 2024.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "others_rewards"})

    kind: Literal["welfare"] = Field(
        "welfare", description="others' rewards count by a weight, its selfishness level"
    )
    level: float = Field(0.25, ge=0, allow_inf_nan=False, description="weight of each other's reward")

    def subjective_reward(self, chairs: Chairs, discount: float) -> SubjectiveReward:
        return WelfareReward(self.level, chairs)


class WelfareReward(SubjectiveReward):
    """The reward of welfare on a player's chairs."""

    def __init__(self, level: float, chairs: Chairs):
        super().__init__(chairs)
        self._level = level

    def rewards(self, trajectory: Trajectory, policy: Policy) -> Tensor:
        return trajectory.reward + self._level * trajectory.others_reward.sum(2)
