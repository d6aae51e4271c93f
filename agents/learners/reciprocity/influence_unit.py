"""A unit of influence, in which what Reciprocators learn does not depend on the payoffs' scale."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...agent import Chairs


@dataclass(frozen=True)
class InfluenceUnit:
    """The influence that a random action has, as a root mean square against uniform play [chair, other].

    It does not follow the baseline, as a mean of influence would: where the baseline has caught up with what is
    done, influence divided by its own mean would be noise. Where there is no influence it stays what it was: 1 at
    the start.
    """

    received: Tensor
    """Of each other on the chair, in units of the chair's rewards."""
    given: Tensor
    """Of the chair on each other, in units of that one's rewards."""

    @classmethod
    def at_start(cls, chairs: Chairs) -> InfluenceUnit:
        """1 for each chair and other."""
        ones = torch.ones(chairs.shape[0], chairs.others, dtype=torch.float64, device=chairs.device)
        return cls(ones, ones)

    def after(self, received: Tensor, given: Tensor) -> InfluenceUnit:
        """The unit once influence has these root mean squares [chair, other]."""
        return InfluenceUnit(received.where(received > 0, self.received), given.where(given > 0, self.given))

    @property
    def reward(self) -> Tensor:
        """The unit of the chair's own rewards: the root mean square over the others [chair]."""
        return self.received.square().mean(1).sqrt()
