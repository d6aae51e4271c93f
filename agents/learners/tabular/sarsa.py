"""SARSA, and its form that expects rather than waits for the next action."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from torch import Tensor

from ...agent import Chairs, Player
from ..nets.layers import lookup
from .tabular_learner import TabularAgent, TabularPlayer, Transition, at


class ExpectedSarsa(TabularAgent):
    """Learns what each action is worth if it goes on as it does now, exploration included.

    Q(s, a) <- Q(s, a) + rate (r + discount sum_b pi(b | s') Q(s', b) - Q(s, a))
    """

    source: ClassVar[str] = "van Seijen et al. 2009"

    def sit(self, chairs: Chairs) -> Player:
        return ExpectedSarsaPlayer(self, chairs)


class ExpectedSarsaPlayer(TabularPlayer):
    """Expected SARSA on its chairs."""

    def update(self, round: Transition) -> None:
        self.move(round, round.reward + self.discount * at(self.expected(), round.after))

    def expected(self) -> Tensor:
        """What a state is worth [chair, state]."""
        return (self.policy() * self.values.where(self.allowed, 0.0)).sum(-1)


class Sarsa(TabularAgent):
    """Learns what each action is worth from the action that really follows.

        Q(s, a) <- Q(s, a) + rate (r + discount Q(s', a') - Q(s, a))
    so it learns from a round when the next one has been played, and not from the last of an episode.
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
            # Only tables that go on say what follows; which do is chance alone, and in the discount.
            self.move(self._last, self._last.reward + self.discount * follows, weight=round.played)
        # The arena may write the next round's actions where these stand.
        self._last = replace(round, action=round.action.clone())
