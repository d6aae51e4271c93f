"""Symplectic gradient adjustment."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from .exact_learner import ExactLearner, Point, dot


class SymplecticExact(ExactLearner):
    """Follows its gradient, adjusted against the rotation of the joint gradient field.

    With x the joint gradient of the losses, H its Jacobian, A = (H - H') / 2 and d the number of parameters,
        dt = -learning_rate * (x + s A'x),    s = sign(<x, H'x> <A'x, H'x> / d + 0.1).
    """

    source: ClassVar[str] = "Balduzzi et al. 2018; alignment as in Letcher et al. 2019"

    def ascent(self, at: Point) -> Tensor:
        own, other = at.gradient(1, 1), at.gradient(2, 2)
        # H and x both have the opposite sign of the derivatives of V, so the signs cancel in H'x.
        across = at.hvp(2, 1, 2, other), at.hvp(1, 2, 1, own)
        steepest = at.hvp(1, 1, 1, own) + across[0], at.hvp(2, 2, 2, other) + across[1]
        turned = (across[0] - at.hvp(1, 1, 2, other)) / 2, (across[1] - at.hvp(2, 2, 1, own)) / 2
        along = -dot(own, steepest[0]) - dot(other, steepest[1])
        agreement = dot(turned[0], steepest[0]) + dot(turned[1], steepest[1])
        sign = torch.sign(along * agreement / (len(own) + len(other)) + 0.1)
        return own - sign * turned[0]
