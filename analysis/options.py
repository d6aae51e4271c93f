"""Options of the analysis: the [analysis] section of a config, which has the defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .ranking.rank_sets import Correction


@dataclass(frozen=True)
class AnalysisOptions:
    """Which analyses to run, and how."""

    draws: int
    """Number of bootstrap draws."""
    comparisons: Correction
    """Multiple-testing correction of rank sets."""
    top: int
    """`p_top` is the probability to be among the first `top` agents."""
    margin: float | None = None
    """Payoffs that differ by less count as equivalent."""
    ratings: Sequence[str] = ()
    anchors: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Environment -> the two payoffs that count as 0 and as 1."""
    exploitability: Sequence[str] = ()
    evolution: Sequence[str] = ()
    """Processes by which types would spread in a population."""
    population: Mapping[str, Any] = field(default_factory=dict)
    """That population: `dilemma.analysis.behaviour.evolution.EvolvingPopulation`."""
    schelling: Sequence[Sequence[str]] = ()
    """Cooperators and defectors of Schelling diagrams; if none are named, all pairs of agents have one."""
    background: Sequence[str] | Mapping[str, float] = ()
    """Labels of agents that are partners only, and not ranked; or label = share of a population of partners."""
    seed: int = 0
    pdf: bool = False
    """Whether figures are also written as PDF."""
