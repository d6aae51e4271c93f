"""Graphs that populations live on and that seats are the sites of: lattices, rings, networks drawn at random."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeAlias

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from scipy.sparse import csr_array, eye_array, kron

Numbers: TypeAlias = NDArray[np.float64]
MOST_DRAWN = 2000
"""Vertices of a network whose places are worked out for pictures."""


class Graph(BaseModel, ABC):
    """A graph of a config: `kind` and its parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    random: ClassVar[bool] = False
    """Whether it is drawn by chance: then every replicate has one of its own."""

    @abstractmethod
    def weights(self, random: np.random.Generator) -> csr_array:
        """[vertex, other]: from a parent to where its child may go, or from a player to whom it plays with."""

    def places(self, weights: csr_array) -> Numbers | None:
        """Where vertices are drawn [vertex, (x, y)]; None of networks that are too large for it."""
        if weights.shape[0] > MOST_DRAWN:
            return None
        at = nx.spring_layout(nx.from_scipy_sparse_array(weights), seed=0)
        return np.array([at[vertex] for vertex in range(len(at))])


class Lattice(Graph):
    """A square lattice: the sites of a row next to each other, one row after the other."""

    kind: Literal["lattice"] = "lattice"
    rows: int = Field(ge=1, le=10_000)
    columns: int = Field(ge=1, le=10_000)
    neighbours: Literal["von_neumann", "moore"] = Field("von_neumann", description="the nearest 4, or 8")
    edges: Literal["periodic", "fixed"] = Field("periodic", description="a torus, or nobody beyond the edges")

    def weights(self, random: np.random.Generator) -> csr_array:
        sides = (self.rows, self.columns)
        if self.edges == "periodic" and min(sides) < 3:
            raise ValueError(f"found {self.rows} x {self.columns}; allowed with periodic edges: 3 x 3 and more")
        line = nx.cycle_graph if self.edges == "periodic" else nx.path_graph
        down, across = (nx.to_scipy_sparse_array(line(side), dtype=np.float64) for side in sides)
        one, other = (eye_array(side) for side in sides)
        if self.neighbours == "moore":
            return csr_array(kron(down + one, across + other) - kron(one, other))
        return csr_array(kron(down, other) + kron(one, across))

    def places(self, weights: csr_array) -> Numbers:
        row, column = np.divmod(np.arange(self.rows * self.columns), self.columns)
        return np.stack((column, row), axis=1).astype(np.float64)


