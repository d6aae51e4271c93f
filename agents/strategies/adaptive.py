"""Strategies that adapt to the type of the other."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ...envs.environment import Probability
from ..strategy import Memory, Strategy


class Adaptive(Strategy):
    """Cooperates six times, defects five times, and then makes the move with the higher total payoff so far."""

    source: ClassVar[str] = "Li, Hingston and Kendall 2011"
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "game_model"})

    cooperations: ClassVar[int] = 6
    trial: ClassVar[int] = 11

    def begin(self, me: Memory) -> None:
        me.reward, me.sucker, me.temptation, me.punishment = me.payoffs().flatten(2).unbind(-1)
        me.mutual = me.zeros()

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        me.mutual = me.mutual + (own & other)
        if me.turn < self.trial:
            return me.no() if me.turn >= self.cooperations else ~me.no()
        suckered, tempted = me.own_cooperations - me.mutual, me.other_cooperations - me.mutual
        cooperation_earned = me.reward * me.mutual + me.sucker * suckered
        defection_earned = me.temptation * tempted + me.punishment * (me.own_defections - tempted)
        return cooperation_earned > defection_earned


class AdaptiveTitForTat(Strategy):
    """Keeps an image of the world between 0 (all defect) and 1, and cooperates while it is at least 1/2.

    The image moves towards the other's last move: world += rate * (move - world).
    """

    source: ClassVar[str] = "Tzafestas 2000"

    rate: Probability = Field(0.5, description="how fast the image follows the other's moves, and where it starts")

    def begin(self, me: Memory) -> None:
        me.world = me.number(self.rate)

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        me.world = me.world + self.rate * (other.double() - me.world)
        return me.world >= 0.5


class AdaptivePavlov2006(Strategy):
    """Plays tit for tat for six rounds, and then classifies the other every six rounds by its last six moves.

    CCCCCC is cooperative: tit for tat. DCDCDC is suspicious tit for tat: two cooperations end the
    alternation, then tit for tat. DDCDDC is a Pavlov that defects: one defection, then five cooperations.
    DDDDDD is a defector, and what has fitted no class yet is random: defection. A class stays until another
    is seen.
    """

    source: ClassVar[str] = "Li 2007, winner of the CEC 2006 competition"

    period: ClassVar[int] = 6
    # Six moves as bits, 1 for C, the latest lowest.
    cooperative: ClassVar[int] = 0b111111
    suspicious: ClassVar[int] = 0b010101
    pavlov: ClassVar[int] = 0b001001
    defector: ClassVar[int] = 0b000000

    def begin(self, me: Memory) -> None:
        me.moves = me.zeros()
        me.kind = me.zeros() + self.defector  # a random other is treated as a defector

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        me.moves = (me.moves * 2 + other) % 2**self.period
        if me.turn < self.period:
            return other
        phase = me.turn % self.period
        if phase == 0:
            known = (me.moves == self.defector) | (me.moves == self.cooperative)
            known = known | (me.moves == self.suspicious) | (me.moves == self.pavlov)
            me.kind = torch.where(known, me.moves, me.kind)
        suspicious, pavlov = me.kind == self.suspicious, me.kind == self.pavlov
        tit_for_tat = ((me.kind == self.cooperative) | suspicious) & other
        if phase == 0:
            return tit_for_tat | suspicious
        if phase == 1:
            return tit_for_tat | suspicious | pavlov
        return tit_for_tat | pavlov


class OmegaTitForTat(Strategy):
    """Tit for tat that breaks out of alternating retaliation, and gives up on a random-looking other.

    Deadlock: how many times in a row the other changed its move; at `deadlock_threshold` it cooperates twice.
    Randomness: grows by 1 when the other changed its move, and by 1 when the moves differ; it shrinks by 1
    when the other cooperated twice; from `randomness_threshold` on it defects.
    """

    source: ClassVar[str] = "Slany and Kienreich 2007"

    deadlock_threshold: int = Field(3, description="changes in a row that make a deadlock", ge=1)
    randomness_threshold: int = Field(8, description="randomness from which it defects", ge=1)

    def begin(self, me: Memory) -> None:
        me.deadlock, me.randomness = me.zeros(), me.zeros()
        me.before = me.no()

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        before, me.before = me.before, other
        if me.turn == 1:
            return other
        breaking = me.deadlock >= self.deadlock_threshold
        changed = other != before
        surprise = changed.long() + (own != other) - (other & before).long()
        me.randomness = me.randomness + surprise * ~breaking
        gives_up = me.randomness >= self.randomness_threshold
        deadlock = torch.where(gives_up, me.deadlock, (me.deadlock + 1) * changed)
        ending = (me.deadlock == self.deadlock_threshold) * (self.deadlock_threshold + 1)
        me.deadlock = torch.where(breaking, ending, deadlock)
        return breaking | (other & ~gives_up)
