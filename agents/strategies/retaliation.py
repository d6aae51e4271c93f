"""Strategies that retaliate while they were exploited more often than they exploited."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from ..strategy import Memory, Strategy


class Retaliate(Strategy):
    """Defects while its sucker's payoffs exceed `threshold` times its temptation payoffs, in number."""

    source: ClassVar[str] = "O. Campbell, in Axelrod-Python, with thresholds of 0.1, 0.08 and 0.05"

    threshold: float = Field(0.1, description="tolerated sucker's payoffs per temptation payoff", ge=0)

    def begin(self, me: Memory) -> None:
        me.suckered, me.tempted = me.zeros(), me.zeros()

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        return ~self._wronged(me, own, other)

    def _wronged(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        me.suckered = me.suckered + (own & ~other)
        me.tempted = me.tempted + (other & ~own)
        return me.suckered > me.tempted.double() * self.threshold


class LimitedRetaliate(Retaliate):
    """Retaliates as `retaliate` does, but cooperates once after every `limit` retaliations in a row."""

    source: ClassVar[str] = "O. Campbell, in Axelrod-Python, with limits of 20 and 15"

    limit: int = Field(20, description="retaliations in a row", ge=1)

    def begin(self, me: Memory) -> None:
        super().begin(me)
        me.retaliations = me.zeros()

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        retaliates = self._wronged(me, own, other) & (me.retaliations < self.limit)
        me.retaliations = (me.retaliations + 1) * retaliates
        return ~retaliates
