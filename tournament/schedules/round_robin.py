"""Round robin: everybody meets everybody, in every role that it may take."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...envs.errors import DilemmaError
from ..seating import patterns
from ..sections import said_once
from .schedule import History, Request, Schedule, broken_blocks
from .until_resolved import until_resolved

if TYPE_CHECKING:
    from ..plan import League, Plan, Problem

Indices: TypeAlias = NDArray[np.int64]

UNTIL_RESOLVED = "until resolved"
MOST = 5_000_000
"""Casts of one environment; with roles of different agents there may be very many."""
MOST_COMPOSITIONS = 100_000
"""Casts of one environment in which any number of agents meet."""


Repetitions: TypeAlias = Annotated[
    Annotated[int, Field(ge=1, le=1_000_000)] | Literal["until resolved"],
    said_once("a whole number from 1 to 1,000,000, or 'until resolved'"),
]


class RoundRobin(Schedule):
    """Everybody meets everybody, and itself with `self_play`; agents in the background meet only the others.

    Roles that the same agents may take are a league. In a league two agents share the seats in every proportion,
    from 1 against all others on: one cast each where the seats are alike, and one for every rotation where they
    are not. Where an environment has several leagues, all their casts are combined; where it has one seat, all
    play alone. With compositions = "all" any number of agents share seats that are alike: each multiset of agents
    is a cast.
    """

    self_play: bool = Field(False, description="whether agents also meet themselves")
    compositions: Literal["pairs", "all"] = Field(
        "pairs",
        description="who shares the seats of a match: two agents in every proportion, or any agents; for games "
        f"whose seats are alike, in at most {MOST_COMPOSITIONS:,} casts",
    )
    repetitions: Repetitions = Field(
        1,
        description="matches of each cast that has to be played; 'until resolved' spends them where the order of "
        "agents is not yet clear",
    )
    at_most: int = Field(1000, ge=1, le=1_000_000, description="matches of each cast with 'until resolved'")

    @property
    def asks_again(self) -> bool:
        return self.repetitions == UNTIL_RESOLVED

    @property
    def highest(self) -> int:
        """How many repetitions a cast has, or may have."""
        return self.at_most if isinstance(self.repetitions, str) else self.repetitions

    def ask(self, plan: Plan, history: History) -> Sequence[Request]:
        every = self.most(plan)
        return until_resolved(plan, every, history, self.at_most) if self.asks_again else every

    def most(self, plan: Plan) -> Sequence[Request]:
        return [Request(index, casts(plan, index, self), self.highest) for index in range(len(plan.settings))]

    def problems(self, plan: Plan) -> Iterator[Problem]:
        from ..plan import Problem

        shared = any(len(league.seats) > 1 for leagues in plan.leagues for league in leagues)
        if len(plan.entrants) == 1 and shared and not self.self_play:
            yield Problem(("agents", 0), "one agent alone needs `self_play = true` to have somebody to play with")
        yield from broken_blocks(plan, self.highest)
        if self.compositions == "all":
            yield from _too_mixed(plan)

    def united(self, before: Mapping[str, Any]) -> dict[str, Any]:
        earlier = RoundRobin.model_validate({key: value for key, value in before.items() if key != "kind"})
        resolved = UNTIL_RESOLVED in (self.repetitions, earlier.repetitions)
        highest = max(self.highest, earlier.highest)
        mixed = "all" in (self.compositions, earlier.compositions)
        return {
            **self.model_dump(mode="json", exclude_none=True),
            "self_play": self.self_play or earlier.self_play,
            "compositions": "all" if mixed else "pairs",
            "repetitions": UNTIL_RESOLVED if resolved else highest,
            "at_most": highest if resolved else self.at_most,
        }


def casts(plan: Plan, index: int, schedule: RoundRobin) -> Indices:
    """The casts of a round robin in one environment [cast, seat], by pairs of agents in the plan's order.

    Raises DilemmaError where there are more than MOST.
    """
    background = np.array([entrant.label in plan.schedule.background for entrant in plan.entrants], dtype=np.bool_)
    leagues = plan.leagues[index]
    if len(leagues) == 1:
        [league] = leagues
        single = len(league.seats) == 1  # nobody to meet: each plays alone
        if single or schedule.compositions == "all":
            whole = _compositions(league, alone=single or schedule.self_play)
            return whole[~background[whole].all(axis=1)]
        pairs = _pairs(league.members, alone=schedule.self_play)
        return _seated(league, pairs[~background[pairs].all(axis=1)])
    sides = [
        _seated(league, _pairs(league.members, alone=schedule.self_play or len(league.members) == 1))
        if len(league.seats) > 1
        else league.members[:, None]
        for league in leagues
    ]
    count = math.prod(map(len, sides))
    if count > MOST:
        raise DilemmaError(
            f"{plan.settings[index].label}: {count:,} casts of agents in {len(leagues)} leagues of roles; "
            f"at most {MOST:,} are allowed. Say with `roles` who may take which, or give fewer agents"
        )
    which = np.indices([len(side) for side in sides]).reshape(len(sides), -1)
    whole = np.empty((count, sum(len(league.seats) for league in leagues)), dtype=np.int64)
    for league, side, chosen in zip(leagues, sides, which, strict=True):
        whole[:, league.seats] = side[chosen]
    meeting = ~background[whole].all(axis=1)
    if not schedule.self_play:
        meeting &= (whole != whole[:, :1]).any(axis=1)
    return whole[meeting]


def _too_mixed(plan: Plan) -> Iterator[Problem]:
    """Environments that can't be played in all compositions."""
    from ..plan import Problem

    for index, (setting, leagues) in enumerate(zip(plan.settings, plan.leagues, strict=True)):
        roles = list(dict.fromkeys(setting.game.roles))
        seats, agents = setting.game.seats, len(leagues[0].members)
        count = math.comb(agents + seats - 1, seats)
        if len(roles) > 1:
            yield Problem(
                ("schedule", "compositions"),
                f"found 'all'; allowed in {setting.label}, with roles {', '.join(roles)}: 'pairs'",
            )
        elif count > MOST_COMPOSITIONS:
            yield Problem(
                ("environments", index),
                f"found {agents} agents on {seats} seats, {count:,} casts with schedule.compositions = 'all'; "
                f"allowed: {MOST_COMPOSITIONS:,}",
            )


def _compositions(league: League, *, alone: bool) -> Indices:
    """Every multiset of agents on the seats of a league [cast, seat]; those of one agent only with `alone`."""
    every = combinations_with_replacement(league.members.tolist(), len(league.seats))
    whole = np.array(list(every), dtype=np.int64).reshape(-1, len(league.seats))
    return whole if alone else whole[(whole != whole[:, :1]).any(axis=1)]


def _pairs(members: Indices, *, alone: bool) -> Indices:
    """Every two agents, and with `alone` each with itself [pair, 2]."""
    return np.stack([members[places] for places in np.triu_indices(len(members), 0 if alone else 1)], 1)


def _seated(league: League, pairs: Indices) -> Indices:
    """The casts of pairs of agents on the seats of a league [cast, seat], pair by pair."""
    places = patterns(league.roles)
    whole = np.take_along_axis(pairs[:, None], np.broadcast_to(places, (len(pairs), *places.shape)), 2)
    once = np.ones(whole.shape[:2], dtype=np.bool_)
    once[pairs[:, 0] == pairs[:, 1], 1:] = False
    return whole[once]
