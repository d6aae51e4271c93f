"""Geometric series of numbers and of matrices: 1 + A + A^2 + ..., for many small matrices at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .chain import Indices, Numbers

_LARGEST_DENSE = 300
_DENSE_COST = 0.08  # of a multiplication in a dense product, relative to one in a sparse product


def series(ratio: float, terms: float) -> float:
    """1 + ratio + ratio^2 + ..., with `terms` terms; 0 < ratio <= 1."""
    return terms if ratio == 1 else -math.expm1(terms * math.log(ratio)) / (1 - ratio)


def add_up(places: Indices, values: Numbers, count: int) -> Numbers:
    """The sum of the values at each place 0 .. count - 1."""
    return np.asarray(np.bincount(places, values, count), np.float64)


@dataclass(frozen=True, eq=False)
class Blocks:
    """Square matrices on the diagonal of one large matrix, given by its entries; entries at equal places are
    added.

    Block i has the rows and columns start[i] to start[i] + size[i] - 1, without gaps.
    """

    start: Indices
    size: Indices
    block: Indices
    """The block of each entry."""
    row: Indices
    column: Indices
    value: Numbers

    def series(self, begin: Numbers, terms: int) -> Numbers:
        """(1 + A + A^2 + ...) begin, with `terms` terms [place]."""
        total = np.zeros_like(begin)
        dense = self._better_dense(terms)
        if not dense.all():
            total = self._sparse_series(np.where(np.repeat(dense, self.size), 0, begin), terms, ~dense)
        for size in np.unique(self.size[dense]):
            these = np.flatnonzero(dense & (self.size == size))
            places = self.start[these, None] + np.arange(size)
            total[places] = _dense_series(self._dense(these, size), begin[places], terms)
        return total

    def _better_dense(self, terms: int) -> NDArray[np.bool_]:
        """Whether doubling, size^3 log2(terms), costs less than stepping, entries * terms [block]."""
        small = self.size <= _LARGEST_DENSE
        entries = np.bincount(self.block, minlength=len(self.size))
        doubling = _DENSE_COST * self.size.astype(float) ** 3 * math.log2(terms + 1)
        return small & (doubling < entries * terms)

    def _dense(self, these: Indices, size: int) -> Numbers:
        """Some blocks of one size [block, row, column]."""
        number = np.full(len(self.size), -1)
        number[these] = np.arange(len(these))
        mine = np.flatnonzero(number[self.block] >= 0)
        block, start = number[self.block[mine]], self.start[self.block[mine]]
        place = (block * size + self.row[mine] - start) * size + self.column[mine] - start
        return add_up(place, self.value[mine], len(these) * size**2).reshape(-1, size, size)

    def _sparse_series(self, begin: Numbers, terms: int, which: NDArray[np.bool_]) -> Numbers:
        """`series` of some blocks, step by step; `begin` is 0 in the others."""
        mine = which[self.block]
        edges = (self.row[mine].astype(np.int32), self.column[mine].astype(np.int32))
        matrix = sparse.csr_array((self.value[mine], edges), shape=(len(begin), len(begin)))
        total = begin
        for _ in range(terms - 1):
            total = np.asarray(matrix @ total)
            total += begin
        return total


def _dense_series(matrix: Numbers, begin: Numbers, terms: int) -> Numbers:
    """`Blocks.series` of matrices [block, row, column], by doubling; `begin` and the sum are [block, row]."""
    doubled = begin[..., None]  # the series of 1, 2, 4, ... terms
    remaining = terms
    total = np.zeros_like(doubled)
    while True:
        if remaining & 1:
            total = doubled + matrix @ total
        remaining >>= 1
        if not remaining:
            return total[..., 0]
        doubled = doubled + matrix @ doubled
        matrix = matrix @ matrix
