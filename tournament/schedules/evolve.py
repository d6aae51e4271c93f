"""Agents that evolve: the parameters of one agent of the config change from generation to generation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from ..evolving.adaptive_walk import AdaptiveWalk
from ..evolving.cma_es import CmaEs
from ..evolving.ecology import Ecology
from ..evolving.genetic import Genetic
from ..evolving.genome import Distribution, Genome, evolvable
from ..evolving.population_based import PopulationBased
from ..exact.exactness import why_no_chain
from .schedule import History, Request, Schedule

if TYPE_CHECKING:
    from ..plan import Entrant, Plan, Problem, Setting


class Evolve(Schedule):
    """The parameters of one agent evolve, in each environment by itself.

    They start at random, or as the config has them, and change by the `method`: an adaptive walk, an ecology of
    strategies, a genetic algorithm, CMA-ES or population-based training. What comes of it is written as entries
    for other configs, `evolved.toml`, with its genealogy.
    """

    agent: str = Field(description="label of the agent that evolves")
    parameters: list[str] = Field([], description="which of its parameters; all that have bounds where left out")
    bounds: dict[str, Annotated[tuple[float, float], Field(strict=False)]] = Field(
        {}, description="parameter = [least, most], within those that the agent itself has"
    )
    distribution: Distribution = Field(
        "uniform", description="of random parameters between their bounds; u_shaped: most near either of them"
    )
    generations: int = Field(1000, ge=1, le=100_000_000, description="after so many it ends")
    replicates: int = Field(10, ge=1, le=100_000, description="evolutions that have nothing to do with each other")
    every: int = Field(1, ge=1, description="generations from one row of the table to the next")
    method: Annotated[
        AdaptiveWalk | Ecology | Genetic | CmaEs | PopulationBased,
        Field(discriminator="kind", description="how parameters change"),
    ]

    def ask(self, plan: Plan, history: History) -> Sequence[Request]:
        return ()

    def most(self, plan: Plan) -> Sequence[Request]:
        return ()

    @property
    def evolves(self) -> bool:
        return True

    @property
    def asks_again(self) -> bool:
        return False

    def genome(self, entrant: Entrant) -> Genome:
        """What evolves of the agent. Raises ValueError where nothing can."""
        return evolvable(entrant.agent, self.parameters, self.bounds)

    def entrant(self, plan: Plan) -> Entrant:
        return next(each for each in plan.entrants if each.label == self.agent)

    def lost(self, before: Mapping[str, Any]) -> Iterator[str]:
        now = self.model_dump(mode="json", exclude_none=True)
        for key in sorted({*now, *before} - {"kind", "generations"}):
            if now.get(key) != before.get(key):
                yield f"schedule.{key} is {now.get(key)!r}, was {before.get(key)!r}"
        if self.generations < before["generations"]:
            yield f"schedule.generations is {self.generations}, was {before['generations']}"

    def problems(self, plan: Plan) -> Iterator[Problem]:
        from ..plan import Problem

        known, kind = [each.label for each in plan.entrants], self.method.kind
        if self.background:
            yield Problem(("schedule", "background"), "agents that evolve have no background; allowed: none")
        if self.generations % self.every:
            yield Problem(
                ("schedule", "generations"),
                f"found {self.generations}; allowed: multiples of every = {self.every}",
            )
        for key, sentence in self.method.problems():
            yield Problem(("schedule", "method", key), sentence)
        if self.agent not in known:
            yield Problem(("schedule", "agent"), f"there is no agent {self.agent!r}; there is {', '.join(known)}")
            return
        entrant = self.entrant(plan)
        try:
            genome = self.genome(entrant)
        except ValueError as error:
            place = "parameters" if self.parameters else "bounds" if self.bounds else "agent"
            yield Problem(("schedule", place), str(error))
            return
        whole = [gene.name for gene in genome.genes if gene.whole]
        if self.method.continuous and whole:
            yield Problem(
                ("schedule", "parameters"),
                f"found {whole[0]}, which is a whole number or a choice; allowed with {kind}: real numbers",
            )
        if self.method.learners and not entrant.agent.learns:
            yield Problem(
                ("schedule", "agent"), f"found {self.agent!r}, which doesn't learn; allowed with {kind}: learners"
            )
        if self.method.meets_field and len(known) == 1:
            yield Problem(("agents", 0), "one agent alone has no field to meet; allowed: two agents or more")
        for index, setting in enumerate(plan.settings):
            for sentence in self._unplayable(plan, setting, entrant):
                yield Problem(("environments", index), sentence)

    def _unplayable(self, plan: Plan, setting: Setting, entrant: Entrant) -> Iterator[str]:
        """What keeps agents from evolving in an environment."""
        game, kind = setting.game, self.method.kind
        if game.seats != 2 or len(set(game.roles)) > 1:
            roles = " and ".join(dict.fromkeys(game.roles))
            yield (
                f"agents that evolve meet in pairs: found {setting.label} with {game.seats} seats ({roles}); "
                "allowed: games of two seats in the same role"
            )
        elif self.method.exact and (why := why_no_chain(entrant.agent, game)):
            yield f"{kind} needs exact payoffs, and {why}; allowed: finite automata in repeated games"
        elif self.method.exact and plan.evaluation.mode == "played":
            yield f"{kind} needs exact payoffs, and evaluation.mode is 'played'; allowed: 'auto' or 'exact'"
        elif isinstance(self.method, Ecology) and game.extremes and game.extremes[0] < 0:
            yield (
                f"{setting.label} pays as little as {game.extremes[0]:g}, and shares can't be multiplied by "
                "negative payoffs; allowed with ecology: payoffs of 0 or more"
            )
