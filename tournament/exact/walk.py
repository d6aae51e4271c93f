"""A difference D that changes along a Markov chain, by a move in each round: its distribution when a match ends.

f(z) = E[z^D] is 1' M(z)^(n - 1) b(z), where M holds the chain's probabilities times z^move, and b the states after
the first round: a matrix power for each z. The distribution of D modulo N, each probability times r^D, is the
inverse discrete Fourier transform of f at r e^(2 pi i k / N). In large chains it is faster to go round by round,
with that distribution in each state.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .chain import Chains, Indices, Numbers
from .geometric_series import add_up

NEGLIGIBLE = 1e-13
"""Probabilities, and values of f, below this are ignored."""
_TURN = np.array([[0.0, -1.0], [1.0, 0.0]])  # the imaginary unit as a real matrix
_LOOK = 3  # squarings after which vanishing powers are dropped


@dataclass(frozen=True, eq=False)
class Walks:
    """How D changes along each pair's chain."""

    chains: Chains
    moves: Indices
    """All moves, ascending, with 0 among them."""
    owner: Indices
    """The pair of each edge."""
    move: Indices
    """The change of D by each edge."""
    again: Indices
    """The first state of each pair that can be reached again: most never return to their start [pair]."""
    size: Indices
    """Number of states that can be reached again [pair]."""
    rounds: int
    continuation: float

    @staticmethod
    def of(chains: Chains, moves: Indices, rounds: int, continuation: float) -> Walks:
        owner = chains.pair[chains.source]
        gone = np.ones(len(chains.start), np.int64)
        gone[owner[chains.target == chains.start[owner]]] = 0
        # All moves of the game, because those that occur would depend on the other pairs.
        every, move = np.unique(np.append(moves, 0)), moves[chains.outcome]
        return Walks(chains, every, owner, move, chains.start + gone, chains.size - gone, rounds, continuation)


