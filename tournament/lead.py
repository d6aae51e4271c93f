"""Who is ahead at the end of a match: the sign of a difference D that a round's outcome moves up or down.

First, between which bounds D is almost surely. With f(z) = E[z^D], for every s > 0 (Chernoff 1952, theorem 1, by
Markov's inequality for e^(s D))

    P(D >= d) <= e^(-s d) f(e^s),     P(D <= -d) <= e^(-s d) f(e^-s)

Between bounds `low` <= 0 <= `high`, D modulo N > high - low says what D is, and its distribution is the inverse
discrete Fourier transform of f at the roots of unity z = e^(2 pi i k / N).

f is 1' M(z)^(n - 1) b(z), where M holds the chain's probabilities times z^move, and b is where the first round
leads: a power of a matrix for each z. In large chains it takes less to go round by round, with the distribution of
D modulo N in each state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .chain import Chains, Indices, Numbers
from .geometric_series import add_up

_MOST = 4 * 10**6  # steps along an edge for one pair, a few milliseconds
_DENSE_COST = 0.15  # of a product in a power of a matrix, relative to a step along an edge
_AT_ONCE = 2**16  # numbers that are held together: they stay in the processor's cache
_NEGLIGIBLE = 1e-13  # a chance that a match is still on, or that D is beyond a bound; a value of f
_FEW = 48  # differences for which it doesn't pay to look for bounds, nor in a chain where they take too much
_TILTS = 500 * 0.5 ** np.arange(6)  # s times the largest |D|
_LEAST = 1e-80  # more than what is lost of f where numbers are too small for a float
_TURN = np.array([[0.0, -1.0], [1.0, 0.0]])  # the number i, as a matrix of real numbers
_LOOK = 3  # squarings, after which it pays to look which powers vanish


def ahead(chains: Chains, moves: Indices, rounds: float, continuation: float) -> Numbers:
    """Probability that the difference is below 0, 0, and above 0 when a match ends [pair, 3], to 1e-11.

    `moves` is what each outcome adds to it [4]. NaN where a pair would take more than four million steps: rounds
    times edges, or .6 states^3 log2(rounds), whichever is less, for each difference that is not negligible.
    """
    found = np.full((len(chains.start), 3), np.nan)
    if continuation < 1:
        rounds = min(rounds, 1 + math.ceil(math.log(_NEGLIGIBLE) / math.log(continuation)))
    if math.isinf(rounds):
        return found
    walks = _Walks.of(chains, moves, int(rounds), continuation)
    # Half as many points as differences, and a complex number is a 2x2 matrix.
    doubling = _DENSE_COST * 4 * walks.size.astype(float) ** 3 * walks.rounds.bit_length()
    stepping = np.bincount(walks.owner, minlength=len(found)) * rounds
    kind = np.where(doubling < stepping, walks.size, 0)
    work = np.minimum(doubling, stepping)
    farthest = walks.rounds * int(np.abs(moves).max())
    for alike in np.unique(kind):
        pairs = np.flatnonzero(kind == alike)
        way = _Doubling.of(walks, pairs) if alike else _Stepping(walks, pairs)
        found[pairs] = _ahead(way, work[pairs], farthest)
    return found


def _ahead(way: _Doubling | _Stepping, work: Numbers, farthest: int) -> Numbers:
    """`ahead` of pairs that are done alike; `work` is what one difference takes, the largest is `farthest`."""
    found = np.full((len(work), 3), np.nan)
    low, high = np.full(len(work), -farthest), np.full(len(work), farthest)
    known = work * min(_FEW, 2 * farthest + 1) <= _MOST
    if 2 * farthest + 1 > _FEW:
        tilt = np.concatenate((_TILTS, -_TILTS)) / farthest
        for some in _batches(np.flatnonzero(known), way.numbers * len(tilt)):
            bound = (np.log(way.tilted(some, tilt) + _LEAST) - math.log(_NEGLIGIBLE)) / tilt
            high[some] = np.minimum(np.floor(bound[:, tilt > 0].min(1)), farthest)
            low[some] = np.maximum(np.ceil(bound[:, tilt < 0].max(1)), -farthest)
    found[known & (high < 0)] = (1, 0, 0)
    found[known & (low > 0)] = (0, 0, 1)
    around = _rounded_up(high - low + 1)
    known &= (low <= 0) & (high >= 0) & (work * (high - low + 1) <= _MOST)
    for size in np.unique(around[known]).tolist():
        for some in _batches(np.flatnonzero(known & (around == size)), way.numbers * size):
            chance, difference = way.modulo(some, size), np.arange(size)
            level = chance[:, 0]
            above = np.where((difference > 0) & (difference <= high[some, None]), chance, 0).sum(1)
            found[some] = np.stack((1 - level - above, level, above), 1).clip(0, 1)
    return found


def _batches(some: Indices, numbers: Indices) -> Iterator[Indices]:
    """Some of the pairs at a time, of so many numbers each [pair]."""
    if len(some):
        yield from np.array_split(some, min(len(some), 1 + int(numbers[some].sum()) // _AT_ONCE))


def _rounded_up(numbers: Indices) -> Indices:
    """Few different numbers, so that many pairs can be done together, and of small factors, for the transform."""
    part, exponent = np.frexp(numbers.astype(float))
    return np.asarray(np.ldexp(np.ceil(part * 8), exponent - 3), np.int64)


@dataclass(frozen=True, eq=False)
class _Walks:
    """How D goes up and down along each pair's chain."""

    chains: Chains
    owner: Indices
    """Whose each edge is."""
    move: Indices
    """What each edge adds to D."""
    again: Indices
    """The first state of each pair that can be reached: most never come back to their start [pair]."""
    size: Indices
    """How many can be reached [pair]."""
    rounds: int
    continuation: float

    @staticmethod
    def of(chains: Chains, moves: Indices, rounds: int, continuation: float) -> _Walks:
        owner = chains.pair[chains.source]
        gone = np.ones(len(chains.start), np.int64)
        gone[owner[chains.target == chains.start[owner]]] = 0
        move = moves[chains.outcome]
        return _Walks(chains, owner, move, chains.start + gone, chains.size - gone, rounds, continuation)


