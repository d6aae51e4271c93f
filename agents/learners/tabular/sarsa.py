"""SARSA, and expected SARSA."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from torch import Tensor

from ...agent import Chairs, Player
from ..nets.layers import lookup
from .tabular_learner import TabularAgent, TabularPlayer, Transition


class ExpectedSarsa(TabularAgent):
    """Learns the action values of its current policy, exploration included.

    Q(s, a) <- Q(s, a) + rate (r + discount sum_b pi(b | s') Q(s', b) - Q(s, a))
    """

    source: ClassVar[str] = "van Seijen et al. 2009"

    def sit(self, chairs: Chairs) -> Player:
        return ExpectedSarsaPlayer(self, chairs)


class ExpectedSarsaPlayer(TabularPlayer):
    """Expected SARSA on its chairs."""

    def update(self, round: Transition) -> None:
        self.move(round, self.target(round, self.expected()))

    def expected(self) -> Tensor:
        """State values [chair, state]."""
        return (self.policy() * self.values.where(self.allowed, 0.0)).sum(-1)


class Sarsa(TabularAgent):
    """Learns action values from the action that it takes next.

        Q(s, a) <- Q(s, a) + rate (r + discount Q(s', a') - Q(s, a))
    It learns from a round after the next one has been played, and from the last one at once: nothing follows.
    """

    source: ClassVar[str] = "Rummery and Niranjan 1994"

    def sit(self, chairs: Chairs) -> Player:
        return SarsaPlayer(self, chairs)


class SarsaPlayer(TabularPlayer):
    """SARSA on its chairs."""

    def begin(self) -> None:
        super().begin()
        self._last: Transition | None = None

    def update(self, round: Transition) -> None:
        if self._last is not None:
            follows = lookup(self.values, round.state).gather(-1, round.action[..., None])[..., 0]
            # Only tables that go on are used: which ones is independent of the state, and the discount accounts
            # for it.
            self.move(self._last, self._last.reward + self.discount * follows, weight=round.played)
        if self.is_last_round:
            self.move(round, round.reward)
        # The arena may overwrite these actions in the next round.
        self._last = replace(round, action=round.action.clone())
