"""Action values from a network for each chair, with a target network that follows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from ...agent import Chairs
from ..nets.adam import Adam, clipped
from ..nets.encoding import FeatureEncoder
from ..nets.policies import MLP


class QNetwork:
    """Q(s, a) on some chairs; `component` distinguishes the networks of one chair.

    A chair has the actions that are `allowed`, bool [chair, action].
    """

    def __init__(
        self,
        chairs: Chairs,
        inputs: int,
        hidden: Sequence[int],
        allowed: Tensor,
        component: int,
        max_norm: float,
    ):
        self._form = MLP(FeatureEncoder(inputs), hidden, allowed.shape[1], "relu")
        self._barred = ~allowed[:, None]
        self.actions = allowed.sum(1, keepdim=True)
        """How many actions each chair has [chair, 1]; they are the first ones."""
        self._max_norm = max_norm
        self.theta = self._form.initial(chairs, component)
        self.target = self.theta
        self.optimiser = Adam(0.0, epsilon=1e-5)
        self.optimiser.begin(self.theta)
        self.inputs = inputs

    def values(self, features: Tensor, theta: Tensor) -> Tensor:
        """Q [chair, row, action] of features [chair, row, input]; -inf for actions that a chair lacks."""
        return self._form.step(theta, features, None)[0].masked_fill(self._barred, -torch.inf)

    def best(self, features: Tensor) -> Tensor:
        """The best action in each row [chair, row]."""
        with torch.no_grad():
            return self.values(features, self.theta).argmax(-1)

    def update(
        self,
        features: Tensor,
        action: Tensor,
        reward: Tensor,
        after: Tensor,
        weight: Tensor,
        *,
        discount: float | Tensor,
        rate: float,
    ) -> Tensor:
        """A step down the Huber loss; returns the temporal-difference errors [chair, sample].

        r + discount max_b Q_target(s', b) - Q(s, a)
        """
        with torch.no_grad():
            goal = reward + discount * self.values(after, self.target).amax(-1)
        with torch.enable_grad():
            theta = self.theta.detach().requires_grad_()
            value = self._form.step(theta, features, None)[0].gather(-1, action[..., None])[..., 0]
            loss = (weight * smooth_l1_loss(value, goal, reduction="none")).mean(1)
            (gradient,) = torch.autograd.grad(loss.sum(), theta)
        self.optimiser.rate = rate
        self.theta = self.optimiser.step(self.theta, clipped(gradient, self._max_norm))
        return (goal - value).detach()

    def follow(self, tau: float) -> None:
        """Move the target a part `tau` of the way."""
        self.target = torch.lerp(self.target, self.theta, tau)

    def state_dict(self) -> dict[str, Tensor]:
        """Parameters, the target's, and the optimiser's state, each [chair, ...]."""
        moments = {f"optimiser_{name}": value for name, value in self.optimiser.state_dict().items()}
        return {"theta": self.theta, "target": self.target, **moments}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from `state`."""
        self.theta, self.target = state["theta"].clone(), state["target"].clone()
        prefix = "optimiser_"
        self.optimiser.load_state_dict(
            {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        )
