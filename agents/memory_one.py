"""Memory-one strategies: one probability of cooperation for each of the last round's four outcomes.

In `memory_one(start, cc, cd, dc, dd)` the outcomes are named from the strategy's own view, own action first.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeAlias

import numpy as np
from pydantic import Field

from ..envs.environment import Probability
from .automaton import Automaton, AutomatonAgent

FiveProbabilities: TypeAlias = Annotated[
    tuple[Probability, Probability, Probability, Probability, Probability], Field(strict=False)
]


AFTER_OUTCOMES = np.tile(np.array([[1, 2], [3, 4]]), (5, 1, 1))
"""The next states of a memory-one automaton: one for each outcome, whatever the state."""


def memory_one(start: float, cc: float, cd: float, dc: float, dd: float) -> Automaton:
    """P(C) in the first round and after each outcome; a state for each of these."""
    return Automaton(np.array([start, cc, cd, dc, dd], float), AFTER_OUTCOMES)


class MemoryOne(AutomatonAgent):
    """Cooperates with a probability that depends on the last round."""

    source: ClassVar[str] = "Nowak and Sigmund 1990"
    answers: ClassVar[tuple[str, ...]] = ("p[0]", "p[1]", "p[2]", "p[3]", "p[4]")
    """The parameter that is P(C) in the first round, and those after CC, CD, DC, DD."""
    p: FiveProbabilities = Field(
        description="P(C) in the first round and after CC, CD, DC, DD, own action first",
        examples=[(1, 0.9, 0.1, 0.8, 0.2)],
    )

    def automaton(self) -> Automaton:
        return memory_one(*self.p)


class Reactive(AutomatonAgent):
    """Cooperates with a probability that depends on the other's last move."""

    source: ClassVar[str] = "Nowak and Sigmund 1989"
    answers: ClassVar[tuple[str, ...]] = ("y", "p", "q", "p", "q")
    """As those of `MemoryOne`."""
    y: Probability = Field(1.0, description="P(C) in the first round")
    p: Probability = Field(description="P(C) after the other's C", examples=[0.9])
    q: Probability = Field(description="P(C) after the other's D", examples=[0.1])

    def automaton(self) -> Automaton:
        return memory_one(self.y, self.p, self.q, self.p, self.q)


class GenerousTitForTat(AutomatonAgent):
    """Tit for tat that forgives a defection with a probability.

    The most generous one that doesn't pay to exploit has min(1 - (T-R)/(R-S), (R-P)/(T-P)), which is 1/3
    for [R, S, T, P] = [3, 0, 5, 1].
    """

    source: ClassVar[str] = "Nowak and Sigmund 1992; Molander 1985"
    generosity: Probability = Field(1 / 3, description="P(C) after the other's D")

    def automaton(self) -> Automaton:
        return memory_one(1, 1, self.generosity, 1, self.generosity)


class SoftJoss(AutomatonAgent):
    """Tit for tat that forgives a defection in one of ten cases."""

    source: ClassVar[str] = "PRISON 1998"
    q: Probability = Field(0.9, description="P(D) after the other's D")

    def automaton(self) -> Automaton:
        return memory_one(1, 1, 1 - self.q, 1, 1 - self.q)


class Joss(AutomatonAgent):
    """Tit for tat that defects now and then after cooperation."""

    source: ClassVar[str] = "Joss, in Axelrod 1980; Hard Joss in Stewart and Plotkin 2012"
    p: Probability = Field(0.9, description="P(C) after the other's C")

    def automaton(self) -> Automaton:
        return memory_one(1, self.p, 0, self.p, 0)


class WinStayLoseShift(AutomatonAgent):
    """Repeats its action after a payoff of T or R, and changes it after P or S; also called Pavlov."""

    source: ClassVar[str] = "Kraines and Kraines 1989; Nowak and Sigmund 1993"

    def automaton(self) -> Automaton:
        return memory_one(1, 1, 0, 0, 1)


class WinShiftLoseStay(AutomatonAgent):
    """Changes its action after a payoff of T or R, and repeats it after P or S; opens with D."""

    source: ClassVar[str] = "Li, Hingston and Kendall 2011 (reverse Pavlov)"

    def automaton(self) -> Automaton:
        return memory_one(0, 0, 1, 1, 0)


class StochasticWinStayLoseShift(AutomatonAgent):
    """Win-stay, lose-shift that does the opposite with a small probability."""

    source: ClassVar[str] = "Axelrod library (Harper)"
    error: Probability = Field(0.05, description="probability of the opposite, after the first round")

    def automaton(self) -> Automaton:
        return memory_one(1, 1 - self.error, self.error, self.error, 1 - self.error)


class FirmButFair(AutomatonAgent):
    """Cooperates, except after it was exploited; after mutual defection it cooperates in two of three cases."""

    source: ClassVar[str] = "Frean 1994"

    def automaton(self) -> Automaton:
        return memory_one(1, 1, 0, 1, 2 / 3)


class StochasticCooperator(AutomatonAgent):
    """The general cooperator: what evolving memory-one populations settle on where mutations are rare."""

    source: ClassVar[str] = "Adami and Hintze 2013; Iliopoulos, Hintze and Adami 2010"

    def automaton(self) -> Automaton:
        return memory_one(1, 0.935, 0.229, 0.266, 0.42)


class AllCOrAllD(AutomatonAgent):
    """Draws its first move, then repeats what it just did."""

    source: ClassVar[str] = "Akin 2015 (Repeat); Axelrod library (Harper)"
    y: Probability = Field(0.6, description="P(C) in the first round")

    def automaton(self) -> Automaton:
        return memory_one(self.y, 1, 1, 0, 0)


class Desperate(AutomatonAgent):
    """Cooperates only after mutual defection; its first move is random."""

    source: ClassVar[str] = "van den Berg and Weissing 2015"

    def automaton(self) -> Automaton:
        return memory_one(0.5, 0, 0, 0, 1)


class Hopeless(AutomatonAgent):
    """Defects only after mutual cooperation; its first move is random."""

    source: ClassVar[str] = "van den Berg and Weissing 2015"

    def automaton(self) -> Automaton:
        return memory_one(0.5, 0, 1, 1, 1)


class Willing(AutomatonAgent):
    """Defects only after mutual defection; its first move is random."""

    source: ClassVar[str] = "van den Berg and Weissing 2015"

    def automaton(self) -> Automaton:
        return memory_one(0.5, 1, 1, 1, 0)
