"""What a schedule is: it is asked for matches and told what is known, until it has none left to ask for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeAlias

from pydantic import Field

from ..sections import Section, said_once

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from ..plan import Plan, Problem


Background: TypeAlias = Annotated[
    list[str] | dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]],
    said_once("a list of labels, or label = share with shares above 0"),
]
"""Labels of agents that are partners only, or their shares of a population of such partners by label."""


@dataclass(frozen=True, eq=False)
class Request:
    """Matches that are asked for: the first so many repetitions of some casts, in one environment."""

    setting: int
    """Which of the plan's environments it is."""
    casts: NDArray[np.int64]
    """Which of the plan's entrants sits where [cast, seat]."""
    repetitions: int
    """Of each cast that has to be played; a cast whose payoff is exact has none."""


@dataclass(frozen=True, eq=False)
class PopulationTrajectory:
    """What became of the populations of one environment."""

    setting: int
    rows: Mapping[str, NDArray[np.generic]]
    """The generations table: `setting` and `agent` as indices of the plan, `replicate`, `generation`, `step`
    (births so far, by which this state was reached), `fixed` (whether it stays so for ever), `count` (NaN where a
    population is infinite), `share`, `payoff` and `cooperation`. Agents of which nobody is left have no row, nor
    have replicates after fixation."""
    notes: Sequence[str]
    """What is to be said of it."""
    pictures: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    """The snapshots table, of populations on graphs: `setting`, `replicate`, `generation`, `vertex`, its place `x`
    and `y`, and `agent`."""


class History(Protocol):
    """What a schedule is told: everything that is stored so far, and nothing else."""

    @property
    def rows(self) -> pd.DataFrame:
        """The seats table."""

    def settled(self, requests: Sequence[Request]) -> bool:
        """Whether nothing of this is left to play: every match has rows, or has failed."""

    def unresolved(self, repetitions: int, level: float) -> set[tuple[int, int]]:
        """(setting, entrant) of those whose place in the ranking is unclear by the first so many repetitions."""


class Schedule(Section, ABC):
    """Who meets whom, and how often. A subclass adds its keys as fields, and says what to ask for."""

    background: Background = Field(
        [],
        description="labels of agents that are only partners: held out from the ranking, never among themselves; "
        "label = share where they are a population, by whose shares means over them are weighted",
    )

    @abstractmethod
    def ask(self, plan: Plan, history: History) -> Sequence[Request]:
        """The matches that are to be played, those that are settled among them; it ends where all of them are.

        It has to follow from the plan and the history alone: a run that was cut short is resumed by asking again.
        """

    @property
    def asks_again(self) -> bool:
        """Whether it may ask for more once it has been told what came of what it asked for."""
        return True

    @property
    def evolves(self) -> bool:
        """Whether it has populations, with trajectories to be written down."""
        return False

    def most(self, plan: Plan) -> Sequence[Request] | None:
        """All that it may come to ask for; None where that is not known beforehand."""
        return None

    def plays(self, label: str, environment: str) -> bool:
        """Whether the agent of this label may come to play in this environment, and so has to be able to."""
        return True

    def problems(self, plan: Plan) -> Iterator[Problem]:
        """What keeps it from being carried out."""
        yield from ()

    def trajectories(
        self, plan: Plan, history: History, tell: Callable[[int, int], None]
    ) -> Iterator[PopulationTrajectory]:
        """What became of the populations of each environment; none where nobody evolves.

        It is asked for when all matches have been played; `tell` hears of generations done, and all there are.
        """
        yield from ()

    def lost(self, before: Mapping[str, Any]) -> Iterator[str]:
        """Why this section can't go on with what a run by the section `before` has, as the run's differences."""
        yield from ()

    def united(self, before: Mapping[str, Any]) -> dict[str, Any] | None:
        """The section that asks for all that this one or the section `before` of the same kind asks for.

        None where there is none: a run by `before` then has to keep its agents and environments.
        """
        return None


def broken_blocks(plan: Plan, repetitions: int) -> Iterator[Problem]:
    """Whether so many repetitions are no whole number of the blocks in which learners are trained."""
    from ..plan import Problem

    block = plan.learning.block
    if any(entrant.agent.learns for entrant in plan.entrants) and repetitions % block:
        yield Problem(
            ("schedule", "repetitions"),
            f"found {repetitions}; allowed: multiples of {block}, which are trained side by side (learning.block)",
        )


class _NothingYet:
    """The history of a run that has not begun."""

    @property
    def rows(self) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame()

    def settled(self, requests: Sequence[Request]) -> bool:
        return False

    def unresolved(self, repetitions: int, level: float) -> set[tuple[int, int]]:
        return set()


NOTHING_YET: History = _NothingYet()
