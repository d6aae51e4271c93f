"""Evolution: populations of agents who meet, earn, and are replaced by whoever earns more.

Matches of one cast are independent draws. So evolution is played out on a pool of matches for each pair of agents
(`pools.py`): it runs until a pool is used up, asks for more, and starts again with those, the same way.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..sections import Section
from .pools import Exhausted, Pools, Unplayed
from .schedule import History, PopulationTrajectory, Request, Schedule

if TYPE_CHECKING:
    from ..plan import Plan, Problem
    from .graphs import Network

Indices: TypeAlias = NDArray[np.int64]
Numbers: TypeAlias = NDArray[np.float64]
Tell: TypeAlias = Callable[[int, int], None]
Rows: TypeAlias = Mapping[str, NDArray[np.generic]]


class Evolution(Schedule):
    """A population of agents in each environment, which evolves by what they earn there."""

    population: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(
        {},
        description="who is there at first: label = number, or label = share with `size`; all alike where left "
        "out. Agents that are not named come in by mutation alone",
    )
    generations: int = Field(1000, ge=1, le=10_000_000, description="after so many it ends, fixed or not")
    replicates: int = Field(1, ge=1, le=1_000_000, description="populations that evolve independently")
    every: int = Field(1, ge=1, description="generations from one row of the generations table to the next")

    @abstractmethod
    def evolve(self, plan: Plan, pools: Pools, diary: Diary, tell: Tell) -> None:
        """Play evolution out in the environment of these pools, and write it down."""

    @property
    @abstractmethod
    def highest(self) -> int:
        """How many matches a pair may have to play."""

    @property
    def evolves(self) -> bool:
        return True

    def ask(self, plan: Plan, history: History) -> Sequence[Request]:
        requests = list[Request]()
        for setting in range(len(plan.settings)):
            pools = Pools(plan, setting, history, self.highest)
            if not pools.constant.all():  # else nothing runs out
                with suppress(Unplayed, Exhausted):
                    self.evolve(plan, pools, Diary(), lambda done, total: None)
            requests += pools.requests()
        return requests

    def most(self, plan: Plan) -> Sequence[Request]:
        kinds = len(plan.entrants)
        pairs = plan.order[np.stack(np.triu_indices(kinds), axis=1)]
        return [Request(setting, pairs, self.highest) for setting in range(len(plan.settings))]

    def trajectories(self, plan: Plan, history: History, tell: Tell) -> Iterator[PopulationTrajectory]:
        for setting in range(len(plan.settings)):
            pools, diary, ended = Pools(plan, setting, history, self.highest), Diary(), list[str]()
            try:
                self.evolve(plan, pools, diary, partial(_all_told, tell, setting, len(plan.settings)))
            except (Unplayed, Exhausted) as short:
                ended.append(f"evolution ended after {diary.generation:,} generations: {short or 'matches lack'}")
            notes = [*ended, *pools.notes()]
            yield PopulationTrajectory(setting, diary.rows(plan, setting), notes, diary.pictures(plan, setting))

    def problems(self, plan: Plan) -> Iterator[Problem]:
        from ..plan import Problem

        known = [entrant.label for entrant in plan.entrants]
        for label in self.population:
            if label not in known:
                there = ", ".join(known)
                yield Problem(("schedule", "population"), f"there is no agent {label!r}; there is {there}")
        if len(known) == 1:
            yield Problem(("agents", 0), "one agent alone has nobody to compete with; allowed: two agents or more")
        if self.population and not sum(self.population.values()):
            yield Problem(("schedule", "population"), "found nobody; allowed: at least one number above 0")
        if self.background:
            yield Problem(("schedule", "background"), "a population has no background; allowed: none")
        for index, setting in enumerate(plan.settings):
            if setting.game.seats != 2 or len(set(setting.game.roles)) > 1:
                roles = " and ".join(dict.fromkeys(setting.game.roles))
                yield Problem(
                    ("environments", index),
                    f"a population meets in pairs: found {setting.label} with {setting.game.seats} seats "
                    f"({roles}); allowed: games of two seats in the same role",
                )

    def shares(self, plan: Plan) -> Numbers:
        """The shares at first, of agents in the plan's order."""
        labels = [plan.entrants[index].label for index in plan.order]
        given = np.array([self.population.get(label, 0.0) if self.population else 1.0 for label in labels])
        shares: Numbers = given / given.sum()
        return shares


