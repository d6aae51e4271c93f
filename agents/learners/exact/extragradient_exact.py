"""The extragradient method."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from .exact_learner import ExactLearner, Point


class ExtragradientExact(ExactLearner):
    """Follows the gradient taken at the point after a naive step of both.

    dt_1 = learning_rate * dV_1/dt_1 at (t_1 + e dV_1/dt_1, t_2 + e dV_2/dt_2), with lookahead e
    """

    source: ClassVar[str] = "Korpelevich 1976"

    lookahead: float = Field(1.0, description="step size of the naive step")

    def ascent(self, at: Point) -> Tensor:
        ahead = at.moved(self.lookahead * at.gradient(1, 1), self.lookahead * at.gradient(2, 2))
        return ahead.gradient(1, 1)
