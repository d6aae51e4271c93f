"""Finite state machines in their published form: the next state and move after the other's C and D.

A row "2: 1D 3C" reads: in state 2, after the other's C go to state 1 and play D, after its D go to 3 and play C.
The first row is where the machine starts.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import Field, field_validator

from .automaton import Automaton, AutomatonAgent

ROW = re.compile(r"(\d+): (\d+)([CD]) (\d+)([CD])")


def machine(opening: str, *rows: str) -> Automaton:
    """The automaton of a machine: its states are pairs of the machine's state and the move made with it."""
    table = _table(rows)

    def after(state: tuple[str, str], own: str, other: str) -> tuple[str, str]:
        return table[state[0]][other]

    return Automaton.unfold((next(iter(table)), opening), lambda state: state[1] == "C", after)


def _table(rows: tuple[str, ...]) -> dict[str, dict[str, tuple[str, str]]]:
    """The next state and move, by state and other's move. Raises ValueError for rows that are no machine."""
    table = {}
    for row in rows:
        if not (found := ROW.fullmatch(row)):
            raise ValueError(f'a row looks like "2: 1D 3C" (state, then next state and move), found {row!r}')
        state, after_c, move_c, after_d, move_d = found.groups()
        if state in table:
            raise ValueError(f"each state has one row, found two for state {state}")
        table[state] = {"C": (after_c, move_c), "D": (after_d, move_d)}
    for state, answers in table.items():
        for following, _ in answers.values():
            if following not in table:
                raise ValueError(f"state {state} leads to state {following}, which has no row")
    return table


class FiniteStateMachine(AutomatonAgent):
    """A finite state machine that reacts to the other's moves, given by its table."""

    source: ClassVar[str] = "Rubinstein 1986; Miller 1996"
    opening: Annotated[str, Field(pattern="^[CD]$")] = Field("C", description="the first move")
    table: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = Field(
        description='rows "state: next and move after the other\'s C, next and move after its D", as "2: 1D 3C"; '
        "the first is where it starts",
        examples=[("1: 1C 2D", "2: 1C 2D")],
    )

    @field_validator("table")
    @classmethod
    def _is_a_machine(cls, table: tuple[str, ...]) -> tuple[str, ...]:
        _table(table)
        return table

    def automaton(self) -> Automaton:
        return machine(self.opening, *self.table)


class Fortress3(AutomatonAgent):
    """Defects, until the other answers with two defections and a C; then cooperates while the other does."""

    source: ClassVar[str] = "Ashlock and Ashlock 2006, doi 10.1109/CEC.2006.1688322"

    def automaton(self) -> Automaton:
        return machine("D", "1: 1D 2D", "2: 1D 3C", "3: 3C 1D")


class Fortress4(AutomatonAgent):
    """Defects, until the other answers with three defections and a C; then cooperates while the other does."""

    source: ClassVar[str] = "Ashlock and Ashlock 2006, doi 10.1109/CEC.2006.1688322"

    def automaton(self) -> Automaton:
        return machine("D", "1: 1D 2D", "2: 1D 3D", "3: 1D 4C", "4: 4C 1D")


class Predator(AutomatonAgent):
    """Exploits cooperators, and has a path to mutual cooperation."""

    source: ClassVar[str] = "Ashlock and Ashlock 2006, doi 10.1109/CEC.2006.1688322"

    def automaton(self) -> Automaton:
        return machine(
            "C",
            *("0: 0D 1D", "1: 2D 3D", "2: 4C 3D", "3: 5D 4C", "4: 2C 6D"),
            *("5: 7D 3D", "6: 7C 7D", "7: 8D 7D", "8: 8D 6D"),
        )


class Pun1(AutomatonAgent):
    """Defects first; then it cooperates in every second round, and plays tit for tat in the others."""

    source: ClassVar[str] = "Ashlock 2006"

    def automaton(self) -> Automaton:
        return machine("D", "1: 2C 2C", "2: 1C 1D")


class Raider(AutomatonAgent):
    """Defects, until it has met two defections in a row at the right time; then tit for tat."""

    source: ClassVar[str] = "Ashlock, Tsang and Ashlock 2014, doi 10.1109/FOCI.2014.7007818"

    def automaton(self) -> Automaton:
        return machine("D", "0: 2D 2D", "1: 1C 1D", "2: 0D 3C", "3: 0D 1C")


