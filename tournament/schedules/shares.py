"""Shares: all agents meet in one match, each on its share of the seats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from .schedule import History, Request, Schedule, broken_blocks

if TYPE_CHECKING:
    from ...envs.environment import Environment
    from ..plan import Plan, Problem

Indices: TypeAlias = NDArray[np.int64]

TINY = 1e-9
"""What sums of shares may be off by."""


class Shares(Schedule):
    """Agents share the seats of each environment by `shares`, which add up to 1; by default equally.

    Who sits where is up to the environment: by lot, or by its `placement`, in the order of `shares`. Seats that
    are left over by rounding go to the largest remainders.
    """

    shares: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(
        {}, description="label = share of the seats; agents that are left out have none. Equal shares by default"
    )
    alone: bool = Field(False, description="whether each agent also has all the seats to itself")
    repetitions: int = Field(1, ge=1, le=1_000_000, description="matches of each cast that has to be played")

    @property
    def asks_again(self) -> bool:
        return False

    def ask(self, plan: Plan, history: History) -> Sequence[Request]:
        return [
            Request(index, self._casts(plan, setting.game), self.repetitions)
            for index, setting in enumerate(plan.settings)
        ]

    def most(self, plan: Plan) -> Sequence[Request]:
        from .schedule import NOTHING_YET

        return self.ask(plan, NOTHING_YET)

    def _casts(self, plan: Plan, game: Environment) -> Indices:
        who, counts = self._counts(plan, game.seats)
        if game.seating is None:  # the order of seats means nothing, and a match is known by its cast
            order = np.argsort(np.argsort(plan.order)[who])
            who, counts = who[order], counts[order]
        alone = [np.full(game.seats, each) for each in who if self.alone and len(who) > 1]
        return np.stack([np.repeat(who, counts), *alone])

    def _counts(self, plan: Plan, seats: int) -> tuple[Indices, Indices]:
        """Entrants, and how many seats each has."""
        labels = [entrant.label for entrant in plan.entrants]
        given = self.shares or dict.fromkeys(labels, 1 / len(labels))
        who = np.array([labels.index(label) for label in given], dtype=np.int64)
        exact = np.array(list(given.values())) * seats
        counts = np.floor(exact + TINY).astype(np.int64)
        counts[np.argsort(counts - exact, kind="stable")[: seats - counts.sum()]] += 1
        return who, counts

    def problems(self, plan: Plan) -> Iterator[Problem]:
        from ..plan import Problem

        labels, place = [entrant.label for entrant in plan.entrants], ("schedule", "shares")
        unknown = [label for label in self.shares if label not in labels]
        total = sum(self.shares.values())
        if unknown:
            yield Problem(place, f"found {unknown[0]!r}; allowed: labels of agents, {', '.join(labels)}")
        elif self.shares and abs(total - 1) > TINY:
            yield Problem(place, f"found shares that add up to {total:g}; allowed: to 1")
        else:
            yield from self._unseated(plan)
        yield from broken_blocks(plan, self.repetitions)

    def _unseated(self, plan: Plan) -> Iterator[Problem]:
        """Who would have no seat, and games whose seats are not alike."""
        from ..plan import Problem

        for index, setting in enumerate(plan.settings):
            roles = list(dict.fromkeys(setting.game.roles))
            who, counts = self._counts(plan, setting.game.seats)
            if len(roles) > 1:
                said = f"found {setting.label}, with roles {', '.join(roles)}; allowed with shares: a single role"
                yield Problem(("environments", index), said)
            elif not counts.all():
                label = plan.entrants[int(who[counts.argmin()])].label
                said = (
                    f"found {setting.label}, of whose {setting.game.seats} seats {label} gets none; allowed: one"
                )
                yield Problem(("environments", index), f"{said} or more for each agent")
