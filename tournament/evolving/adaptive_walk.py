"""An adaptive walk: a population of one strategy, and mutants one at a time that take it over or die out."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ...analysis.evolution.fixation import mutant_fixation
from .lots import Lot
from .method import Method, Search, Start, World
from .population import Arrays, Genealogy, Indices, Numbers, Population

BLOCK = 1000
"""Generations whose mutants are drawn at once."""
AHEAD = 128
"""Mutants against one resident that are looked at together, at most."""


class AdaptiveWalk(Method):
    """Each generation a mutant appears in a population of one strategy, and takes it over or dies out, so rare is
    mutation. It takes over with probability

        1 / (1 + sum_j prod_{k <= j} f_resident(k) / f_mutant(k))

    in the Moran process, f(k) being the fitness where there are k mutants. Payoffs are exact. Imhof and
    Nowak 2010; Stewart and Plotkin 2013; Fudenberg and Imhof 2006 (the limit of rare mutations).
    """

    exact = True

    kind: Literal["adaptive_walk"] = "adaptive_walk"
    size: int = Field(100, ge=2, le=1_000_000, description="individuals of the population")
    selection: float = Field(1.0, ge=0, le=1000, description="how much payoffs count; with 0 evolution is neutral")
    fitness: Literal["exponential", "linear"] = Field(
        "exponential",
        description="what a payoff p per round is worth: e^(s p), as in pairwise comparison, or 1 - s + s p",
    )
    mutation_size: Annotated[float, Field(gt=0, le=10)] | None = Field(
        None,
        description="standard deviation of a mutant from its parent, in units of the distance between the bounds; "
        "mutants are drawn anew where it is left out",
    )
    start: Start = Field("random", description="who is there at first: random members, or the config's entry")

    def begin(self, world: World) -> Search:
        genes = world.alike(1) if self.start == "entry" else world.random(1)
        genealogy = Genealogy.empty(genes.shape[2])
        payoff, cooperation = world.meetings.pairs(genes[:, 0], np.stack((world.each, world.each), axis=1))
        line = genealogy.add(world.each, 0, self.start, genes[:, 0], payoff[:, 0])
        share = np.ones((world.replicates, 1))
        return Walk(
            self, world, Population(genes, share, payoff[:, :1], cooperation[:, :1], line[:, None]), genealogy
        )

    def resume(self, world: World, population: Population, genealogy: Genealogy, own: Arrays) -> Search:
        return Walk(self, world, population, genealogy, int(own["ahead"]))


class Walk(Search):
    """An adaptive walk of each replicate's population, which has one member: the resident."""

    def __init__(
        self, method: AdaptiveWalk, world: World, population: Population, genealogy: Genealogy, ahead: int = 4
    ):
        self._method, self._world = method, world
        self.population, self.genealogy = population, genealogy
        self._ahead = ahead
        self._block, self._drawn = -1, (np.empty(0), np.empty(0))

    @property
    def own(self) -> Arrays:
        """How far it looks ahead: the order of births, by which they are numbered, follows from it."""
        return {"ahead": np.array(self._ahead)}

    def advance(self, generation: int, limit: int) -> int:
        block = generation // BLOCK
        limit = min(limit, (block + 1) * BLOCK)
        value, fixation = self._draws(block)
        at = np.full(self._world.replicates, generation)
        while len(open_ := np.flatnonzero(at < limit)):
            many = np.minimum(self._ahead, limit - at[open_])
            which = np.repeat(open_, many)
            step = at[which] + np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
            place = which, step - block * BLOCK
            fixed = self._try(which, step, self._mutants(which, value[place]), fixation[place])
            at[open_] += many
            at[which[fixed]] = step[fixed] + 1
            self._ahead = int(np.clip(self._ahead * (2 if len(fixed) < len(open_) / 2 else 0.5), 1, AHEAD))
        return limit

    def _draws(self, block: int) -> tuple[Numbers, Numbers]:
        """What the mutants of a block are drawn by [replicate, generation, gene], and whether they take over."""
        if block != self._block:
            lots, count = self._world.lots, len(self._world.genome.genes)
            drawn = lots.uniform(Lot.VALUE, block, BLOCK, count), lots.uniform(Lot.FIXATION, block, BLOCK)
            self._block, self._drawn = block, drawn
        return self._drawn

    def _mutants(self, which: Indices, drawn: Numbers) -> Numbers:
        """Mutants of these replicates [mutant, gene]."""
        genome, size = self._world.genome, self._method.mutation_size
        if size is None:
            return genome.drawn(drawn, self._world.distribution)
        return genome.mutated(self.population.genes[which, 0], np.zeros_like(drawn), drawn, 1.0, size)

    def _try(self, which: Indices, step: Indices, genes: Numbers, drawn: Numbers) -> Indices:
        """Let mutants of replicates [mutant], in the order of their steps, take over or die out.

        Returns those that took over: the first in each replicate. Those after it met a resident that was gone.
        """
        population, method = self.population, self._method
        replicates, count = len(population.genes), len(genes)
        mutant = replicates + np.arange(count)
        cast = np.concatenate((np.stack((mutant, mutant), axis=1), np.stack((mutant, which), axis=1)))
        payoff, cooperation = self._world.meetings.pairs(np.concatenate((population.genes[:, 0], genes)), cast)
        own, (mixed, back) = payoff[:count, 0], payoff[count:].T
        resident = population.payoff[which, 0]
        games = np.stack((own, mixed, back, resident), axis=1).reshape(-1, 2, 2)
        takes = np.flatnonzero(drawn < mutant_fixation(games, method.size, method.selection, method.fitness))
        _, first = np.unique(which[takes], return_index=True)
        fixed = takes[first]
        if len(fixed):
            mine = which[fixed]
            parent = population.line[mine, 0]
            line = self.genealogy.add(mine, step[fixed] + 1, "mutant", genes[fixed], own[fixed], parent)
            population.genes[mine, 0] = genes[fixed]
            population.payoff[mine, 0] = own[fixed]
            population.cooperation[mine, 0] = cooperation[fixed, 0]
            population.line[mine, 0] = line
        return fixed
