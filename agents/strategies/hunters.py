"""Hunters: they cooperate unless they recognise a certain type of other; then they defect for ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from ..strategy import Memory, Strategy
from .reactive import On, ReactiveAutomaton


class DefectorHunter(ReactiveAutomaton):
    """Defects while the other has only defected, from round 5 on."""

    source: ClassVar[str] = "Langner, in Axelrod-Python"
    states: ClassVar[Sequence[On]] = (*(On(1, 5, after) for after in range(1, 5)), On(0, 5, 4), On(1, 5, 5))


class CooperatorHunter(ReactiveAutomaton):
    """Defects while the other has only cooperated, from round 5 on."""

    source: ClassVar[str] = "Langner, in Axelrod-Python"
    states: ClassVar[Sequence[On]] = (*(On(1, after, 5) for after in range(1, 5)), On(0, 4, 5), On(1, 5, 5))


class AlternatorHunter(Strategy):
    """Defects for ever if the other alternated through its first six moves."""

    source: ClassVar[str] = "Langner, in Axelrod-Python"

    def begin(self, me: Memory) -> None:
        me.before = me.no()
        me.alternates = ~me.no()

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        if 1 < me.turn <= 6:
            me.alternates = me.alternates & (other != me.before)
        me.before = other
        return ~me.alternates if me.turn >= 6 else ~me.no()


class RandomHunter(Strategy):
    """Defects, from round 12 on, against players that seem not to react to its moves.

    Of its own cooperations (and of its own defections), the share that the other answered in kind must lie
    within 1/4 of 1/2, for each kind of move that it made more than five times.
    """

    source: ClassVar[str] = "Langner, in Axelrod-Python"

    def begin(self, me: Memory) -> None:
        me.before = me.no()
        me.kindness, me.vengeance = me.zeros(), me.zeros()

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        if me.turn > 1:
            me.kindness = me.kindness + (me.before & other)
            me.vengeance = me.vengeance + ~(me.before | other)
        me.before = own
        if me.turn <= 10:
            return ~me.no()
        tried_c, tried_d = me.own_cooperations > 5, me.own_defections > 5
        heeds_c = tried_c & ~_near_half(me.kindness, me.own_cooperations)
        heeds_d = tried_d & ~_near_half(me.vengeance, me.own_defections)
        return heeds_c | heeds_d | ~(tried_c | tried_d)


def _near_half(answers: Tensor, moves: Tensor) -> Tensor:
    """Whether answers / moves lies within 1/4 of 1/2; false for 0 / 0."""
    return (answers * 4 - moves * 2).abs() < moves
