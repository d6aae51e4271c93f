"""What is to be said of a run's results: the [analysis] section of a config, which has the defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .ranking.rank_sets import Correction


@dataclass(frozen=True)
class Judgement:
    """What to work out, and how."""

    draws: int
    """Of the bootstrap."""
    comparisons: Correction
    """What makes rank sets hold all at once."""
    top: int
    """Places of `p_top`."""
    margin: float | None = None
    """Payoffs that differ by less count as equivalent."""
    ratings: Sequence[str] = ()
    anchors: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Environment -> the payoffs that count as 0 and as 1."""
    exploitability: Sequence[str] = ()
    background: Sequence[str] = ()
    """Labels of agents that are only partners."""
    seed: int = 0
    pdf: bool = False
    """Whether figures are written as PDF too."""
