"""Downing: estimate how the other responds to C and to D, and play the best response to that.

With a = P(it cooperates after my C) and b = P(it cooperates after my D), the long-run payoffs per round are
    cooperating             aR + (1-a)S,
    defecting               bT + (1-b)P,
    alternating             the mean of bR + (1-b)S and aT + (1-a)P.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ..strategy import Memory, Strategy


class RevisedDowning(Strategy):
    """Downing with optimistic priors: a = 1 and b = 0 until there are responses to estimate them from.

    Plays the best of cooperating, alternating and defecting, in ties the one listed first. It entered the second
    tournament.
    """

    source: ClassVar[str] = "Downing (entry K59R) in Axelrod 1980, Journal of Conflict Resolution 24:379-403"
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "game_model"})
    beliefs: ClassVar[tuple[float, float]] = (1, 0)
    """a and b before any answer."""

    def begin(self, me: Memory) -> None:
        (r, s), (t, p) = (row.unbind(-1) for row in me.payoffs().unbind(-2))
        me.gain_by_c, me.gain_by_d, me.loss = r - s, t - p, p - s
        me.answers_to_c = me.answers_to_d = me.zeros()
        me.before = me.no()

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        if me.turn > 1:
            me.answers_to_c = me.answers_to_c + (other & me.before)
            me.answers_to_d = me.answers_to_d + (other & ~me.before)
        me.before = own
        answered_d = me.own_defections - (~own).long()
        answered_c = me.turn - 1 - answered_d
        a = self._share(me.answers_to_c, answered_c, self.beliefs[0])
        b = self._share(me.answers_to_d, answered_d, self.beliefs[1])
        # The gain of two rounds of each over two of defecting: 6a - 8b - 2 and 4a - 5b - 1 for payoffs 3, 0, 5, 1.
        # Multiplied out, as in the program, because rounding decides ties.
        cut = self.rounded
        c, d, both = 2 * me.gain_by_c, 2 * me.gain_by_d, 2 * me.gain_by_d - me.gain_by_c
        cooperating = cut(cut(cut(c * a) - cut(d * b)) - 2 * me.loss)
        alternating = cut(cut(cut(me.gain_by_d * a) - cut(both * b)) - me.loss)
        cooperate = (cooperating >= 0) & (cooperating >= alternating)
        return cooperate | ((cooperating >= 0) | (alternating >= 0)) & ~own

    def _share(self, answers: Tensor, of: Tensor, belief: float) -> Tensor:
        return self.rounded(torch.where(of == 0, belief, answers.double() / of.clamp(min=1)))

    def rounded(self, numbers: Tensor) -> Tensor:
        """Round the result of an arithmetic operation, float64; here not at all."""
        return numbers


class Downing(RevisedDowning):
    """The original Downing: a = b = 1/2 until there are responses.

    So it defects in the first two rounds. Its arithmetic truncates to six hexadecimal digits, like IBM's single
    precision, which decides ties: with Shubik it gets the published 261 points, in float64 it gets 268.
    """

    source: ClassVar[str] = "Downing in Axelrod 1980; Downing 1975, Simulation and Games 6:366-391"
    opening: ClassVar[bool | float] = False
    beliefs: ClassVar[tuple[float, float]] = (0.5, 0.5)

    def rounded(self, numbers: Tensor) -> Tensor:
        _, exponent = torch.frexp(numbers)
        digits = (exponent.double() / 4).ceil()  # before the hexadecimal point
        unit = 16 ** (digits - 6)
        return (numbers / unit).trunc() * unit
