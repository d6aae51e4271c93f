"""Value networks fitted to episodes of features; `fitted_table` does the same for a few discrete states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from ...agent import Chairs
from ..policy_gradient.returns import generalised_advantages
from .adam import Adam
from .encoding import FeatureEncoder
from .policies import MLP

DECAY = 0.9
"""Lambda of the returns that are the targets."""
PASSES = 2
"""Passes over an episode in one fit."""
PARTS = 5
"""Optimiser steps in a pass, each on every fifth round."""


class FittedNet:
    """A network for each chair, from `inputs` features and the time left to `outputs` numbers.

    The time left is a fraction of the longest episode. `component` distinguishes the networks of one chair.
    """

    def __init__(
        self, chairs: Chairs, inputs: int, hidden: Sequence[int], outputs: int, rate: float, component: int
    ):
        self._rounds = int(chairs.spec.horizon)
        self._net = MLP(FeatureEncoder(inputs + 1), hidden, outputs, "relu")
        self.theta = self._net.initial(chairs, component)
        self._optimiser = Adam(rate)
        self._optimiser.begin(self.theta)

    def values(self, encoded: Tensor) -> Tensor:
        """Outputs float64 [round, chair, table, output] for a whole episode [round, chair, table, input]."""
        with torch.no_grad():
            return self._net.unroll(self.theta, self._with_time(encoded)).double()

    def fit(self, encoded: Tensor, target: Tensor, playing: Tensor | None, known: Tensor | None = None) -> None:
        """Minimise the mean squared error of the outputs to `target` [round, chair, table, output].

        `known`, of the same shape, is 0 where an output has no target; None: all have one.
        """
        inputs, target = self._with_time(encoded), target.to(self.theta.dtype)
        played = torch.ones_like(target[..., 0]) if playing is None else playing.to(target.dtype)
        for part in [slice(first, None, PARTS) for first in range(min(PARTS, len(inputs)))] * PASSES:
            weight = played[part]
            with torch.enable_grad():
                theta = self.theta.detach().requires_grad_()
                square = (self._net.unroll(theta, inputs[part]) - target[part]) ** 2
                error = (square if known is None else square * known[part]).sum(-1)
                loss = (error * weight).sum((0, 2)) / weight.sum((0, 2)).clamp(min=1)
                (gradient,) = torch.autograd.grad(loss.sum(), theta)
            self.theta = self._optimiser.step(self.theta, gradient)

    def _with_time(self, encoded: Tensor) -> Tensor:
        inputs = pad(encoded.float(), (0, 1))
        inputs[..., -1] = 1 - torch.arange(len(encoded), device=encoded.device)[:, None, None] / self._rounds
        return inputs

    def state_dict(self) -> dict[str, Tensor]:
        """Parameters and the optimiser's state, each [chair, ...]."""
        return {"theta": self.theta, **{f"optimiser_{k}": v for k, v in self._optimiser.state_dict().items()}}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from `state`."""
        self.theta = state["theta"].clone()
        prefix = "optimiser_"
        self._optimiser.load_state_dict(
            {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        )


def lambda_returns(reward: Tensor, value: Tensor, discount: float, playing: Tensor | None) -> Tensor:
    """TD(lambda) returns [round, chair, table]: the targets of `fit`."""
    return generalised_advantages(reward, value, discount, DECAY, playing) + value
