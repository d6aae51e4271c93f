"""A unit of rewards that follows from those seen: what is learned in it does not depend on the payoffs' scale."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ...agent import Chairs

RANGE = 3.0
"""The range of rewards in the games that opponent shapers are published for: the prisoner's dilemma -1, -3, 0, -2,
and Coins with one coin. There the unit is 1."""


class RewardUnit:
    """The range of the rewards that each chair has seen so far, as a share of 3; 1 while they are all alike."""

    def __init__(self, chairs: Chairs):
        self.lowest = torch.full((chairs.shape[0],), torch.inf, dtype=torch.float64, device=chairs.device)
        self.highest = -self.lowest

    def see(self, reward: Tensor, playing: Tensor | None) -> Tensor:
        """The unit [chair] after an episode with rewards [round, chair, table], those while `playing`."""
        seen = torch.ones_like(reward, dtype=torch.bool) if playing is None else playing
        self.lowest = self.lowest.minimum(reward.where(seen, torch.inf).amin((0, 2)))
        self.highest = self.highest.maximum(reward.where(seen, -torch.inf).amax((0, 2)))
        range_seen = self.highest - self.lowest
        return torch.where(range_seen > 0, range_seen / RANGE, 1.0)

    def state_dict(self) -> dict[str, Tensor]:
        """The lowest and the highest reward seen [chair]."""
        return {"lowest": self.lowest, "highest": self.highest}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from `state`."""
        self.lowest, self.highest = state["lowest"], state["highest"]
