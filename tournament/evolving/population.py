"""Populations that evolve side by side, and the genealogy of who is alive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..run_folder import HOW_BORN

Numbers: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int64]
Arrays: TypeAlias = dict[str, NDArray[np.generic]]
"""What is kept of an evolution, by name."""

NOBODY = -1


@dataclass(eq=False)
class Population:
    """The members of each replicate's population; where there are fewer than places, the rest have no share."""

    genes: Numbers
    """[replicate, member, gene]."""
    share: Numbers
    """[replicate, member]."""
    payoff: Numbers
    """Per round [replicate, member]."""
    cooperation: Numbers
    """How often each cooperated [replicate, member]."""
    line: Indices
    """Each member's number in the genealogy [replicate, member]."""

    @staticmethod
    def of(arrays: Arrays) -> Population:
        """As it was when these arrays were taken."""
        genes, share, payoff, cooperation = (
            arrays[name].astype(np.float64) for name in ("genes", "share", "payoff", "cooperation")
        )
        return Population(genes, share, payoff, cooperation, arrays["line"].astype(np.int64))

    @property
    def arrays(self) -> Arrays:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def means(self) -> Numbers:
        """Mean and best payoff, mean cooperation, and mean of each gene [replicate, column]."""
        share = self.share / self.share.sum(axis=1, keepdims=True)
        best = np.where(share > 0, self.payoff, -np.inf).max(axis=1)
        genes = np.einsum("rm,rmg->rg", share, self.genes)
        mean = [(share * each).sum(axis=1) for each in (self.payoff, self.cooperation)]
        return np.column_stack((mean[0], best, mean[1], genes))

    def leaders(self) -> Indices:
        """Who has the largest share, among equals who earns most [replicate]."""
        share = self.share / self.share.max(axis=1, keepdims=True)
        return np.asarray(np.where(share == 1, self.payoff, -np.inf).argmax(axis=1))


@dataclass(eq=False)
class Genealogy:
    """Who came from whom: a row for each of those who are alive, and their ancestors."""

    id: Indices
    """[row], ascending."""
    replicate: Indices
    born: Indices
    """The generation."""
    how: Indices
    """Of HOW_BORN."""
    parent: Indices
    other: Indices
    """The second parent; NOBODY where there is none."""
    payoff: Numbers
    """Per round, when it first earned."""
    genes: Numbers
    """[row, gene]."""
    next: int = 0
    """The number of whoever is born next."""
    _new: list[Mapping[str, NDArray[np.generic]]] = field(default_factory=list)

    @staticmethod
    def empty(genes: int) -> Genealogy:
        none = np.empty(0, dtype=np.int64)
        return Genealogy(none, none, none, none, none, none, np.empty(0), np.empty((0, genes)))

    @staticmethod
    def of(arrays: Arrays) -> Genealogy:
        """As it was when these arrays were taken."""
        number, replicate, born, how, parent, other = (arrays[name].astype(np.int64) for name in _COLUMNS[:6])
        payoff, genes = (arrays[name].astype(np.float64) for name in _COLUMNS[6:])
        return Genealogy(number, replicate, born, how, parent, other, payoff, genes, int(arrays["next"]))

    @property
    def arrays(self) -> Arrays:
        return {**{name: getattr(self, name) for name in _COLUMNS}, "next": np.array(self.next)}

    def add(
        self,
        replicate: Indices,
        born: Indices | int,
        how: str | Indices,
        genes: Numbers,
        payoff: Numbers,
        parent: Indices | int = NOBODY,
        other: Indices | int = NOBODY,
    ) -> Indices:
        """Write down who was born; returns their numbers [birth]."""
        count = len(replicate)
        numbers = self.next + np.arange(count)
        self.next += count
        same = {"born": born, "how": HOW_BORN.index(how) if isinstance(how, str) else how}
        alike = {**same, "parent": parent, "other": other}
        born_now = {"id": numbers, "replicate": replicate, **alike, "payoff": payoff, "genes": genes}
        self._new.append(
            {
                name: np.array(np.broadcast_to(each, (count, *np.shape(each)[1:])))
                for name, each in born_now.items()
            }
        )
        return numbers

    def keep(self, living: Indices) -> None:
        """Forget all but these and their ancestors."""
        for name in _COLUMNS:
            whole = np.concatenate([getattr(self, name), *(part[name] for part in self._new)])
            setattr(self, name, whole)
        self._new.clear()
        place = {number: row for row, number in enumerate(self.id.tolist())}
        parents = np.stack((self.parent, self.other), axis=1).tolist()
        kept, left = set[int](), [number for number in np.unique(living).tolist() if number != NOBODY]
        while left:
            number = left.pop()
            if number != NOBODY and number not in kept:
                kept.add(number)
                left += parents[place[number]]
        alive = np.isin(self.id, sorted(kept))
        for name in _COLUMNS:
            setattr(self, name, getattr(self, name)[alive])


_COLUMNS = ("id", "replicate", "born", "how", "parent", "other", "payoff", "genes")
