"""A method of evolution: a table [schedule.method] with its keys, and the search that it starts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from pydantic import Field

from ..sections import Section
from .genome import Distribution, Genome
from .lots import Lot, Lots
from .meetings import Meetings
from .population import Arrays, Genealogy, Indices, Numbers, Population


@dataclass(frozen=True, eq=False)
class World:
    """What a search has to know: who evolves, what it earns, and what is drawn."""

    genome: Genome
    meetings: Meetings
    lots: Lots
    replicates: int
    distribution: Distribution

    @property
    def each(self) -> Indices:
        """Every replicate [replicate]."""
        return np.arange(self.replicates)

    def random(self, members: int) -> Numbers:
        """Members drawn between the bounds of their genes [replicate, member, gene]."""
        uniform = self.lots.uniform(Lot.START, 0, members, len(self.genome.genes))
        return self.genome.drawn(uniform, self.distribution)

    def alike(self, members: int) -> Numbers:
        """Members with the parameters of the config's entry [replicate, member, gene]."""
        return np.tile(self.genome.values_of(self.genome.agent), (self.replicates, members, 1))


class Search(ABC):
    """An evolution under way, after some generation; all that it will be follows from `arrays` and the world."""

    population: Population
    genealogy: Genealogy

    @abstractmethod
    def advance(self, generation: int, limit: int) -> int:
        """Go on from `generation`, by one at least and to `limit` at most; returns the generation reached."""

    @property
    def own(self) -> Arrays:
        """What it keeps beside population and genealogy."""
        return {}


class Method(Section, ABC):
    """How parameters evolve."""

    exact: ClassVar[bool] = False
    """Whether it needs exact payoffs: finite automata only."""
    continuous: ClassVar[bool] = False
    """Whether it needs real numbers only."""
    learners: ClassVar[bool] = False
    """Whether it needs learners."""

    @abstractmethod
    def begin(self, world: World) -> Search:
        """The search in its first generation, 0."""

    @abstractmethod
    def resume(self, world: World, population: Population, genealogy: Genealogy, own: Arrays) -> Search:
        """The search as it was when these were kept."""

    @property
    def meets_field(self) -> bool:
        """Whether payoffs are those against the other agents of the config."""
        return False

    @property
    def matches(self) -> int:
        """How many a pair plays in a generation, where payoffs are not exact."""
        return 1

    def problems(self) -> Iterator[tuple[str, str]]:
        """A key of its own, and what is wrong with it."""
        yield from ()


Start: TypeAlias = Literal["random", "entry"]


class PayoffMethod(Method):
    """A method in which members earn their mean payoff in matches."""

    population: int = Field(50, ge=2, le=10_000, description="members")
    against: Literal["field", "population"] = Field(
        "field", description="whom they meet: the other agents of the config, or each other"
    )
    repetitions: int = Field(1, ge=1, le=1000, description="matches of each pair in a generation, if not exact")

    @property
    def meets_field(self) -> bool:
        return self.against == "field"

    @property
    def matches(self) -> int:
        return self.repetitions

    def earned(self, world: World, genes: Numbers, generation: int) -> tuple[Numbers, Numbers]:
        """Payoff and cooperation of members [replicate, member, gene], both [replicate, member]."""
        meet = world.meetings.against_field if self.meets_field else world.meetings.among_themselves
        return meet(genes, generation)

    def first(self, world: World, genes: Numbers, how: str) -> tuple[Population, Genealogy]:
        """The population of generation 0 and its genealogy."""
        replicates, members, count = genes.shape
        genealogy = Genealogy.empty(count)
        payoff, cooperation = self.earned(world, genes, 0)
        replicate = np.repeat(np.arange(replicates), members)
        line = genealogy.add(replicate, 0, how, genes.reshape(-1, count), payoff.ravel())
        share = np.full(payoff.shape, 1 / members)
        return Population(genes, share, payoff, cooperation, line.reshape(payoff.shape)), genealogy
