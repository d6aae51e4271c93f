"""Joint-action values for all players: a network whose first layer has separate weights for each action."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...agent import Chairs
from ..nets.layers import linear, uniform_parameters


class Leaves(NamedTuple):
    """Parameters, each starting with [chair]: A [input, player x action x unit], b, W [unit, player] and c."""

    first: Tensor
    bias: Tensor
    out: Tensor
    shift: Tensor


class JointActionValue:
    """Q(s, a) = W relu(b + sum_p A_p[a_p] s) + c, for every player.

    The effect of an action depends on the state it is taken in, so the first layer is a product of the two: with
    state and action concatenated, learning takes several times as many steps in Coins. The terms A_p[a] s are
    computed once for all joint actions. Parameters theta are [chair, parameter].
    """

    def __init__(self, inputs: int, players: int, actions: int, units: int):
        self._inputs, self._units, self._parts = inputs, units, (players, actions, units)
        self._shapes = [(inputs, players * actions * units), (units,), (units, players), (players,)]
        self._sizes = [torch.Size(shape).numel() for shape in self._shapes]

    def initial(self, chairs: Chairs, component: int) -> Tensor:
        """Initial parameters: uniform between -+ 1 / sqrt(number of summands)."""
        fan = self._inputs * self._parts[0]
        inputs = torch.tensor([fan, fan, self._units, self._units], device=chairs.device)
        scale = inputs.rsqrt().repeat_interleave(torch.tensor(self._sizes, device=chairs.device))
        return (uniform_parameters(chairs, sum(self._sizes), component) * scale).float()

    def leaves(self, theta: Tensor) -> Leaves:
        """The tensors that make up theta. What takes a gradient splits it only once: the first is large."""
        parts = torch.split(theta, self._sizes, 1)
        first, bias, out, shift = (
            part.view(len(theta), *shape) for part, shape in zip(parts, self._shapes, strict=True)
        )
        return Leaves(first, bias, out, shift)

    def parts(self, leaves: Leaves, state: Tensor) -> Tensor:
        """A_p[a] s [chair, row, player, action, unit] of states [chair, row, input]."""
        return torch.bmm(state, leaves.first).view(*state.shape[:2], *self._parts)

    def chosen(self, parts: Tensor, did: Tensor) -> Tensor:
        """The part of each player's action [chair, row, player, unit]; `did` are actions [chair, row, player]."""
        index = did[..., None, None].expand(*did.shape, 1, self._units)
        return parts.gather(3, index)[:, :, :, 0]

    def value(self, leaves: Leaves, summed: Tensor) -> Tensor:
        """Q [chair, row, player], from the parts of a joint action `summed` over players [chair, row, unit]."""
        return linear(torch.relu(summed + leaves.bias[:, None]), leaves.out, leaves.shift)
