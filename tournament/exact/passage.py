"""Expected visits to the transient states of a Markov chain, and its recurrent classes, without subtraction.

Strongly connected states form a component. Components are solved one after the other: the visits to a component
are an invariant measure of a chain that starts again whenever it has left the component.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from .chain import Chains, Indices, Numbers
from .geometric_series import add_up
from .state_reduction import invariant

_AT_ONCE = 2**19  # entries of matrices that are solved together, such that they fit into the cache


@dataclass(frozen=True, eq=False)
class Passage:
    """Chains whose edges have the rates `flow` [edge]; in each round a share `leak` of everything is lost."""

    chains: Chains
    flow: Numbers
    leak: float = 0.0

    @cached_property
    def component(self) -> Indices:
        """The component of each state, numbered by their first states [state]."""
        chains = self.chains
        graph = sparse.csr_array((self.flow, (chains.source, chains.target)), shape=(chains.states,) * 2)
        component = csgraph.connected_components(graph, connection="strong")[1]
        first, which = np.unique(component, return_index=True, return_inverse=True)[1:]
        return np.argsort(np.argsort(first))[which]

    @cached_property
    def size(self) -> Indices:
        """Number of states of each component [component]."""
        return np.bincount(self.component)

    @cached_property
    def members(self) -> Indices:
        """The states, component by component [place]."""
        return np.argsort(self.component, kind="stable")

    @cached_property
    def first(self) -> Indices:
        """Where each component begins in `members` [component]."""
        return np.cumsum(self.size) - self.size

    @cached_property
    def _place(self) -> Indices:
        """Of each state within its component [state]."""
        place = np.empty_like(self.members)
        place[self.members] = np.arange(len(place)) - np.repeat(self.first, self.size)
        return place

    @cached_property
    def _inner(self) -> _Edges:
        """Edges between different states of a component, by component."""
        source, target = self.chains.source, self.chains.target
        within = (self.component[source] == self.component[target]) & (source != target)
        return _Edges.of(np.flatnonzero(within), self.component[source], len(self.size))

    @cached_property
    def _outer(self) -> _Edges:
        """Edges between components, by the one that they leave."""
        source, target = self.chains.source, self.chains.target
        leaves = np.flatnonzero(self.component[source] != self.component[target])
        return _Edges.of(leaves, self.component[source], len(self.size))

    @cached_property
    def closed(self) -> NDArray[np.bool_]:
        """Whether a component is never left [component]."""
        return np.asarray((self._outer.count == 0) & (self.leak == 0), np.bool_)

    def through(self, begin: Numbers) -> tuple[Numbers, Numbers]:
        """Expected visits of every state outside closed components, and arrivals from other components [state].

        `begin` is the initial weight of each state.
        """
        source, target = self.chains.source, self.chains.target
        outer = self._outer
        out = add_up(source[outer.edge], self.flow[outer.edge], self.chains.states) + self.leak
        arrives = begin.astype(np.float64)
        visits = np.zeros(len(begin))
        waits_for = np.bincount(self.component[target[outer.edge]], minlength=len(self.size))
        ready = np.flatnonzero(waits_for == 0)
        while len(ready):
            ready = ready[~self.closed[ready]]
            alone = self.members[self.first[ready[self.size[ready] == 1]]]
            visits[alone] = arrives[alone] / out[alone]
            for part in self._alike(ready[self.size[ready] > 1]):
                self._go_through(part, arrives, out, visits)
            edges = outer.among(ready)
            np.add.at(arrives, target[edges], self.flow[edges] * visits[source[edges]])
            reached = self.component[target[edges]]
            np.subtract.at(waits_for, reached, 1)
            ready = np.unique(reached[waits_for[reached] == 0])
        return visits, arrives

    def _go_through(self, part: Indices, arrives: Numbers, out: Numbers, visits: Numbers) -> None:
        """The visits of some components of similar size; state 0 of their chains is the outside."""
        rates, which, place, states = self._dense(part, 1)
        total = add_up(which, arrives[states], len(part))
        total[total == 0] = 1  # underflow
        rates[which, 0, place] = arrives[states] / total[which]
        rates[which, place, 0] = out[states]
        visits[states] = invariant(rates)[which, place] * total[which]

    def stationary(self) -> Numbers:
        """The stationary distribution of each closed component, 0 elsewhere [state]."""
        law = np.zeros(self.chains.states)
        for part in self._alike(np.flatnonzero(self.closed)):
            rates, which, place, states = self._dense(part, 0)
            measure = invariant(rates)
            law[states] = (measure / measure.max(1, keepdims=True))[which, place]
        total = add_up(self.component, law, len(self.size))
        total[~self.closed] = 1
        return np.asarray(law / total[self.component], np.float64)

    def _alike(self, components: Indices) -> list[Indices]:
        """Components grouped by padded size, in parts that are solved together."""
        width = _filled(self.size[components]) + 1
        return [
            part
            for n in np.unique(width)
            for group in [components[width == n]]
            for part in np.array_split(group, min(len(group), -(-len(group) * int(n) ** 2 // _AT_ONCE)))
        ]

    def _dense(self, part: Indices, shift: int) -> tuple[Numbers, Indices, Indices, Indices]:
        """The rates within some components of similar size, with `shift` extra states in front; and for each of
        their states its component, its place there, and its index."""
        n = int(_filled(self.size[part])[0]) + shift
        number = np.empty(len(self.size), np.int64)
        number[part] = np.arange(len(part))
        edges = self._inner.among(part)
        source, target = self.chains.source[edges], self.chains.target[edges]
        at = (number[self.component[source]] * n + self._place[source] + shift) * n + self._place[target] + shift
        rates = add_up(at, self.flow[edges], len(part) * n * n).reshape(-1, n, n)
        states = self.members[_ranges(self.first[part], self.size[part])]
        which = np.repeat(np.arange(len(part)), self.size[part])
        return rates, which, self._place[states] + shift, states


@dataclass(frozen=True, eq=False)
class _Edges:
    """Some edges, sorted by owner."""

    edge: Indices
    start: Indices
    count: Indices

    @staticmethod
    def of(edges: Indices, whose: Indices, owners: int) -> _Edges:
        edges = edges[np.argsort(whose[edges], kind="stable")]
        count = np.bincount(whose[edges], minlength=owners)
        return _Edges(edges, np.cumsum(count) - count, count)

    def among(self, owners: Indices) -> Indices:
        """The edges of some owners."""
        return self.edge[_ranges(self.start[owners], self.count[owners])]


def _ranges(start: Indices, count: Indices) -> Indices:
    """start, start + 1, ..., `count` numbers from each, one after the other."""
    before = np.cumsum(count) - count
    ranges: Indices = np.arange(int(count.sum())) + np.repeat(start - before, count)
    return ranges


def _filled(size: Indices) -> Indices:
    """Sizes rounded up by less than a quarter, so that few differ; padding states have no rates."""
    step = 2 ** np.maximum(np.ceil(np.log2(np.maximum(size, 1))).astype(np.int64) - 3, 0)
    filled: Indices = -(-size // step) * step
    return filled
