"""How long learners learn, and what of it counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """How long learners learn, and what of it counts. Strategies play at one table, one episode."""

    tables: int = 1
    episodes: int = 1
    window: int | None = None
    """The last episodes (rounds, where those are the curve's points) that the result is the mean of; None: all."""
    freeze_after: tuple[tuple[str, int], ...] = ()
    """(label, points of the curve) after which that agent learns no more."""
    keep: tuple[str, ...] = ()
    """Labels of those whose learned state is handed back."""


STRATEGIES = Protocol()
