"""Learning with opponent-learning awareness, with exact gradients."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from .exact_learner import ExactLearner, Point


class LolaExact(ExactLearner):
    """Follows the gradient of its own value after a step of a naive other, to first order.

    With lookahead e, the expected step of the other is e dV_2/dt_2, and
        dt_1 = learning_rate * d/dt_1 (V_1 + e dV_1/dt_2 . dV_2/dt_2)
             = learning_rate * (dV_1/dt_1 + e (d2V_2/dt_1 dt_2) dV_1/dt_2 + e (d2V_1/dt_1 dt_2) dV_2/dt_2).
    Foerster et al. 2018, eq. 4.4, treat dV_1/dt_2 as constant, which drops the last term: `full = false`.
    The exact tournaments of Lu et al. 2022 and Zhou, Hong and Kao 2024 use the full derivative.
    """

    source: ClassVar[str] = "Foerster et al. 2018; full derivative as in Letcher et al. 2019"

    lookahead: float = Field(1.0, description="learning rate that it expects of the other")
    full: bool = Field(True, description="differentiate both factors of the product; false: eq. 4.4 of 2018")

    def ascent(self, at: Point) -> Tensor:
        shaping = at.hvp(2, 1, 2, at.gradient(1, 2))
        if self.full:
            shaping = shaping + at.hvp(1, 1, 2, at.gradient(2, 2))
        return at.gradient(1, 1) + self.lookahead * shaping
