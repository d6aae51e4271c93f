"""Joint-action values for all players: a network whose first layer has separate weights for each action."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...agent import Chairs
from ..nets.layers import linear, uniform_parameters


class Leaves(NamedTuple):
    """Parameters, each starting with [chair]: A [feature, player x action x unit], b, W [unit, player] and c.

    `compress` has E [input, feature] and e where features are compressed; else it is empty.
    """

    first: Tensor
    bias: Tensor
    out: Tensor
    shift: Tensor
    compress: tuple[Tensor, ...]


class JointActionValue:
    """Q(s, a) = W relu(b + sum_p A_p[a_p] f(s)) + c, for every player.

    f(s) = s, or where there are more inputs than units  f(s) = relu(E s + e), which are as many as units: with a
    window of a gridworld, A alone would have millions of parameters. The effect of an action depends on the state
    it is taken in, so that A multiplies the two: with state and action concatenated, learning takes several times
    as many steps in Coins. The terms A_p[a] f(s) are computed once for all joint actions. Parameters theta are
    [chair, parameter].
    """

    def __init__(self, inputs: int, players: int, actions: int, units: int):
        self._units, self._parts = units, (players, actions, units)
        width = min(inputs, units)
        self._shapes = [(width, players * actions * units), (units,), (units, players), (players,)]
        self._summands = [width * players, width * players, units, units]
        if inputs > units:
            self._shapes = [(inputs, units), (units,), *self._shapes]
            self._summands = [inputs, inputs, *self._summands]
        self._sizes = [torch.Size(shape).numel() for shape in self._shapes]

    def initial(self, chairs: Chairs, component: int) -> Tensor:
        """Initial parameters: uniform between -+ 1 / sqrt(number of summands)."""
        summands = torch.tensor(self._summands, device=chairs.device)
        scale = summands.rsqrt().repeat_interleave(torch.tensor(self._sizes, device=chairs.device))
        return (uniform_parameters(chairs, sum(self._sizes), component) * scale).float()

    def leaves(self, theta: Tensor) -> Leaves:
        """The tensors that make up theta. What takes a gradient splits it only once: the first is large."""
        parts = torch.split(theta, self._sizes, 1)
        *compress, first, bias, out, shift = (
            part.view(len(theta), *shape) for part, shape in zip(parts, self._shapes, strict=True)
        )
        return Leaves(first, bias, out, shift, tuple(compress))

    def parts(self, leaves: Leaves, state: Tensor) -> Tensor:
        """A_p[a] f(s) [chair, row, player, action, unit] of states [chair, row, input]."""
        if leaves.compress:
            state = torch.relu(linear(state, *leaves.compress))
        return torch.bmm(state, leaves.first).view(*state.shape[:2], *self._parts)

    def chosen(self, parts: Tensor, did: Tensor) -> Tensor:
        """The part of each player's action [chair, row, player, unit]; `did` are actions [chair, row, player]."""
        index = did[..., None, None].expand(*did.shape, 1, self._units)
        return parts.gather(3, index)[:, :, :, 0]

    def value(self, leaves: Leaves, summed: Tensor) -> Tensor:
        """Q [chair, row, player], from the parts of a joint action `summed` over players [chair, row, unit]."""
        return linear(torch.relu(summed + leaves.bias[:, None]), leaves.out, leaves.shift)