def _all_told(tell: Tell, setting: int, settings: int, done: int, total: int) -> None:
    """Tell of generations of one environment among several."""
    tell(setting * total + done, settings * total)


class Fitness(Section):
    """How payoffs become fitness."""

    fitness: Literal["linear", "exponential"] = Field(
        "exponential",
        description="what a payoff p per round is worth: e^(s p), or 1 - s + s p, s being `selection`",
    )
    selection: float = Field(1.0, ge=0, le=1000, description="how much payoffs count; with 0 evolution is neutral")

    def weights(self, number: Numbers, payoff: Numbers) -> Numbers:
        """What groups of this number and payoff weigh when somebody is chosen by fitness; both [row, group].

        Where everybody's fitness is 0, nobody has an advantage.
        """
        if self.fitness == "exponential":
            best = np.where(number > 0, payoff, -np.inf).max(axis=-1, keepdims=True)
            weights = number * np.exp(self.selection * np.minimum(payoff - best, 0.0))
        else:
            weights = number * (1 - self.selection + self.selection * payoff)
        nobody = ~(weights > 0).any(axis=-1, keepdims=True)
        found: Numbers = np.where(nobody, number, weights)
        return found

    def negative(self, plan: Plan, games: float = 1.0) -> Iterator[Problem]:
        """Where fitness might be negative, if payoffs are the sum over so many games."""
        from ..plan import Problem

        if self.fitness == "exponential":
            return
        place = ("schedule", "selection")
        if self.selection > 1:
            yield Problem(place, f"found {self.selection:g}; allowed with fitness = 'linear': from 0 to 1")
        for setting in plan.settings:
            least = games * setting.game.extremes[0] if setting.game.extremes else 0.0
            if 1 - self.selection + self.selection * least < -1e-12:
                yield Problem(
                    place,
                    f"found {self.selection:g}; allowed in {setting.label} with fitness = 'linear': up to "
                    f"{1 / (1 - least):.6g}, for a payoff of {least:g} must not make a negative fitness; or "
                    "fitness = 'exponential'",
                )


class Diary:
    """The generations table as it is written."""

    def __init__(self) -> None:
        self._parts = list[Rows]()
        self._pictures: list[tuple[int, NDArray[np.int16], Network]] = []
        self.generation = 0

    def write(
        self,
        generation: int,
        replicate: Indices,
        step: Indices,
        share: Numbers,
        earned: Numbers,
        *,
        size: float = np.nan,
        fixed: NDArray[np.bool_] | None = None,
    ) -> None:
        """Rows of some replicates, at a step each, and whether they are fixed [replicate].

        `share` is [replicate, agent] of `size` individuals, `earned` payoff and cooperation [2, replicate, agent].
        """
        self.generation = generation
        row, agent = share.nonzero()
        self._parts.append(
            {
                "replicate": replicate[row],
                "generation": np.full(len(row), generation),
                "step": step[row],
                "agent": agent,
                "fixed": np.zeros(len(row)) if fixed is None else fixed[row],
                "count": np.round(share[row, agent] * size),
                "share": share[row, agent],
                "payoff": earned[0, row, agent],
                "cooperation": earned[1, row, agent],
            }
        )

    def picture(self, generation: int, agent: NDArray[np.int16], on: Network) -> None:
        """Who is where [vertex] in the first replicate."""
        self._pictures.append((generation, agent, on))

    def rows(self, plan: Plan, setting: int) -> dict[str, NDArray[Any]]:
        """All that has been written, with the plan's indices."""
        return _table(self._parts, plan, setting)

    def pictures(self, plan: Plan, setting: int) -> dict[str, NDArray[Any]]:
        """All pictures, with the plan's indices."""
        parts = list[Rows]()
        for generation, agent, on in self._pictures:
            if on.places is None:
                continue
            vertex = np.arange(len(agent), dtype=np.int32)
            x, y = on.places.astype(np.float32).T
            replicate, now = np.zeros_like(vertex), np.full_like(vertex, generation)
            parts.append(
                {"replicate": replicate, "generation": now, "vertex": vertex, "x": x, "y": y, "agent": agent}
            )
        return _table(parts, plan, setting)


def _table(parts: Sequence[Rows], plan: Plan, setting: int) -> dict[str, NDArray[Any]]:
    if not parts:
        return {}
    rows: dict[str, NDArray[Any]] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    rows["agent"] = plan.order[rows["agent"]]
    return {"setting": np.full(len(rows["agent"]), setting), **rows}
