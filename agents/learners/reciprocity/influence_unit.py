"""A unit of influence, in which what Reciprocators learn does not depend on the payoffs' scale."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class InfluenceUnit:
    """The influence that a random action has, as a root mean square against uniform play [chair, other].

    It does not follow the baseline, as a mean of influence would: where the baseline has caught up with what is
    done, influence divided by its own mean would be noise. It is 1 where nobody has influence.
    """

    received: Tensor
    """Of each other on the chair, in units of the chair's rewards."""
    given: Tensor
    """Of the chair on each other, in units of that one's rewards."""

    @classmethod
    def of(cls, received: Tensor, given: Tensor) -> InfluenceUnit:
        """From root mean squares of influence [chair, other]."""
        return cls(received.where(received > 0, 1.0), given.where(given > 0, 1.0))

    @property
    def reward(self) -> Tensor:
        """The unit of the chair's own rewards: the root mean square over the others [chair]."""
        return self.received.square().mean(1).sqrt()
