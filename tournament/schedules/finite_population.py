"""A population of fixed size without structure: everybody meets everybody, and a process says who is replaced."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, TypeAlias

import numpy as np
import torch
from pydantic import Field

from ...envs.chance import Chance, Purpose, derive
from ..identity import canonical
from .evolution import Diary, Evolution, Indices, Numbers, Tell
from .pools import Pools

if TYPE_CHECKING:
    from ..plan import Plan, Problem

Uniform: TypeAlias = Callable[[int], Numbers]
"""Uniform numbers of a kind (0, 1, 2, ...): one a replicate, or one for each individual where all are replaced."""
PAIRS = 2_000_000
"""Pairs of individuals whose matches are taken at once."""


@dataclass(frozen=True, eq=False)
class Earned:
    """What groups of individuals of one agent earned, each of them the same; all [replicate, group]."""

    agent: Indices
    number: Numbers
    payoff: Numbers
    cooperation: Numbers

    def of(self, which: Indices) -> Earned:
        return Earned(self.agent[which], self.number[which], self.payoff[which], self.cooperation[which])

    def means(self, kinds: int) -> Numbers:
        """Mean payoff and cooperation of each agent [2, replicate, agent]; NaN of who isn't there."""
        row = np.arange(len(self.agent))[:, None] * kinds + self.agent
        length = len(self.agent) * kinds
        number = np.bincount(row.ravel(), self.number.ravel(), length)
        with np.errstate(invalid="ignore"):
            sums = [
                np.bincount(row.ravel(), (self.number * np.where(self.number > 0, values, 0)).ravel(), length)
                / number
                for values in (self.payoff, self.cooperation)
            ]
        return np.stack(sums).reshape(2, len(self.agent), kinds)


