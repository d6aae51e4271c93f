"""Consensus optimisation."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from .exact_learner import ExactLearner, Point


class ConsensusExact(ExactLearner):
    """Follows its gradient, with a penalty on the norm of the joint gradient, which favours fixed points.

    With grad_i = dV_i/dt_i,
        dt_1 = learning_rate * (grad_1 - weight * d/dt_1 (|grad_1|^2 + |grad_2|^2) / 2)
    """

    source: ClassVar[str] = "Mescheder, Nowozin and Geiger 2017"

    weight: float = Field(1.0, description="weight of the penalty on the joint gradient's norm", ge=0)

    def ascent(self, at: Point) -> Tensor:
        own, other = at.gradient(1, 1), at.gradient(2, 2)
        return own - self.weight * (at.hvp(1, 1, 1, own) + at.hvp(2, 1, 2, other))
