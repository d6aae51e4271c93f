"""A population on a graph: neighbours meet, and neighbours take each other's places."""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from ...envs.catalogue import Whereabouts
from .evolution import Diary, Indices, Numbers, Tell
from .finite_population import FinitePopulation, replicate_keys
from .graph_updates import SHORT, Rule, Stock, Ways, evolve, ways
from .graphs import GraphKind, Network, network
from .pools import Pools

if TYPE_CHECKING:
    from ..plan import Plan, Problem

TIE = 1e-9
"""Payoffs that differ by less, relative to the largest difference, are the same."""
MOST_PICTURED = 4_000_000
"""Vertices in all the pictures that are kept, unless these are two."""


class Structured(FinitePopulation):
    """A population of fixed size; with a `graph`, only neighbours meet and take each other's places."""

    graph: Annotated[GraphKind | None, Whereabouts(path=True)] = Field(
        None,
        description="a `kind` (lattice, ring, small_world, scale_free, random_regular, edges) with parameters, or "
        "the path of a GraphML, GML or edge list file; where it is drawn by chance, for each replicate anew",
    )
    interaction: Annotated[GraphKind | None, Whereabouts(path=True)] = Field(
        None, description="who plays with whom, if that is another graph than who takes whose place"
    )
    payoff: Literal["average", "accumulated"] = Field(
        "average", description="on a graph: the mean or the sum over neighbours, by weight"
    )
    placement: Literal["random", "centre"] = Field(
        "random",
        description="who is where at first: by lot, or the rarest agents in the middle of a lattice",
    )
    pictures: int = Field(
        24, ge=0, le=1000, description="generations of the first replicate whose graph is kept for pictures"
    )

    @abstractmethod
    def rule(self, span: float) -> Rule:
        """What happens on the graph; payoffs per interaction differ by `span` at most."""

    def graph_rule(
        self, update: int, span: float, *, selection: float, linear: bool = False, whole: bool = False
    ) -> Rule:
        """A rule with the keys that all updates share."""
        accumulates, others = self.payoff == "accumulated", self.mutates_to == "others"
        return Rule(update, whole, linear, selection, span, accumulates, self.mutation, others, TIE * span)

    @property
    def most_games(self) -> float:
        """The weight of everybody that one plays with, at most, where payoffs accumulate; else 1."""
        if self.graph is None or self.payoff == "average":
            return 1.0
        return float(self.example.interaction.sum(axis=1).max())

    @property
    def sized(self) -> bool:
        return self.graph is not None or super().sized

    @property
    def members(self) -> int:
        return self.example.size if self.graph is not None else super().members

    @cached_property
    def example(self) -> Network:
        """The network of some replicate. Raises ValueError where there can't be one."""
        return self._network(np.random.default_rng(0))

    @cached_property
    def no_network(self) -> str | None:
        """Why there can't be such a network; None where there can, or where none is wanted."""
        try:
            return None if self.graph is None or self.example.size else "it has no vertex"
        except ValueError as error:
            return str(error)

    def _network(self, random: np.random.Generator) -> Network:
        assert self.graph is not None
        return network(self.graph, self.interaction, self.self_interaction, random)

    def evolve(self, plan: Plan, pools: Pools, diary: Diary, tell: Tell) -> None:
        if self.graph is None:
            super().evolve(plan, pools, diary, tell)
            return
        starts = self.starts(plan)
        present = np.full(len(plan.order), self.mutation > 0) | starts.any(axis=0)
        pools.require((present[pools.first] & present[pools.second]).astype(np.int64))
        stock = pools.stock()
        populations = self._populations(starts, replicate_keys(plan, pools.setting, len(starts)))
        extremes = plan.settings[pools.setting].game.extremes or (0.0, 0.0)
        low, high = (min(extremes[0], 0.0), max(extremes[1], 0.0)) if self.payoff == "accumulated" else extremes
        rule = self.rule(high - low)
        pictured = self._pictured(len(populations[0].state))
        ends = np.union1d(np.append(np.arange(0, self.generations, self.every), self.generations), pictured)
        if not stock.exact.all():  # matches are taken in an order that `every` and `pictures` have no part in
            ends = np.arange(self.generations + 1)
        tell(done := 0, self.generations)
        for generation in ends.tolist():
            over = 0
            for each in populations:
                while not each.fixed and not each.go_on(generation - each.generation, pools, stock, rule):
                    stock = pools.stock()
                over += each.fixed
                if (now := self.done(done, over, len(populations))) > done:
                    tell(done := now, self.generations)
            done = max(done, generation)
            if generation in pictured and not populations[0].written:
                diary.picture(generation, populations[0].state, populations[0].network)
            due = generation == self.generations or generation % self.every == 0
            rows = defaultdict[int, list[int]](list)
            for index, each in enumerate(populations):
                if not each.written and (due or each.fixed):
                    rows[each.generation].append(index)
                    each.written = each.fixed
            for at, which in sorted(rows.items()):
                self._write(diary, at, which, [populations[index] for index in which], pools)
            if all(each.written for each in populations):
                break
        tell(self.generations, self.generations)

    def _write(
        self, diary: Diary, generation: int, replicate: list[int], shown: list[_Population], pools: Pools
    ) -> None:
        size = len(shown[0].state)
        diary.write(
            generation,
            np.array(replicate),
            np.array([each.steps for each in shown]),
            np.stack([each.counts for each in shown]) / size,
            np.stack([each.earned(pools) for each in shown], axis=1),
            size=size,
            fixed=np.array([each.fixed for each in shown]),
        )

    def _pictured(self, size: int) -> Indices:
        """Generations that are kept for pictures, more of them at first; fewer of large graphs."""
        count = min(self.pictures, max(2, MOST_PICTURED // size))
        if not count:
            return np.empty(0, dtype=np.int64)
        later = np.round(np.geomspace(1, self.generations, count - 1)) if count > 1 else np.empty(0)
        return np.unique(np.append(0, later)).astype(np.int64)

    def _populations(self, starts: Indices, keys: torch.Tensor) -> list[_Population]:
        found = list[_Population]()
        for key, counts in zip(keys.tolist(), starts, strict=True):
            random = np.random.Generator(np.random.Philox(key=key & (2**64 - 1)))
            if not found or self._drawn_by_chance:
                on = self._network(random)
                roads = ways(on.interaction, on.replacement)
            state = self._placed(counts, on, random)
            found.append(_Population(on, roads, random, state, counts.copy(), self.mutation > 0))
        return found

    @property
    def _drawn_by_chance(self) -> bool:
        return any(each is not None and each.random for each in (self.graph, self.interaction))

    def _placed(self, counts: Indices, on: Network, random: np.random.Generator) -> NDArray[np.int16]:
        """Who is at first on each vertex."""
        rarest = np.argsort(counts, kind="stable")
        agents = np.repeat(rarest, counts[rarest]).astype(np.int16)
        if self.placement == "random":
            return random.permutation(agents)
        assert on.places is not None
        away = np.square(on.places - np.floor((on.places.max(axis=0) + 1) / 2)).sum(axis=1)
        state = np.empty_like(agents)
        state[np.argsort(away, kind="stable")] = agents
        return state

    def problems(self, plan: Plan) -> Iterator[Problem]:
        from ..plan import Problem

        if self.graph is None:
            for key in ("interaction", "payoff", "placement", "update", "order"):
                field = type(self).model_fields.get(key)
                if field is not None and getattr(self, key) != field.default:
                    yield Problem(("schedule", key), f"found {getattr(self, key)!r}; allowed: only with a `graph`")
            yield from super().problems(plan)
            return
        if self.no_network is not None:
            yield Problem(("schedule", "graph"), self.no_network)
            return
        if self.size is not None:
            said = f"found {self.size}; allowed with a `graph`: none, it has {self.example.size:,} vertices"
            yield Problem(("schedule", "size"), said)
            return
        if self.placement == "centre" and self.graph.kind != "lattice":
            said = f"found 'centre' of a {self.graph.kind}; allowed: of a lattice"
            yield Problem(("schedule", "placement"), said)
        yield from super().problems(plan)


@dataclass
class _Population:
    """One population, as it is by now."""

    network: Network
    ways: Ways
    random: np.random.Generator
    state: NDArray[np.int16]
    """The agent on each vertex."""
    counts: Indices
    """[agent]."""
    mutates: bool
    generation: int = 0
    """By which it is like this."""
    steps: int = 0
    written: bool = False
    """Whether its end has been written down."""

    @property
    def fixed(self) -> bool:
        return not self.mutates and bool(self.counts.max() == len(self.state))

    def go_on(self, generations: int, pools: Pools, stock: Stock, rule: Rule) -> bool:
        """Whether there were enough matches; if not, it is as before, and the pools have more.

        Raises Unplayed where these have to be played first.
        """
        taken, state, counts = pools.taken.copy(), self.state.copy(), self.counts.copy()
        chance = self.random.bit_generator.state
        steps, why = evolve(state, counts, taken, generations, self.ways, stock, rule, self.random)
        if why == SHORT:
            self.random.bit_generator.state = chance
            pools.require(taken - pools.taken, times=2 + self.generation)  # as many again as so far
            return False
        pools.taken, self.state, self.counts = taken, state, counts
        self.generation += -(-steps // self._events(rule))
        self.steps += steps
        return True

    def _events(self, rule: Rule) -> int:
        """Of a generation."""
        return 1 if rule.whole else len(self.state)

    def earned(self, pools: Pools) -> Numbers:
        """Mean payoff and cooperation per interaction of each agent [2, agent]; NaN of who isn't there.

        Of a pair that plays, by the mean over all its matches.
        """
        played, kinds = self.network.interaction.tocoo(), len(self.counts)
        own, other = self.state[played.row].astype(np.int64), self.state[played.col]
        met = np.bincount(own * kinds + other, played.data / self.ways.played.strength[played.row], kinds * kinds)
        with np.errstate(invalid="ignore"):
            means: Numbers = (met.reshape(kinds, kinds) * pools.mean_of_all).sum(axis=2) / self.counts
        return means
