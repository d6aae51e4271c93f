"""Categorical distributions over actions, by their logits [..., action]."""

from __future__ import annotations

import torch
from torch import Tensor

from ....envs.chance import threshold

IMPOSSIBLE = -1e9
"""The logit of a forbidden action: its probability is exactly 0 and its gradient is finite."""


def allowed(logits: Tensor, mask: Tensor | None) -> Tensor:
    """Logits, with `IMPOSSIBLE` for the actions where `mask` is false."""
    return logits if mask is None else logits.masked_fill(~mask, IMPOSSIBLE)


def log_probability(log_probabilities: Tensor, action: Tensor) -> Tensor:
    """The log probability of the chosen `action` [...]."""
    return log_probabilities.gather(-1, action[..., None])[..., 0]


def entropy(log_probabilities: Tensor) -> Tensor:
    """- sum_a p_a log p_a, in nats."""
    return -(log_probabilities.exp() * log_probabilities).sum(-1)


def bounds(logits: Tensor) -> Tensor:
    """Thresholds between the actions for an int64 draw, int64 [..., action - 1]; see `choose`."""
    # Over another axis than the last torch's softmax is several times faster.
    cumulative = torch.softmax(logits.double().movedim(-1, 0), 0).cumsum(0).movedim(0, -1)
    # Divided by its last element, so that rounding never selects a forbidden action at the end.
    bound = threshold(cumulative[..., :-1] / cumulative[..., -1:])
    assert isinstance(bound, Tensor)
    return bound


def choose(draws: Tensor, bound: Tensor) -> Tensor:
    """Sample actions int64 [...] by inverse transform: the number of `bound` [..., action - 1] below each draw.

    `draws` are from `Chance.integers`.
    """
    if bound.shape[-1] == 1:
        return (draws >= bound[..., 0]).long()
    return (draws[..., None] >= bound).sum(-1)
