"""Stable opponent shaping (SOS): LOLA where it is safe, LookAhead near fixed points."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from .exact_learner import ExactLearner, Point, dot


class SosExact(ExactLearner):
    """Follows LookAhead plus the part of LOLA's shaping that keeps its direction; less near fixed points.

    For players i and j, with lookahead e,
        look_i  = dV_i/dt_i + e (d2V_i/dt_i dt_j) dV_j/dt_j,     shape_i = (d2V_j/dt_i dt_j) dV_i/dt_j,
        dt_1 = learning_rate * (look_1 + p e shape_1).
    p is one number for both: with look, shape and grad (dV_i/dt_i) the joint vectors and c = e <shape, look>,
        p = min(p_1, p_2),   p_1 = 1 if c >= 0 else min(1, a |look|^2 / -c),
        p_2 = |grad|^2 if |grad| < b else 1.
    """

    source: ClassVar[str] = "Letcher et al. 2019, algorithm 1"

    lookahead: float = Field(1.0, description="learning rate that it expects of the other")
    a: float = Field(0.5, description="fraction of LookAhead's direction that must remain", ge=0, le=1)
    b: float = Field(0.1, description="norm of the joint gradient below which a fixed point is near", ge=0)

    def ascent(self, at: Point) -> Tensor:
        grad = at.gradient(1, 1), at.gradient(2, 2)
        look = (
            grad[0] + self.lookahead * at.hvp(1, 1, 2, grad[1]),
            grad[1] + self.lookahead * at.hvp(2, 2, 1, grad[0]),
        )
        shape = at.hvp(2, 1, 2, at.gradient(1, 2)), at.hvp(1, 2, 1, at.gradient(2, 1))
        along = self.lookahead * (dot(shape[0], look[0]) + dot(shape[1], look[1]))
        size = dot(grad[0], grad[0]) + dot(grad[1], grad[1])
        safe = self.a * (dot(look[0], look[0]) + dot(look[1], look[1])) / -along
        p = torch.where(along >= 0, 1, safe.clamp(max=1)).minimum(torch.where(size < self.b**2, size, 1))
        return look[0] + p * self.lookahead * shape[0]
