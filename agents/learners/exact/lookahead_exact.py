"""LookAhead: a gradient step that anticipates the other's step."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from .exact_learner import ExactLearner, Point


class LookaheadExact(ExactLearner):
    """Follows the gradient of its value after a naive step of the other, without shaping; to first order.

    With lookahead e,
        dt_1 = learning_rate * (dV_1/dt_1 + e (d2V_1/dt_1 dt_2) dV_2/dt_2).
    """

    source: ClassVar[str] = "Zhang and Lesser 2010; Letcher et al. 2019"

    lookahead: float = Field(1.0, description="learning rate that it expects of the other")

    def ascent(self, at: Point) -> Tensor:
        return at.gradient(1, 1) + self.lookahead * at.hvp(1, 1, 2, at.gradient(2, 2))
