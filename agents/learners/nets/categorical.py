"""Choices among actions by their logits [..., action]."""

from __future__ import annotations

import torch
from torch import Tensor

from ....envs.chance import threshold

IMPOSSIBLE = -1e9
"""The logit of what is not allowed: its probability is exactly 0, and its gradient finite."""


def allowed(logits: Tensor, mask: Tensor | None) -> Tensor:
    """Logits with those of forbidden actions, where `mask` is false, at `IMPOSSIBLE`."""
    return logits if mask is None else logits.masked_fill(~mask, IMPOSSIBLE)


def log_probability(log_probabilities: Tensor, action: Tensor) -> Tensor:
    """That of the chosen `action` [...]."""
    return log_probabilities.gather(-1, action[..., None])[..., 0]


def entropy(log_probabilities: Tensor) -> Tensor:
    """- sum_a p_a log p_a, in nats."""
    return -(log_probabilities.exp() * log_probabilities).sum(-1)


def bounds(logits: Tensor) -> Tensor:
    """Where the draws of one action end and the next one's begin, int64 [..., action - 1]; see `choose`."""
    cumulative = torch.softmax(logits.double(), -1).cumsum(-1)
    # Divided by its last, so that forbidden actions at the end are never reached by rounding.
    bound = threshold(cumulative[..., :-1] / cumulative[..., -1:])
    assert isinstance(bound, Tensor)
    return bound


def choose(draws: Tensor, bound: Tensor) -> Tensor:
    """Actions int64 [...] by inverse transform: how many bounds [..., action - 1] each draw has passed.

    `draws` are `Chance.integers`.
    """
    if bound.shape[-1] == 1:
        return (draws >= bound[..., 0]).long()
    return (draws[..., None] >= bound).sum(-1)