@dataclass(frozen=True, eq=False)
class _Doubling:
    """Powers of matrices, of pairs of one size."""

    walks: _Walks
    moves: Indices
    steps: Numbers
    """Probability of each move and state after each state, and in one more column after the start
    [pair, move, state, state + 1]."""

    @staticmethod
    def of(walks: _Walks, pairs: Indices) -> _Doubling:
        chains, size = walks.chains, int(walks.size[pairs[0]])
        number = np.full(len(chains.start), -1)
        number[pairs] = np.arange(len(pairs))
        mine = np.flatnonzero(number[walks.owner] >= 0)
        later = mine[chains.source[mine] >= walks.again[walks.owner[mine]]]
        first = mine[chains.source[mine] == chains.start[walks.owner[mine]]]
        edges = np.concatenate((later, first))
        column = np.append(chains.source[later] - walks.again[walks.owner[later]], np.full(len(first), size))
        moves, move = np.unique(walks.move, return_inverse=True)
        row = chains.target[edges] - walks.again[walks.owner[edges]]
        shape = (len(pairs), len(moves), size, size + 1)
        place = np.ravel_multi_index((number[walks.owner[edges]], move[edges], row, column), shape)
        return _Doubling(walks, moves, add_up(place, chains.probability[edges], math.prod(shape)).reshape(shape))

    @property
    def numbers(self) -> Indices:
        """How many are held for each difference [pair]."""
        return np.full(len(self.steps), 2 * self.steps[0, 0].size)

    def tilted(self, some: Indices, tilt: Numbers) -> Numbers:
        """E[e^(tilt D)] [pair, tilt]."""
        return self._mean(self.steps[some], np.exp(tilt[:, None] * self.moves), 0)[..., 0]

    def modulo(self, some: Indices, around: int) -> Numbers:
        """Distribution of D modulo `around` [pair, difference]."""
        angle = 2 * np.pi / around * (np.arange(around // 2 + 1)[:, None] * self.moves % around)
        steps = self.steps[some][:, :, :, None, :, None]
        blocks = np.concatenate((steps * np.eye(2)[:, None], steps * _TURN[:, None]), 1)
        shape = (len(some), 2 * len(self.moves), 2 * steps.shape[2], 2 * steps.shape[4])
        mean = self._mean(blocks.reshape(shape), np.concatenate((np.cos(angle), np.sin(angle)), 1), _NEGLIGIBLE)
        return np.fft.irfft(mean[..., 0] - 1j * mean[..., 1], around)

    def _mean(self, steps: Numbers, factors: Numbers, small: float) -> Numbers:
        """E[z^D] [pair, point, part], from z^move of each point as a sum of factors [point, term] of `steps`."""
        pairs, terms, rows, columns = steps.shape
        both = (factors @ steps.reshape(pairs, terms, -1)).reshape(pairs, len(factors), rows, columns)
        rounds, continuation = self.walks.rounds, self.walks.continuation
        if continuation == 1:
            ended = _power(both, rounds - 1, small)
        else:
            # A match is over after t rounds with probability (1 - w) w^(t - 1), but for the last of them.
            power, series = _power_and_series(continuation * both[..., :rows], both[..., rows:], rounds - 1)
            ended = power + (1 - continuation) * series
        parts = columns - rows
        return np.asarray(sum(ended[..., state : state + parts, 0] for state in range(0, rows, parts)))


def _power(both: Numbers, exponent: int, small: float) -> Numbers:
    """A^n B, by squaring A, from A and B side by side; 0 where its norm is sure to be less than `small`."""
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
            matters = np.flatnonzero(norm ** (exponent >> bit + 1) >= small)
            both, kept, product = both[matters], kept[matters], product[: len(matters)]
    flat[kept] = both[..., :rows] @ both[..., rows:] if exponent else both[..., rows:]
    return found


def _power_and_series(matrix: Numbers, begin: Numbers, terms: int) -> tuple[Numbers, Numbers]:
    """A^n b and (1 + A + ... + A^(n - 1)) b, by doubling."""
    power, series, doubled = begin, np.zeros_like(begin), begin
    while terms:
        if terms & 1:
            series = doubled + matrix @ series
            power = matrix @ power
        terms >>= 1
        if terms:
            doubled = doubled + matrix @ doubled
            matrix = matrix @ matrix
    return power, series


@dataclass(frozen=True, eq=False)
class _Stepping:
    """Round by round, pairs of any size."""

    walks: _Walks
    pairs: Indices

    @property
    def numbers(self) -> Indices:
        """How many are held for each difference [pair]."""
        return self.walks.chains.size[self.pairs]

    def tilted(self, some: Indices, tilt: Numbers) -> Numbers:
        """E[e^(tilt D)] [pair, tilt]."""
        return self._after(some, np.ones(len(tilt)), lambda flow, move: flow * np.exp(tilt * move))

    def modulo(self, some: Indices, around: int) -> Numbers:
        """Distribution of D modulo `around` [pair, difference]."""
        return self._after(some, np.eye(1, around)[0], lambda flow, move: np.roll(flow, move, 1))

    def _after(self, some: Indices, begin: Numbers, moved: Callable[[Numbers, int], Numbers]) -> Numbers:
        """What has become of `begin` [column] when a match ends, `moved` with each round [pair, column]."""
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
