"""Steps down a gradient, for every chair by itself: parameters are [chair, parameter]."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def clipped(gradient: Tensor, most: float | None) -> Tensor:
    """The gradient [chair, parameter], shortened where a chair's is longer than `most`; None: never."""
    if most is None:
        return gradient
    length = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
    shrink: Tensor = most / length.clamp(min=most)
    return gradient * shrink


class Adam:
    """Adam (Kingma and Ba 2015), with its moments and its count of steps for every chair.

    m = b1 m + (1 - b1) g,   v = b2 v + (1 - b2) g^2
    theta = theta - rate * m / (1 - b1^n) / (sqrt(v / (1 - b2^n)) + epsilon)
    """

    def __init__(self, rate: float | Tensor, epsilon: float = 1e-8, decays: tuple[float, float] = (0.9, 0.999)):
        self.rate = rate
        self._epsilon = epsilon
        self._decays = decays
        self._state: dict[str, Tensor] = {}

    def begin(self, theta: Tensor) -> None:
        """Forget everything, and begin with parameters like `theta`."""
        steps = theta.new_zeros(len(theta), dtype=torch.float64)
        self._state = {"first": torch.zeros_like(theta), "second": torch.zeros_like(theta), "steps": steps}

    def step(self, theta: Tensor, gradient: Tensor) -> Tensor:
        """The parameters after a step; changes nothing in place."""
        if not self._state:
            self.begin(theta)
        one, two = self._decays
        first = torch.lerp(gradient, self._state["first"], one)
        second = (two * self._state["second"]).addcmul_(gradient, gradient, value=1 - two)
        steps = self._state["steps"] + 1
        self._state = {"first": first, "second": second, "steps": steps}
        bias_one = (1 - one**steps).to(theta.dtype)[:, None]
        bias_two = (1 - two**steps).to(theta.dtype)[:, None]
        return theta - self.rate * (first / bias_one) / ((second / bias_two).sqrt_() + self._epsilon)

    def state_dict(self) -> dict[str, Tensor]:
        """Moments and steps by name, each [chair, ...]."""
        return dict(self._state)

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on as the one that gave `state`."""
        self._state = dict(state)


class GradientDescent:
    """Plain steps:  theta = theta - rate g."""

    def __init__(self, rate: float | Tensor):
        self.rate = rate

    def begin(self, theta: Tensor) -> None:
        """There is nothing to keep."""

    def step(self, theta: Tensor, gradient: Tensor) -> Tensor:
        """The parameters after a step."""
        return theta - self.rate * gradient

    def state_dict(self) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """There is nothing to load."""
