"""Rules of choosers: whether to stay with a partner, judged by the last match."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...envs.errors import DilemmaError
from ..sections import Section
from .meetings import Meetings, kindness

if TYPE_CHECKING:
    from ...envs.environment import Environment

Flags: TypeAlias = NDArray[np.bool_]


class Rule(Section, ABC):
    """Whether a chooser stays with its partner after a match."""

    kind: str
    label: Annotated[str, Field(min_length=1, max_length=80)] | None = Field(
        None, description="what the tables call it; its kind where left out"
    )

    @property
    def name(self) -> str:
        return self.label or self.kind

    @abstractmethod
    def keeps(self, game: Environment, met: Sequence[Meetings], alone: float) -> Sequence[Flags]:
        """Whether it stays after each match with each candidate: for each of `met`, bool [path, match].

        `alone` is what the chooser can expect to earn alone, per round.
        """

    def refuses(self, game: Environment) -> str | None:
        """Why it can't judge matches of this game, as a clause; None if it can."""
        return None


class OwnReturn(Rule):
    """Stays where the last match paid at least as much as playing alone can be expected to."""

    kind: Literal["own_return"] = Field(
        "own_return", description="by the own payoff against that of playing alone"
    )

    def keeps(self, game: Environment, met: Sequence[Meetings], alone: float) -> Sequence[Flags]:
        return [np.asarray(each.own["payoff"] >= alone) for each in met]


class Fairness(Rule):
    """Stays where the last match paid at least as much as playing alone, and the partner was fair in it.

    Fair is who has `measure` of at least `at_least`: the share of own coins among those that it took, or its
    cooperation.
    """

    kind: Literal["fairness"] = Field("fairness", description="by the own payoff, and by what the partner did")
    measure: str | None = Field(
        None,
        description="cooperation, payoff, or another measure or share of the partner's seat; by default the "
        "game's first share, or cooperation",
    )
    at_least: float = Field(0.5, description="of that measure, in the last match", allow_inf_nan=False)

    def keeps(self, game: Environment, met: Sequence[Meetings], alone: float) -> Sequence[Flags]:
        measure = self.measure or kindness(game)
        return [
            np.asarray((each.own["payoff"] >= alone) & (_of_partner(each, measure, self.name) >= self.at_least))
            for each in met
        ]

    def refuses(self, game: Environment) -> str | None:
        need = "others_rewards" if self.measure == "payoff" else "others_actions"
        if need in game.grants:
            return None
        return f"what it judges is hidden there ({need.replace('_', ' ')})"


def _of_partner(met: Meetings, measure: str, rule: str) -> NDArray[np.float64]:
    if measure not in met.partner:
        raise DilemmaError(
            f"schedule.rules: {rule} judges by {measure!r}, which this game doesn't measure; allowed: "
            f"{', '.join(met.partner)}"
        )
    return met.partner[measure]
