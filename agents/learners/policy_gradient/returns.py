"""Discounted returns and advantages; every tensor is [round, ...]."""

from __future__ import annotations

import torch
from torch import Tensor


def returns_to_go(reward: Tensor, discount: float) -> Tensor:
    """Discounted returns to go:  G_t = r_t + discount G_{t+1},  with 0 after the last round."""
    total = torch.empty_like(reward)
    total[-1] = reward[-1]
    for t in range(len(reward) - 2, -1, -1):
        torch.add(reward[t], total[t + 1], alpha=discount, out=total[t])
    return total


def generalised_advantages(
    reward: Tensor, value: Tensor, discount: float, decay: float, playing: Tensor | None = None
) -> Tensor:
    """Generalised advantage estimates; the value after the last round is 0.

        delta_t = r_t + discount V_{t+1} - V_t
        A_t = delta_t + discount decay A_{t+1}
    `decay` (lambda) = 1 gives G_t - V_t, 0 gives one-step temporal differences. Schulman et al. 2016, eq. 16.
    """
    if playing is not None:
        value = value * playing
    ahead = torch.cat((value[1:], torch.zeros_like(value[:1])))
    return returns_to_go(reward + discount * ahead - value, discount * decay)


def normalised(values: Tensor, playing: Tensor | None = None) -> Tensor:
    """Values [round, chair, table], standardised for each chair; 0 in rounds that were not played."""
    if playing is None:
        centred = values - values.mean((0, 2), keepdim=True)
        deviation = (centred * centred).mean((0, 2), keepdim=True).sqrt()
        return centred.div_(deviation + 1e-8)
    count = playing.sum((0, 2), keepdim=True).clamp(min=1)
    centred = (values - (values * playing).sum((0, 2), keepdim=True) / count) * playing
    return centred / (((centred**2).sum((0, 2), keepdim=True) / count).sqrt() + 1e-8)
