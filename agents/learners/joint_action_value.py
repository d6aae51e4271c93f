"""What joint actions are worth to everybody, as a net whose first layer has weights of their own for each action."""

from __future__ import annotations

import torch
from torch import Tensor

from ..agent import Chairs
from .layers import linear
from .policies import fan_in


class JointActionValue:
    """Q(s, a) = W relu(b + sum_p A_p[a_p] s) + c, for every player.

    What an action brings depends on where it leads from, a product of the two: nets that are given their codes
    side by side take five times as many steps to find it in Coins. What the parts A_p[a] s are is computed once for
    all joint actions.
    """

    dtype = torch.float32

    def __init__(self, inputs: int, players: int, actions: int, units: int):
        self._inputs, self._players, self._actions, self._units = inputs, players, actions, units
        self.shapes = [(inputs, players * actions * units), (units,), (units, players), (players,)]

    @property
    def size(self) -> int:
        """How many parameters a chair has."""
        return sum(torch.Size(shape).numel() for shape in self.shapes)

    def initial(self, chairs: Chairs, component: int) -> Tensor:
        """The first theta [chair, parameter]."""
        fan = self._inputs * self._players
        return fan_in(chairs, self, [fan, fan, self._units, self._units], component)

    def parts(self, theta: Tensor, state: Tensor) -> Tensor:
        """A_p[a] s for each player and action [chair, row, player, action, unit], of states [chair, row, input]."""
        weight = self._leaves(theta)[0]
        return torch.bmm(state, weight).unflatten(-1, (self._players, self._actions, self._units))

    def value(self, theta: Tensor, chosen: Tensor) -> Tensor:
        """Q [chair, row, player], of the sum over players of the parts of their actions [chair, row, unit]."""
        _, bias, out, shift = self._leaves(theta)
        return linear(torch.relu(chosen + bias[:, None]), out, shift)

    def chosen(self, parts: Tensor, did: Tensor) -> Tensor:
        """The parts of what each player did [chair, row, player, unit]; `did` is [chair, row, player]."""
        index = did[..., None, None].expand(*did.shape, 1, self._units)
        return parts.gather(3, index)[:, :, :, 0]

    def _leaves(self, theta: Tensor) -> list[Tensor]:
        sizes = [torch.Size(shape).numel() for shape in self.shapes]
        split = torch.split(theta, sizes, 1)
        return [part.view(len(theta), *shape) for part, shape in zip(split, self.shapes, strict=True)]
