"""A genetic algorithm: selection, crossover and mutation of parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ..run_folder import HOW_BORN
from .lots import Lot
from .method import PayoffMethod, Search, Start, World
from .population import NOBODY, Arrays, Genealogy, Indices, Numbers, Population


class Genetic(PayoffMethod):
    """Each generation the `elites` stay, and the others are children of selected parents.

    A parent is the best of `contenders` members drawn by lot, or any of the best `truncation` of all. Two parents
    cross with probability `crossover`, gene by gene; then each gene mutates with probability `mutation`. Everybody
    meets anew in each generation. Holland 1975; Axelrod 1987 (strategies for the prisoner's dilemma).
    """

    kind: Literal["genetic"] = "genetic"
    elites: int = Field(1, ge=0, description="the best, who stay as they are")
    contenders: int = Field(3, ge=1, description="members of whom the best becomes a parent")
    truncation: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="share of the best, of whom any becomes a parent; instead of `contenders`"
    )
    crossover: float = Field(0.5, ge=0, le=1, description="probability that a child has two parents")
    mutation: float = Field(0.1, ge=0, le=1, description="probability that a gene mutates")
    mutation_size: Annotated[float, Field(gt=0, le=10)] | None = Field(
        0.1,
        description="standard deviation of a mutation, in units of the distance between the bounds; "
        "choices are drawn anew",
    )
    start: Start = Field("random", description="who is there at first: random members, or the config's entry")

    def begin(self, world: World) -> Search:
        alike = self.start == "entry"
        genes = world.alike(self.population) if alike else world.random(self.population)
        return Breeding(self, world, *self.first(world, genes, self.start))

    def resume(self, world: World, population: Population, genealogy: Genealogy, own: Arrays) -> Search:
        return Breeding(self, world, population, genealogy)

    def problems(self) -> Iterator[tuple[str, str]]:
        if self.elites >= self.population:
            yield "elites", f"found {self.elites}; allowed: fewer than the {self.population} members"


class Breeding(Search):
    """A genetic algorithm on each replicate's population."""

    def __init__(self, method: Genetic, world: World, population: Population, genealogy: Genealogy):
        self._method, self._world = method, world
        self.population, self.genealogy = population, genealogy

    def advance(self, generation: int, limit: int) -> int:
        method, genome, lots = self._method, self._world.genome, self._world.lots
        old, generation = self.population, generation + 1
        replicates, members, count = old.genes.shape
        children, each = members - method.elites, self._world.each[:, None]
        best = np.argsort(-old.payoff, axis=1, kind="stable")
        mother, father = (best[each, place] for place in self._parents(generation, children))
        crosses, hit, value = (
            lots.uniform(lot, generation, children, size)
            for lot, size in ((Lot.CROSSOVER, count + 1), (Lot.HIT, count), (Lot.VALUE, count))
        )
        alone = crosses[..., :1] >= method.crossover
        crossed = genome.crossed(old.genes[each, mother], old.genes[each, father], crosses[..., 1:])
        bred = np.where(alone, old.genes[each, mother], crossed)
        bred = genome.mutated(bred, hit, value, method.mutation, method.mutation_size)
        elite = best[:, : method.elites]
        genes = np.concatenate((old.genes[each, elite], bred), axis=1)
        payoff, cooperation = method.earned(self._world, genes, generation)
        lines = old.line[each, mother], np.where(alone[..., 0], NOBODY, old.line[each, father])
        born = self.genealogy.add(
            np.repeat(self._world.each, children),
            generation,
            np.where(alone[..., 0], *(HOW_BORN.index(how) for how in ("mutant", "crossover"))).ravel(),
            bred.reshape(-1, count),
            payoff[:, method.elites :].ravel(),
            lines[0].ravel(),
            lines[1].ravel(),
        )
        line = np.concatenate((old.line[each, elite], born.reshape(replicates, children)), axis=1)
        self.population = Population(genes, old.share, payoff, cooperation, line)
        return generation

    def _parents(self, generation: int, children: int) -> tuple[Indices, Indices]:
        """The places of both parents of each child among members, the best first [replicate, child]."""
        method = self._method
        drawn: Numbers
        if method.truncation is None:
            drawn = self._world.lots.uniform(Lot.PARENTS, generation, 2, children, method.contenders).min(axis=3)
            among = method.population
        else:
            drawn = self._world.lots.uniform(Lot.PARENTS, generation, 2, children)
            among = max(1, round(method.truncation * method.population))
        places = (drawn * among).astype(np.int64)
        return places[:, 0], places[:, 1]
