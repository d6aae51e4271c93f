"""The naive learner: gradient ascent on its own value, as if the other were fixed."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from .exact_learner import ExactLearner, Point


class NaiveExact(ExactLearner):
    """Follows the gradient of its own value.

    dt_1 = learning_rate * dV_1/dt_1
    """

    source: ClassVar[str] = "Foerster et al. 2018, section 4.1 (naive learner with exact gradients)"

    def ascent(self, at: Point) -> Tensor:
        return at.gradient(1, 1)
