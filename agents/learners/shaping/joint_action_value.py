"""What joint actions are worth to everybody: a net whose first layer has weights of its own for each action."""

from __future__ import annotations

import torch
from torch import Tensor

from ...agent import Chairs
from ..nets.layers import linear, uniform_parameters


class JointActionValue:
    """Q(s, a) = W relu(b + sum_p A_p[a_p] s) + c, for every player.

    What an action brings depends on where it leads from, a product of the two: nets that are given the codes of
    states and actions side by side take several times as many steps to find it in Coins. The parts A_p[a] s of
    all joint actions are computed once. Parameters theta are [chair, parameter].
    """

    def __init__(self, inputs: int, players: int, actions: int, units: int):
        self._inputs, self._units, self._parts = inputs, units, (players, actions, units)
        self._shapes = [(inputs, players * actions * units), (units,), (units, players), (players,)]
        self._sizes = [torch.Size(shape).numel() for shape in self._shapes]

    def initial(self, chairs: Chairs, component: int) -> Tensor:
        """The first theta: uniform between -+ 1 / sqrt(what is summed)."""
        fan = self._inputs * self._parts[0]
        inputs = torch.tensor([fan, fan, self._units, self._units], device=chairs.device)
        scale = inputs.rsqrt().repeat_interleave(torch.tensor(self._sizes, device=chairs.device))
        return (uniform_parameters(chairs, sum(self._sizes), component) * scale).float()

    def parts(self, theta: Tensor, state: Tensor) -> Tensor:
        """A_p[a] s [chair, row, player, action, unit] of states [chair, row, input]."""
        return torch.bmm(state, self._leaves(theta)[0]).view(*state.shape[:2], *self._parts)

    def chosen(self, parts: Tensor, did: Tensor) -> Tensor:
        """The part of what each player did [chair, row, player, unit]; `did` is [chair, row, player]."""
        index = did[..., None, None].expand(*did.shape, 1, self._units)
        return parts.gather(3, index)[:, :, :, 0]

    def value(self, theta: Tensor, summed: Tensor) -> Tensor:
        """Q [chair, row, player], of the parts of a joint action, `summed` over players [chair, row, unit]."""
        _, bias, out, shift = self._leaves(theta)
        return linear(torch.relu(summed + bias[:, None]), out, shift)

    def _leaves(self, theta: Tensor) -> list[Tensor]:
        parts = torch.split(theta, self._sizes, 1)
        return [part.view(len(theta), *shape) for part, shape in zip(parts, self._shapes, strict=True)]