class FinitePopulation(Evolution):
    """A well-mixed population: in each generation, or at each birth, everybody meets everybody else."""

    size: Annotated[int, Field(ge=2, le=1_000_000)] | None = Field(
        None, description="individuals; where it is given, `population` has shares that add up to 1"
    )
    replicates: int = Field(100, ge=1, le=1_000_000, description="populations that evolve independently")
    invasions: bool = Field(
        False,
        description="instead of `population`: of each agent one mutant in a population of each other agent, in as "
        "many populations as there are `replicates`",
    )
    mutation: float = Field(
        0.0, ge=0, le=1, description="the probability that a newcomer is of a chosen-by-lot agent"
    )
    mutates_to: Literal["any", "others"] = Field(
        "any", description="who a mutant may be: any agent, its own included, or one of the others"
    )
    self_interaction: bool = Field(False, description="whether individuals also meet a copy of themselves")
    at_most: int = Field(
        1000, ge=1, le=1_000_000, description="matches of each pair of agents; after that they are drawn again"
    )
    whole: ClassVar[bool] = False
    """Whether all are replaced at once, rather than by births one by one, as many as there are individuals."""

    @property
    def highest(self) -> int:
        return self.at_most

    @abstractmethod
    def succeeded(self, counts: Indices, earned: Earned, uniform: Uniform) -> Indices:
        """The counts [replicate, agent] after a step."""

    def problems(self, plan: Plan) -> Iterator[Problem]:
        from ..plan import Problem

        yield from super().problems(plan)
        if self.invasions:
            yield from self._invasion_problems()
            return
        place, given = ("schedule", "population"), self.population
        present = sum(number > 0 for number in given.values()) if given else len(plan.entrants)
        whole, total = not any(number % 1 for number in given.values()), sum(given.values())
        if not self.sized and not given:
            yield Problem(("schedule", "size"), "missing; it or `population` says how many individuals there are")
        elif not self.sized and not whole:
            yield Problem(place, "found shares; allowed: whole numbers, or shares that add up to 1 with `size`")
        elif not self.sized and total < 2:
            yield Problem(place, f"found {total:g} individuals; allowed: two or more")
        elif self.sized and given and whole and total > 1:
            if total != self.members:
                yield Problem(place, f"found {total:g} individuals; allowed: {self.members:,} in all, or shares")
        elif self.sized and given and abs(total - 1) > 1e-6:
            yield Problem(
                place, f"found shares that add up to {total:g}; allowed with `size`, or a `graph`: 1 in all"
            )
        elif self.members < present:
            yield Problem(
                ("schedule", "size"), f"found {self.members}; allowed: at least one of each of {present} agents"
            )

    def _invasion_problems(self) -> Iterator[Problem]:
        from ..plan import Problem

        if not self.sized:
            yield Problem(("schedule", "size"), "missing; with `invasions` it says how many individuals there are")
        if self.population:
            yield Problem(("schedule", "population"), "found agents; allowed with `invasions`: none")
        if self.mutation:
            yield Problem(
                ("schedule", "mutation"),
                f"found {self.mutation:g}; allowed with `invasions`: 0, for one mutant is followed until the end",
            )

    @property
    def sized(self) -> bool:
        """Whether how many there are is known without `population`."""
        return self.size is not None

    @property
    def members(self) -> int:
        """How many individuals a population has."""
        return self.size if self.size is not None else int(sum(self.population.values()))

    def starts(self, plan: Plan) -> Indices:
        """How many individuals of each agent, in the plan's order, there are at first [replicate, agent]."""
        if not self.invasions:
            return np.tile(self.counts(plan), (self.replicates, 1))
        kinds = len(plan.order)
        resident, mutant = np.nonzero(~np.eye(kinds, dtype=np.bool_))
        alone = np.eye(kinds, dtype=np.int64)
        return np.repeat((self.members - 1) * alone[resident] + alone[mutant], self.replicates, axis=0)

    def counts(self, plan: Plan) -> Indices:
        """How many individuals of each agent, in the plan's order, there are at first; largest remainders."""
        shares, members = self.shares(plan), self.members
        exact = shares * members
        counts = np.maximum(np.floor(exact + 1e-9), shares > 0).astype(np.int64)
        while counts.sum() != members:
            missing = 1 if counts.sum() < members else -1
            open_ = exact - counts if missing > 0 else np.where(counts > 1, counts - exact, -np.inf)
            counts[np.argmax(open_)] += missing
        return counts

    def evolve(self, plan: Plan, pools: Pools, diary: Diary, tell: Tell) -> None:
        counts = self.starts(plan)
        size, steps = self.members, 1 if self.whole else self.members
        keys = replicate_keys(plan, pools.setting, len(counts))
        reached = np.zeros(len(counts), dtype=np.int64)
        open_ = np.arange(len(counts))
        for generation in range(self.generations + 1):
            tell(self.done(generation, len(counts) - len(open_), len(counts)), self.generations)
            earned = self.earned(pools, counts[open_], self._ahead(generation * steps, steps))
            fixed = self._fixed(counts[open_], size)
            last = generation == self.generations
            seen = np.flatnonzero(fixed | last | (generation % self.every == 0))
            diary.write(
                generation,
                open_[seen],
                reached[open_[seen]],
                counts[open_[seen]] / size,
                earned.of(seen).means(counts.shape[1]),
                size=size,
                fixed=fixed[seen],
            )
            going = np.flatnonzero(~fixed)
            if last or not len(going):
                tell(self.generations, self.generations)
                return
            open_, earned = open_[going], earned.of(going)
            chance = Chance.at_tables(keys[torch.from_numpy(open_)], size)
            drawn = _Drawn(chance, generation)
            moving = np.arange(len(open_))
            here = counts[open_]
            for step in range(steps):
                if step:
                    earned = self.earned(pools, here, self._ahead(generation * steps + step, steps))
                which = (moving,) if self.whole else (moving, step)
                here = self.succeeded(here, earned, partial(drawn.uniform, which))
                left = ~self._fixed(here, size)
                if step == steps - 1 or not left.all():
                    counts[open_[moving]] = here
                    reached[open_[moving]] = generation * steps + step + 1
                    moving, here = moving[left], here[left]
                if not len(moving):
                    break

    def done(self, generation: int, over: int, populations: int) -> int:
        """Generations that are as good as done where so many populations are over."""
        return max(generation, self.generations * over // populations)

    def earned(self, pools: Pools, counts: Indices, ahead: int = 1) -> Earned:
        """What everybody earned per round, and how often they cooperated, in populations [replicate, agent].

        `ahead` is for how many steps, this one included, matches are asked for where they lack.
        """
        if pools.complete:
            return self._expected(pools, counts)
        pairs = counts[:, pools.first] * counts[:, pools.second]
        alone = pools.first == pools.second
        own = counts[:, pools.first[alone]]
        pairs[:, alone] = own * (own - 1) // 2 + (own if self.self_interaction else 0)
        demand = pairs.sum(axis=0)
        pools.require(demand, ahead)
        if pools.constant[demand > 0].all():
            return self._expected(pools, counts)
        size = int(counts[0].sum())
        agent = np.repeat(np.tile(np.arange(counts.shape[1]), len(counts)), counts.ravel()).reshape(-1, size)
        met = np.triu_indices(size, 0 if self.self_interaction else 1)
        block = max(1, PAIRS // len(met[0]))
        parts = [self._played(pools, agent[start : start + block], met) for start in range(0, len(agent), block)]
        payoff, cooperation = np.concatenate(parts, axis=1)
        return Earned(agent, np.ones(agent.shape), payoff, cooperation)

    def _expected(self, pools: Pools, counts: Indices) -> Earned:
        """Where every payoff is exact, individuals of one agent earn the same."""
        number, means = counts.astype(np.float64), pools.mean_of_all
        total = number @ means.transpose(0, 2, 1)
        if not self.self_interaction:
            total -= np.diagonal(means, axis1=1, axis2=2)[:, None]
        total /= counts[0].sum() - (not self.self_interaction)
        agent = np.broadcast_to(np.arange(counts.shape[1]), counts.shape)
        return Earned(agent, number, *total)

    def _played(self, pools: Pools, agent: Indices, met: tuple[Indices, Indices]) -> Numbers:
        """The means over others of payoff and cooperation [2, replicate, individual]."""
        first, second = met
        values = pools.take(pools.pair[agent[:, first], agent[:, second]])
        twice = first == second
        values[::2, :, twice] = values[1::2, :, twice] = (values[::2, :, twice] + values[1::2, :, twice]) / 2
        total = np.zeros((2, *agent.shape[:1], agent.shape[1], agent.shape[1]))
        total[:, :, second, first] = values[1::2]
        total[:, :, first, second] = values[::2]
        mean: Numbers = total.sum(axis=3) / (agent.shape[1] - (not self.self_interaction))
        return mean

    def mutated(self, agents: Indices, uniform: Uniform, kind: int, kinds: int) -> Indices:
        """Newcomers, some of whom are mutants."""
        if not self.mutation:
            return agents
        drawn = uniform(kind)
        others = kinds - (self.mutates_to == "others")
        to = np.minimum((drawn / self.mutation * others).astype(np.int64), others - 1)
        if self.mutates_to == "others":
            to += to >= agents
        return np.where(drawn < self.mutation, to, agents)

    def _ahead(self, passed: int, steps: int) -> int:
        """As many steps as have passed, a generation at least, and at most those that are left."""
        return max(1, min(max(passed, steps), self.generations * steps + 1 - passed))

    def _fixed(self, counts: Indices, size: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        fixed = counts.max(axis=1) == size
        return np.asarray(fixed & (self.mutation == 0))


def replicate_keys(plan: Plan, setting: int, replicates: int) -> torch.Tensor:
    """The keys of the chance of populations that evolve side by side in an environment [replicate]."""
    text = f"[{plan.seed},{canonical(plan.settings[setting].definition.text)},evolution]"
    whole = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), signed=True)
    return derive(torch.tensor(whole), torch.arange(replicates))


class _Drawn:
    """The uniform numbers of a generation [replicate, individual], drawn when they are needed."""

    def __init__(self, chance: Chance, generation: int) -> None:
        self._chance, self._generation = chance, generation
        self._kinds = dict[int, Numbers]()

    def uniform(self, which: tuple[Indices] | tuple[Indices, int], kind: int) -> Numbers:
        if kind not in self._kinds:
            self._kinds[kind] = self._chance.uniform(Purpose.SELECTION, self._generation, kind).numpy()
        found: Numbers = self._kinds[kind][which]
        return found


def chosen(weights: Numbers, uniform: Numbers) -> Indices:
    """Groups chosen in proportion to `weights` [replicate, group], by a uniform number each [replicate]."""
    along = np.cumsum(weights, axis=1)
    found = (along <= (uniform * along[:, -1])[:, None]).sum(axis=1)
    groups: Indices = np.minimum(found, weights.shape[1] - 1)
    return groups
