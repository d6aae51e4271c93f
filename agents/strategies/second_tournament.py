"""Programs of Axelrod's second tournament, after their descriptions and the surviving Fortran."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ..automaton import Automaton, AutomatonAgent
from ..strategy import Memory, Strategy


class Tester(AutomatonAgent):
    """Defects first; after the other's first defection it apologises once, and then plays tit for tat.

    Until then it cooperates twice and alternates D and C.
    """

    source: ClassVar[str] = "Gladstein, in Axelrod 1980b"

    def automaton(self) -> Automaton:
        opening, waits, cooperated, defected, forgives, punishes = range(6)
        on_c_any = {opening: waits, waits: cooperated, forgives: forgives, punishes: forgives}
        on_d_any = {opening: forgives, waits: forgives, forgives: punishes, punishes: punishes}
        rows = {state: (on_c_any[state], on_d_any[state]) * 2 for state in on_c_any}
        # It alternates with its executed move, which noise may have changed.
        rows[cooperated] = rows[defected] = (defected, forgives, cooperated, forgives)
        return Automaton.of([0, 1, 1, 0, 1, 0], [rows[state] for state in range(6)])


class Gladstein(Strategy):
    """Tester as in its Fortran: it defects whenever more than half of its moves were cooperation.

    That ends with the other's first defection: then it apologises with C, and plays tit for tat.
    """

    source: ClassVar[str] = "Gladstein, in Axelrod 1980b; as reconstructed in Axelrod-Python"
    opening: ClassVar[bool | float] = False

    def begin(self, me: Memory) -> None:
        me.testing = ~me.no()

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        tested, me.testing = me.testing, me.testing & other
        return torch.where(tested, ~other | (me.own_cooperations * 2 <= me.turn), other)


class Champion(Strategy):
    """Cooperates ten times and plays tit for tat for fifteen rounds.

    Then, after a defection, it defects with the frequency of the other's defections, if that is at least 0.4.
    """

    source: ClassVar[str] = "Champion, in Axelrod 1980b"

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        if me.turn < 10:
            return ~me.no()
        if me.turn < 25:
            return other
        defections = me.other_defections.double() / me.turn
        return 1 - defections * (~other & (defections >= 0.4))


class Eatherley(Strategy):
    """Answers a defection by defecting with the frequency of the other's defections so far."""

    source: ClassVar[str] = "Eatherley, in Axelrod 1980b"

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        return 1 - ~other * me.other_defections.double() / me.turn


class Cave(Strategy):
    """Defects against frequent defectors and random-looking players; otherwise forgives half of the defections.

    Too much: more than 0.79, 0.65 and 0.39 of all rounds, this one included, from rounds 20, 30 and 40 on.
    It stops forgiving after the 17th defection.
    """

    source: ClassVar[str] = "Cave, in Axelrod 1980b"

    limits: ClassVar[Sequence[tuple[int, float]]] = ((40, 0.39), (30, 0.65), (20, 0.79))

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        now = me.turn + 1
        forgives = torch.where(me.other_defections > 17, 0.0, 0.5).double()
        cooperates = torch.where(other, 1.0, forgives)
        limit = next((limit for start, limit in self.limits if now >= start), 1.0)
        return cooperates * (me.other_defections.double() / now <= limit)


class Black(Strategy):
    """Cooperates five times, and then with probability 1 - (d^2 - 1) / 25, but 1 for d = 0.

    d is how many of the other's last five moves were D.
    """

    source: ClassVar[str] = "Black, in Axelrod 1980b"
    remembers: ClassVar[float] = 5

    def begin(self, me: Memory) -> None:
        me.moves = me.zeros()  # one bit a move, 1 for D, the latest lowest
        me.recent = me.zeros()

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        oldest = me.moves >> 4
        me.moves = (me.moves << 1) % 32 + ~other
        me.recent = me.recent + ~other - oldest
        if me.turn < 5:
            return ~me.no()
        return 1 - (me.recent * me.recent - 1).clamp_(min=0).double() / 25


