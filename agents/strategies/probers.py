"""Probers: they test whether the other retaliates, and then exploit it or make peace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ...envs.environment import Probability
from ..automaton import Automaton, AutomatonAgent
from ..strategy import Memory, Strategy
from .reactive import On, ReactiveAutomaton


class Prober(ReactiveAutomaton):
    """Plays D, C, C; then only D if the other cooperated in rounds 2 and 3, and else tit for tat."""

    source: ClassVar[str] = "Li, Hingston and Kendall 2011; PROBE in Stewart and Plotkin 2012"
    states: ClassVar[Sequence[On]] = (
        On(0, 1, 1), On(1, 2, 3),
        On(1, 6, 5), On(1, 4, 5),  # after C and after D in round 2
        On(1, 4, 5), On(0, 4, 5),  # tit for tat
        On(0, 6, 6),
    )  # fmt: skip


class Prober2(ReactiveAutomaton):
    """Plays D, C, C; then only C if the other did D, C in rounds 2 and 3, and else tit for tat."""

    source: ClassVar[str] = "PRISON 1998; PROBE2 in Stewart and Plotkin 2012"
    states: ClassVar[Sequence[On]] = (
        On(0, 1, 1), On(1, 2, 3),
        On(1, 4, 5), On(1, 6, 5),  # after C and after D in round 2
        On(1, 4, 5), On(0, 4, 5),  # tit for tat
        On(1, 6, 6),
    )  # fmt: skip


class Prober3(ReactiveAutomaton):
    """Plays D, C; then only D if the other cooperated in round 2, and else tit for tat."""

    source: ClassVar[str] = "PRISON 1998; PROBE3 in Stewart and Plotkin 2012"
    states: ClassVar[Sequence[On]] = (
        On(0, 1, 1), On(1, 4, 3),
        On(1, 2, 3), On(0, 2, 3),  # tit for tat
        On(0, 4, 4),
    )  # fmt: skip


class HardProber(ReactiveAutomaton):
    """Plays D, D, C, C; then only D if the other cooperated in rounds 2 and 3, and else tit for tat."""

    source: ClassVar[str] = "PRISON 1998; HARD_PROBE in Stewart and Plotkin 2012"
    states: ClassVar[Sequence[On]] = (
        On(0, 1, 1), On(0, 2, 3),
        On(1, 4, 5), On(1, 5, 5),  # after C and after D in round 2
        On(1, 8, 8), On(1, 6, 7),  # round 4: exploited from now on, or not
        On(1, 6, 7), On(0, 6, 7),  # tit for tat
        On(0, 8, 8),
    )  # fmt: skip


class Prober4(Strategy):
    """Plays twenty fixed moves and watches whether defection is answered.

    It counts the other's defections after its own defection (just) and after its own cooperation (unjust) in
    the first nineteen rounds. If they differ by at most two, it defects for ever; else it cooperates five
    times and then plays tit for tat.
    """

    source: ClassVar[str] = "PRISON 1998"
    probe: ClassVar[str] = "CCDCDDDCCDCDCCDCDDCD"

    def begin(self, me: Memory) -> None:
        me.just = me.zeros()  # just defections, less unjust ones

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        if me.turn < len(self.probe):
            me.just = me.just + torch.where(own, -1, 1) * ~other
            return me.no() if self.probe[me.turn] == "D" else ~me.no()
        answers = me.just.abs() > 2
        return answers if me.turn < len(self.probe) + 5 else answers & other


class NaiveProber(AutomatonAgent):
    """Tit for tat that occasionally defects unprovoked."""

    source: ClassVar[str] = "Li, Hingston and Kendall 2011"

    probability: Probability = Field(0.1, description="probability of defecting after the other cooperated")

    def automaton(self) -> Automaton:
        after_c, after_d = 1, 2
        return Automaton.of([1, 1 - self.probability, 0], [(after_c, after_d, after_c, after_d)] * 3)


class RemorsefulProber(Strategy):
    """A naive prober that forgives the first defection after its own unprovoked one."""

    source: ClassVar[str] = "Li, Hingston and Kendall 2011; described in Dawkins 1989"

    probability: Probability = Field(0.1, description="probability of defecting after the other cooperated")

    def begin(self, me: Memory) -> None:
        me.probing = me.no()

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        # It remembers its intended move, which noise may have changed.
        probes = other & (me.chance() < self.probability)
        cooperates = (other & ~probes) | (~other & me.probing)
        me.probing = probes
        return cooperates


class Calculator(Strategy):
    """Plays Joss for twenty rounds; then defects for ever against cyclic play, and otherwise plays tit for tat.

    Play is cyclic if all twenty moves of the other have a common period of at most ten moves.
    """

    source: ClassVar[str] = "PRISON 1998; CALCULATOR in Stewart and Plotkin 2012"

    study: ClassVar[int] = 20
    joss: ClassVar[float] = 0.9

    def begin(self, me: Memory) -> None:
        me.moves = me.zeros()  # one bit a move, the latest lowest
        me.cyclic = me.no()

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        if me.turn <= self.study:
            me.moves = me.moves * 2 + other
        if me.turn < self.study:
            return self.joss * other.double()
        if me.turn == self.study:
            period = torch.arange(1, self.study // 2 + 1, device=other.device)
            moves = me.moves[..., None]
            # Each move equals the one a period before it.
            breaks = (moves ^ (moves >> period)) & ((1 << (self.study - period)) - 1)
            me.cyclic = (breaks == 0).any(-1)
        return other & ~me.cyclic


class Handshake(ReactiveAutomaton):
    """Plays C, D; cooperates for ever if the other opened the same way, and otherwise defects for ever."""

    source: ClassVar[str] = "Robson 1990"
    states: ClassVar[Sequence[On]] = (On(1, 1, 2), On(0, 4, 3), On(0, 4, 4), On(1, 3, 3), On(0, 4, 4))
