"""Which agents of a league have all met: ratings of a game need every payoff, and none is made up."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import ArrayLike

from ..cells import Indices, Numbers

LARGEST = 60
"""With more agents than this in missing pairs, the largest complete part is not searched for."""


@dataclass(frozen=True)
class League:
    """A complete part of a league."""

    agents: Indices
    """Which agents it has."""
    no_self_play: Indices
    """Those of them whose payoff against themselves is missing."""


def largest_complete(matrix: ArrayLike) -> League:
    """The most agents that have all met one another, from payoffs [agent, opponent], NaN where missing.

    Self-play may be missing. ValueError where too many have gaps.
    """
    known = np.isfinite(np.asarray(matrix, dtype=np.float64))
    diagonal = np.diagonal(known)
    met = known & known.T
    np.fill_diagonal(met, True)
    gaps = np.flatnonzero(~met.all(1))
    if len(gaps) > LARGEST:
        raise ValueError(
            f"{len(gaps)} of {len(met)} agents miss some opponent; the largest complete part is searched for "
            f"among at most {LARGEST}. Play the missing pairs, or rate fewer agents."
        )
    kept = np.flatnonzero(met.all(1))
    if len(gaps):
        graph = nx.from_numpy_array(met[np.ix_(gaps, gaps)] & ~np.eye(len(gaps), dtype=np.bool_))
        clique, _ = nx.max_weight_clique(graph, weight=None)
        kept = np.sort(np.concatenate((kept, gaps[clique])))
    return League(agents=kept, no_self_play=kept[~diagonal[kept]])


def complete_part(matrix: Numbers, league: League) -> Numbers:
    """The payoffs [..., agent, opponent] of the agents of a league."""
    return matrix[..., league.agents[:, None], league.agents]
