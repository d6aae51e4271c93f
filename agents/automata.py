"""Classic strategies that are finite automata: unconditional ones, variants of tit for tat, grudgers.

A row of `Automaton.of` has the next states after CC, CD, DC, DD (own action first), or after the other's C and D,
or a single one.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from ..envs.environment import Probability
from .automaton import Automaton, AutomatonAgent

Count = Annotated[int, Field(ge=1, le=50)]


class AllC(AutomatonAgent):
    """Always cooperates."""

    source: ClassVar[str] = "Axelrod 1980; also called Cooperator"

    def automaton(self) -> Automaton:
        return Automaton.of([1], [[0]])


class AllD(AutomatonAgent):
    """Always defects."""

    source: ClassVar[str] = "Axelrod 1980; also called Defector"

    def automaton(self) -> Automaton:
        return Automaton.of([0], [[0]])


class Alternator(AutomatonAgent):
    """Does the opposite of what it just did, and opens with C."""

    source: ClassVar[str] = "Axelrod 1984"

    def automaton(self) -> Automaton:
        return Automaton.of([1, 0], [[1, 1, 0, 0], [1, 1, 0, 0]])


class Cycler(AutomatonAgent):
    """Repeats a sequence of moves, whatever happens."""

    source: ClassVar[str] = "Mittal and Deb 2009 (periodic players)"
    sequence: Annotated[str, Field(pattern="^[CD]+$", max_length=200)] = Field(
        "CCD", description="the moves, over and over"
    )

    def automaton(self) -> Automaton:
        length = len(self.sequence)
        return Automaton.of([move == "C" for move in self.sequence], [[(i + 1) % length] for i in range(length)])


class TitForTat(AutomatonAgent):
    """Cooperates first, then does what the other did."""

    source: ClassVar[str] = "Rapoport, in Axelrod 1980"

    def automaton(self) -> Automaton:
        return Automaton.of([1, 0], [[0, 1], [0, 1]])


class SuspiciousTitForTat(AutomatonAgent):
    """Tit for tat that opens with D."""

    source: ClassVar[str] = "Boyd and Lorberbaum 1987; Mistrust in Beaufils, Delahaye and Mathieu 1997"

    def automaton(self) -> Automaton:
        return Automaton.of([0, 1], [[1, 0], [1, 0]])


class AntiTitForTat(AutomatonAgent):
    """Cooperates first, then does the opposite of what the other did."""

    source: ClassVar[str] = "Hilbe, Nowak and Traulsen 2013; Psycho in Ashlock, Kim and Ashlock 2009"

    def automaton(self) -> Automaton:
        return Automaton.of([1, 0], [[1, 0], [1, 0]])


class Bully(AutomatonAgent):
    """Defects first, then does the opposite of what the other did: it yields to defectors only."""

    source: ClassVar[str] = "Nachbar 1992 (reverse tit for tat)"

    def automaton(self) -> Automaton:
        return Automaton.of([0, 1], [[0, 1], [0, 1]])


class TitForTwoTats(AutomatonAgent):
    """Defects only after two defections in a row."""

    source: ClassVar[str] = "Axelrod 1984; Maynard Smith in Axelrod 1980, second tournament"

    def automaton(self) -> Automaton:
        return Automaton.of([1, 1, 0], [[0, 1], [0, 2], [0, 2]])


class TwoTitsForTat(AutomatonAgent):
    """Answers each defection with two."""

    source: ClassVar[str] = "Axelrod 1984"

    def automaton(self) -> Automaton:
        return Automaton.of([1, 0, 0], [[0, 1], [2, 1], [0, 1]])


class NTitsForMTats(AutomatonAgent):
    """Defects `tits` times whenever the other has defected `tats` times in a row."""

    source: ClassVar[str] = "Axelrod library (Harper)"
    tits: Count = Field(3, description="defections in answer")
    tats: Count = Field(2, description="the other's defections in a row that call for it")

    def automaton(self) -> Automaton:
        def after(state: tuple[int, int], own: str, other: str) -> tuple[int, int]:
            streak, left = state
            streak = min(streak + 1, self.tats) if other == "D" else 0
            return streak, self.tits if streak == self.tats else max(left - 1, 0)

        return Automaton.unfold((0, 0), lambda state: state[1] == 0, after)


class HardTitForTat(AutomatonAgent):
    """Defects if the other defected in any of the last three rounds."""

    source: ClassVar[str] = "prisoners-dilemma.com (2017)"

    def automaton(self) -> Automaton:
        return Automaton.of([1, 0, 0, 0], [[0, 1], [2, 1], [3, 1], [0, 1]])


class HardTitForTwoTats(AutomatonAgent):
    """Defects if the other defected twice in a row within the last three rounds."""

    source: ClassVar[str] = "Stewart and Plotkin 2012"

    def automaton(self) -> Automaton:
        return Automaton.unfold("CCC", lambda last: "DD" not in last, lambda last, own, other: (last + other)[1:])


class SlowTitForTwoTats(AutomatonAgent):
    """Cooperates twice; then does what the other did in both of the last two rounds, or else what it just did."""

    source: ClassVar[str] = "Beaufils, Delahaye and Mathieu's PRISON 1998 (slow_tft)"

    def automaton(self) -> Automaton:
        def after(state: tuple[str, str], own: str, other: str) -> tuple[str, str]:
            before, _ = state
            return other, "C" if not before else other if other == before else own

        return Automaton.unfold(("", "C"), lambda state: state[1] == "C", after)


class ContriteTitForTat(AutomatonAgent):
    """Tit for tat that makes up for its own errors.

    In the state content, it cooperates until one of the two defects alone. If the other did, it is provoked: it
    defects until the other cooperates. If it did itself, which can only be an error, it is contrite: it cooperates
    until it has done so, and ignores defections meanwhile. Without noise it is tit for tat.
    """

    source: ClassVar[str] = "Sugden 1986; Boyd 1989; as three states in Wu and Axelrod 1995"

    def automaton(self) -> Automaton:
        content, provoked, contrite = 0, 1, 2
        return Automaton.of(
            [1, 0, 1],
            [
                [content, provoked, contrite, content],
                [content, provoked],
                [content, content, contrite, contrite],
            ],
        )


class RandomTitForTat(AutomatonAgent):
    """Opens with C, then alternates between the other's last move and a random one."""

    source: ClassVar[str] = "Axelrod library (Taylor)"
    p: Probability = Field(0.5, description="probability of cooperation in random moves")

    def automaton(self) -> Automaton:
        return Automaton.of([1, 1, 0, self.p], [[1, 2], [3], [3], [1, 2]])


