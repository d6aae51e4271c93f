"""Who invades whom, as a graph."""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import numpy as np
from numpy.typing import ArrayLike

from .population_game import checked_payoffs
from .stability import TIE, invasions, neutral, stability


def invasion_graph(payoffs: ArrayLike, names: Sequence[str] | None = None, tie: float = TIE) -> nx.DiGraph:
    """An edge from each resident to each type that can invade it: mutants that gain while rare, and neutral ones.

    Edges have `drift`, whether only chance moves the two, and `advantage`, a_ji - a_ii. Two types that gain
    against each other have edges both ways and live together; without an edge, each resists the other. Nodes are
    `names`, or numbers from 0, and have a `kind` as in `stability`.
    """
    matrix = checked_payoffs(payoffs)
    nodes: Sequence[str | int] = range(len(matrix)) if names is None else names
    if len(nodes) != len(matrix) or len(set(nodes)) != len(nodes):
        raise ValueError(f"{len(matrix)} types need as many different names; there are {len(set(nodes))}.")
    graph = nx.DiGraph()
    graph.add_nodes_from(
        (node, {"kind": found.kind}) for node, found in zip(nodes, stability(matrix, tie), strict=True)
    )
    drift = neutral(matrix, tie)
    for resident, mutant in np.argwhere(invasions(matrix, tie) | drift).tolist():
        advantage = float(matrix[mutant, resident] - matrix[resident, resident])
        graph.add_edge(nodes[resident], nodes[mutant], drift=bool(drift[resident, mutant]), advantage=advantage)
    return graph
