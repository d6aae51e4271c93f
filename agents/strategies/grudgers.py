"""Strategies that hold a grudge, temporarily or for ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ..strategy import Memory, Strategy
from .reactive import On, ReactiveAutomaton


class OppositeGrudger(ReactiveAutomaton):
    """Defects until the other first cooperates, and then cooperates for ever."""

    source: ClassVar[str] = "Palmer, in Axelrod-Python"
    states: ClassVar[Sequence[On]] = (On(0, 1, 0), On(1, 1, 1))


class Aggravater(ReactiveAutomaton):
    """Defects three times and then plays grudger, with a memory of those three rounds."""

    source: ClassVar[str] = "T. Campbell, in Axelrod-Python"
    states: ClassVar[Sequence[On]] = (On(0, 1, 4), On(0, 2, 4), On(0, 3, 4), On(1, 3, 4), On(0, 4, 4))


class SpitefulTitForTat(ReactiveAutomaton):
    """Tit for tat until the other defects twice in a row; then it defects for ever."""

    source: ClassVar[str] = "PRISON 1998"
    states: ClassVar[Sequence[On]] = (On(1, 0, 1), On(0, 0, 2), On(0, 2, 2))


class FoolMeOnce(ReactiveAutomaton):
    """Forgives one defection, and defects for ever after the second."""

    source: ClassVar[str] = "Harper, in Axelrod-Python"
    states: ClassVar[Sequence[On]] = (On(1, 0, 1), On(1, 1, 2), On(0, 2, 2))


class OnceBitten(ReactiveAutomaton):
    """Cooperates until the other defects twice in a row, defects eleven times, and then starts again."""

    source: ClassVar[str] = "Marissa, in Axelrod-Python"
    # After the punishment it remembers the last two moves: hence two versions of the eleventh defection.
    states: ClassVar[Sequence[On]] = (
        On(1, 0, 1), On(1, 0, 2),
        *(On(0, state, state) for state in range(3, 12)), On(0, 12, 13),
        On(0, 0, 1), On(0, 0, 2),
    )  # fmt: skip


class Punisher(Strategy):
    """Answers a defection with 1 + floor(20 s) defections, where s is the other's share of defections so far."""

    source: ClassVar[str] = "Palmer, in Axelrod-Python"

    def begin(self, me: Memory) -> None:
        me.sentence = me.zeros()

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        punishes = me.sentence > 0
        share = me.other_defections * 20 // me.turn
        me.sentence = torch.where(punishes, me.sentence - 1, share * ~other)
        return ~punishes & other


class Forgiver(Strategy):
    """Defects while more than a tenth of the other's moves were defections."""

    source: ClassVar[str] = "T. Campbell, in Axelrod-Python"

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        return me.other_defections * 10 <= me.turn


class ForgivingTitForTat(Strategy):
    """Tit for tat while more than a tenth of the other's moves were defections; otherwise cooperates."""

    source: ClassVar[str] = "T. Campbell, in Axelrod-Python"

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        return other | (me.other_defections * 10 <= me.turn)
