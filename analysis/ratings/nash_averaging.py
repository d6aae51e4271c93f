"""Nash averaging: the mean payoff against the maximum-entropy Nash equilibrium (Balduzzi et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Numbers
from .linear_program import minimise
from .maximum_entropy import maximum_entropy
from .normal_form import checked_matrix


@dataclass(frozen=True)
class NashAverage:
    """What each strategy earns against the other side's equilibrium: the game's value if it is in the support,
    else at most that."""

    rating: Numbers
    weight: Numbers
    """The maximum-entropy equilibrium: the weight of each strategy as an opponent."""


def relative(matrix: ArrayLike) -> Numbers:
    """M - M^T: by how much each agent earns more than its opponent in their match. Antisymmetric, so zero-sum."""
    payoffs = checked_matrix(matrix)
    return payoffs - np.swapaxes(payoffs, -1, -2)


def nash_averaging(antisymmetric: ArrayLike) -> NashAverage:
    """Agents against agents in a symmetric zero-sum game A = -A^T.

    weight = the p of largest entropy among those with A p <= 0; rating = A p. If the equilibrium is unique,
    entering an agent k times splits its weight and changes no rating; if ties leave several equilibria, the choice
    by entropy does depend on copies. Small changes of A may change p a lot.
    """
    payoffs = checked_matrix(antisymmetric)
    if payoffs.ndim != 2 or not np.allclose(payoffs, -payoffs.T, rtol=0, atol=1e-9 * (1 + np.abs(payoffs).max())):
        raise ValueError("Nash averaging needs an antisymmetric matrix; of a general one take `relative(matrix)`.")
    weight = maximum_entropy(payoffs)
    return NashAverage(rating=payoffs @ weight, weight=weight)


def nash_averaging_tasks(scores: ArrayLike) -> tuple[NashAverage, NashAverage]:
    """Agents against tasks, from scores [agent, task]: agents maximise the score, tasks minimise it.

    With v the game's value, agents' weights p have S^T p >= v, tasks' weights q have S q <= v, both of largest
    entropy. Agents are rated S q, tasks -S^T p.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or not table.size or not np.isfinite(table).all():
        raise ValueError(f"Scores are a table [agent, task] without gaps; these have the shape {table.shape}.")
    middle, spread = table.mean(), np.ptp(table) or 1.0
    scaled = (table - middle) / spread
    value, slack = _value(scaled), 1e-9
    hardest = maximum_entropy(scaled - value - slack)
    strongest = maximum_entropy(value - slack - scaled.T)
    return NashAverage(table @ hardest, strongest), NashAverage(-(strongest @ table), hardest)


def _value(scores: Numbers) -> float:
    """The least v with S q <= v for some mixture q of columns."""
    agents, tasks = scores.shape
    found = minimise(
        np.append(np.zeros(tasks), 1.0),
        np.column_stack((scores, -np.ones(agents))),
        np.zeros(agents),
        [(0, None)] * tasks + [(None, None)],
        sums_to_one=np.append(np.ones(tasks), 0.0)[None],
    )
    return float(found.x[-1])
