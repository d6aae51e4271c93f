"""Reactive automata: their next move depends only on the other's moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..automaton import Automaton, AutomatonAgent


@dataclass(frozen=True, slots=True)
class On:
    """A state: the probability of cooperation in it, and the states that follow the other's C and D."""

    cooperation: float
    c: int
    d: int


class ReactiveAutomaton(AutomatonAgent):
    """An automaton that ignores its own moves; a subclass lists its states, the initial one first."""

    states: ClassVar[Sequence[On]]

    def automaton(self) -> Automaton:
        return Automaton.of(
            [state.cooperation for state in self.states],
            [(state.c, state.d, state.c, state.d) for state in self.states],
        )
