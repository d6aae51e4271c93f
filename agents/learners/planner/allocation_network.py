"""A network from what each player did to how a stock is shared out; who is on which seat makes no difference."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...agent import Chairs
from ..nets.encoding import FeatureEncoder
from ..nets.policies import GRU, Form, fan_in

INPUTS = 6
"""How many numbers `player_features` gives of each player."""
FIRST_SPREAD = 0.4
"""The standard deviation of logits before learning."""


class AllocationNetwork(Form):
    """Deep sets over players, each with a memory of its own.

        m_i = GRU(x_i),    h_i = relu(A m_i + a + mean_j (B m_j + b)),
        logit of player i = w h_i,    logit of keeping = k mean_j h_j + c,    value = v mean_j h_j + d
    All players have the same weights, so that a permutation of players permutes their logits and changes nothing
    else, and any number of them can be given. Inputs are [round, chair, player, table, INPUTS], outputs [round,
    chair, table, player + 2]: the players' logits, that of keeping, and the value. The last parameter is the log
    of the logits' standard deviation. Zaheer et al. 2017, "Deep sets"; Cho et al. 2014 for the recurrent unit.
    """

    states = None
    dtype = torch.float32

    def __init__(self, units: int):
        self._units = units
        self._memory = GRU(FeatureEncoder(INPUTS), units, 2 * units)
        self.shapes = [(self._memory.size,), (3, units), (2, 1), (1,)]

    def initial(self, chairs: Chairs, component: int = 0) -> Tensor:
        """Of the usual scale, but for the last layer: all players are alike at first, and little is kept."""
        theta = fan_in(chairs, self, [self._units] * len(self.shapes), component)
        _, last, offsets, log_spread = self.unpack(theta)
        last *= 0.3
        offsets.copy_(torch.tensor([[-1.0], [0.0]], device=theta.device))
        log_spread.fill_(math.log(FIRST_SPREAD))
        return theta

    def unroll(self, theta: Tensor, encoded: Tensor) -> Tensor:
        memory, last, offsets, _ = self.unpack(theta)
        remembered = self._memory.unroll(memory, encoded.flatten(-3, -2)).mT
        return self._shared_out(last, offsets, remembered, encoded.shape[-3])

    def step(self, theta: Tensor, encoded: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        weights, last, offsets, _ = self.unpack(theta)
        remembered, memory = self._memory.step(weights, encoded.flatten(-3, -2), memory)
        return self._shared_out(last, offsets, remembered.mT, encoded.shape[-3]), memory

    def _shared_out(self, last: Tensor, offsets: Tensor, remembered: Tensor, players: int) -> Tensor:
        """Logits and value [..., chair, table, player + 2] from A m + a and B m + b [..., chair, 2 unit, row].

        Rows are players, and of each its tables: this order, last, is several times faster.
        """
        by_player = remembered.reshape(*remembered.shape[:-1], players, -1)
        own, of_mean = by_player[..., : self._units, :, :], by_player[..., self._units :, :, :]
        hidden = torch.relu(own + of_mean.mean(-2, keepdim=True))
        logits = torch.matmul(last[:, :1], hidden.flatten(-2))
        logits = logits.reshape(*logits.shape[:-2], players, -1)
        whole = torch.matmul(last[:, 1:], hidden.mean(-2)) + offsets
        return torch.cat((logits, whole), -2).mT


def player_features(observation: Tensor) -> Tensor:
    """What the network is told of each player [chair, player, table, INPUTS], from a mechanism's observation.

    The observation [chair, table, 2 + 2 N] is that of `common_pool_trust`. Features: what the player got and
    returned last, as multiples of 1/N of the capacity; the share that it returned; log of N times its share of all
    that was returned; the pool as a share of the capacity, and its log.
    """
    count = (observation.shape[-1] - 2) // 2
    seen = observation.mT
    pool, got, back = seen[:, 1:2], seen[:, 2 : 2 + count], seen[:, 2 + count :]
    total = back.sum(1, keepdim=True)
    rate = back / got.clamp(min=1e-6)
    part = torch.where(total > 0, back / total.clamp(min=1e-6), 1 / count)
    features = (count * got, count * back, rate, (count * part + 0.02).log(), pool, (pool + 0.01).log())
    return torch.stack([feature.expand_as(got) for feature in features], -1)


def log_density(logits: Tensor, mean: Tensor, log_spread: Tensor) -> Tensor:
    """Log density [..., table] of independent normal logits [..., logit, table] about `mean`, of one spread."""
    deviation = (logits - mean).square().sum(-2)
    count = logits.shape[-2]
    scale = -0.5 * torch.exp(-2 * log_spread)
    return scale * deviation - count * (log_spread + 0.5 * math.log(2 * math.pi))