class Tranquilizer(Strategy):
    """Cooperates while it does well, with unprovoked defections that are more frequent the better they paid.

    A mean payoff of 2.25 or more is good: it cooperates with a probability that falls with what it earned in
    the round after its earlier defections (first) and the one after that (second), and cooperates in the
    round after a defection. From 1.75 on it cooperates the more, the more the other has. Below, it plays tit
    for tat.
    Its thresholds are in the payoffs of Axelrod's tournament, and so are its sums, whatever game is played.
    """

    source: ClassVar[str] = "Feathers, in Axelrod 1980b; K67R as reconstructed in Axelrod-Python"

    def begin(self, me: Memory) -> None:
        me.score = me.zeros()
        me.streak = me.zeros()  # of the other's defections
        me.since = me.zeros()  # rounds since an unprovoked defection: 1 or 2, then 0
        me.first, me.second = me.number(5), me.number(0)
        me.firsts, me.seconds = me.number(1), me.number(1)

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        payoff = torch.where(own, other * 3, other * 4 + 1)
        me.score = me.score + payoff
        me.streak = (me.streak + 1) * ~other
        one, two = me.since == 1, me.since == 2
        me.first = torch.where(one, (me.first * me.firsts + payoff) / (me.firsts + 1), me.first)
        me.second = torch.where(two, (me.second * me.seconds + payoff) / (me.seconds + 1), me.second)
        me.firsts, me.seconds = me.firsts + one, me.seconds + two
        now = me.turn + 1
        mean = me.score.double() / now
        good = 0.95 - (me.first + me.second - 5) / 15 + 1 / now**2 - ~other / 4
        ahead = 5 * (me.own_defections - me.other_defections).double()
        fair = 0.25 + (me.other_cooperations.double() + 5) / now - me.streak * 0.25 + ahead / 100
        well = mean >= 2.25
        drawn = me.chance() < torch.where(well, good, fair)
        cooperates = one | torch.where(mean >= 1.75, drawn, other)
        me.since = one * 2 + (well & ~cooperates)
        return cooperates


class Borufsen(Strategy):
    """Tit for tat that ends echoes and deadlock, and gives up on defectors and random-looking players.

    After three rounds of mutual defection it cooperates once; after three rounds of alternating retaliation
    it lets the next defection pass. In round 27 and every 25 rounds later it looks back on the last 25: if
    the other cooperated fewer than 3 times, or 8 to 17 times and less than 0.7 of those after its own
    cooperation, it defects until the next check. When it returns from that, it defects once more.
    """

    source: ClassVar[str] = "Borufsen, in Axelrod 1980b"

    period: ClassVar[int] = 25

    def begin(self, me: Memory) -> None:
        me.in_kind, me.out_of_kind = me.zeros(), me.zeros()  # its cooperation after our C, after our D
        me.deadlock, me.echo = me.zeros(), me.zeros()
        me.own_before, me.other_before = ~me.no(), ~me.no()
        me.lenient, me.given_up = me.no(), me.no()

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        own_before, other_before = me.own_before, me.other_before
        me.own_before, me.other_before = own, other
        if me.turn > 1:
            me.in_kind = me.in_kind + (other & own_before)
            me.out_of_kind = me.out_of_kind + (other & ~own_before)
        normal = ~me.given_up
        if me.turn > 1 and me.turn % self.period == 1:
            me.given_up = self._hopeless(me)
            normal = normal & ~me.given_up  # so that it defects once more when it returns
        me.deadlock = (me.deadlock + 1) * (normal & ~own & ~other)
        truce = me.deadlock >= 3
        me.deadlock = me.deadlock * ~truce
        echoes = (own != other) & (own == other_before) & (other == own_before)
        me.echo = (me.echo + 1) * (normal & ~truce & echoes)
        broken = me.echo >= 3
        me.echo = me.echo * ~broken
        lenient = (me.lenient | broken) & normal
        me.lenient = lenient & (other | truce)
        return normal & (truce | other | lenient)

    def _hopeless(self, me: Memory) -> Tensor:
        """Whether it gives up on the other after this period; restarts the counts."""
        cooperations = me.in_kind + me.out_of_kind
        scattered = (cooperations >= 8) & (cooperations <= 17) & (me.in_kind * 10 < cooperations * 7)
        me.in_kind, me.out_of_kind = me.zeros(), me.zeros()
        return scattered | (cooperations < 3)
