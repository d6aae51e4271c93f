"""Evolutions from generation to generation, kept as arrays that they go on from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..chunk import one_thread
from ..identity import SCHEMA, canonical
from ..plan import Plan
from ..schedules.evolve import Evolve
from ..schedules.finite_population import replicate_keys
from .genome import Genome
from .lots import Lots
from .meetings import Meetings
from .method import Search, World
from .population import Arrays, Genealogy, Population

MEASURES = ("payoff", "best", "cooperation")
"""Columns of the history before those of the genes."""


@dataclass(frozen=True, eq=False)
class Evolving:
    """An evolution after some generation."""

    generation: int
    genome: Genome
    search: Search
    history: NDArray[np.float64]
    """Means of each replicate's population [time, replicate, column], at every so many generations from 0."""
    key: str
    """Its identity: a hash of everything that it depends on, but not of how long it goes on."""

    def arrays(self) -> Arrays:
        """All that there is to keep of it."""
        search = self.search
        search.genealogy.keep(search.population.line)
        genes = [{"name": gene.name, "options": [str(one) for one in gene.options]} for gene in self.genome.genes]
        parts = {"population": search.population.arrays, "genealogy": search.genealogy.arrays, "own": search.own}
        return {
            "key": np.array(self.key),
            "generation": np.array(self.generation),
            "genes": np.array(json.dumps(genes)),
            "history": self.history,
            **{f"{part}.{name}": values for part, arrays in parts.items() for name, values in arrays.items()},
        }


def evolution(plan: Plan, setting: int, kept: Mapping[str, NDArray[np.generic]] | None) -> Iterator[Evolving]:
    """An evolution in one environment of a plan, from its start or from what was kept, after each step of it.

    Raises DilemmaError where a match fails.
    """
    schedule = plan.schedule
    assert isinstance(schedule, Evolve)
    key = identity(plan, setting)
    entrant = schedule.entrant(plan)
    genome = schedule.genome(entrant)
    world = World(
        genome,
        Meetings(plan, setting, entrant, genome, schedule.method.matches),
        Lots(replicate_keys(plan, setting, schedule.replicates)),
        schedule.replicates,
        schedule.distribution,
    )
    with one_thread():
        if kept is None or str(kept["key"]) != key:
            search, generation = schedule.method.begin(world), 0
            history = search.population.means()[None]
        else:
            generation, history = int(kept["generation"]), np.asarray(kept["history"], np.float64)
            population, genealogy, own = (_part(kept, part) for part in ("population", "genealogy", "own"))
            search = schedule.method.resume(world, Population.of(population), Genealogy.of(genealogy), own)
        yield Evolving(generation, genome, search, history, key)
        while generation < schedule.generations:
            limit = min((generation // schedule.every + 1) * schedule.every, schedule.generations)
            generation = search.advance(generation, limit)
            if generation % schedule.every == 0:
                history = np.concatenate((history, search.population.means()[None]))
            yield Evolving(generation, genome, search, history, key)


def _part(kept: Mapping[str, NDArray[np.generic]], part: str) -> Arrays:
    return {name.partition(".")[2]: values for name, values in kept.items() if name.startswith(f"{part}.")}


def identity(plan: Plan, setting: int) -> str:
    """The key of an evolution."""
    schedule = plan.schedule.model_dump(mode="json", exclude={"generations", "agent"})
    assert isinstance(plan.schedule, Evolve)
    own = plan.schedule.entrant(plan)
    others = [each.definition.text for each in plan.entrants if each is not own]
    whom = [own.definition.text, *others]
    learns = any(each.agent.learns for each in plan.entrants)
    learning = plan.learning.model_dump(mode="json", exclude={"keep", "device"}) if learns else None
    text = [
        SCHEMA,
        schedule,
        plan.settings[setting].definition.text,
        whom,
        plan.seed,
        plan.evaluation.mode,
        learning,
    ]
    return hashlib.blake2b(canonical(text).encode(), digest_size=10).hexdigest()
