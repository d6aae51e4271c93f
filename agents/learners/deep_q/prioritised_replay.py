"""Prioritised replay: what surprised most is learned from most often, for each chair on its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sample:
    """Transitions drawn from a replay memory; all [chair, sample]."""

    slot: Tensor
    """Where they are kept."""
    weight: Tensor
    """Importance weights, at most 1: they undo the bias of what is drawn more often."""


class Priorities:
    """Which of `capacity` transitions of each chair are drawn, and how often.

    P(i) = p_i^exponent / sum_k p_k^exponent, with p_i = |temporal-difference error| + 1e-6; a new transition has
    the largest priority so far. Schaul et al. 2016.
    """

    def __init__(self, chairs: int, capacity: int, exponent: float, device: torch.device):
        self._powers = torch.zeros(chairs, capacity, device=device)
        self._largest = torch.ones(chairs, 1, device=device)
        self._exponent, self._filled = exponent, 0

    def add(self, first: int, kept: Tensor) -> None:
        """New transitions in the slots from `first` on; those not `kept` [chair, transition] are never drawn."""
        last = first + kept.shape[1]
        self._powers[:, first:last] = self._largest * kept
        self._filled = max(self._filled, last)

    def draw(self, uniform: Tensor, importance: float) -> Sample:
        """A sample by `uniform` numbers [chair, sample]; `importance` is the power of the importance weights."""
        powers = self._powers[:, : self._filled]
        bounds = powers.double().cumsum(1)
        total = bounds[:, -1:]
        slot = torch.searchsorted(bounds, uniform * total, right=True).clamp_(max=self._filled - 1)
        probability = powers.gather(1, slot) / total
        # The number of transitions drops out: weights are relative to the largest of the sample.
        weight = probability.clamp(min=1e-12) ** -importance
        return Sample(slot, (weight / weight.amax(1, keepdim=True)).float())

    def update(self, slot: Tensor, error: Tensor) -> None:
        """Set the priorities of the slots [chair, sample] by the errors of their transitions."""
        powers = (error.abs() + 1e-6) ** self._exponent
        self._powers.scatter_(1, slot, powers)
        self._largest = torch.maximum(self._largest, powers.amax(1, keepdim=True))
