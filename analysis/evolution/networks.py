"""Games on networks, simulated: births and deaths, imitation, and the rule of Santos and Pacheco."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from ..arrays import Numbers
from .adjacency import Graph, interaction_and_replacement
from .graph_fixation import Fitness, Payoff
from .network_updates import SEQUENTIAL, Edges, lists, one_by_one, santos_pacheco
from .structured import (
    Counts,
    StructuredRun,
    Types,
    checked_generator,
    checked_steps,
    checked_types,
    one_game,
)

NetworkUpdate: TypeAlias = Literal[
    "birth_death", "death_birth", "imitation", "pairwise_comparison", "santos_pacheco"
]


def network_game(
    graph: Graph,
    payoffs: ArrayLike,
    start: ArrayLike,
    steps: int,
    update: NetworkUpdate,
    *,
    random: np.random.Generator,
    selection: float = 1.0,
    fitness: Fitness = "exponential",
    payoff: Payoff = "accumulated",
    interaction: Graph | None = None,
) -> StructuredRun:
    """Play A[own type, other type] on a graph for some generations, from the types `start` [..., vertex].

    Leading axes of `start` are populations of their own; vertices are in the graph's order. `graph` is whose
    offspring goes where, from parent to offspring where it is directed; `interaction` is who plays with whom, if
    that is another graph (u -> v: u is paid for playing with v). A payoff is the sum over neighbours, by weight,
    or the mean ("average"). Births, deaths and imitation are as in `graph_fixation_probabilities`, a step being
    as many events as vertices. With "santos_pacheco" each vertex x draws a neighbour y, all at once, and takes its
    type with probability (P_y - P_x) / (k D), if that is above 0: k is the larger of both strengths, and D the
    largest difference of payoffs in A and 0; for averaged payoffs k = 1, and D is that in A. Santos and
    Pacheco 2005.
    """
    table = one_game(payoffs)
    state = checked_types(start, len(table))
    if state.ndim < 1 or state.shape[-1] != len(graph):
        raise ValueError(f"A start holds a type for each of {len(graph)} vertices; its shape is {state.shape}.")
    run = _Network.of(graph, interaction, payoff).play
    populations = state.reshape(-1, len(graph))
    counts = run(populations, table, checked_steps(steps), update, selection, fitness, random)
    return StructuredRun(
        counts.reshape(*state.shape[:-1], steps + 1, len(table)), populations.reshape(state.shape)
    )


def network_fixation(
    graph: Graph,
    payoffs: ArrayLike,
    selection: float,
    update: NetworkUpdate,
    replicates: int,
    *,
    random: np.random.Generator,
    fitness: Fitness = "linear",
    payoff: Payoff = "average",
    interaction: Graph | None = None,
) -> int:
    """In how many of the replicates one player of the first type, at a random vertex, takes over from the second.

    What `graph_fixation_probabilities` works out exactly on small graphs, [0, 1] of it, played on any.
    """
    table = one_game(payoffs)
    if len(table) != 2:
        raise ValueError(f"Fixation is of a mutant among residents, two types; these payoffs are of {len(table)}.")
    if replicates < 1:
        raise ValueError(f"There are one or more replicates, not {replicates}.")
    network = _Network.of(graph, interaction, payoff)
    state = np.ones((replicates, len(graph)), dtype=np.uint8)
    state[np.arange(replicates), random.integers(len(graph), size=replicates)] = 0
    fixed, steps = 0, 64
    while len(state):
        left = network.play(state, table, steps, update, selection, fitness, random)[:, -1, 0]
        fixed += int((left == len(graph)).sum())
        state = state[(left > 0) & (left < len(graph))]
        steps = min(2 * steps, 1 << 16)
    return fixed


@dataclass(frozen=True)
class _Network:
    edges: Edges
    strength: Numbers
    """[vertex]: the weight in all that it plays with."""
    averaged: bool

    @classmethod
    def of(cls, graph: Graph, interaction: Graph | None, payoff: Payoff) -> _Network:
        if payoff not in ("average", "accumulated"):
            raise ValueError(f'A payoff is "average" or "accumulated", not {payoff!r}.')
        played, replaced = interaction_and_replacement(graph, interaction)
        strength = np.asarray(played.sum(1), dtype=np.float64)
        edges = Edges(*(lists(csr_array(way)) for way in (played, played.T, replaced, replaced.T)))
        return cls(edges, strength, payoff == "average")

    def play(
        self,
        state: Types,
        table: Numbers,
        steps: int,
        update: NetworkUpdate,
        selection: float,
        fitness: Fitness,
        random: np.random.Generator,
    ) -> Counts:
        """Counts [population, step, type]; changes `state` [population, vertex]."""
        counts = np.zeros((len(state), steps + 1, len(table)), dtype=np.int64)
        for kind in range(len(table)):
            counts[:, 0, kind] = (state == kind).sum(-1)
        checked_generator(random, update)
        game = (table, self.edges, self.strength, self.averaged)
        if update == "santos_pacheco":
            nothing = table.min() if self.averaged else 0.0
            spread = float(max(table.max(), nothing) - min(table.min(), nothing))
            santos_pacheco(state, counts, *game, spread, random)
        elif update in SEQUENTIAL:
            self._check(table, selection, update, fitness)
            rule, linear = SEQUENTIAL.index(update), fitness == "linear"
            one_by_one(state, counts, *game, rule, linear, float(selection), random)
        else:
            known = ", ".join(f'"{name}"' for name in SEQUENTIAL)
            raise ValueError(f'An update is {known} or "santos_pacheco", not {update!r}.')
        return counts

    def _check(self, table: Numbers, selection: float, update: NetworkUpdate, fitness: Fitness) -> None:
        if fitness not in ("exponential", "linear"):
            raise ValueError(f'Fitness is "exponential" or "linear", not {fitness!r}.')
        if not 0 <= selection < np.inf:
            raise ValueError(f"The intensity of selection is finite and 0 or more, not {selection}.")
        if update == "pairwise_comparison":
            return
        many = 1.0 if self.averaged else self.strength
        low, high = float(np.min(many * table.min())), float(np.max(many * table.max()))
        if fitness == "linear" and 1 - selection + selection * low <= 0:
            raise ValueError(
                f"Linear fitness 1 - w + w payoff stays above 0; with w = {selection} it could fall to "
                f'{1 - selection + selection * low:.6g}. Take a weaker selection, or fitness="exponential".'
            )
        if fitness == "exponential" and selection * max(abs(low), abs(high)) > 300:
            raise ValueError(
                f"Exponential fitness exp(w payoff) is held up to w |payoff| = 300; with w = {selection} it could "
                f"reach {selection * max(abs(low), abs(high)):.6g}. Take a weaker selection, or averaged payoffs."
            )
