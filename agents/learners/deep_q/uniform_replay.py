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
        self._capacity, self._kept, self._entries = capacity, 0, 0
        self._count = torch.zeros(chairs, dtype=torch.int64, device=device)
        self._most = 0
        """At most as many as any chair has had."""
        self._memory = torch.zeros(chairs, 0, 0, device=device)
        """View, what is seen after, action, reward, whether it goes on, float32 [chair, transition, number].

        The last transition is none: those that are not there go there.
        """
        self._waiting: list[tuple[Transitions, Tensor]] = []

    @property
    def count(self) -> Tensor:
        """How many transitions each chair has had [chair]."""
        self._settle()
        return self._count

    def add(self, new: Transitions, there: Tensor) -> None:
        """Those of `new` that are `there`, bool [chair, table]; they may differ in number from chair to chair."""
        self._waiting.append((new, there))

    def _settle(self) -> None:
        """Write what was added since the last sample was drawn: at once is cheaper than one by one."""
        if not self._waiting:
            return
        there = torch.cat([there for _, there in self._waiting], 1)
        view, action, reward, after, goes_on = (
            torch.cat([getattr(new, name) for new, _ in self._waiting], 1) for name in Transitions.__slots__
        )
        self._waiting, self._entries = [], view.shape[-1]
        parts = torch.cat((view, after, torch.stack((action, reward, goes_on), -1).float()), -1)
        those = there.long()
        place = self._count[:, None] + those.cumsum(1) - those
        self._count = self._count + those.sum(1)
        self._grow(parts)
        slot = torch.where(there, place % self._kept, self._kept)
        self._memory.scatter_(1, slot[..., None].expand_as(parts), parts)

    def draw(self, uniform: Tensor) -> tuple[Transitions, Tensor]:
        """A sample by `uniform` numbers [chair, sample], and whether the chair has any [chair, 1]."""
        self._settle()
        filled = self._count.clamp(max=self._kept)[:, None]
        slot = (uniform * filled).long()
        chair = torch.arange(len(slot), device=slot.device)[:, None]
        drawn, entries = self._memory[chair, slot], self._entries
        view, after, (action, reward, goes_on) = (
            drawn[..., :entries],
            drawn[..., entries : 2 * entries],
            drawn[..., 2 * entries :].unbind(-1),
        )
        return Transitions(view, action.long(), reward, after, goes_on), (filled > 0).float()

    def _grow(self, parts: Tensor) -> None:
        """Make room for as many transitions as any chair may have had."""
        self._most += parts.shape[1]
        if self._most > self._kept < self._capacity:
            self._most = int(self._count.max())
        if self._kept and (self._most <= self._kept or self._kept == self._capacity):
            return
        kept = min(self._capacity, max(256, 2 * self._kept, self._most))
        memory = parts.new_zeros(len(parts), kept + 1, parts.shape[2])
        if self._kept:
            memory[:, : self._kept] = self._memory[:, :-1]
        self._memory, self._kept = memory, kept
