"""Graphs that populations live on: those of `envs`, or read from a file, and connected."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import networkx as nx
import numpy as np
from pydantic import BeforeValidator, Field
from scipy.sparse import csr_array, eye_array

from ...analysis.evolution.adjacency import checked_connected, checked_weights
from ...envs.graphs import (
    AsEdges,
    ConnectedCaveman,
    Graph,
    Lattice,
    Numbers,
    OwnEdges,
    RandomRegular,
    Ring,
    ScaleFree,
    SmallWorld,
    weights_of,
    without_parallel_edges,
)

DRAWS = 100
"""Random graphs that are drawn until one is connected."""


class GraphFile(Graph):
    """A file of edges: GraphML (.graphml), GML (.gml), or an edge list, `from to` or `from to weight` a line."""

    kind: Literal["file"] = "file"
    path: str

    def weights(self, random: np.random.Generator) -> csr_array:
        return weights_of(self._graph())

    @property
    def names(self) -> list[Hashable]:
        return list(self._graph())

    def _graph(self) -> nx.Graph:
        readers = {".graphml": nx.read_graphml, ".gml": nx.read_gml}
        read = readers.get(Path(self.path).suffix.lower(), _edge_list)
        try:
            found = read(self.path)
        except OSError as error:
            raise ValueError(f"{self.path} can't be read: {error.strerror or error}") from error
        except Exception as error:  # parsers raise all kinds
            raise ValueError(f"{self.path} is no graph: {error}") from error
        return without_parallel_edges(found) if found.is_multigraph() else found


def _edge_list(path: str) -> nx.Graph:
    with suppress(IndexError, TypeError):  # no third column, or one of attributes
        return nx.read_weighted_edgelist(path)
    return nx.read_edgelist(path)


def _named_file(value: object) -> object:
    """A path as the file that it names."""
    return {"kind": "file", "path": value} if isinstance(value, str) else value


GraphKind: TypeAlias = Annotated[
    Lattice | Ring | SmallWorld | ScaleFree | RandomRegular | ConnectedCaveman | OwnEdges | GraphFile,
    Field(discriminator="kind"),
    AsEdges,
    BeforeValidator(_named_file),
]


def connected(graph: Graph, random: np.random.Generator) -> csr_array:
    """Weights along which every vertex reaches every other.

    Raises ValueError if there are none; of random graphs the first that is connected counts.
    """
    for _ in range(DRAWS if graph.random else 1):
        found = checked_weights(graph.weights(random), "graph", _names(graph))
        try:
            return checked_connected(found, "graph")
        except ValueError as error:
            apart = error
    raise apart


def _names(graph: Graph) -> list[Hashable]:
    """What the vertices are called, where that is not their number."""
    return graph.names if isinstance(graph, GraphFile) else []


@dataclass(frozen=True, eq=False)
class Network:
    """Who plays with whom, and whose offspring goes where."""

    interaction: csr_array
    """[player, other]: what the player's payoff from the other counts for; itself too where it plays a copy."""
    replacement: csr_array
    """[parent, place]."""
    graph: Graph

    @property
    def size(self) -> int:
        return int(self.replacement.shape[0])

    @cached_property
    def places(self) -> Numbers | None:
        """Where vertices are drawn [vertex, (x, y)]; None where that would take long."""
        return self.graph.places(self.replacement)


def network(
    graph: Graph, interaction: Graph | None, self_interaction: bool, random: np.random.Generator
) -> Network:
    """The network of one replicate. Raises ValueError if the graphs can't hold a population."""
    replacement = connected(graph, random)
    played = replacement
    if interaction is not None:
        played = checked_weights(interaction.weights(random), "interaction graph", _names(interaction))
        if played.shape != replacement.shape:
            raise ValueError(
                f"found {played.shape[0]:,} vertices of the interaction graph; allowed: as many as the graph has, "
                f"{replacement.shape[0]:,}"
            )
    if self_interaction:
        played = csr_array(played + eye_array(played.shape[0]))
    return Network(played, replacement, graph)
