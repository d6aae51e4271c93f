"""Who is ahead at the end of a match: the sign of a difference D that a round's outcome moves up or down.

With f(z) = E[z^D] at the N points z = r e^(2 pi i k / N) of a circle, r > 1, where N is more than |D| can be,

    P(D = 0) = mean f(z),     P(D > 0) = mean f(z) / (z - 1) - 1 / (r^N - 1)

(the discrete Fourier transform of the distribution, and of its tails). f is 1' M(z)^T b, where M(z) holds the
chain's probabilities times z^move: a power of a matrix for each point, by doubling or step by step.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .chain import Chains, Indices, Numbers

_Complex: TypeAlias = NDArray[np.complex128]

_MOST = 2 * 10**6  # products for one pair, a few milliseconds
_AT_ONCE = 2**16  # numbers that are held together: they stay in the processor's cache
_SPREAD = 6.0  # N log r: more loses digits of the mean, less those of what is taken off
_NEGLIGIBLE = 1e-13  # a chance that a match is still on


def ahead(chains: Chains, moves: Indices, rounds: float, continuation: float) -> Numbers:
    """Probability that the difference is below 0, 0, and above 0 when a match ends [pair, 3], to 1e-11.

    `moves` is what each outcome adds to it [4]. NaN where a pair would take more than two million products: points
    times rounds times edges, or times states^3 and twice log2 of the rounds, whichever is less.
    """
    found = np.full((len(chains.start), 3), np.nan)
    if continuation < 1:
        rounds = min(rounds, 1 + math.ceil(math.log(_NEGLIGIBLE) / math.log(continuation)))
    if math.isinf(rounds):
        return found
    last = int(rounds)
    around = 2 * ((last * int(np.abs(moves).max()) + 1) // 2) + 1  # odd: then all points but one come in pairs
    half = np.arange(around // 2 + 1)
    z = np.exp((_SPREAD + 2j * np.pi * half) / around)
    edges = np.bincount(chains.pair[chains.source], minlength=len(found))
    doubling, stepping = 2 * chains.size.astype(float) ** 3 * last.bit_length(), edges * float(last)
    work = np.minimum(doubling, stepping) * len(half)
    for size in np.unique(chains.size[(work <= _MOST) & (doubling < stepping)]):
        pairs = np.flatnonzero((chains.size == size) & (work <= _MOST) & (doubling < stepping))
        for some in np.array_split(pairs, _parts(len(pairs), len(half) * int(size) ** 2)):
            found[some] = _signs(_by_doubling(chains, some, moves, z, last, continuation), z, around)
    pairs = np.flatnonzero((work <= _MOST) & (doubling >= stepping))
    for some in np.array_split(pairs, _parts(len(pairs), len(half) * int(chains.size[pairs].max(initial=1)))):
        if len(some):
            found[some] = _signs(_by_steps(chains, some, moves, z, last, continuation), z, around)
    return found


def _parts(count: int, numbers: int) -> int:
    """In how many parts so many pairs are done, of so many numbers each."""
    return min(max(count, 1), -(-count * numbers // _AT_ONCE) or 1)


def _signs(mean: _Complex, z: _Complex, around: int) -> Numbers:
    """Probability of differences below, at and above 0 [pair, 3], from E[z^D] [pair, point]."""
    weight = np.where(np.arange(len(z)) == 0, 1, 2) / around
    level = (mean.real * weight).sum(1)
    above = ((mean / (z - 1)).real * weight).sum(1) - 1 / math.expm1(_SPREAD)
    return np.asarray(np.stack((1 - level - above, level, above), 1).clip(0, 1), np.float64)


def _by_doubling(
    chains: Chains, pairs: Indices, moves: Indices, z: _Complex, rounds: int, continuation: float
) -> _Complex:
    """E[z^D] of pairs of one size [pair, point]."""
    size = int(chains.size[pairs[0]])
    number = np.full(len(chains.start), -1)
    number[pairs] = np.arange(len(pairs))
    mine = np.flatnonzero(number[chains.pair[chains.source]] >= 0)
    whose = chains.pair[chains.source[mine]]
    target, source = (chains.target[mine] - chains.start[whose], chains.source[mine] - chains.start[whose])
    matrix = np.zeros((len(pairs), len(z), size, size), np.complex128)
    for move in np.unique(moves).tolist():
        these = moves[chains.outcome[mine]] == move
        part = np.zeros((len(pairs), size, size))
        np.add.at(part, (number[whose[these]], target[these], source[these]), chains.probability[mine[these]])
        matrix += part[:, None] * (z**move)[:, None, None]
    begin = np.zeros((size, 1), np.complex128)
    begin[0] = 1
    if continuation == 1:
        return np.asarray(_power(matrix, begin, rounds)[..., 0].sum(2))
    power, series = _power_and_series(continuation * matrix, begin, rounds - 1)
    # A match is over after t rounds with probability (1 - w) w^(t - 1), but for the last of them.
    ended = matrix @ ((1 - continuation) * series + power)
    return np.asarray(ended[..., 0].sum(2))


def _power(matrix: _Complex, begin: _Complex, exponent: int) -> _Complex:
    """A^n b, by squaring."""
    power = np.broadcast_to(begin, (*matrix.shape[:-1], 1))
    while exponent:
        if exponent & 1:
            power = matrix @ power
        exponent >>= 1
        if exponent:
            matrix = matrix @ matrix
    return power


def _power_and_series(matrix: _Complex, begin: _Complex, terms: int) -> tuple[_Complex, _Complex]:
    """A^n b and (1 + A + ... + A^(n - 1)) b, by doubling."""
    power = np.broadcast_to(begin, (*matrix.shape[:-1], 1)).copy()
    series, doubled = np.zeros_like(power), power.copy()
    while terms:
        if terms & 1:
            series = doubled + matrix @ series
            power = matrix @ power
        terms >>= 1
        if terms:
            doubled = doubled + matrix @ doubled
            matrix = matrix @ matrix
    return power, series


def _by_steps(
    chains: Chains, pairs: Indices, moves: Indices, z: _Complex, rounds: int, continuation: float
) -> _Complex:
    """`_by_doubling` of pairs of any size."""
    mine = np.isin(chains.pair, pairs)
    number = np.cumsum(mine) - 1
    starts = number[chains.start[pairs]]
    edges = np.flatnonzero(mine[chains.source])
    steps = []
    for move in np.unique(moves[chains.outcome[edges]]).tolist():
        these = edges[moves[chains.outcome[edges]] == move]
        places = (number[chains.target[these]], number[chains.source[these]])
        matrix = sparse.csr_array((chains.probability[these], places), shape=(int(mine.sum()),) * 2)
        steps.append((matrix, z**move))
    now = np.zeros((int(mine.sum()), len(z)), np.complex128)
    now[starts] = 1
    total = np.zeros((len(pairs), len(z)), np.complex128)
    for round in range(1, rounds + 1):
        now = np.asarray(sum((matrix @ now) * factor for matrix, factor in steps))
        ends = 1.0 if round == rounds else 1 - continuation
        if ends:
            total += continuation ** (round - 1) * ends * np.add.reduceat(now, starts, axis=0)
    return total
