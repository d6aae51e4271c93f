"""Exact fixation probabilities on graphs, by the chain over who is a mutant."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csc_array, csr_array, eye_array
from scipy.sparse.linalg import gmres, spsolve
from scipy.special import expit

from ..arrays import Numbers
from .adjacency import Graph, interaction_and_replacement
from .replicator_on_graphs import GraphUpdate
from .structured import one_game

Fitness: TypeAlias = Literal["exponential", "linear"]
Payoff: TypeAlias = Literal["average", "accumulated"]

MOST_STATES = 1 << 16
MOST_VERTICES = 5_000
ELIMINATED = 1_024
"""States that are eliminated whatever a chain's shape: of many small classes, elimination fills the matrix."""
_SIMULATE = "simulate this one with network_fixation (vertices that can be swapped were counted together)"


def graph_fixation(graph: Graph, fitness: float, update: GraphUpdate = "birth_death") -> float:
    """The probability that one mutant of constant fitness, against residents of fitness 1, takes the graph over.

    It starts at a vertex drawn uniformly. With "birth_death" a vertex drawn by fitness puts its offspring on a
    neighbour, drawn by weight; with "death_birth" a vertex drawn uniformly is replaced by its neighbours'
    offspring, in proportion to weight and fitness. Lieberman, Hauert and Nowak 2005. Exact; vertices that can
    be swapped are counted, not told apart, so that a star of 1,000 leaves is small. Edges of a directed graph lead
    from parent to offspring. "imitation" and "pairwise_comparison": see `graph_fixation_probabilities`.
    """
    if not 0 < fitness < math.inf:
        raise ValueError(f"The fitness of a mutant is finite and above 0, not {fitness}.")
    value = math.log(fitness)
    chain, constant = _Chain.of(graph, None), np.array([[value, value], [0, 0]])
    return _fixation(chain, constant, 1.0, update, "exponential", "average")


def graph_fixation_probabilities(
    graph: Graph,
    payoffs: ArrayLike,
    selection: float,
    update: GraphUpdate = "death_birth",
    *,
    fitness: Fitness = "linear",
    payoff: Payoff = "average",
    interaction: Graph | None = None,
) -> Numbers:
    """[mutant, resident]: how likely one mutant, at a vertex drawn uniformly, takes the graph over. Exact.

    The payoff of a vertex is the mean over its neighbours, by weight, or their sum ("accumulated"); `interaction`
    is who plays with whom, if that is another graph. Fitness is 1 - w + w payoff, or exp(w payoff). Births and
    deaths are as in `graph_fixation`; with "imitation" a vertex drawn uniformly keeps its type or takes a
    neighbour's, in proportion to weight and fitness, its own weighing 1; with "pairwise_comparison" it takes that
    of one neighbour, drawn by weight, with probability 1 / (1 + exp(-w (P_neighbour - P_own))), whatever
    `fitness`. The diagonal is 1 / n. Each value is right to about 1e-12. Ohtsuki et al. 2006.
    """
    table = one_game(payoffs)
    if not 0 <= selection < math.inf:
        raise ValueError(f"The intensity of selection is finite and 0 or more, not {selection}.")
    chain = _Chain.of(graph, interaction)
    found = np.full(table.shape, 1 / len(graph))
    for mutant, resident in np.argwhere(~np.eye(len(table), dtype=np.bool_)):
        pair = table[np.ix_((mutant, resident), (mutant, resident))]
        found[mutant, resident] = _fixation(chain, pair, selection, update, fitness, payoff)
    return found


@dataclass(frozen=True)
class _Quotient:
    """A graph's weights between its classes of vertices that can be swapped, which all look alike."""

    sizes: Numbers
    """[class]: how many vertices."""
    between: Numbers
    """[class, class]: from a vertex of one to another vertex of the other."""
    loop: Numbers
    """[class]: from a vertex to itself."""

    @classmethod
    def of(cls, weights: Numbers, classes: list[list[int]]) -> _Quotient:
        first, last = ([members[end] for members in classes] for end in (0, -1))
        between = weights[np.ix_(first, last)]  # of a class with one member this holds its loop
        sizes = np.array([len(members) for members in classes], dtype=np.float64)
        loop = weights[first, first]
        np.fill_diagonal(between, np.where(sizes > 1, between.diagonal(), 0))
        return cls(sizes, between, loop)

    def met(self, many: Numbers) -> Numbers:
        """The weight [state, class] from a vertex to others, of whom there are so `many` [state, class]."""
        return many @ self.between.T

    @property
    def own(self) -> Numbers:
        """What a vertex that counts as one of its class adds to the weight that it meets there."""
        return self.loop - self.between.diagonal()

    @property
    def out(self) -> Numbers:
        """The weight that a vertex gives in all [class]."""
        return self.met(self.sizes) + self.own

    @property
    def into(self) -> Numbers:
        """The weight that a vertex gets in all [class]."""
        return self.sizes @ self.between + self.own


