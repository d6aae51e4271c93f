"""Estimated time and size of a report, measured on leagues of 16 to 500 agents, on one core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .filing import MAX_TEXT_ROWS

FIXED, ENVIRONMENT = 1.5, 0.9
"""Seconds for the page, and for each environment's figures and small tables."""
PAIR, TEXT = 4e-5, 6e-5
"""Seconds for each ordered pair of agents, and for one that is also written as text."""
PROGRAM = 1.5e-6
"""Seconds per agent cubed, for ratings by linear programs; and the most agents that are rated by them."""
PROGRAMS, RATED = frozenset({"deviation", "nash", "coarse_correlated"}), 100
PAGE, AGENT = 300_000, 6_000
"""Bytes of the page and figures of an environment, and of each agent in it."""
ROW, PACKED = 1_200, 70
"""Bytes of an ordered pair in tables of text, and in Parquet."""


@dataclass(frozen=True)
class ReportEffort:
    """Seconds of one core, and bytes."""

    seconds: float
    bytes: float


def effort(agents: int, environments: int, ratings: Sequence[str] = ()) -> ReportEffort:
    """Estimated time and size of the report of a round robin."""
    pairs = agents**2
    text = pairs * environments <= MAX_TEXT_ROWS
    programs = len(PROGRAMS.intersection(ratings)) if agents <= RATED else 0
    each = ENVIRONMENT + pairs * (PAIR + TEXT * text) + programs * PROGRAM * agents**3
    size = PAGE + AGENT * agents + pairs * (ROW if text else PACKED)
    return ReportEffort(FIXED + environments * each, environments * size)
