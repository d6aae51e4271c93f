"""An ecology of strategies: an infinite population in which shares grow with payoffs, and mutants come in."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from ..run_folder import HOW_BORN
from .lots import Lot
from .method import Method, Search, World
from .population import NOBODY, Arrays, Genealogy, Numbers, Population


class Ecology(Method):
    """From one generation to the next each share x becomes x f / sum(x f), f being the mean payoff over shares.

    It starts with `random` strategies and with those agents of the config that are of the evolving kind, in equal
    shares. Payoffs are exact and must not be negative. Nowak and Sigmund 1992 and 1993.
    """

    exact = True

    kind: Literal["ecology"] = "ecology"
    random: int = Field(0, ge=0, le=1000, description="random strategies at first")
    mutants_every: int = Field(0, ge=0, description="generations from one mutant to the next; 0 for none")
    share: float = Field(0.0011, gt=0, lt=1, description="share of a mutant at first")
    extinct: float = Field(0.001, ge=0, lt=1, description="below this share a strategy is gone")

    def begin(self, world: World) -> Search:
        declared = [world.genome.values_of(agent) for agent in world.meetings.relatives]
        entries = np.tile(np.array(declared), (world.replicates, 1, 1))
        genes = np.concatenate((world.random(self.random), entries), axis=1) if self.random else entries
        replicates, members, count = genes.shape
        genealogy = Genealogy.empty(count)
        flat = genes.reshape(-1, count)
        pair = np.stack([each.ravel() for each in np.indices((members, members))], axis=1)
        cast = (np.arange(replicates)[:, None, None] * members + pair).reshape(-1, 2)
        payoff, cooperation = (
            each[:, 0].reshape(replicates, members, members) for each in world.meetings.pairs(flat, cast)
        )
        share = np.full((replicates, members), 1 / members)
        kinds = [HOW_BORN.index(how) for how in ("random", "entry")]
        how = np.tile(np.repeat(kinds, [self.random, len(declared)]), replicates)
        line = genealogy.add(
            np.repeat(world.each, members), 0, how, flat, (payoff @ share[..., None])[..., 0].ravel()
        )
        nothing = np.zeros_like(share)
        population = Population(genes, share, nothing, nothing, line.reshape(share.shape))
        return Shares(self, world, population, genealogy, payoff, cooperation)

    def resume(self, world: World, population: Population, genealogy: Genealogy, own: Arrays) -> Search:
        payoff, cooperation = (np.asarray(own[name], np.float64) for name in ("payoffs", "cooperations"))
        return Shares(self, world, population, genealogy, payoff, cooperation)


class Shares(Search):
    """The shares of strategies in each replicate, with a table of what each earns from each."""

    def __init__(
        self,
        method: Ecology,
        world: World,
        population: Population,
        genealogy: Genealogy,
        payoffs: Numbers,
        cooperations: Numbers,
    ):
        self._method, self._world = method, world
        self.population, self.genealogy = population, genealogy
        self._payoffs, self._cooperations = payoffs, cooperations
        self._earn()

    @property
    def own(self) -> Arrays:
        return {"payoffs": self._payoffs, "cooperations": self._cooperations}

    def advance(self, generation: int, limit: int) -> int:
        self._make_room()
        share, every = self.population.share, self._method.mutants_every
        if every:
            limit = min(limit, (generation // every + 1) * every)
        for _ in range(generation, limit):
            earned = np.matmul(self._payoffs, share[..., None])[..., 0]
            share = share * earned
            share /= share.sum(axis=1, keepdims=True)
            share[share < self._method.extinct] = 0
            share /= share.sum(axis=1, keepdims=True)
        self.population.share = share
        if every and limit % every == 0:
            self._mutate(limit)
        self._earn()
        return limit

    def _earn(self) -> None:
        share = self.population.share[..., None]
        self.population.payoff = np.matmul(self._payoffs, share)[..., 0]
        self.population.cooperation = np.matmul(self._cooperations, share)[..., 0]

    def _mutate(self, generation: int) -> None:
        """A mutant comes into each population."""
        population, genome, each = self.population, self._world.genome, self._world.each
        drawn = self._world.lots.uniform(Lot.VALUE, generation, len(genome.genes))
        genes = genome.drawn(drawn, self._world.distribution)
        place = (population.share == 0).argmax(axis=1)
        population.genes[each, place] = genes
        population.share *= 1 - self._method.share
        population.share[each, place] = self._method.share
        replicate, member = np.nonzero(population.share)
        own = np.flatnonzero(member == place[replicate])
        cast = np.stack((own[replicate], np.arange(len(replicate))), axis=1)
        met = self._world.meetings.pairs(population.genes[replicate, member], cast)
        for table, found in zip((self._payoffs, self._cooperations), met, strict=True):
            table[replicate, place[replicate], member] = found[:, 0]
            table[replicate, member, place[replicate]] = found[:, 1]
        earned = np.einsum("rm,rm->r", self._payoffs[each, place], population.share)
        population.line[each, place] = self.genealogy.add(each, generation, "mutant", genes, earned)

    def _make_room(self) -> None:
        """Leave one free place in the fullest population, and no more: who is gone need not be reckoned with."""
        population = self.population
        width = int((population.share > 0).sum(axis=1).max()) + 1
        if width > population.share.shape[1]:
            population.genes = np.concatenate((population.genes, population.genes[:, :1]), axis=1)
            population.share = np.pad(population.share, ((0, 0), (0, 1)))
            population.line = np.pad(population.line, ((0, 0), (0, 1)), constant_values=NOBODY)
            room = ((0, 0), (0, 1), (0, 1))
            self._payoffs, self._cooperations = np.pad(self._payoffs, room), np.pad(self._cooperations, room)
        order = np.argsort(population.share == 0, axis=1, kind="stable")[:, :width]
        population.genes = np.take_along_axis(population.genes, order[..., None], axis=1)
        population.share = np.take_along_axis(population.share, order, axis=1)
        population.line = np.take_along_axis(population.line, order, axis=1)
        each = self._world.each[:, None, None]
        self._payoffs, self._cooperations = (
            table[each, order[:, :, None], order[:, None]] for table in (self._payoffs, self._cooperations)
        )