@dataclass(frozen=True)
class _Chain:
    """The states of a graph: how many mutants there are in each class of vertices that can be swapped."""

    mutants: Numbers
    """[state, class]."""
    interaction: _Quotient
    replacement: _Quotient

    @classmethod
    def of(cls, graph: Graph, interaction: Graph | None) -> _Chain:
        played, replaced = interaction_and_replacement(graph, interaction)
        if len(graph) > MOST_VERTICES:
            raise ValueError(f"Graphs of up to {MOST_VERTICES:,} vertices are solved exactly; {_SIMULATE}.")
        classes = _swappable(played.toarray(), replaced.toarray())
        shape = [len(members) + 1 for members in classes]
        count = math.prod(shape)
        if count > MOST_STATES:
            raise ValueError(f"Chains of up to {MOST_STATES:,} states are solved exactly; {_SIMULATE}.")
        mutants = np.stack(np.unravel_index(np.arange(count), shape), axis=-1).astype(np.float64)
        return cls(mutants, *(_Quotient.of(weights.toarray(), classes) for weights in (played, replaced)))


def _swappable(*graphs: Numbers) -> list[list[int]]:
    """Classes of vertices any two of which can be swapped without changing any graph."""
    classes = list[list[int]]()
    for vertex in range(len(graphs[0])):
        for members in classes:
            if all(_alike(weights, members[0], vertex) for weights in graphs):
                members.append(vertex)
                break
        else:
            classes.append([vertex])
            if 1 << len(classes) > MOST_STATES:
                break  # too many already, and told so by whoever counts states
    return classes


def _alike(weights: Numbers, one: int, other: int) -> bool:
    swapped = np.arange(len(weights))
    swapped[[one, other]] = other, one
    return bool(
        (weights[one] == weights[other, swapped]).all() and (weights[:, one] == weights[swapped, other]).all()
    )


def _fixation(
    chain: _Chain, table: Numbers, selection: float, update: GraphUpdate, fitness: Fitness, payoff: Payoff
) -> float:
    """The probability that one mutant, at a vertex drawn uniformly, ends as all."""
    up, down = _rates(chain, table, selection, update, fitness, payoff)
    sizes = chain.replacement.sizes
    stride = np.append(np.cumprod(sizes[:0:-1] + 1)[::-1], 1).astype(np.int64)
    leaving = (up + down).sum(-1)
    state = np.arange(1, len(up) - 1)  # without the two where all are alike
    if not (leaving[state] > 0).all():
        raise ValueError(
            "Selection is too strong for this graph: the fitness of some vertices is 0 beside others'."
        )
    chance = (np.hstack((up, down))[state] / leaving[state, None]).ravel()
    towards = (state[:, None] + np.concatenate((stride, -stride))).ravel()
    origin = np.repeat(state, 2 * len(stride))
    wins = np.bincount(origin, chance * (towards == len(up) - 1), minlength=len(up))[1:-1].astype(np.float64)
    inside = (chance > 0) & (towards > 0) & (towards < len(up) - 1)
    n = len(state)
    moves = csr_array((chance[inside], (origin[inside] - 1, towards[inside] - 1)), shape=(n, n))
    reached = np.pad(_absorbed(moves, wins, len(sizes)), 1, constant_values=(0, 1))
    return float(sizes @ reached[stride] / sizes.sum())


