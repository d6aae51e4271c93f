"""A replay memory of whole rounds: what is seen after a round is kept once, as what is seen before the next."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Drawn:
    """Transitions that were drawn, each field [chair, transition, ...]."""

    view: Tensor
    """What was seen, as it was given."""
    action: Tensor
    reward: Tensor
    after: Tensor
    """What was seen after that."""
    allowed: Tensor | None
    """Actions that were allowed after that [chair, transition, action]; None: all."""
    goes_on: Tensor
    """1; 0 of an episode's last round."""
    weight: Tensor
    """1; 0 where the match was over before, or where nothing is known of what followed."""


class RoundReplay:
    """The last `rounds` rounds of chairs at all of their tables, all transitions drawn alike.

    Tensors are [round, chair, table, ...] rings. The newest round is not drawn: what follows it is not known yet.
    """

    def __init__(self, rounds: int):
        self._rounds = max(2, rounds)
        self._newest = -1
        self.kept = 0
        """Rounds that can be drawn."""

    def see(self, view: Tensor, allowed: Tensor | None, follows: bool) -> None:
        """A round begins with a view [chair, table, ...]; it `follows` the newest, or starts an episode."""
        first = self._newest < 0
        if first:
            self._view = view.new_empty(self._rounds, *view.shape)
            self._allowed = None if allowed is None else allowed.new_empty(self._rounds, *allowed.shape)
            self._action = torch.zeros((self._rounds, *view.shape[:2]), dtype=torch.int16, device=view.device)
            self._reward, self._goes_on, self._weight = (
                torch.zeros(self._action.shape, device=view.device) for _ in range(3)
            )
        elif not follows:
            # Where an episode ended by chance, nobody has seen what came next.
            self._weight[self._newest] *= 1 - self._goes_on[self._newest]
        self.kept = 0 if first else min(self.kept + 1, self._rounds - 1)
        self._newest = (self._newest + 1) % self._rounds
        self._view[self._newest] = view
        if self._allowed is not None and allowed is not None:
            self._allowed[self._newest] = allowed

    def do(self, action: Tensor, reward: Tensor, playing: Tensor | None, last: bool) -> None:
        """What was done in the newest round and what it brought [chair, table]; the `last` one ends an episode."""
        self._action[self._newest], self._reward[self._newest] = action.to(torch.int16), reward.float()
        self._goes_on[self._newest] = float(not last)
        self._weight[self._newest] = 1.0 if playing is None else playing.float()

    def draw(self, uniform: Tensor) -> Drawn:
        """Transitions by `uniform` numbers [chair, transition]."""
        chair = torch.arange(len(uniform), device=uniform.device)[:, None]
        tables = self._reward.shape[2]
        number = (uniform * (self.kept * tables)).long()
        slot, table = (self._newest - 1 - number // tables) % self._rounds, number % tables
        here, then = (slot, chair, table), ((slot + 1) % self._rounds, chair, table)
        return Drawn(
            self._view[here],
            self._action[here].long(),
            self._reward[here],
            self._view[then],
            None if self._allowed is None else self._allowed[then],
            self._goes_on[here],
            self._weight[here],
        )
