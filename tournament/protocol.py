"""How long learners learn, and which part forms the result."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """How long learners learn, and which part forms the result. Strategies play at one table, one episode."""

    tables: int = 1
    episodes: int = 1
    window: int | None = None
    """The result is the mean over this many last episodes (rounds, if those are the points of the curve); None:
    all."""
    freeze_after: tuple[tuple[str, int], ...] = ()
    """(label, number of points of the curve) after which that agent is frozen."""
    keep: tuple[str, ...] = ()
    """Labels of agents whose learned state is returned."""


STRATEGIES = Protocol()