class Ripoff(AutomatonAgent):
    """Defects in every second round while the other tolerates it, then plays tit for tat."""

    source: ClassVar[str] = "Ashlock and Kim 2008, doi 10.1109/TEVC.2008.920675"

    def automaton(self) -> Automaton:
        return machine("D", "1: 2C 3C", "2: 1D 3C", "3: 3C 3D")


class Thumper(AutomatonAgent):
    """Answers a defection with two, whatever the other does meanwhile."""

    source: ClassVar[str] = "Ashlock and Kim 2008, doi 10.1109/TEVC.2008.920675"

    def automaton(self) -> Automaton:
        return machine("C", "1: 1C 2D", "2: 1D 1D")


class UsuallyCooperates(AutomatonAgent):
    """Cooperates, except after a C that follows a D."""

    source: ClassVar[str] = "Ashlock, Kim and Ashlock 2009"

    def automaton(self) -> Automaton:
        return machine("C", "1: 1C 2C", "2: 1D 1C")


class UsuallyDefects(AutomatonAgent):
    """Defects, except after a D that follows a C."""

    source: ClassVar[str] = "Ashlock, Kim and Ashlock 2009"

    def automaton(self) -> Automaton:
        return machine("D", "1: 2D 1D", "2: 1D 1C")


class SolutionB1(AutomatonAgent):
    """Defects until the other cooperates, then cooperates after one more D, for ever."""

    source: ClassVar[str] = "Ashlock, Brown and Hingston 2015, doi 10.1109/TCIAIG.2014.2326012"

    def automaton(self) -> Automaton:
        return machine("D", "1: 2D 1D", "2: 2C 3C", "3: 3C 3C")


class SolutionB5(AutomatonAgent):
    """A six-state machine optimised against several opponents at once."""

    source: ClassVar[str] = "Ashlock, Brown and Hingston 2015, doi 10.1109/TCIAIG.2014.2326012"

    def automaton(self) -> Automaton:
        return machine("D", "1: 2C 6D", "2: 2C 3D", "3: 6C 1D", "4: 3C 6D", "5: 5D 4D", "6: 3C 5D")


class EvolvedFsm4(AutomatonAgent):
    """Four states, trained by evolution for its score against the Axelrod library's strategies."""

    source: ClassVar[str] = "Harper et al. 2017, PLoS ONE 12:e0188046"

    def automaton(self) -> Automaton:
        return machine("C", "0: 0C 2D", "1: 3D 0C", "2: 2D 1C", "3: 3D 1D")


class EvolvedFsm6(AutomatonAgent):
    """Six states, trained by evolution for its score against the Axelrod library's strategies."""

    source: ClassVar[str] = "Axelrod library (Vincent and Fryer)"

    def automaton(self) -> Automaton:
        return machine("C", "4: 4C 6D", "2: 2D 7D", "3: 6D 4C", "5: 2D 7D", "6: 3C 5D", "7: 2C 3D")


class EvolvedFsm16(AutomatonAgent):
    """Sixteen states, trained by evolution for its score against the Axelrod library's strategies."""

    source: ClassVar[str] = "Harper et al. 2017, PLoS ONE 12:e0188046"

    def automaton(self) -> Automaton:
        return machine(
            "C",
            *("0: 0C 12D", "1: 3D 6C", "2: 2D 14D", "3: 3D 3D", "5: 12D 10D", "6: 5C 12D", "7: 3D 1C"),
            *("8: 5C 5C", "10: 11D 8C", "11: 15D 5D", "12: 8C 11D", "13: 13D 7D", "14: 13D 13D", "15: 15D 2C"),
        )


class EvolvedFsm16Noise05(AutomatonAgent):
    """Sixteen states, trained by evolution for its score with noise 0.05."""

    source: ClassVar[str] = "Harper et al. 2017, PLoS ONE 12:e0188046"

    def automaton(self) -> Automaton:
        return machine(
            "C",
            *("0: 8C 3D", "1: 13C 15D", "2: 12C 3D", "3: 10C 3D", "4: 5D 4D", "5: 4D 10D", "6: 8C 6D"),
            *("8: 2C 4D", "10: 4D 1D", "11: 14D 13C", "12: 13C 2C", "13: 13C 6C", "14: 3D 13D", "15: 5D 11C"),
        )
