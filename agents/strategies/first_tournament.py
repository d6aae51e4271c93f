"""The programs of Axelrod's first tournament: repeated prisoner's dilemma, 200 moves.

Axelrod 1980, Journal of Conflict Resolution 24:3-25. Nydegger and Graaskamp entered the second tournament again,
and their Fortran is archived with it; the others are lost. They follow the descriptions in Axelrod 1980 and,
where these are ambiguous, the reading that reproduces the paper's scores of pairs: see `docs/axelrod_1980.md`,
also for what remains unknown. The Axelrod library (4.14) follows the descriptions alone; Shubik, Davis, Feld and
Tullock are the same there. Tit for tat, Joss, the grudger and random were in the tournament too, and Downing,
which is in `downing`.
"""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ...envs.environment import Probability
from ..automaton import Automaton, AutomatonAgent
from ..strategy import Memory, Strategy


class TidemanAndChieruzzi(Strategy):
    """Tit for tat that punishes the other's n-th run of defections with n - 1 more, and now and then forgives.

    A punishment starts when a run ends outside a punishment; runs are always counted. Instead of a defection it
    gives a fresh start, two cooperations after which the count of runs restarts, if all of these hold:
        the other is 10 or more points behind, and did not just begin a run;
        the last fresh start, or the match's, was 20 or more rounds ago;
        10 or more rounds are to be played;
        |defections - t/2| >= 3 sqrt(t)/2, where t rounds were played: the other is not a fair coin.
    Defects in the last two rounds of a match of known length; an unknown length counts as infinite. Points are
    counted in its own payoffs, as if the game were symmetric.
    """

    source: ClassVar[str] = "Tideman and Chieruzzi in Axelrod 1980; their entry K84R of the second tournament"
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "game_model"})

    def begin(self, me: Memory) -> None:
        payoffs = me.payoffs()
        me.gain = payoffs[..., 1, 0] - payoffs[..., 0, 1]
        me.runs = me.owed = me.started = me.zeros()
        me.fresh = me.no()
        me.before = ~me.no()

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        if near_the_end(me):
            return me.no()
        begins, ends = me.before & ~other, ~me.before & other
        me.before = other
        me.runs = me.runs + ends
        starts = ends & (me.owed == 0)
        me.owed = torch.where(starts, (me.runs - 1).clamp(min=0), me.owed)
        defects = ~other | (me.owed > 0)
        second = me.fresh
        me.fresh = me.no()
        if me.rounds is None or me.rounds - me.turn >= 10:
            lead = me.gain * (me.own_defections - me.other_defections)
            no_coin = (me.other_defections - me.turn / 2).abs() >= 1.5 * math.sqrt(me.turn)
            rested = me.turn - me.started >= 20
            me.fresh = defects & ~begins & (lead >= 10) & rested & no_coin & ~second
        me.owed = (me.owed - 1).clamp(min=0).masked_fill(me.fresh | second, 0)
        me.runs = me.runs.masked_fill(second, 0)
        me.started = me.started.masked_fill(me.fresh, me.turn)
        return ~defects | me.fresh | second


class Nydegger(AutomatonAgent):
    """Decides by a number computed from the last three joint moves.

    Each round scores 2 if it defected itself and 1 if the other did, and
        A = 16 a[t-3] + 4 a[t-2] + a[t-1];
    it cooperates for the values in `COOPERATES`, and so forgives three mutual defections (A = 63). The first three
    moves are tit for tat, except that the third is a defection after CD and DC (its own move first).

    The paper gives 1 to its own defection and 2 to the other's, and 19 values for which it defects; in the
    program the two are the other way round, and more values defect.
    """

    source: ClassVar[str] = (
        'Nydegger in Axelrod 1980; Fortran of the second tournament (K57R, "same as round one")'
    )

    COOPERATES: ClassVar[frozenset[int]] = frozenset(
        {0, 27, 28, 32, *range(40, 45), *range(46, 49), 56, 57, 59, 60, 62, 63}
    )

    def automaton(self) -> Automaton:
        joint = [(0, 0), (0, 1), (1, 0), (1, 1)]
        histories = [history for length in range(4) for history in itertools.product(joint, repeat=length)]
        state = {history: number for number, history in enumerate(histories)}
        return Automaton.of(
            [float(self._cooperates(history)) for history in histories],
            [[state[(*history, moves)[-3:]] for moves in joint] for history in histories],
        )

    def _cooperates(self, history: tuple[tuple[int, int], ...]) -> bool:
        """After these (own, other's) moves, oldest first: 0 is C, 1 is D."""
        if len(history) == 3:
            score = sum((2 * own + other) * 4**ago for ago, (own, other) in enumerate(reversed(history)))
            return score in self.COOPERATES
        return not history or (history[-1][1] == 0 and history != ((0, 1), (1, 0)))


