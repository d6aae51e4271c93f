"""A unit of influence, in which what Reciprocators learn does not depend on the payoffs' scale."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

LEAST = 1e-3
"""The least influence that is one, in standard deviations of the rewards that it is on."""


@dataclass(frozen=True)
class InfluenceUnit:
    """The influence that a random action has, as a root mean square against uniform play [chair, other].

    It does not follow the baseline, as a mean of influence would: where the baseline has caught up with what is
    done, influence divided by its own mean would be noise. It is 1 where nobody has influence, or next to none
    beside what rewards differ by anyhow: rewards in units of it would have no bounds.
    """

    received: Tensor
    """Of each other on the chair, in units of the chair's rewards."""
    given: Tensor
    """Of the chair on each other, in units of that one's rewards."""

    @classmethod
    def of(
        cls,
        received: Tensor,
        given: Tensor,
        deviation: Tensor | float = 0.0,
        their_deviation: Tensor | float = 0.0,
    ) -> InfluenceUnit:
        """From root mean squares of influence [chair, other], and the deviations of rewards.

        `deviation` is of the chair's own rewards [chair, 1], `their_deviation` of the others' [chair, other].
        """
        return cls(
            received.where(received > LEAST * deviation, 1.0), given.where(given > LEAST * their_deviation, 1.0)
        )

    @property
    def reward(self) -> Tensor:
        """The unit of the chair's own rewards: the root mean square over the others [chair]."""
        return self.received.square().mean(1).sqrt()
