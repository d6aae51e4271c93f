"""Who invades whom, as a graph."""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import numpy as np
from numpy.typing import ArrayLike

from .stability import TIE, invasions, neutral, stability


def invasion_graph(payoffs: ArrayLike, names: Sequence[str] | None = None, tie: float = TIE) -> nx.DiGraph:
    """An edge from each resident to each type that can invade it: mutants that gain while rare, and neutral ones.

    Payoffs are as in `invasions`. Edges have `drift`, whether only chance moves the two, and `advantage`, what a
    single mutant earns above residents, a_ji - a_ii. Two types that gain
    against each other have edges both ways and live together; without an edge, each resists the other. Nodes are
    `names`, or numbers from 0, and have a `kind` as in `stability`.
    """
    found = stability(payoffs, tie)
    nodes: Sequence[str | int] = range(len(found)) if names is None else names
    if len(nodes) != len(found) or len(set(nodes)) != len(nodes):
        raise ValueError(f"{len(found)} types need as many different names; there are {len(set(nodes))}.")
    graph = nx.DiGraph()
    graph.add_nodes_from((node, {"kind": each.kind}) for node, each in zip(nodes, found, strict=True))
    drift = neutral(payoffs, tie)
    table = np.asarray(payoffs, dtype=np.float64).reshape(len(found), len(found), -1)
    for resident, mutant in np.argwhere(invasions(payoffs, tie) | drift).tolist():
        advantage = float(table[mutant, resident, 0] - table[resident, resident, 0])
        graph.add_edge(nodes[resident], nodes[mutant], drift=bool(drift[resident, mutant]), advantage=advantage)
    return graph