class Grofman(AutomatonAgent):
    """Repeats what both did in the last round; if they did different things, cooperates with probability 2/7.

    The paper says that it cooperates whenever both did the same. But it earned 507 points with random, where
    defecting after mutual defection gives 514 on average, and cooperating then 407.
    """

    source: ClassVar[str] = "Grofman in Axelrod 1980"

    def automaton(self) -> Automaton:
        return Automaton.of([1, 2 / 7, 0], [[0, 1, 1, 2]] * 3)


class Shubik(Strategy):
    """Answers the n-th defection against its cooperation with n defections, and then cooperates again."""

    source: ClassVar[str] = "Shubik in Axelrod 1980; Shubik 1970, Journal of Conflict Resolution 14:181-193"

    def begin(self, me: Memory) -> None:
        me.length = me.owed = me.zeros()

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        return ~retaliates(me, own & ~other)


class SteinAndRapoport(Strategy):
    """Tit for tat that defects against players that seem random.

    Cooperates in the first four rounds; defects in the last two, if the length of the match is known. In
    round 15 and every fifteenth after it tests whether the other's move depends on the other's move before, and
    defects until the next test if that is not significant. It does not test a player that never defected; one
    that always made the same move since counts as independent. (The original also looked for "alternating moves
    of CD and DC"; how is unknown.)
    """

    source: ClassVar[str] = "Stein and Rapoport in Axelrod 1980"

    alpha: float = Field(0.05, description="level of the test, above 0", gt=0, le=1)

    def begin(self, me: Memory) -> None:
        me.random = me.no()
        me.first = me.before = me.no()
        me.both_c = me.zeros()  # rounds of C after C, by the other

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        if me.turn == 1:
            me.first = other
        else:
            me.both_c = me.both_c + (me.before & other)
        me.before = other
        if near_the_end(me):
            return me.no()
        if me.turn < 4:
            return ~me.no()
        if (me.turn + 1) % 15 == 0:
            me.random = (me.other_defections > 0) & ~self._depends(me, other)
        return other & ~me.random

    def _depends(self, me: Memory, other: Tensor) -> Tensor:
        """Chi-squared test, one degree of freedom: n (ad - bc)^2 over the product of the four margins."""
        n = me.turn - 1
        c_before, c_after = me.other_cooperations - other.long(), me.other_cooperations - me.first.long()
        excess = (me.both_c * n - c_before * c_after).double()  # ad - bc
        margins = (c_before * (n - c_before)).double() * (c_after * (n - c_after)).double()
        return n * excess**2 > NormalDist().inv_cdf(1 - self.alpha / 2) ** 2 * margins


class Davis(AutomatonAgent):
    """A patient grudger: cooperates for some rounds, and from then on while the other has never defected."""

    source: ClassVar[str] = "Davis in Axelrod 1980"

    rounds_to_cooperate: int = Field(10, description="rounds before a defection is answered, from 1 on", ge=1)

    def automaton(self) -> Automaton:
        # State t: the other cooperated in all of t rounds. State n + t: it didn't. Both stop counting at n.
        n = self.rounds_to_cooperate
        after = [min(t + 1, n) for t in range(n + 1)]
        nice = [[t, n + t] * 2 for t in after]
        not_nice = [[n + t] * 4 for t in after[1:]]
        return Automaton.of([1] * 2 * n + [0], nice + not_nice)


