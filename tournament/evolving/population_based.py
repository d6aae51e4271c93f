"""Population-based training: learners go on learning, and the worst take over what the best have learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field

from ..chunk import Chunk, LearnedState, Outcome
from .genome import Genome
from .lots import Lot
from .meetings import means, played
from .method import Method, Search, Start, World
from .population import Arrays, Genealogy, Indices, Numbers, Population

MEMBER, PARTNER = "member", "partner"


def exploited(payoff: Numbers, uniform: Numbers, quantile: float) -> Indices:
    """Whom each member goes on from [replicate, member], by a uniform number each: itself, or for the worst
    `quantile` any of the best (truncation selection). `payoff` is [replicate, member]."""
    members = payoff.shape[1]
    few = max(1, min(round(quantile * members), members // 2))
    worst_first = np.argsort(payoff, axis=1, kind="stable")
    source = np.tile(np.arange(members), (len(payoff), 1))
    each, worst, best = np.arange(len(payoff))[:, None], worst_first[:, :few], worst_first[:, -few:]
    lot = np.take_along_axis(uniform, worst, axis=1)
    source[each, worst] = best[each, (lot * few).astype(np.int64)]
    return source


def explored(
    genome: Genome, values: Numbers, hit: Numbers, drawn: Numbers, factors: tuple[float, float], resample: float
) -> Numbers:
    """Values changed by two uniform numbers each [..., gene]: drawn anew with probability `resample`, and else
    multiplied by either of the `factors`; choices stay unless they are drawn anew."""
    factor = np.where(drawn < 0.5, *factors)
    anew = genome.drawn(drawn)
    moved = genome.clipped(np.where(genome.chosen, values, values * factor))
    return np.where(hit < resample, anew, moved)


class PopulationBased(Method):
    """In each generation every member learns for the episodes of [learning], in matches against each agent of the
    field; its payoff there is its fitness.

    Then the worst `quantile` take over parameters and all learned states from members of the best (exploit),
    those of learning partners too, and change the parameters (explore). Jaderberg et al. 2017.
    """

    learners = True

    kind: Literal["population_based"] = "population_based"
    population: int = Field(10, ge=2, le=1000, description="members")
    repetitions: int = Field(1, ge=1, le=1000, description="matches against each agent of the field")
    quantile: float = Field(
        0.2, gt=0, le=0.5, description="share of the worst, and of the best that they go on from"
    )
    factors: Annotated[tuple[float, float], Field(strict=False)] = Field(
        (1.2, 0.8), description="by which parameters are multiplied, either as likely"
    )
    resample: float = Field(0.25, ge=0, le=1, description="probability that a parameter is drawn anew instead")
    start: Start = Field("random", description="who is there at first: random members, or the config's entry")

    @property
    def meets_field(self) -> bool:
        return True

    @property
    def matches(self) -> int:
        return self.repetitions

    def begin(self, world: World) -> Search:
        alike = self.start == "entry"
        genes = world.alike(self.population) if alike else world.random(self.population)
        members, count = genes.shape[1:]
        training = Training(self, world)
        payoff, cooperation, training.learned = training.trained(genes, {}, 0)
        training.genealogy = Genealogy.empty(count)
        replicate = np.repeat(world.each, members)
        line = training.genealogy.add(replicate, 0, self.start, genes.reshape(-1, count), payoff.ravel())
        share = np.full(payoff.shape, 1 / members)
        training.population = Population(genes, share, payoff, cooperation, line.reshape(payoff.shape))
        return training

    def resume(self, world: World, population: Population, genealogy: Genealogy, own: Arrays) -> Search:
        training = Training(self, world)
        training.population, training.genealogy, training.learned = population, genealogy, own
        return training


class Training(Search):
    """Members who learn, with what each has learned."""

    learned: Arrays
    """By match of a member with the field, who, and what: `3/member/state/NAME` [everyone, chair, ...].

    Rows `3/member/rows/NAME` say which chairs these are.
    """

    def __init__(self, method: PopulationBased, world: World):
        self._method, self._world = method, world

    @property
    def own(self) -> Arrays:
        return self.learned

    def advance(self, generation: int, limit: int) -> int:
        old, method, lots = self.population, self._method, self._world.lots
        generation += 1
        members, count = old.genes.shape[1:]
        source = exploited(old.payoff, lots.uniform(Lot.PARENTS, generation, members), method.quantile)
        copied, each = source != np.arange(members), self._world.each[:, None]
        genes = old.genes[each, source]
        hit, drawn = (lots.uniform(lot, generation, members, count) for lot in (Lot.HIT, Lot.VALUE))
        changed = explored(self._world.genome, genes, hit, drawn, method.factors, method.resample)
        genes = np.where(copied[..., None], changed, genes)
        whose = (each * members + source).ravel()
        before = {name: values[whose] for name, values in self.learned.items()}
        payoff, cooperation, self.learned = self.trained(genes, before, generation)
        line = old.line[each, source]
        row, place = np.nonzero(copied)
        line[row, place] = self.genealogy.add(
            row, generation, "copied", genes[row, place], payoff[row, place], line[row, place]
        )
        self.population = Population(genes, old.share, payoff, cooperation, line)
        return generation

    def trained(self, genes: Numbers, before: Arrays, generation: int) -> tuple[Numbers, Numbers, Arrays]:
        """Payoff and cooperation [replicate, member] in a generation's matches, and what was learned by then.

        Learners go on from what they had learned `before`; nobody has learned anything where that is empty.
        """
        meetings = self._world.meetings
        flat, others = genes.reshape(-1, genes.shape[2]), len(meetings.field)
        plan = meetings.company(flat, generation, keep=True)
        member, partner = (each.ravel() for each in np.indices((len(flat), others)))
        cast = np.stack((partner, others + member), axis=1)
        chunks = meetings.chunks(plan, cast)
        each = len(chunks) // len(flat)  # in the order of the casts, as many for every member
        if before:
            chunks = [
                replace(chunk, start=tuple(_start(before, chunk, number % each, number // each)))
                for number, chunk in enumerate(chunks)
            ]
        outcomes = [outcome for _, outcome in played(chunks, plan)]
        found = means(outcomes, len(plan.entrants))
        payoff, cooperation = (values[others:].reshape(genes.shape[:2]) for values in found)
        return payoff, cooperation, _learned(outcomes, each, others)


def part(learned: Arrays, begin: str, who: int) -> Arrays:
    """Of one member, what `Training.learned` has under names that begin so, by the rest of the name."""
    return {
        name.removeprefix(f"{begin}/"): each[who] for name, each in learned.items() if name.startswith(f"{begin}/")
    }


def _start(before: Arrays, chunk: Chunk, number: int, who: int) -> Iterator[LearnedState]:
    """What the learners of a member's chunk begin with."""
    for role, entrant in zip((PARTNER, MEMBER), chunk.entrants.tolist(), strict=True):
        if state := part(before, f"{number}/{role}/state", who):
            yield LearnedState(entrant, {}, {name: torch.from_numpy(each) for name, each in state.items()})


def _learned(outcomes: Sequence[Outcome], each: int, others: int) -> Arrays:
    """What was learned in chunks, as `Training.learned`."""
    parts = dict[str, list[np.ndarray[tuple[int, ...], np.dtype[np.generic]]]]()
    for place, outcome in enumerate(outcomes):
        for learned in outcome.checkpoints:
            begin = f"{place % each}/{MEMBER if learned.entrant >= others else PARTNER}"
            rows = {f"{begin}/rows/{name}": values for name, values in learned.rows.items()}
            state = {f"{begin}/state/{name}": value.numpy() for name, value in learned.state.items()}
            for name, values in (rows | state).items():
                parts.setdefault(name, []).append(values)
    return {name: np.stack(values) for name, values in parts.items()}