class Ring(Graph):
    """A ring, on which everybody has so many nearest neighbours."""

    kind: Literal["ring"] = "ring"
    size: int = Field(ge=3, le=10_000_000)
    neighbours: int = Field(2, ge=2, multiple_of=2)

    def weights(self, random: np.random.Generator) -> csr_array:
        if self.neighbours >= self.size:
            raise ValueError(f"found {self.neighbours} neighbours among {self.size}; allowed: fewer than the size")
        return weights_of(nx.circulant_graph(self.size, range(1, self.neighbours // 2 + 1)))

    def places(self, weights: csr_array) -> Numbers:
        turn = 2 * np.pi * np.arange(self.size) / self.size
        return np.stack((np.cos(turn), np.sin(turn)), axis=1)


class SmallWorld(Graph):
    """A ring of which a part of the edges leads elsewhere. Watts and Strogatz 1998."""

    random: ClassVar[bool] = True

    kind: Literal["small_world"] = "small_world"
    size: int = Field(ge=3, le=10_000_000)
    neighbours: int = Field(4, ge=2, multiple_of=2)
    rewired: float = Field(0.1, ge=0, le=1, description="the probability that an edge leads elsewhere")

    def weights(self, random: np.random.Generator) -> csr_array:
        if self.neighbours >= self.size:
            raise ValueError(f"found {self.neighbours} neighbours among {self.size}; allowed: fewer than the size")
        return weights_of(nx.watts_strogatz_graph(self.size, self.neighbours, self.rewired, seed=random))


class ScaleFree(Graph):
    """Grown by newcomers who prefer the well connected. Barabasi and Albert 1999."""

    random: ClassVar[bool] = True

    kind: Literal["scale_free"] = "scale_free"
    size: int = Field(ge=3, le=10_000_000)
    links: int = Field(2, ge=1, description="edges that each newcomer brings")

    def weights(self, random: np.random.Generator) -> csr_array:
        if self.links >= self.size:
            raise ValueError(f"found {self.links} links among {self.size}; allowed: fewer than the size")
        return weights_of(nx.barabasi_albert_graph(self.size, self.links, seed=random))


class RandomRegular(Graph):
    """Everybody has the same number of neighbours, who are chosen by lot."""

    random: ClassVar[bool] = True

    kind: Literal["random_regular"] = "random_regular"
    size: int = Field(ge=3, le=10_000_000)
    degree: int = Field(4, ge=2)

    def weights(self, random: np.random.Generator) -> csr_array:
        if self.degree >= self.size or self.size * self.degree % 2:
            raise ValueError(
                f"found a degree of {self.degree} among {self.size}; allowed: fewer than the size, and an even "
                "product of both"
            )
        return weights_of(nx.random_regular_graph(self.degree, self.size, seed=random))


class ConnectedCaveman(Graph):
    """Cliques in a circle, each with one edge turned to the next one. Watts 1999."""

    kind: Literal["connected_caveman"] = "connected_caveman"
    cliques: int = Field(ge=2, le=100_000)
    size: int = Field(ge=3, le=1000, description="members of a clique")

    def weights(self, random: np.random.Generator) -> csr_array:
        return weights_of(nx.connected_caveman_graph(self.cliques, self.size))


Edge: TypeAlias = Annotated[
    tuple[Annotated[float, Field(ge=0)], ...], Field(strict=False, min_length=2, max_length=3)
]


class OwnEdges(Graph):
    """Edges [from, to] or [from, to, weight], between vertices 0, 1, ...; both ways unless directed.

    A config may give a `file` in place of `edges`: a line for each edge, the same numbers with spaces between.
    """

    kind: Literal["edges"] = "edges"
    edges: Annotated[tuple[Edge, ...], Field(strict=False, min_length=1)]
    directed: bool = False

    def weights(self, random: np.random.Generator) -> csr_array:
        ends = [(int(edge[0]), int(edge[1])) for edge in self.edges]
        for edge, end in zip(self.edges, ends, strict=True):
            if edge[:2] != end:
                raise ValueError(f"found an edge {list(edge)}; allowed: two vertices 0, 1, ..., and a weight")
        graph = nx.DiGraph() if self.directed else nx.Graph()
        graph.add_nodes_from(range(1 + max(map(max, ends))))
        for edge, end in zip(self.edges, ends, strict=True):
            graph.add_edge(*end, weight=edge[2] if len(edge) == 3 else 1.0)
        return weights_of(graph)


def weights_of(graph: nx.Graph) -> csr_array:
    """Weights [vertex, other] in the graph's own order of vertices."""
    return csr_array(nx.to_scipy_sparse_array(graph, dtype=np.float64, format="csr"))


def without_parallel_edges(graph: nx.Graph) -> nx.Graph:
    """The same without parallel edges, whose weights are added."""
    simple = nx.DiGraph() if graph.is_directed() else nx.Graph()
    simple.add_nodes_from(graph)
    for one, other, weight in graph.edges(data="weight", default=1):
        had = simple.get_edge_data(one, other, {"weight": 0})["weight"]
        simple.add_edge(one, other, weight=had + weight)
    return simple


def _as_edges(value: object) -> object:
    """A networkx graph as its edges, or those of a file: a line for each edge, two vertices and maybe a weight."""
    if isinstance(value, Mapping) and value.get("kind") == "edges" and "file" in value:
        return {
            **{name: part for name, part in value.items() if name != "file"},
            "edges": _read(str(value["file"])),
        }
    if not isinstance(value, nx.Graph):
        return value
    simple = nx.convert_node_labels_to_integers(without_parallel_edges(value) if value.is_multigraph() else value)
    edges = [[one, other, float(weight)] for one, other, weight in simple.edges(data="weight", default=1)]
    return {"kind": "edges", "edges": edges, "directed": value.is_directed()}


def _read(path: str) -> list[list[float]]:
    """The edges of an edge list; what follows a # is a comment. Raises ValueError if it can't be read."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"can't read {path!r}: {getattr(error, 'strerror', error)}") from None
    edges = []
    for number, line in enumerate(lines, 1):
        parts = line.partition("#")[0].split()
        try:
            numbers = [float(part) for part in parts]
        except ValueError:
            numbers = [-1.0]
        if numbers:
            if len(numbers) not in (2, 3) or not all(end >= 0 and end.is_integer() for end in numbers[:2]):
                raise ValueError(
                    f"found {line.strip()!r} in line {number} of {path!r}; allowed: two vertices 0, 1, ..., and "
                    "maybe a weight"
                )
            edges.append(numbers)
    return edges


AsEdges = BeforeValidator(_as_edges)
GraphKind: TypeAlias = Annotated[
    Lattice | Ring | SmallWorld | ScaleFree | RandomRegular | ConnectedCaveman | OwnEdges,
    Field(discriminator="kind"),
]