class Graaskamp(Strategy):
    """Tit for tat with one probe; the responses decide how it continues.

    Rounds 1 to 56 are tit for tat, except for a defection in round 51. From round 57 on it always defects if the
    other has 135 points or fewer by then. Otherwise it cooperates, and continues
        with tit for tat, if rounds 52 to 54 look like tit for tat (CD, DC, CD, its own move first) or its own
            copy (DD three times);
        with cooperation up to round 118 and then tit for tat, if rounds 52 to 55 were CC, CD, DC, CC, as with
            Analogy, a program of an earlier tournament;
        else with tit for tat, with a defection after every 5 to 14 moves, drawn anew each time.
    Points are counted in the payoffs of Axelrod's tournament (5, 3, 1, 0), whatever game is played.
    """

    source: ClassVar[str] = (
        'Graaskamp in Axelrod 1980; Fortran of the second tournament (GRASR, "same as round one Graaskamp")'
    )

    def begin(self, me: Memory) -> None:
        me.both_c = me.answers = me.left = me.zeros()
        me.random = me.friend = me.analogy = me.no()

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        me.both_c = me.both_c + (own & other)
        if 52 <= me.turn < 56:
            me.answers = me.answers << 2 | 2 * ~own | ~other
        if me.turn < 56:
            return me.no() if me.turn == 50 else other
        drawn = 5 + (10 * me.chance()).long()
        if me.turn == 56:
            points = me.turn + 4 * me.own_cooperations - me.other_cooperations - me.both_c  # the other's
            me.random = points <= 135
            me.friend = (me.answers >> 2 == 0b01_10_01) | (me.answers >> 2 == 0b11_11_11)
            me.analogy = me.answers == 0b00_01_10_00
            me.left = drawn
            return ~me.random
        due = (me.left == 0) & ~me.friend & ~me.analogy
        me.left = torch.where(due, drawn, (me.left - 1).clamp(min=0))
        trusts = me.analogy if me.turn < 118 else me.no()
        return (other & ~due | trusts) & ~me.random


class Feld(AutomatonAgent):
    """Tit for tat, but P(C) after the other's cooperation falls linearly, by default from 1 to 1/2."""

    source: ClassVar[str] = "Feld in Axelrod 1980"

    start: Probability = Field(1.0, description="P(C) after the other's C, before the decay")
    end: Probability = Field(0.5, description="the same once it no longer changes")
    rounds_of_decay: int = Field(200, description="rounds from `start` to `end`, from 1 on", ge=1)

    def automaton(self) -> Automaton:
        # State t: t rounds were played and the other cooperated in the last, or none was. State n + t: it
        # defected. Both stop counting at n.
        n = self.rounds_of_decay
        after = [[t, n + t] * 2 for t in (min(t + 1, n) for t in range(n + 1))]
        decay = [self.start + (self.end - self.start) * t / n for t in range(1, n + 1)]
        return Automaton.of([1, *decay, *[0] * n], after + after[1:])


class Tullock(Strategy):
    """Cooperates eleven times, then 10% less than the other did in the last ten rounds: P(C) = (k - 1)/10."""

    source: ClassVar[str] = "Tullock in Axelrod 1980; Overcast and Tullock 1971"

    def begin(self, me: Memory) -> None:
        me.window = me.zeros()  # The other's last ten moves as bits, the oldest on top: 1 is C.
        me.count = me.zeros()

    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        me.count = me.count + other - (me.window >> 9)
        me.window = (me.window << 1 | other) & 0x3FF
        if me.turn < 11:
            return ~me.no()
        return ((me.count - 1).double() / 10).clamp(min=0)


class Unnamed(AutomatonAgent):
    """The program of an anonymous author: cooperates with probability 0.35.

    The original's probability was "initially 30%" and adjusted every ten rounds; how is unknown. Of all constants,
    0.35 fits the published scores best. (Tit for tat's 359 points are those of 0.29, the grudger's 489 of 0.36.)
    """

    source: ClassVar[str] = "Name withheld, in Axelrod 1980"

    def automaton(self) -> Automaton:
        return Automaton.of([0.35], [[0] * 4])


def near_the_end(me: Memory, moves: int = 2) -> bool:
    """Whether this is one of the last moves of a match whose length is known."""
    return me.rounds is not None and me.turn >= me.rounds - moves


def retaliates(me: Memory, provoked: Tensor) -> Tensor:
    """Whether it defects now: a provocation outside a punishment starts one, one round longer than the last.

    Updates `me.length`, the length of the last punishment, and `me.owed`, the rest of it.
    """
    starts = provoked & (me.owed == 0)
    me.length = me.length + starts
    owed = torch.where(starts, me.length, me.owed)
    me.owed = (owed - 1).clamp(min=0)
    return owed > 0
