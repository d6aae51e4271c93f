"""Nets of what is earned, fitted to episodes of features: what `fitted_table` is to games of few states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from ...agent import Chairs
from ..policy_gradient.returns import generalised_advantages
from .adam import Adam
from .encoding import Features
from .policies import MLP

DECAY = 0.9
"""Lambda of the returns that nets are fitted to."""
PASSES = 2
"""Over an episode."""
PARTS = 5
"""Steps of the optimiser in a pass, each on every fifth round."""


class FittedNet:
    """`outputs` numbers of `inputs` features and of the time left, by a net of each chair's own.

    The time left is a share of the longest episode. `component` tells apart the nets of one chair.
    """

    def __init__(
        self, chairs: Chairs, inputs: int, hidden: Sequence[int], outputs: int, rate: float, component: int
    ):
        self._rounds = int(chairs.spec.horizon)
        self._net = MLP(Features(inputs + 1), hidden, outputs, "relu")
        self.theta = self._net.initial(chairs, component)
        self._optimiser = Adam(rate)
        self._optimiser.begin(self.theta)

    def values(self, seen: Tensor) -> Tensor:
        """At features [round, chair, table, input] of a whole episode: float64 [round, chair, table, output]."""
        with torch.no_grad():
            return self._net.unroll(self.theta, self._with_time(seen)).double()

    def fit(self, seen: Tensor, target: Tensor, playing: Tensor | None, known: Tensor | None = None) -> None:
        """Steps down the mean squared distance of outputs to `target` [round, chair, table, output].

        `known`, of the same shape, is 0 where an output has no target; None: all have one.
        """
        fed, target = self._with_time(seen), target.to(self.theta.dtype)
        played = torch.ones_like(target[..., 0]) if playing is None else playing.to(target.dtype)
        for part in [slice(first, None, PARTS) for first in range(min(PARTS, len(fed)))] * PASSES:
            weight = played[part]
            with torch.enable_grad():
                theta = self.theta.detach().requires_grad_()
                square = (self._net.unroll(theta, fed[part]) - target[part]) ** 2
                error = (square if known is None else square * known[part]).sum(-1)
                loss = (error * weight).sum((0, 2)) / weight.sum((0, 2)).clamp(min=1)
                (gradient,) = torch.autograd.grad(loss.sum(), theta)
            self.theta = self._optimiser.step(self.theta, gradient)

    def _with_time(self, seen: Tensor) -> Tensor:
        fed = pad(seen, (0, 1))
        fed[..., -1] = 1 - torch.arange(len(seen), device=seen.device)[:, None, None] / self._rounds
        return fed

    def state_dict(self) -> dict[str, Tensor]:
        """Parameters and the optimiser's state, each [chair, ...]."""
        return {"theta": self.theta, **{f"optimiser_{k}": v for k, v in self._optimiser.state_dict().items()}}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on as the one that gave `state`."""
        self.theta = state["theta"].clone()
        prefix = "optimiser_"
        self._optimiser.load_state_dict(
            {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        )


def lambda_returns(reward: Tensor, value: Tensor, discount: float, playing: Tensor | None) -> Tensor:
    """What was earned from each round on, mixed with later values: targets of `fit` [round, chair, table]."""
    return generalised_advantages(reward, value, discount, DECAY, playing) + value