@dataclass(frozen=True, eq=False)
class Doubling:
    """Matrix powers by squaring, for pairs of one size."""

    walks: Walks
    steps: Numbers
    """Probability of each move and next state, from each state and, in an additional column, from the start. A
    random end is an additional state [pair, move, state, state + 1]."""

    @staticmethod
    def of(walks: Walks, pairs: Indices) -> Doubling:
        chains, size = walks.chains, int(walks.size[pairs[0]])
        number = np.full(len(chains.start), -1)
        number[pairs] = np.arange(len(pairs))
        mine = np.flatnonzero(number[walks.owner] >= 0)
        later = mine[chains.source[mine] >= walks.again[walks.owner[mine]]]
        first = mine[chains.source[mine] == chains.start[walks.owner[mine]]]
        edges = np.concatenate((later, first))
        column = np.append(chains.source[later] - walks.again[walks.owner[later]], np.full(len(first), size))
        move = np.searchsorted(walks.moves, walks.move)
        row = chains.target[edges] - walks.again[walks.owner[edges]]
        shape = (len(pairs), len(walks.moves), size, size + 1)
        place = np.ravel_multi_index((number[walks.owner[edges]], move[edges], row, column), shape)
        steps = add_up(place, chains.probability[edges], math.prod(shape)).reshape(shape)
        if walks.continuation < 1:
            over = np.zeros((*shape[:2], size + 1, 1))
            over[:, walks.moves == 0, size] = 1
            ends = (1 - walks.continuation) * steps.sum(2, keepdims=True)
            steps = np.concatenate((walks.continuation * steps, ends), 2)
            steps = np.concatenate((steps[..., :size], over, steps[..., size:]), 3)
        return Doubling(walks, steps)

    @property
    def numbers(self) -> Indices:
        """Numbers held for each difference [pair]."""
        return np.full(len(self.steps), 2 * self.steps[0, 0].size)

    def tilted(self, some: Indices, tilt: Numbers) -> Numbers:
        """E[e^(tilt D)] [pair, tilt]."""
        return self._mean(self.steps[some], np.exp(tilt[:, None] * self.walks.moves), 0)[..., 0]

    def modulo(self, some: Indices, around: int, tilt: float) -> Numbers:
        """E[e^(tilt D)] of each difference modulo `around` [pair, difference]."""
        angle = 2 * np.pi / around * (np.arange(around // 2 + 1)[:, None] * self.walks.moves % around)
        steps = self.steps[some][:, :, :, None, :, None]
        blocks = np.concatenate((steps * np.eye(2)[:, None], steps * _TURN[:, None]), 1)
        shape = (len(some), 2 * len(self.walks.moves), 2 * steps.shape[2], 2 * steps.shape[4])
        factors = np.concatenate((np.cos(angle), np.sin(angle)), 1) * np.tile(np.exp(tilt * self.walks.moves), 2)
        mean = self._mean(blocks.reshape(shape), factors, NEGLIGIBLE)
        return np.fft.irfft(mean[..., 0] - 1j * mean[..., 1], around)

    def _mean(self, steps: Numbers, factors: Numbers, small: float) -> Numbers:
        """E[z^D] [pair, point, part], from z^move of each point as a sum of factors [point, term] of `steps`."""
        pairs, terms, rows, columns = steps.shape
        both = (factors @ steps.reshape(pairs, terms, -1)).reshape(pairs, len(factors), rows, columns)
        ended = _power(both, self.walks.rounds - 1, small)
        parts = columns - rows
        return np.asarray(sum(ended[..., state : state + parts, 0] for state in range(0, rows, parts)))


def _power(both: Numbers, exponent: int, small: float) -> Numbers:
    """A^n B, by squaring A, from A and B side by side; 0 where its norm is certainly less than `small`."""
    rows = both.shape[-2]
    found = np.zeros_like(both[..., rows:])
    both, flat = both.reshape(-1, *both.shape[2:]), found.reshape(-1, *found.shape[2:])
    kept, product = np.arange(len(flat)), np.empty_like(both)
    for bit in range(exponent.bit_length() - 1):
        np.matmul(both[..., :rows], both, out=product)
        if not exponent >> bit & 1:
            product[..., rows:] = both[..., rows:]
        both, product = product, both
        if bit + 1 == _LOOK and small:
            norm = np.sqrt(np.einsum("nij,nij->n", both[..., :rows], both[..., :rows]))
            matters = np.flatnonzero(norm >= small ** (1 / (exponent >> bit + 1)))
            both, kept, product = both[matters], kept[matters], product[: len(matters)]
    flat[kept] = both[..., :rows] @ both[..., rows:] if exponent else both[..., rows:]
    return found


@dataclass(frozen=True, eq=False)
class Stepping:
    """Round by round, for pairs of any size."""

    walks: Walks
    pairs: Indices

    @property
    def numbers(self) -> Indices:
        """Numbers held for each difference [pair]."""
        return self.walks.chains.size[self.pairs]

    def tilted(self, some: Indices, tilt: Numbers) -> Numbers:
        """E[e^(tilt D)] [pair, tilt]."""
        return self._after(some, np.ones(len(tilt)), lambda flow, move: flow * np.exp(tilt * move))

    def modulo(self, some: Indices, around: int, tilt: float) -> Numbers:
        """E[e^(tilt D)] of each difference modulo `around` [pair, difference]."""
        begin = np.eye(1, around)[0]
        return self._after(some, begin, lambda flow, move: np.roll(flow, move, 1) * math.exp(tilt * move))

    def _after(self, some: Indices, begin: Numbers, moved: Callable[[Numbers, int], Numbers]) -> Numbers:
        """The state of `begin` [column] when a match ends, changed by `moved` in each round [pair, column]."""
        chains, walks = self.walks.chains, self.walks
        mine = np.isin(chains.pair, self.pairs[some])
        number = np.cumsum(mine) - 1
        starts = number[chains.start[self.pairs[some]]]
        edges = np.flatnonzero(mine[chains.source])
        shape = (int(mine.sum()),) * 2
        steps = []
        for move in np.unique(walks.move[edges]).tolist():
            these = edges[walks.move[edges] == move]
            places = (number[chains.target[these]], number[chains.source[these]])
            steps.append((sparse.csr_array((chains.probability[these], places), shape=shape), move))
        now = np.zeros((shape[0], len(begin)))
        now[starts] = begin
        total = np.zeros((len(some), len(begin)))
        for round in range(1, walks.rounds + 1):
            now = np.asarray(sum(moved(matrix @ now, move) for matrix, move in steps))
            ends = 1.0 if round == walks.rounds else 1 - walks.continuation
            if ends:
                total += walks.continuation ** (round - 1) * ends * np.add.reduceat(now, starts, axis=0)
        return total
