"""Optimisers that step each chair on its own: parameters are [chair, parameter]."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

AT_ONCE = 2**18
"""Parameters, over all chairs, that a step works on at once: what it needs on the way stays in a cache."""


def clipped(gradient: Tensor, max_norm: float | None) -> Tensor:
    """The gradient [chair, parameter], rescaled so that no chair's norm exceeds `max_norm`; None: no limit."""
    if max_norm is None:
        return gradient
    norm = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
    scale: Tensor = max_norm / norm.clamp(min=max_norm)
    return gradient * scale


class Adam:
    """Adam (Kingma and Ba 2015), with moments and a step count for each chair.

    m = b1 m + (1 - b1) g,   v = b2 v + (1 - b2) g^2
    theta = theta - rate * m / (1 - b1^n) / (sqrt(v / (1 - b2^n)) + epsilon)
    """

    def __init__(self, rate: float | Tensor, epsilon: float = 1e-8, decays: tuple[float, float] = (0.9, 0.999)):
        self.rate = rate
        self._epsilon = epsilon
        self._decays = decays
        self._state: dict[str, Tensor] = {}

    def begin(self, theta: Tensor) -> None:
        """Reset the state, for parameters of the shape of `theta`."""
        steps = theta.new_zeros(len(theta), dtype=torch.float64)
        self._state = {"first": torch.zeros_like(theta), "second": torch.zeros_like(theta), "steps": steps}

    def step(self, theta: Tensor, gradient: Tensor) -> Tensor:
        """The parameters after a step; changes nothing in place."""
        if not self._state:
            self.begin(theta)
        one, two = self._decays
        steps = self._state["steps"] + 1
        bias_one = (1 - one**steps).to(theta.dtype)[:, None]
        bias_two = (1 - two**steps).to(theta.dtype)[:, None]
        after, first, second = (torch.empty_like(theta) for _ in range(3))
        size = theta.shape[1] if theta.is_cuda else max(1, AT_ONCE // len(theta))
        for start in range(0, theta.shape[1], size):
            part = slice(start, start + size)
            slope = gradient[:, part]
            m = torch.lerp(slope, self._state["first"][:, part], one, out=first[:, part])
            v = torch.mul(self._state["second"][:, part], two, out=second[:, part])
            v.addcmul_(slope, slope, value=1 - two)
            change = (self.rate * (m / bias_one)).div_((v / bias_two).sqrt_().add_(self._epsilon))
            torch.sub(theta[:, part], change, out=after[:, part])
        self._state = {"first": first, "second": second, "steps": steps}
        return after

    def state_dict(self) -> dict[str, Tensor]:
        """Moments and step counts by name, each [chair, ...]."""
        return dict(self._state)

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from `state`."""
        self._state = dict(state)


class GradientDescent:
    """Plain gradient descent:  theta = theta - rate g."""

    def __init__(self, rate: float | Tensor):
        self.rate = rate

    def begin(self, theta: Tensor) -> None:
        """It has no state."""

    def step(self, theta: Tensor, gradient: Tensor) -> Tensor:
        """The parameters after a step."""
        return theta - self.rate * gradient

    def state_dict(self) -> dict[str, Tensor]:
        """It has no state."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """It has no state."""
