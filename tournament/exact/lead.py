"""Who is ahead at the end of a match: the sign of a difference D that changes with the outcome of each round.

First, bounds that D almost surely does not exceed. With f(z) = E[z^D], for every s > 0 (Chernoff 1952, theorem 1,
by Markov's inequality for e^(s D))

    P(D >= d) <= e^(-s d) f(e^s),     P(D <= -d) <= e^(-s d) f(e^-s)

With N > |D| at both bounds and r > 1, a weight distinguishes a difference j > 0 from j - N: if each probability is
multiplied by r^D, q(j) = p(j) r^j + p(j - N) r^(j - N), so that

    P(D = 0) = q(0),     P(D > 0) = (sum r^-j q(j) - r^-N (1 - q(0))) / (1 - r^-N),     j = 1 ... N - 1
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .chain import Chains, Indices, Numbers
from .walk import NEGLIGIBLE, Doubling, Stepping, Walks

_MOST = 4 * 10**6  # steps along an edge for one pair, a few milliseconds
_DENSE_COST = 0.15  # of a product in a power of a matrix, relative to a step along an edge
_AT_ONCE = 2**16  # numbers that are held together: they stay in the processor's cache
_FEW = 48  # up to this many differences need no bounds; chains that cannot afford as many are skipped
_TILTS = 500 * 0.5 ** np.arange(6)  # s times the largest |D|
_SPREAD = 2.0  # N log r: probabilities beyond the bounds are multiplied by e^2
_LEAST = 1e-80  # larger than the underflow of f


def lead_probabilities(chains: Chains, moves: Indices, rounds: float, continuation: float) -> Numbers:
    """Probability that the difference is below 0, 0, and above 0 when a match ends [pair, 3], to 1e-11.

    `moves` is the change of the difference by each outcome [4]. NaN if a pair would take more than four million
    steps: rounds times edges, or .6 states^3 log2(rounds), whichever is less, times the largest |D| that is not
    negligible.
    """
    found = np.full((len(chains.start), 3), np.nan)
    if continuation < 1:
        rounds = min(rounds, 1 + math.ceil(math.log(NEGLIGIBLE) / math.log(continuation)))
    if math.isinf(rounds):
        return found
    walks = Walks.of(chains, moves, int(rounds), continuation)
    # Half as many points as differences, and a complex number is a 2x2 matrix.
    doubling = _DENSE_COST * 4 * (walks.size + (continuation < 1.0)) ** 3 * walks.rounds.bit_length()
    stepping = np.bincount(walks.owner, minlength=len(found)) * rounds
    kind = np.where(doubling < stepping, walks.size, 0)
    work = np.minimum(doubling, stepping)
    farthest = walks.rounds * int(np.abs(moves).max())
    for alike in np.unique(kind):
        pairs = np.flatnonzero(kind == alike)
        way = Doubling.of(walks, pairs) if alike else Stepping(walks, pairs)
        found[pairs] = _ahead(way, work[pairs], farthest)
    return found


def _ahead(way: Doubling | Stepping, work: Numbers, farthest: int) -> Numbers:
    """`lead_probabilities` of pairs that are computed in the same way.

    `work` is the cost of one difference, `farthest` the largest one.
    """
    found = np.full((len(work), 3), np.nan)
    low, high = np.full(len(work), -farthest), np.full(len(work), farthest)
    known = work * min(_FEW, farthest + 1) <= _MOST
    if farthest + 1 > _FEW:
        tilt = np.concatenate((_TILTS, -_TILTS)) / farthest
        for some in _batches(np.flatnonzero(known), way.numbers * len(tilt)):
            bound = (np.log(way.tilted(some, tilt) + _LEAST) - math.log(NEGLIGIBLE)) / tilt
            high[some] = np.minimum(np.floor(bound[:, tilt > 0].min(1)), farthest)
            low[some] = np.maximum(np.ceil(bound[:, tilt < 0].max(1)), -farthest)
    found[known & (high < 0)] = (1, 0, 0)
    found[known & (low > 0)] = (0, 0, 1)
    widest = np.maximum(high, -low)
    around = _rounded_up(widest + 1)
    known &= (low <= 0) & (high >= 0) & (work * (widest + 1) <= _MOST)
    for size in np.unique(around[known]).tolist():
        for some in _batches(np.flatnonzero(known & (around == size)), way.numbers * size):
            weighted = way.modulo(some, size, _SPREAD / size)
            level = weighted[:, 0]
            once = (weighted[:, 1:] * np.exp(-_SPREAD / size * np.arange(1, size))).sum(1)
            above = (once - math.exp(-_SPREAD) * (1 - level)) / -math.expm1(-_SPREAD)
            found[some] = np.stack((1 - level - above, level, above), 1).clip(0, 1)
    return found


def _batches(some: Indices, numbers: Indices) -> Iterator[Indices]:
    """Some of the pairs at a time, of so many numbers each [pair]."""
    if len(some):
        yield from np.array_split(some, min(len(some), 1 + int(numbers[some].sum()) // _AT_ONCE))


def _rounded_up(numbers: Indices) -> Indices:
    """Round up to few different numbers, so that many pairs can be computed together, with small factors for the
    FFT."""
    part, exponent = np.frexp(numbers.astype(float))
    return np.asarray(np.ldexp(np.ceil(part * 8), exponent - 3), np.int64)
