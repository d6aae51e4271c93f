"""A planner's response as an agent: a finite automaton given by its rows, optionally with a countdown."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, ClassVar, TypeAlias

import numpy as np
from pydantic import Field, model_validator

from ..envs.environment import Environment, Probability
from .agent import Chairs, Player
from .automaton import Automaton, AutomatonAgent, AutomatonPlayer
from .response_table import response_table

Chances: TypeAlias = Annotated[tuple[Probability, ...], Field(strict=False, min_length=1)]
FourStates: TypeAlias = Annotated[tuple[int, int, int, int], Field(strict=False)]


class Response(AutomatonAgent):
    """A finite automaton given by its rows, such as the best response to another.

    State 0 is the first. A row of `transitions` holds the next states after CC, CD, DC, DD, own action first.
    In matches with a fixed number of rounds, `ending` replaces P(C) in the last ones: it has one row for each, and
    its last row is for the last round.
    """

    source: ClassVar[str] = "Papadimitriou 1992; Banks and Sundaram 1990 (best responses to automata)"
    cooperation: Chances = Field(description="P(C) in each state", examples=[(1, 0), (0,)])
    transitions: Annotated[tuple[FourStates, ...], Field(strict=False)] = Field(
        description="next states after CC, CD, DC, DD, a row for each state",
        examples=[((0, 1, 0, 1), (0, 1, 0, 1)), ((0, 0, 0, 0),)],
    )
    ending: Annotated[tuple[Chances, ...], Field(strict=False)] = Field(
        (), description="P(C) in each state, a row for each of the last rounds, the last round last"
    )

    @model_validator(mode="after")
    def _is_an_automaton(self) -> Response:
        states = len(self.cooperation)
        if len(self.transitions) != states:
            raise ValueError(f"{states} states need as many rows of transitions, found {len(self.transitions)}")
        for number, row in enumerate(self.transitions):
            if wrong := [state for state in row if not 0 <= state < states]:
                raise ValueError(
                    f"row {number} of transitions leads to state {wrong[0]}; there are 0 to {states - 1}"
                )
        for number, chances in enumerate(self.ending):
            if len(chances) != states:
                raise ValueError(
                    f"row {number} of ending needs {states} probabilities, one a state, found {len(chances)}"
                )
        return self

    def automaton(self) -> Automaton:
        return Automaton.of(self.cooperation, self.transitions)

    @property
    def in_words(self) -> str:
        return response_table(self)

    def as_automaton(self, game: Environment) -> Automaton | None:
        if not self.ending or game.as_differentiable_game():
            return super().as_automaton(game)
        return _counting(self, int(game.rounds)) if np.isfinite(game.rounds) else None

    def refuses(self, game: Environment) -> str | None:
        if self.ending and (game.as_differentiable_game() or not np.isfinite(game.rounds)):
            return "counts down to the last round, which this game doesn't have"
        return super().refuses(game)

    def sit(self, chairs: Chairs) -> Player:
        if not self.ending:
            return super().sit(chairs)
        return AutomatonPlayer([_counting(self, int(chairs.spec.rounds))], chairs.seat * 0, chairs)


@lru_cache(maxsize=256)
def _counting(response: Response, rounds: int) -> Automaton:
    """The automaton with a round counter: its states are the reachable pairs (round, state)."""
    steady = rounds - len(response.ending)
    number = {name: index for index, name in enumerate(("CC", "CD", "DC", "DD"))}

    def cooperation(state: tuple[int, int]) -> float:
        round, place = state
        row = response.cooperation if round < steady else response.ending[round - steady]
        return row[place]

    def after(state: tuple[int, int], own: str, other: str) -> tuple[int, int]:
        round, place = state
        following = response.transitions[place][number[own + other]]
        return (round + 1, following) if round < rounds - 1 else (0, 0)

    return Automaton.unfold((0, 0), cooperation, after)
