"""Long-term experience: how well one has done lately, of which older rounds are a smaller part."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

Kind: TypeAlias = Literal["clean", "published"]
FORGOTTEN = 0.01
"""The weight below which a round is forgotten."""


def memory_length(alpha: float) -> int:
    """The past rounds that count: how often `alpha` is squared, and its square, until that is below 0.01, or 1."""
    length = 0
    while alpha >= FORGOTTEN:
        alpha, length = alpha * alpha, length + 1
    return max(1, length)


def experience(earned: Tensor, alpha: float, rounds: int) -> Tensor:
    """The clean mean below of what was earned [..., rounds ago] in an episode of so many rounds so far [...]."""
    count = min(rounds, 1 + memory_length(alpha))
    weight = alpha ** torch.arange(count, dtype=earned.dtype, device=earned.device)
    return earned[..., :count] @ weight / weight.sum()


class Experience:
    """A weighted mean of the last rewards.

        e_t = (r_t + sum_k alpha^k h_k) / (1 + sum_k alpha^k),   k = 1 .. M
    with M as in `memory_length`. "clean": h_k is the reward k rounds ago. "published": h is the queue of M
    entries, the newest first, of the authors' code, where each round enters r_t before the sum, so that it counts
    twice, and e_t after it; M entries then reach back M / 2 rounds. Ren and Zeng 2024.
    """

    def __init__(self, alpha: float, kind: Kind):
        self._alpha, self._kind, self._length = alpha, kind, memory_length(alpha)
        self.begin()

    def begin(self) -> None:
        """Forget everything."""
        self._past: list[Tensor] = []

    def add(self, reward: Tensor) -> Tensor:
        """The mean after a round with this reward, of the same shape."""
        if self._kind == "published":
            self._enter(reward)
        weights = [self._alpha ** (k + 1) for k in range(len(self._past))]
        total = sum((past * weight for past, weight in zip(self._past, weights, strict=True)), start=reward)
        mean: Tensor = total / (1 + sum(weights))
        self._enter(mean if self._kind == "published" else reward)
        return mean

    def _enter(self, value: Tensor) -> None:
        self._past = [value, *self._past][: self._length]
