"""Action values from a network for each chair, with a target network that follows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

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
        max_norm: float | None,
    ):
        self._form = MLP(FeatureEncoder(inputs), hidden, allowed.shape[1], "relu")
        self._bars = not bool(allowed.all())
        self._barred = ~allowed[:, None]
        self.actions = allowed.sum(1, keepdim=True)
        """How many actions each chair has [chair, 1]; they are the first ones."""
        self._max_norm = max_norm
        self._held: list[tuple[Tensor, list[tuple[Tensor, Tensor]]]] = []
        """The last two parameters that were used, with their layers."""
        self.theta = self._form.initial(chairs, component)
        self.target = self.theta
        self.optimiser = Adam(0.0, epsilon=1e-5)
        self.optimiser.begin(self.theta)
        self.inputs = inputs

    def values(self, features: Tensor, theta: Tensor) -> Tensor:
        """Q [chair, row, action] of features [chair, row, input]; -inf for actions that a chair lacks."""
        value = self._layers(features, theta)[-1]
        return value.masked_fill(self._barred, -torch.inf) if self._bars else value

    def _layers(self, features: Tensor, theta: Tensor) -> list[Tensor]:
        """What goes into each layer, and Q, each [chair, row, ...]."""
        layers, found = self._unpacked(theta), [features]
        for index, (weight, bias) in enumerate(layers):
            out = torch.baddbmm(bias, found[-1], weight)
            found.append(out.relu_() if index + 1 < len(layers) else out)
        return found

    def _unpacked(self, theta: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Weight [chair, input, output] and bias [chair, 1, output] of each layer."""
        for held, layers in self._held:
            if held is theta:
                return layers
        parts = self._form.unpack(theta)
        layers = [(parts[index], parts[index + 1][:, None]) for index in range(0, len(parts), 2)]
        self._held = [(theta, layers), *self._held[:1]]
        return layers

    def _gradient(self, theta: Tensor, layers: Sequence[Tensor], slope: Tensor) -> Tensor:
        """The gradient [chair, parameter] of what has `slope` in Q [chair, row, action]: the chain rule by hand.

        Autograd takes three times as long where networks are small.
        """
        weights, parts = self._unpacked(theta), list[Tensor]()
        for index in reversed(range(len(weights))):
            inputs = layers[index]
            parts += [slope.sum(1), torch.bmm(inputs.mT, slope).flatten(1)]
            if index:
                slope = torch.ops.aten.threshold_backward(torch.bmm(slope, weights[index][0].mT), inputs, 0)
        return torch.cat(parts[::-1], 1)

    def best(self, features: Tensor) -> Tensor:
        """The best action in each row [chair, row]."""
        with torch.no_grad():
            return self.values(features, self.theta).argmax(-1)

    def _ahead(self, after: Tensor, allowed: Tensor | None, double: bool) -> Tensor:
        """What the best action is worth by the target [chair, sample]."""
        by_target = self.values(after, self.target)
        chooser = self.values(after, self.theta) if double else by_target
        if allowed is not None:
            chooser = chooser.masked_fill(~allowed, -torch.inf)
        if not double:
            return chooser.amax(-1)
        return by_target.gather(-1, chooser.argmax(-1, keepdim=True))[..., 0]

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
        allowed: Tensor | None = None,
        double: bool = False,
    ) -> Tensor:
        """A step down the Huber loss; returns the temporal-difference errors [chair, sample].

            r + discount max_b Q_target(s', b) - Q(s, a)
        over the actions b that are `allowed` there [chair, sample, action]; `double`: of the best one by Q itself.
        """
        with torch.no_grad():
            goal = reward + discount * self._ahead(after, allowed, double)
            layers = self._layers(features, self.theta)
            error = goal - layers[-1].gather(-1, action[..., None])[..., 0]
            down = (weight / -error.shape[1]) * error.clamp(-1, 1)
            slope = torch.zeros_like(layers[-1]).scatter_(-1, action[..., None], down[..., None])
            gradient = self._gradient(self.theta, layers, slope)
            self.optimiser.rate = rate
            self.theta = self.optimiser.step(self.theta, clipped(gradient, self._max_norm))
        return error

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
