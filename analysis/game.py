"""What the analysis needs to know of an environment, and the names of its seats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import numpy as np

from .arrays import Indices

ANY_SEAT = -1
"""Stands for the seat where all seats are interchangeable."""


class Game(TypedDict):
    """What the analysis needs to know of an environment."""

    roles: Sequence[str]
    """The role of each seat; seats of one role are interchangeable."""
    seats: int
    title: str
    leagues: NotRequired[Sequence[Sequence[str]]]
    """The roles that the same agents may take, together; if left out, those that the same agents took."""
    optimum: NotRequired[float | None]
    """The largest possible mean payoff per round over all seats, if known."""
    extremes: NotRequired[Sequence[float] | None]
    """The smallest and largest payoff that a seat can get in a round, if known."""
    note: NotRequired[str]
    """A remark for the report."""
    shares: NotRequired[Mapping[str, Sequence[str]]]
    """Name -> two measures (part, whole); the share is part / whole."""
    versions: NotRequired[Mapping[str, str]]
    """Label -> what it is a version of, for agents that are checkpoints or parametrisations of one thing."""
    board: NotRequired[bool]
    """Whether the environment has a board that can be drawn."""


def role_places(seat: Indices, game: Game | None) -> Indices:
    """The first seat of the role of each `seat`; `ANY_SEAT` if there is only one role."""
    roles = list(game["roles"]) if game else []
    if len(set(roles)) < 2:
        return np.full(len(seat), ANY_SEAT)
    first = {role: place for place, role in reversed(list(enumerate(roles)))}
    return np.array([first[role] for role in roles], dtype=np.int64)[seat]


def seat_names(first: Indices, roles: Sequence[str]) -> list[str]:
    """The seats of each role, given by its `first` seat; "any" for all seats."""
    by_role: dict[str, list[int]] = {}
    for seat, role in enumerate(roles):
        by_role.setdefault(role, []).append(seat)
    names = {ANY_SEAT: "any", **{own[0]: ", ".join(map(str, own)) for own in by_role.values()}}
    return [names[seat] for seat in first.tolist()]