def _rates(
    chain: _Chain, table: Numbers, selection: float, update: GraphUpdate, fitness: Fitness, payoff: Payoff
) -> tuple[Numbers, Numbers]:
    """How often a class gains and loses a mutant [state, class], up to a factor of each state."""
    graph, sizes = chain.replacement, chain.replacement.sizes
    mutants, residents = chain.mutants, sizes - chain.mutants
    earned = _payoffs(chain, table, payoff)
    rates = list[Numbers]()
    if update == "pairwise_comparison":
        for many, others, gain in (
            (mutants, residents, earned[0][:, :, None] - earned[1][:, None, :]),
            (residents, mutants, earned[1][:, :, None] - earned[0][:, None, :]),
        ):
            followed = many[:, :, None] * graph.between * expit(selection * gain)
            rates.append(others * followed.sum(1) / graph.into)
        return rates[0], rates[1]
    fit = _fitness(earned, (mutants, residents), selection, fitness)
    for one, other in ((0, 1), (1, 0)):
        many, others = ((mutants, residents)[i] for i in (one, other))
        if update == "birth_death":
            rates.append(((many * fit[one] / graph.out) @ graph.between) * others)
        elif update in ("death_birth", "imitation"):
            rivals = (many * fit[one]) @ graph.between
            across = graph.between - np.diag(graph.between.diagonal())
            kin = (others * fit[other]) @ across
            kin += fit[other] * ((others - 1).clip(0) * graph.between.diagonal() + graph.loop)
            if update == "imitation":
                kin += fit[other]
            rates.append(others * np.divide(rivals, rivals + kin, out=np.zeros_like(kin), where=rivals > 0))
        else:
            raise ValueError(
                f'An update is "birth_death", "death_birth", "imitation" or "pairwise_comparison", not {update!r}.'
            )
    return rates[0], rates[1]


def _payoffs(chain: _Chain, table: Numbers, payoff: Payoff) -> tuple[Numbers, Numbers]:
    """Payoffs [state, class] of a mutant and of a resident in each class, if there is one."""
    graph = chain.interaction
    mutants, residents = (graph.met(many) for many in (chain.mutants, graph.sizes - chain.mutants))
    earned = (
        table[0, 0] * (mutants + graph.own) + table[0, 1] * residents,
        table[1, 0] * mutants + table[1, 1] * (residents + graph.own),
    )
    if payoff == "accumulated":
        return earned
    if payoff == "average":
        return earned[0] / graph.out, earned[1] / graph.out
    raise ValueError(f'A payoff is "average" or "accumulated", not {payoff!r}.')


def _fitness(
    earned: tuple[Numbers, Numbers], many: tuple[Numbers, Numbers], selection: float, fitness: Fitness
) -> tuple[Numbers, Numbers]:
    """Fitness [state, class] of both, 0 where there is nobody; if exponential, up to a factor of each state."""
    if fitness == "linear":
        fit = [
            np.where(there > 0, 1 - selection + selection * own, 0)
            for own, there in zip(earned, many, strict=True)
        ]
        lowest = min(float(own[there > 0].min()) for own, there in zip(fit, many, strict=True))
        if lowest <= 0:
            raise ValueError(
                f"Linear fitness 1 - w + w payoff stays above 0; with w = {selection} it falls to {lowest:.6g}. "
                'Take a weaker selection, or fitness="exponential".'
            )
    elif fitness == "exponential":
        powers = [np.where(there > 0, selection * own, -np.inf) for own, there in zip(earned, many, strict=True)]
        most = np.maximum(powers[0].max(-1), powers[1].max(-1))[:, None]
        fit = [np.exp(power - most) for power in powers]
    else:
        raise ValueError(f'Fitness is "exponential" or "linear", not {fitness!r}.')
    return fit[0], fit[1]


def _absorbed(moves: csr_array, wins: Numbers, classes: int) -> Numbers:
    """How likely each state ends with mutants alone, from its moves to others and the chance to win at once."""
    n = len(wins)
    system = csc_array(eye_array(n) - moves)
    if n <= ELIMINATED or classes <= 4:
        return np.asarray(spsolve(system, wins), dtype=np.float64).reshape(n)
    found, failed = gmres(system, wins, rtol=1e-13, atol=0, restart=150, maxiter=100)
    if failed:
        raise ArithmeticError(f"The chain of {n:,} states was not solved; {_SIMULATE}.")
    return np.asarray(found, dtype=np.float64)
