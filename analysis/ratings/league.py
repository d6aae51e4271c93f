"""The largest part of a league in which all agents have met: ratings need every payoff, and none is imputed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from ..arrays import Indices, Numbers

_SECONDS = 10.0


@dataclass(frozen=True)
class CompleteLeague:
    """A complete part of a league."""

    agents: Indices
    """Indices of its agents."""
    no_self_play: Indices
    """Those of them whose payoff against themselves is missing."""


def largest_complete(matrix: ArrayLike) -> CompleteLeague:
    """The largest set of agents that have all met one another, from payoffs [agent, opponent], NaN if missing.

    It is the largest set with at most one agent of each missing pair, by an integer program. Self-play may be
    missing. Raises ValueError if the search takes too long.
    """
    known = np.isfinite(np.asarray(matrix, dtype=np.float64))
    one, other = np.nonzero(np.triu(~(known & known.T), 1))
    kept = np.arange(len(known))
    if len(one):
        row = np.repeat(np.arange(len(one)), 2)
        column = np.stack((one, other), 1).reshape(-1)
        pairs = csr_array((np.ones(len(row)), (row, column)), shape=(len(one), len(known)))
        found = milp(
            -np.ones(len(known)),
            integrality=np.ones(len(known), dtype=np.int64),
            bounds=Bounds(0, 1),
            constraints=LinearConstraint(pairs, ub=1),
            options={"time_limit": _SECONDS},
        )
        if not found.success:
            raise ValueError(
                f"{len(one)} pairs of agents have not met, and the largest part that has could not be found. "
                "Play the missing pairs, or rate fewer agents."
            )
        kept = np.flatnonzero(found.x > 0.5)
    return CompleteLeague(agents=kept, no_self_play=kept[~np.diagonal(known)[kept]])


def complete_part(matrix: Numbers, league: CompleteLeague) -> Numbers:
    """The payoffs [..., agent, opponent] of the agents of a league."""
    return matrix[..., league.agents[:, None], league.agents]
