"""Memory-n strategies: look-up tables over the last few rounds."""

from __future__ import annotations

from itertools import product
from typing import Annotated, ClassVar

from pydantic import Field, field_validator, model_validator

from ..envs.environment import Probability
from .automaton import Automaton, AutomatonAgent

Probabilities = Annotated[tuple[Probability, ...], Field(strict=False, min_length=1, max_length=4**5)]


class MemoryN(AutomatonAgent):
    """Cooperates with a probability that depends on the last n rounds.

    The table has 4^n probabilities, n from 1 to 5. Its rows are sequences of rounds, the oldest first, each CC,
    CD, DC or DD (own action first), and the newest round runs fastest: for n = 2 CCCC, CCCD, CCDC, ..., DDDD.
    """

    source: ClassVar[str] = "Lindgren 1991; Hilbe et al. 2017"
    table: Probabilities = Field(
        description="P(C) after each sequence of n rounds, 4^n of them", examples=[(1.0, 0.5, 0.0, 1.0)]
    )
    opening: Probabilities = Field((1.0,), description="P(C) in each of the first n rounds; a single one for all")

    @property
    def depth(self) -> int:
        """The number n of rounds remembered."""
        return (len(self.table).bit_length() - 1) // 2

    @field_validator("table")
    @classmethod
    def _is_a_power_of_four(cls, table: tuple[float, ...]) -> tuple[float, ...]:
        if len(table) not in {4**depth for depth in range(1, 6)}:
            raise ValueError(f"a table of n rounds has 4^n probabilities (4, 16, 64, ...), found {len(table)}")
        return table

    @model_validator(mode="after")
    def _opens_for_n_rounds(self) -> MemoryN:
        if len(self.opening) not in {1, self.depth}:
            raise ValueError(f"opening needs 1 or {self.depth} probabilities, found {len(self.opening)}")
        return self

    def automaton(self) -> Automaton:
        rows = {
            "".join(rounds): p for rounds, p in zip(product("CD", repeat=2 * self.depth), self.table, strict=True)
        }
        opening = self.opening * self.depth if len(self.opening) == 1 else self.opening

        def cooperation(past: str) -> float:
            return rows[past] if past in rows else opening[len(past) // 2]

        return Automaton.unfold("", cooperation, lambda past, own, other: (past + own + other)[-2 * self.depth :])


def lookup_table(own: int, other: int, first: int, table: str, opening: str) -> Automaton:
    """An automaton that looks up its last `own` moves and the other's last `other` and first `first` moves.

    The table runs over all three in that order, each oldest first, and the last runs fastest; `opening` has the
    moves until the history is long enough.
    """
    keys = ["".join(key) for key in product("CD", repeat=own + other + first)]
    moves = dict(zip(keys, table, strict=True))

    def move(past: tuple[str, str, str, int]) -> str:
        *known, turn = past
        return opening[turn] if turn < len(opening) else moves["".join(known)]

    def after(past: tuple[str, str, str, int], mine: str, theirs: str) -> tuple[str, str, str, int]:
        ours, others, firsts, turn = past
        return (
            (ours + mine)[-own:],
            (others + theirs)[-other:],
            (firsts + theirs)[:first],
            min(turn + 1, len(opening)),
        )

    return Automaton.unfold(("", "", "", 0), lambda past: move(past) == "C", after)


class Winner12(AutomatonAgent):
    """A table of its own last and the other's last two moves, found by complete search; opens with CC."""

    source: ClassVar[str] = "Mathieu and Delahaye 2015"

    def automaton(self) -> Automaton:
        return lookup_table(1, 2, 0, "CDCDDCDD", opening="CC")


class Winner21(AutomatonAgent):
    """A table of its own last and the other's last two moves, found by complete search; opens with DC."""

    source: ClassVar[str] = "Mathieu and Delahaye 2015"

    def automaton(self) -> Automaton:
        return lookup_table(1, 2, 0, "CDCDCDDD", opening="DC")


class EvolvedLookup1(AutomatonAgent):
    """A table of the last move of both and the other's first, trained by evolution."""

    source: ClassVar[str] = "Harper et al. 2017, PLoS ONE 12:e0188046 (EvolvedLookerUp1_1_1)"

    def automaton(self) -> Automaton:
        return lookup_table(1, 1, 1, "CDDDDCDD", opening="C")


class EvolvedLookup2(AutomatonAgent):
    """A table of the last two moves of both and the other's first two, trained by evolution."""

    source: ClassVar[str] = "Harper et al. 2017, PLoS ONE 12:e0188046 (EvolvedLookerUp2_2_2)"

    def automaton(self) -> Automaton:
        table = "CDDCDCDDCDDDCDDDDDCDCDCCCDDCCDCDDDCCCCCDDDCDDDDDDDDDCCDDCDDDCCCD"
        return lookup_table(2, 2, 2, table, opening="CC")


class AllOrNone(AutomatonAgent):
    """Cooperates if both moves were equal in each of the last k rounds; cooperates in the first k rounds.

    k = 1 is win-stay, lose-shift.
    """

    source: ClassVar[str] = "Pinheiro et al. 2014; Hilbe et al. 2017 (AON-k)"
    k: Annotated[int, Field(ge=1, le=50)] = Field(2, description="number of rounds remembered")

    def automaton(self) -> Automaton:
        def after(state: tuple[int, int], own: str, other: str) -> tuple[int, int]:
            turn, alike = state
            return min(turn + 1, self.k), min(alike + 1, self.k) if own == other else 0

        return Automaton.unfold((0, 0), lambda state: state[0] < self.k or state[1] == self.k, after)


class DelayedAllOrNone(AutomatonAgent):
    """All-or-none of one round that reacts a round late."""

    source: ClassVar[str] = "Hilbe et al. 2017 (delayed AON1, third vector)"

    def automaton(self) -> Automaton:
        return lookup_table(2, 2, 0, "CDDDDCDCDDCDDCDC", opening="CC")


class Capri(AutomatonAgent):
    """A memory-three strategy that can't be exploited, forgives errors, and cooperates with itself.

    It cooperates at mutual cooperation (C), accepts punishment for its own error (A), punishes the other's error
    once (P), recovers from mutual defection if either cooperates (R), and otherwise defects (I).
    """

    source: ClassVar[str] = "Murase and Baek 2020, Scientific Reports 10:16904"

    def automaton(self) -> Automaton:
        rules = {
            "C": "ccc/ccc",
            "A": "ccd/ccc cdc/ccd dcc/cdc ccc/dcc",
            "P": "ccd/cdc cdc/dcc dcc/ccc",
            "R": "ddd/ddc ddc/dcc dcc/ccc ddc/ddd dcc/ddc ccc/dcc ddc/ddc dcc/dcc",
        }
        cooperates = " ".join(rules.values()).upper().split()
        return Automaton.unfold(
            ("CCC", "CCC"),
            lambda last: "/".join(last) in cooperates,
            lambda last, own, other: ((last[0] + own)[1:], (last[1] + other)[1:]),
        )
