"""CMA-ES: a normal distribution of parameters that moves, stretches and turns towards what earns more."""

from __future__ import annotations

from typing import Literal

import numpy as np
from cmaes import CMA
from pydantic import Field

from .method import PayoffMethod, Search, Start, World
from .population import Arrays, Genealogy, Indices, Numbers, Population


class CmaEs(PayoffMethod):
    """The covariance matrix adaptation evolution strategy, for real numbers, scaled to 0 .. 1 within their bounds.

    Samples beyond a bound are reflected at it, so that bounds themselves are found as easily as what lies between
    them. A distribution that has converged moves no more. Hansen 2016, "The CMA evolution strategy: a tutorial";
    the `cmaes` library (Nomura and Shibata 2024).
    """

    continuous = True

    kind: Literal["cma_es"] = "cma_es"
    sigma: float = Field(
        0.3, gt=0, le=10, description="standard deviation at first, 1 being the distance of bounds"
    )
    start: Start = Field(
        "random", description="where the mean starts: in the middle of the bounds, or at the entry"
    )

    def begin(self, world: World) -> Search:
        return Adaptation(self, world, None)

    def resume(self, world: World, population: Population, genealogy: Genealogy, own: Arrays) -> Search:
        return Adaptation(self, world, (population, genealogy, own))

    def optimiser(self, world: World) -> CMA:
        """In its first generation, in scaled parameters."""
        genome = world.genome
        mean = np.full(len(genome.genes), 0.5)
        if self.start == "entry":
            mean = (genome.values_of(genome.agent) - genome.low) / (genome.high - genome.low)
        return CMA(mean, self.sigma, population_size=self.population)


class Adaptation(Search):
    """One distribution for each replicate. What they were told is kept: told again, they are as they were."""

    def __init__(self, method: CmaEs, world: World, kept: tuple[Population, Genealogy, Arrays] | None):
        self._method, self._world = method, world
        self._optimisers = [method.optimiser(world) for _ in world.each]
        if kept is None:
            self._told = np.empty((0, world.replicates, method.population, len(world.genome.genes) + 1))
            points = self._sampled(0)
            self.population, self.genealogy = method.first(world, self._genes(points), "sampled")
            self._tell(points)
        else:
            self.population, self.genealogy, own = kept
            self._told = np.asarray(own["told"], np.float64)
            for told in self._told:
                self._adapt(told)

    @property
    def own(self) -> Arrays:
        return {"told": self._told}

    def advance(self, generation: int, limit: int) -> int:
        generation += 1
        points = self._sampled(generation)
        genes = self._genes(points)
        payoff, cooperation = self._method.earned(self._world, genes, generation)
        replicate = np.repeat(self._world.each, payoff.shape[1])
        line: Indices = self.genealogy.add(
            replicate, generation, "sampled", genes.reshape(len(replicate), -1), payoff.ravel()
        ).reshape(payoff.shape)
        self.population = Population(genes, self.population.share, payoff, cooperation, line)
        self._tell(points)
        return generation

    def _sampled(self, generation: int) -> Numbers:
        """Scaled parameters [replicate, member, gene]."""
        for optimiser, seed in zip(self._optimisers, self._world.lots.seeds(generation).tolist(), strict=True):
            optimiser.reseed_rng(seed)
        return np.array([[one.ask() for _ in range(self._method.population)] for one in self._optimisers])

    def _genes(self, points: Numbers) -> Numbers:
        """Within bounds: reflected at 0 and 1."""
        genome, inside = self._world.genome, 1 - np.abs(points % 2 - 1)
        return genome.clipped(genome.low + inside * (genome.high - genome.low))

    def _tell(self, points: Numbers) -> None:
        told = np.concatenate((points, -self.population.payoff[..., None]), axis=2)
        self._told = np.concatenate((self._told, told[None]))
        self._adapt(told)

    def _adapt(self, told: Numbers) -> None:
        for optimiser, samples in zip(self._optimisers, told, strict=True):
            if not optimiser.should_stop():
                optimiser.tell([(sample[:-1], float(sample[-1])) for sample in samples])
