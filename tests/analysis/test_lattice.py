"""Assortment and clusters on graphs, against networkx."""

import networkx as nx
import numpy as np
import pytest

from dilemma.analysis.behaviour.lattice import assortment, cluster_sizes

GRAPH = nx.barabasi_albert_graph(60, 2, seed=1)
LISTED = [sorted(GRAPH[site]) for site in GRAPH]
NEIGHBOURS = [row + [-1] * (max(map(len, LISTED)) - len(row)) for row in LISTED]
MOVES = np.random.default_rng(2).random((3, 60)) < 0.5


def test_assortment_is_newmans():
    for cooperates, found in zip(MOVES, assortment(MOVES, NEIGHBOURS), strict=True):
        nx.set_node_attributes(GRAPH, dict(enumerate(cooperates.astype(int).tolist())), "move")
        assert found == pytest.approx(nx.attribute_assortativity_coefficient(GRAPH, "move"))


def test_assortment_of_two_blocks_of_a_ring():
    """Of 12 ends of links of each kind 10 are beside their like: 10/12 - 2/12."""
    ring = [[(site - 1) % 12, (site + 1) % 12] for site in range(12)]
    assert assortment([1] * 6 + [0] * 6, ring) == pytest.approx(8 / 12)
    assert np.isnan(assortment([1] * 12, ring))


def test_clusters():
    for cooperates in MOVES:
        parts = nx.connected_components(GRAPH.subgraph(np.flatnonzero(cooperates).tolist()))
        assert cluster_sizes(cooperates, NEIGHBOURS).tolist() == sorted(map(len, parts), reverse=True)
    assert cluster_sizes(np.zeros(60), NEIGHBOURS).tolist() == []
