"""A replay memory from which every transition is drawn alike, for each chair on its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Transitions:
    """Transitions, each field [chair, transition, ...]."""

    view: Tensor
    action: Tensor
    reward: Tensor
    after: Tensor
    goes_on: Tensor
    """1, or 0 where nothing follows that counts."""


class UniformReplay:
    """The last `capacity` transitions of each chair; it takes memory as it fills."""

    def __init__(self, chairs: int, capacity: int, device: torch.device):
        self._capacity, self._kept = capacity, 0
        self.count = torch.zeros(chairs, dtype=torch.int64, device=device)
        """How many each chair has had [chair]."""
        self._memory: list[Tensor] = []

    def add(self, new: Transitions, there: Tensor) -> None:
        """Those of `new` that are `there`, bool [chair, table]; they may differ in number from chair to chair."""
        parts = [new.view, new.action, new.reward, new.after, new.goes_on]
        before = self.count[:, None]
        place = before + there.long().cumsum(1) - 1
        self.count = self.count + there.sum(1)
        self._grow(parts, int(self.count.max()))
        chair, table = there.nonzero(as_tuple=True)
        slot = place[chair, table] % self._kept
        for memory, part in zip(self._memory, parts, strict=True):
            memory[chair, slot] = part[chair, table].to(memory.dtype)

    def draw(self, uniform: Tensor) -> tuple[Transitions, Tensor]:
        """A sample by `uniform` numbers [chair, sample], and whether the chair has any [chair, 1]."""
        filled = self.count.clamp(max=self._kept)[:, None]
        slot = (uniform * filled).long()
        chair = torch.arange(len(slot), device=slot.device)[:, None]
        drawn = Transitions(*(memory[chair, slot] for memory in self._memory))
        return drawn, (filled > 0).float()

    def _grow(self, parts: list[Tensor], needed: int) -> None:
        if self._memory and (needed <= self._kept or self._kept == self._capacity):
            return
        kept = min(self._capacity, max(256, 2 * self._kept, needed))
        grown = []
        for index, part in enumerate(parts):
            shape = (len(part), kept, *part.shape[2:])
            memory = torch.zeros(shape, dtype=torch.int64 if index == 1 else torch.float32, device=part.device)
            if self._memory:
                memory[:, : self._kept] = self._memory[index]
            grown.append(memory)
        self._memory, self._kept = grown, kept
