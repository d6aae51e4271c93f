"""Gradual: answers the n-th provocation with n defections, then makes peace."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from ..strategy import Memory, Strategy


class OriginalGradual(Strategy):
    """Answers its n-th provocation with n defections in a row, and then cooperates twice whatever happens.

    Defections during punishment and peace are not provocations.
    """

    source: ClassVar[str] = "Beaufils, Delahaye and Mathieu 1997"

    def begin(self, me: Memory) -> None:
        me.provocations = me.zeros()
        me.plan = me.zeros()  # remaining moves of punishment and peace; the last two are peace

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        provoked = (me.plan == 0) & ~other
        me.provocations = me.provocations + provoked
        me.plan = me.plan + provoked * (me.provocations + 2)
        cooperates = me.plan <= 2
        me.plan = (me.plan - 1).clamp_(min=0)
        return cooperates


class Gradual(Strategy):
    """Answers a defection with as many defections as the other ever made, and then cooperates twice.

    Unlike the original, it also counts the defections made during punishment and peace.
    """

    source: ClassVar[str] = "Mathieu and Delahaye, CRISTAL-SMAC 2018; after Beaufils, Delahaye and Mathieu 1997"

    def begin(self, me: Memory) -> None:
        me.plan = me.zeros()

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        provoked = (me.plan == 0) & ~other
        me.plan = me.plan + provoked * (me.other_defections + 2)
        cooperates = me.plan <= 2
        me.plan = (me.plan - 1).clamp_(min=0)
        return cooperates
