"""Competitive gradient descent."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from .exact_learner import ExactLearner, Point


class CgdExact(ExactLearner):
    """Steps to the equilibrium of the game's bilinear approximation with a quadratic penalty on steps.

    With A_i = d2V_i/dt_1 dt_2 and lookahead e, the steps of both solve
        d_1 = dV_1/dt_1 + e A_1 d_2,    d_2 = dV_2/dt_2 + e A_2' d_1,
    so that
        dt_1 = learning_rate * (I - e^2 A_1 A_2')^-1 (dV_1/dt_1 + e A_1 dV_2/dt_2).
    """

    source: ClassVar[str] = "Schäfer and Anandkumar 2019"

    lookahead: float = Field(1.0, description="weight of the other's step; in the paper, the learning rate")

    def ascent(self, at: Point) -> Tensor:
        first, second = self.lookahead * at.mixed(1), self.lookahead * at.mixed(2)
        towards = at.gradient(1, 1) + self.lookahead * at.hvp(1, 1, 2, at.gradient(2, 2))
        response = torch.einsum("ik...,jk...->...ij", first, second)
        identity = torch.eye(len(first), dtype=first.dtype, device=first.device)
        solution: Tensor = torch.linalg.solve(identity - response, towards.movedim(0, -1))
        return solution.movedim(-1, 0)
