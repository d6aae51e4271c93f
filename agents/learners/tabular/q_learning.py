"""Q-learning, and double Q-learning, which reduces its overestimation."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from ....envs.chance import Purpose
from ...agent import Chairs, Player
from .tabular_learner import TabularAgent, TabularPlayer, Transition


class QLearning(TabularAgent):
    """Q-learning on the outcome of the last round.

        Q(s, a) <- Q(s, a) + rate (r + discount max_b Q(s', b) - Q(s, a))
    What follows the last round is worth 0; where a match may end by chance, the discount is multiplied by the
    probability that it goes on.
    """

    source: ClassVar[str] = "Watkins and Dayan 1992; parameters of Foerster et al. 2018's tournament"

    def sit(self, chairs: Chairs) -> Player:
        return QLearningPlayer(self, chairs)


class QLearningPlayer(TabularPlayer):
    """Q-learning on its chairs."""

    def update(self, round: Transition) -> None:
        self.move(round, self.target(round, self.values.amax(-1)))


class DoubleQLearning(TabularAgent):
    """Q-learning with two tables: one selects the best action, the other evaluates it.

    In each round a coin decides which of the two learns:
        Q1(s, a) <- Q1(s, a) + rate (r + discount Q2(s', argmax_b Q1(s', b)) - Q1(s, a))
    or the same with 1 and 2 exchanged. It chooses actions by the mean of both.
    """

    source: ClassVar[str] = "van Hasselt 2010"

    def sit(self, chairs: Chairs) -> Player:
        return DoubleQLearningPlayer(self, chairs)


class DoubleQLearningPlayer(TabularPlayer):
    """Double Q-learning on its chairs."""

    tables = 2

    def update(self, round: Transition) -> None:
        tables = self.learned["values"]
        coin = self.chairs.chance.happens(0.5, Purpose.MINIBATCH, *self.address)
        for one, learns in ((0, coin), (1, ~coin)):
            best = tables[:, one].argmax(-1, keepdim=True)
            value: Tensor = tables[:, 1 - one].gather(-1, best)[..., 0]
            self.move(round, self.target(round, value), one, round.played * learns)
