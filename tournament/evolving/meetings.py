"""What agents with evolving parameters earn: exact where all are finite automata, else as the arena plays it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from ...agents.agent import Agent
from ...agents.automaton import Automaton
from ...agents.memory_one import MemoryOne, Reactive
from ...envs.chance import derive
from ...envs.errors import DilemmaError
from ...envs.matrix_game import RepeatedGame
from ..chunk import Chunk, Outcome
from ..exact.memory_one import endless_payoffs, pair_payoffs
from ..plan import Entrant, Plan, entrants
from ..runner import carry_out
from ..schedules.round_robin import RoundRobin
from ..schedules.schedule import Request
from ..work import work
from .genome import Genome

Numbers: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Meetings:
    """Matches in one environment of a plan: of agents of one genome, and the plan's other agents, the field."""

    plan: Plan
    setting: int
    entrant: Entrant
    """Whose parameters evolve."""
    genome: Genome
    repetitions: int

    @cached_property
    def field(self) -> tuple[Entrant, ...]:
        return tuple(each for each in self.plan.entrants if each is not self.entrant)

    @property
    def relatives(self) -> tuple[Agent, ...]:
        """The agents of the plan that differ from the evolving one in what evolves alone, itself among them."""
        genome = self.genome
        own = genome.agent.model_dump(exclude=set(genome.parameters))
        return tuple(
            each.agent
            for each in self.plan.entrants
            if type(each.agent) is type(genome.agent)
            and each.agent.model_dump(exclude=set(genome.parameters)) == own
        )

    @property
    def exact(self) -> bool:
        """Whether every payoff is."""
        return not self.plan.ways(self.setting).any()

    def pairs(self, genes: Numbers, cast: Indices) -> tuple[Numbers, Numbers]:
        """Exact payoff and cooperation of pairs, both [pair, seat], of agents with these genes [agent, gene]."""
        places = self._answers
        if places is not None and (found := endless_payoffs(self.game, genes[:, places], cast)):
            return found
        return pair_payoffs(self.game, self._automata(genes), cast)

    @cached_property
    def _answers(self) -> list[int] | None:
        """The genes that are P(C) after each outcome, where nothing else matters in an endless game."""
        agent, names = self.genome.agent, [gene.name for gene in self.genome.genes]
        if not isinstance(agent, MemoryOne | Reactive) or not set(agent.answers[1:]) <= set(names):
            return None
        return [names.index(name) if name in names else 0 for name in agent.answers]  # the start is forgotten

    @cached_property
    def game(self) -> RepeatedGame:
        """The environment, as a repeated game."""
        game = self.plan.settings[self.setting].game.as_repeated_game()
        assert game is not None
        return game

    def against_field(self, genes: Numbers, generation: int) -> tuple[Numbers, Numbers]:
        """Mean payoff and cooperation [replicate, member] over the field, of members [replicate, member, gene]."""
        count, others = genes.shape[0] * genes.shape[1], len(self.field)
        partner, member = (each.ravel() for each in np.indices((others, count)))
        cast = np.stack((partner, others + member), axis=1)
        return self._means(genes, cast, generation)

    def among_themselves(self, genes: Numbers, generation: int) -> tuple[Numbers, Numbers]:
        """Mean payoff and cooperation [replicate, member] over the other members of the replicate's population."""
        replicates, members, _ = genes.shape
        pairs = np.stack(np.triu_indices(members, 1), axis=1)
        begin = len(self.field) + np.arange(replicates) * members
        return self._means(genes, (begin[:, None, None] + pairs).reshape(-1, 2), generation)

    def _means(self, genes: Numbers, cast: Indices, generation: int) -> tuple[Numbers, Numbers]:
        """Over the casts [cast, seat] of each member, the field numbered first."""
        flat, count = genes.reshape(-1, genes.shape[2]), len(self.field) + genes.shape[0] * genes.shape[1]
        if self.exact:
            theirs = [self._automaton(each.agent.as_automaton(self.game)) for each in self.field]
            met = pair_payoffs(self.game, [*theirs, *self._automata(flat)], cast)
            matches = np.bincount(cast.ravel(), minlength=count)
            with np.errstate(invalid="ignore"):
                found = [np.bincount(cast.ravel(), each.ravel(), count) / matches for each in met]
        else:
            plan = self.company(flat, generation)
            found = means([outcome for _, outcome in played(self.chunks(plan, cast), plan)], count)
        payoff, cooperation = (each[len(self.field) :].reshape(genes.shape[:2]) for each in found)
        return payoff, cooperation

    def company(self, genes: Numbers, generation: int, *, keep: bool = False) -> Plan:
        """The plan of a generation's matches: the field, and agents with these genes [agent, gene].

        Its seed is the generation's own: luck in one is not luck in all. `keep` learned states.
        """
        label, name, roles = self.entrant.label, self.entrant.definition.name, self.entrant.roles
        members = [f"{label} {number}" for number in range(len(genes))]
        agents = [(each, name, self.genome.agent_of(values)) for each, values in zip(members, genes, strict=True)]
        learning = self.plan.learning
        freezing = {of: after for of, after in learning.freeze_after.items() if of != label}
        if label in learning.freeze_after:
            freezing |= dict.fromkeys(members, learning.freeze_after[label])
        everybody = (*self.field, *(replace(each, roles=roles) for each in entrants(agents)))
        kept = [each.label for each in everybody if each.agent.learns] if keep else []
        return replace(
            self.plan,
            settings=(self.plan.settings[self.setting],),
            entrants=everybody,
            schedule=RoundRobin(),
            seed=int(derive(torch.tensor(self.plan.seed), generation)),
            learning=learning.model_copy(update={"freeze_after": freezing, "keep": kept}),
        )

    def chunks(self, plan: Plan, cast: Indices) -> list[Chunk]:
        """What there is to play of casts [cast, seat] of the plan's entrants."""
        return list(work(plan, [Request(0, cast, self.repetitions)]))

    def _automata(self, genes: Numbers) -> list[Automaton]:
        """Those of agents with these genes [agent, gene]."""
        return [self._automaton(self.genome.agent_of(values).as_automaton(self.game)) for values in genes]

    @staticmethod
    def _automaton(found: Automaton | None) -> Automaton:
        if found is None:
            raise DilemmaError("it was a finite automaton with its first parameters, and is none with others")
        return found


def played(chunks: Sequence[Chunk], plan: Plan) -> list[tuple[Chunk, Outcome]]:
    """Chunks with their outcomes, in their order. Raises DilemmaError where a match failed."""
    place = {int(chunk.keys[0]): number for number, chunk in enumerate(chunks)}
    found = dict[int, Outcome]()
    for outcome in carry_out(chunks, plan.execution):
        for failure in outcome.failures:
            cast = " and ".join(plan.entrants[index].label for index in failure.cast)
            raise DilemmaError(f"evolution can't go on: the match of {cast} failed, {failure.reason}")
        found[min(place[key] for rows in outcome.rows for key in rows["match"].tolist() if key in place)] = outcome
    return [(chunk, found[number]) for number, chunk in enumerate(chunks)]


def means(outcomes: Sequence[Outcome], count: int) -> list[Numbers]:
    """Payoff per round and cooperation of each entrant over all of its rows."""
    names = ("agent", "weight", "payoff", "cooperation")
    agent, weight, *values = (
        np.concatenate([rows[name] for outcome in outcomes for rows in outcome.rows]) for name in names
    )
    whole = np.bincount(agent, weight, count)
    with np.errstate(invalid="ignore"):
        return [np.asarray(np.bincount(agent, weight * each, count) / whole, np.float64) for each in values]