class BurnBothEnds(AutomatonAgent):
    """Tit for tat that answers C with C in only nine of ten cases."""

    source: ClassVar[str] = "Marinoff 1992"
    p: Probability = Field(0.9, description="probability of cooperation after the other's C")

    def automaton(self) -> Automaton:
        return Automaton.of([1, self.p, 0], [[1, 2], [1, 2], [1, 2]])


class Grudger(AutomatonAgent):
    """Cooperates until the other defects, then defects for ever."""

    source: ClassVar[str] = "Friedman 1971, in Axelrod 1980; also called Grim or Spite"

    def automaton(self) -> Automaton:
        return Automaton.of([1, 0], [[0, 1], [1]])


class SoftGrudger(AutomatonAgent):
    """Answers `tats` defections in a row with a fixed series, DDDDCC, whatever the other does meanwhile."""

    source: ClassVar[str] = "Li, Hingston and Kendall 2011; generalised in the Axelrod library (Smith)"
    tats: Count = Field(1, description="the other's defections in a row that call for punishment")
    punishment: Count = Field(4, description="defections in answer")
    penance: Annotated[int, Field(ge=0, le=50)] = Field(2, description="cooperations after that")

    def automaton(self) -> Automaton:
        length = self.punishment + self.penance

        def after(state: tuple[int, int], own: str, other: str) -> tuple[int, int]:
            streak, step = state
            streak = min(streak + 1, self.tats) if other == "D" else 0
            return streak, step + 1 if 0 < step < length else int(streak == self.tats)

        return Automaton.unfold((0, 0), lambda state: not 0 < state[1] <= self.punishment, after)


class ForgetfulGrudger(AutomatonAgent):
    """Answers a defection with ten, whatever the other does meanwhile, and then forgets."""

    source: ClassVar[str] = "Axelrod library (Palmer)"
    memory: Count = Field(10, description="defections in answer")

    def automaton(self) -> Automaton:
        return SoftGrudger(punishment=self.memory, penance=0).automaton()


class EasyGo(AutomatonAgent):
    """Defects until the other defects, then cooperates for ever."""

    source: ClassVar[str] = "PRISON 1998; reverse grudger in Li, Hingston and Kendall 2011"

    def automaton(self) -> Automaton:
        return Automaton.of([0, 1], [[0, 1], [1]])


class GrudgerAlternator(AutomatonAgent):
    """Cooperates until the other defects, then alternates, with D first."""

    source: ClassVar[str] = "PRISON 1998 (c_then_per_dc)"

    def automaton(self) -> Automaton:
        return Automaton.of([1, 0, 1], [[0, 1, 0, 2], [1, 1, 2, 2], [1, 1, 2, 2]])


class SpitefulCC(AutomatonAgent):
    """Cooperates twice, then for as long as the other has never defected."""

    source: ClassVar[str] = "Mathieu and Delahaye 2015"

    def automaton(self) -> Automaton:
        return Automaton.of([1, 1, 1, 0], [[1, 2], [1, 3], [3], [3]])


class Resurrection(AutomatonAgent):
    """Tit for tat, except that it defects once it has done so five times in a row."""

    source: ClassVar[str] = "Arnold 2015 (CoopSim)"

    def automaton(self) -> Automaton:
        def after(state: tuple[int, str], own: str, other: str) -> tuple[int, str]:
            return (min(state[0] + 1, 5) if own == "D" else 0), other

        return Automaton.unfold((0, "C"), lambda state: state[0] < 5 and state[1] == "C", after)


class DoubleResurrection(AutomatonAgent):
    """Tit for tat, except that it changes what it has done five times in a row."""

    source: ClassVar[str] = "Arnold 2015 (CoopSim)"

    def automaton(self) -> Automaton:
        def after(state: tuple[str, str], own: str, other: str) -> tuple[str, str]:
            same = state[0] + own if own in state[0] else own
            return same[-5:], other

        def cooperates(state: tuple[str, str]) -> bool:
            same, other = state
            return other == "C" if len(same) < 5 else same[0] == "D"

        return Automaton.unfold(("", "C"), cooperates, after)
