"""The Markov chain of two automata that play each other, for many pairs at once.

A state of a pair's chain is a state of each automaton. Only reachable states are kept (two memory-one players: 5
of 25).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...agents.automaton import Automaton
from ...envs.errors import DilemmaError
from ...envs.matrix_game import RepeatedGame

Numbers: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int64]

_RAREST = 1e-60  # the product of four such probabilities (two actions, two observations) is still a float
_MIRRORED = np.array((0, 2, 1, 3))  # an outcome CC, CD, DC, DD from the other seat's view


@dataclass(frozen=True, eq=False)
class Chains:
    """The chains of some pairs, concatenated: no edge joins two pairs.

    An outcome is the pair of executed actions: 0 CC, 1 CD, 2 DC, 3 DD, seat 0 first. An edge is a transition
    between two states with one outcome; edges of probability 0 are left out.
    """

    start: Indices
    """The initial state of each pair, which is its first state [pair]."""
    pair: Indices
    """The pair of each state, ascending [state]."""
    outcomes: Numbers
    """Probability of each outcome [state, 4]."""
    source: Indices
    target: Indices
    outcome: Indices
    probability: Numbers
    """Probability of an edge, given its source [edge]."""

    @property
    def states(self) -> int:
        return len(self.pair)

    @property
    def size(self) -> Indices:
        """Number of states of each pair [pair]."""
        return np.diff(self.start, append=self.states)

    def total(self, values: Numbers) -> Numbers:
        """Sums over each pair's states: [state, ...] to [pair, ...]."""
        return np.add.reduceat(values, self.start, axis=0)


@dataclass(frozen=True, eq=False)
class _Branches:
    """What can happen in a round, regardless of states: an outcome, and which seats misperceive it [branch]."""

    outcome: Indices
    views: Indices
    """The outcome as each seat sees it, own action first [seat, branch]."""
    probability: Numbers
    """Probability of what is seen, given the outcome."""

    @staticmethod
    def of(misperception: float) -> _Branches:
        outcome, wrong0, wrong1 = (axis.ravel() for axis in np.indices((4, 2, 2)))
        views = np.stack((outcome ^ wrong0, _MIRRORED[outcome] ^ wrong1))  # the lowest bit is the other's action
        seen = np.array((1 - misperception, misperception))
        probability = seen[wrong0] * seen[wrong1]
        happens = probability > 0
        return _Branches(outcome[happens], views[:, happens], probability[happens])


def action_probabilities(automaton: Automaton, noise: float) -> Numbers:
    """Probability that an automaton executes C and D in each state, after noise [state, 2].

    Both are sums: 1 minus the other would lose small probabilities.
    """
    meant = np.stack((automaton.cooperation, 1 - automaton.cooperation), 1)
    return np.asarray(meant * (1 - noise) + meant[:, ::-1] * noise, np.float64)


def too_rare(automaton: Automaton, game: RepeatedGame) -> str | None:
    """What has too small a probability for exact results, as a clause; None if nothing has."""
    least = _least(automaton, game.noise, game.misperception)
    if least >= _RAREST:
        return None
    return f"something happens with probability {least:.1g}; exact results know {_RAREST:g} and more"


@lru_cache(maxsize=4096)
def _least(automaton: Automaton, noise: float, misperception: float) -> float:
    chances = np.append(action_probabilities(automaton, noise), (misperception, 1 - misperception))
    return float(chances[chances > 0].min())


def product_chains(
    automata: Sequence[Automaton], cast: Indices, game: RepeatedGame, cells: int
) -> Iterator[Chains]:
    """The chains of the pairs in `cast` [pair, seat] (indices of `automata`), in order, in batches of about
    `cells` product states.

    Raises DilemmaError if a probability is too small.
    """
    for index in np.unique(cast):
        if reason := too_rare(automata[index], game):
            raise DilemmaError(reason)
    sizes = np.array([automaton.states for automaton in automata], dtype=np.int64)
    first = np.cumsum(sizes) - sizes
    moves = np.concatenate([action_probabilities(automaton, game.noise) for automaton in automata])
    transitions = np.concatenate([automaton.transitions.reshape(-1, 4) for automaton in automata])
    branches = _Branches.of(game.misperception)
    batch = np.cumsum(sizes[cast].prod(1)) // cells
    for pairs in np.split(cast, np.flatnonzero(np.diff(batch)) + 1):
        yield _explore(pairs, sizes, first, moves, transitions, branches)


def _explore(
    cast: Indices,
    sizes: Indices,
    first: Indices,
    moves: Numbers,
    transitions: Indices,
    branches: _Branches,
) -> Chains:
    """Follow the edges from every pair's start until no new state is found.

    A cell is a product state, reachable or not: base[pair] + own state * states of the other + other's state, from
    the view of seat 0. `moves` holds the probabilities of C and D [row, 2].
    """
    width = sizes[cast[:, 1]]
    cells = sizes[cast[:, 0]] * width
    base = np.cumsum(cells) - cells
    pair_of_cell = np.repeat(np.arange(len(cast)), cells)
    seen = np.zeros(len(pair_of_cell), dtype=bool)

    def rows(cell: Indices) -> tuple[Indices, Indices, Indices]:
        """The pair of a cell, and the row of each seat's state in the tables."""
        pair = pair_of_cell[cell]
        own, other = np.divmod(cell - base[pair], width[pair])
        return pair, own + first[cast[pair, 0]], other + first[cast[pair, 1]]

    def chances(row0: Indices, row1: Indices) -> Numbers:
        """Probability of each outcome [state, 4]."""
        return (moves[row0][:, :, None] * moves[row1][:, None]).reshape(-1, 4)

    edges: list[tuple[Indices, Indices, Indices, Numbers]] = []
    frontier = base
    while len(frontier) or not edges:
        seen[frontier] = True
        pair, row0, row1 = rows(frontier)
        probability = chances(row0, row1)[:, branches.outcome] * branches.probability
        target = transitions[row0[:, None], branches.views[0]] * width[pair, None]
        target += transitions[row1[:, None], branches.views[1]] + base[pair, None]
        state, branch = np.nonzero(probability)
        target = target[state, branch]
        edges.append((frontier[state], target, branches.outcome[branch], probability[state, branch]))
        frontier = np.unique(target[~seen[target]])
    source, target, outcome, probability = (np.concatenate(part) for part in zip(*edges, strict=True))
    number = np.cumsum(seen) - 1
    pair, row0, row1 = rows(np.flatnonzero(seen))
    return Chains(number[base], pair, chances(row0, row1), number[source], number[target], outcome, probability)
