"""What is to be said of a run's results, as the [analysis] section of a config asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .rank_sets import Correction


@dataclass(frozen=True)
class Judgement:
    """What to work out, and how."""

    draws: int = 2000
    """Of the bootstrap."""
    comparisons: Correction = "max_t"
    """What makes rank sets hold all at once."""
    margin: float | None = None
    """Payoffs that differ by less count as equivalent."""
    top: int = 3
    """Places of `p_top`."""
    ratings: Sequence[str] = ()
    anchors: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Environment -> the payoffs that count as 0 and as 1."""
    exploitability: Sequence[str] = ("population",)
    background: Sequence[str] = ()
    """Labels of agents that are only partners."""
    seed: int = 0
    pdf: bool = False
    """Whether figures are written as PDF too."""
