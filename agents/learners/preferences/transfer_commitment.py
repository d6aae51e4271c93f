"""Reward transfer: everybody keeps a part of what it earns, and commits itself to give the rest to the others."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, Field
from torch import Tensor

from ...agent import Chairs
from ..policy_gradient.trajectory import Trajectory
from .preference import Policy, Preference, SubjectiveReward


class TransferParameters(BaseModel):
    """The commitment."""

    kept: float = Field(
        0.5,
        description="the part of each reward that its earner keeps; 1 is selfish, 1 / N shares alike",
        ge=0,
        le=1,
    )


class TransferCommitment(TransferParameters, Preference):
    """What one has after all players have kept a part of their rewards, and split the rest among the others.

    u_i = kept r_i + (1 - kept) mean_{j != i} r_j
    """

    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "others_rewards"})

    kind: Literal["reward_transfer"] = Field("reward_transfer", description="as in `reward_transfer`")

    def subjective_reward(self, chairs: Chairs, discount: float) -> SubjectiveReward:
        return RewardAfterTransfers(self, chairs)


class RewardAfterTransfers(SubjectiveReward):
    """What a player has after transfers, on its chairs."""

    def __init__(self, commitment: TransferCommitment, chairs: Chairs):
        super().__init__(chairs)
        self._kept = commitment.kept

    def rewards(self, trajectory: Trajectory, policy: Policy) -> Tensor:
        return self._kept * trajectory.reward + (1 - self._kept) * trajectory.others_reward.mean(2)
