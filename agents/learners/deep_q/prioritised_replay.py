"""Prioritised replay: what surprised most is learned from most often, for each chair on its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK = 32
"""Slots whose powers are summed up together."""


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
        self._blocks = torch.zeros(chairs, -(-capacity // BLOCK), BLOCK, device=device)
        self._powers = self._blocks.flatten(1)  # the same memory
        self._sums = torch.zeros(self._blocks.shape[:2], dtype=torch.float64, device=device)
        self._largest = torch.ones(chairs, 1, device=device)
        self._exponent = exponent

    def add(self, first: int, kept: Tensor) -> None:
        """New transitions in the slots from `first` on; those not `kept` [chair, transition] are never drawn."""
        last = first + kept.shape[1]
        self._powers[:, first:last] = self._largest * kept
        blocks = slice(first // BLOCK, -(-last // BLOCK))
        self._sums[:, blocks] = self._blocks[:, blocks].sum(2, dtype=torch.float64)

    def draw(self, uniform: Tensor, importance: float) -> Sample:
        """A sample by `uniform` numbers [chair, sample]; `importance` is the power of the importance weights."""
        # A slot is found by its block and its place there: running sums over all slots cost most of an update.
        bounds = self._sums.cumsum(1)
        block, rest = _found(bounds, uniform)
        place, _ = _found(self._in_blocks(block).cumsum(2), rest[..., None])
        slot = block * BLOCK + place[..., 0]
        probability = self._powers.gather(1, slot) / bounds[:, -1:]
        # The number of transitions drops out: weights are relative to the largest of the sample.
        weight = probability.clamp(min=1e-12) ** -importance
        return Sample(slot, (weight / weight.amax(1, keepdim=True)).float())

    def update(self, slot: Tensor, error: Tensor) -> None:
        """Set the priorities of the slots [chair, sample] by the errors of their transitions."""
        powers = (error.abs() + 1e-6) ** self._exponent
        self._powers.scatter_(1, slot, powers)
        self._sums.scatter_(1, slot // BLOCK, self._in_blocks(slot // BLOCK).sum(2))
        self._largest = torch.maximum(self._largest, powers.amax(1, keepdim=True))

    def _in_blocks(self, block: Tensor) -> Tensor:
        """What the blocks [chair, sample] hold, float64 [chair, sample, place]."""
        chair = torch.arange(len(block), device=block.device)[:, None]
        return self._blocks[chair, block].double()


def _found(bounds: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Where running sums [..., place] first exceed a share of their total, and the share of that place's part."""
    target = share.clamp(max=1 - 1e-12) * bounds[..., -1:]
    place = torch.searchsorted(bounds, target, right=True)
    above = bounds.gather(-1, place)
    below = bounds.gather(-1, (place - 1).clamp(min=0)).masked_fill(place == 0, 0.0)
    return place, (target - below) / (above - below)
