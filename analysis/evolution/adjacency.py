"""Graphs as matrices of weights: who plays with whom, and whose offspring goes where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import networkx as nx
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from ..arrays import Numbers

Graph: TypeAlias = "nx.Graph"
"""Any networkx graph: directed or not, its edges weighted by `weight` or by one each."""


def weights_of(graph: Graph) -> csr_array:
    """Weights [vertex, other] in the graph's own order of vertices."""
    return csr_array(nx.to_scipy_sparse_array(graph, dtype=np.float64, format="csr"))


def checked_weights(weights: csr_array, what: str = "graph", names: Sequence[object] = ()) -> csr_array:
    """The same, in order; ValueError where a vertex, called by one of `names`, has no way out."""
    if weights.shape[0] < 2:
        raise ValueError(f"The {what} needs two vertices or more; it has {weights.shape[0]}.")
    if not np.isfinite(weights.data).all() or weights.data.min(initial=0) < 0:
        raise ValueError(f"The weights of the {what} must be finite and 0 or more; some are not.")
    weights.eliminate_zeros()
    weights.sort_indices()
    alone = np.flatnonzero(weights.sum(1) == 0)
    if len(alone):
        name = names[alone[0]] if names else int(alone[0])
        raise ValueError(f"Every vertex of the {what} needs a neighbour; {name!r} has none ({len(alone)} such).")
    return weights


def checked_connected(weights: csr_array, what: str = "replacement graph") -> csr_array:
    """The same; ValueError unless a type can get from any vertex to any other."""
    parts, _ = connected_components(weights, connection="strong")
    if parts > 1:
        along = ", along the directions of its edges" if abs(weights - weights.T).sum() else ""
        raise ValueError(f"The {what} must be connected{along}; it falls into {parts} parts.")
    return weights


def adjacency(graph: Graph, what: str = "graph") -> csr_array:
    """Weights [vertex, other] of a networkx graph; ValueError where a vertex has no way out."""
    return checked_weights(weights_of(graph), what, list(graph))


def connected_adjacency(graph: Graph, what: str = "replacement graph") -> csr_array:
    """The same; ValueError unless a type can get from any vertex to any other."""
    return checked_connected(adjacency(graph, what), what)


def interaction_and_replacement(graph: Graph, interaction: Graph | None) -> tuple[csr_array, csr_array]:
    """Weights of who plays with whom, and of whose offspring goes where, over the same vertices."""
    replacement = connected_adjacency(graph)
    if interaction is None:
        return replacement, replacement
    if set(interaction) != set(graph):
        raise ValueError("The interaction graph and the replacement graph have the same vertices; these differ.")
    played = adjacency(interaction, "interaction graph")
    place = {vertex: i for i, vertex in enumerate(interaction)}
    order = np.array([place[vertex] for vertex in graph])
    return csr_array(played[order][:, order]), replacement


def strengths(weights: csr_array) -> Numbers:
    """The weight that each vertex has in all."""
    return np.asarray(weights.sum(1), dtype=np.float64)
