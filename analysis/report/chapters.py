"""The chapters of a report: the tables of the analyses of an environment, with remarks.

Each statistic defines its chapters at the end of its module. A chapter that fails gives the reason, and the others
are written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import import_module
from typing import Generic, TypeAlias, TypeVar

import numpy as np
import pandas as pd
from numpy.linalg import LinAlgError

from ..arrays import Numbers
from ..cells import Cells
from ..finding import Cards, Finding
from ..game import Game
from ..options import AnalysisOptions
from ..statistics.influence_functions import payoff_matrix
from .drawing import Drawing
from .tables import readable

STATISTICS = (
    "behaviour.exploitability",
    "behaviour.conduct",
    "behaviour.welfare",
    "behaviour.pareto",
    "behaviour.schelling",
    "behaviour.mechanisms",
    "ranking.held_out",
    "behaviour.cost",
    "behaviour.learned_runs",
    "statistics.comparisons",
    "ratings.ratings",
    "ratings.equilibria",
    "ratings.clones",
    "behaviour.evolution",
    "statistics.friedman",
    "statistics.variance_components",
)
"""The modules whose `CHAPTERS` are written for every league, in this order."""
ARITHMETIC = (ValueError, ArithmeticError, LinAlgError)

T = TypeVar("T")
Tell: TypeAlias = Callable[[str], None]


@dataclass(frozen=True)
class Chapter(Generic[T]):
    """One analysis: its name, title and function."""

    name: str
    """Name of its files."""
    title: str
    summary: str
    """Describes its table, in a sentence or two."""
    compute: Callable[[T], Finding | None]
    """Returns None if there is nothing to report."""
    square: bool = False
    """Whether it needs a square payoff table: agents who may all meet each other."""
    shown: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table
    """The part of its table that the page shows; the files have all of it."""

    def write(
        self, evidence: T, label: str, tell: Tell = lambda gap: None, **columns: str
    ) -> Iterator[WrittenChapter]:
        """The chapter under this label, with `columns` in front; none if it has nothing to report.

        `tell` hears of what was asked for and can't be worked out.
        """
        try:
            with np.errstate(all="ignore"):
                finding = self.compute(evidence)
        except ARITHMETIC as error:
            finding = Finding(pd.DataFrame(), (f"Not computed: {error}",))
        if finding is None or (finding.table.empty and not finding.remarks):
            return
        for gap in finding.gaps:
            tell(f"{label}: {gap}")
        table = finding.table
        if len(table.columns):
            table = table.assign(**{name: value for name, value in columns.items() if name not in table})
            table = table[[*columns, *(name for name in table if name not in columns)]]
        text = partial(self._text, table)
        yield WrittenChapter(self.name, label, self.title, self.summary, Finding(table, finding.remarks), text)

    def _text(self, table: pd.DataFrame) -> pd.DataFrame:
        return readable(table if table.empty else self.shown(table))


def with_interval(name: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """How a table is shown whose `low` and `high` are the interval of this column."""
    return lambda table: table.rename(columns={"low": f"{name}_low", "high": f"{name}_high"})


@dataclass(frozen=True)
class WrittenChapter:
    """A computed chapter."""

    name: str
    label: str
    """Label of the environment and league, or of all environments together."""
    title: str
    summary: str
    finding: Finding
    text: Callable[[], pd.DataFrame]
    """The table as text."""
    drawings: Sequence[Drawing] = ()


@dataclass(frozen=True, eq=False)
class Evidence:
    """The data from which the chapters of one league of an environment are computed."""

    cells: Cells
    table: pd.DataFrame
    """Its `cell_table`."""
    ranking: pd.DataFrame
    all_cells: Cells
    """Cells that include agents of the background."""
    all_table: pd.DataFrame
    """Their `cell_table`."""
    game: Game
    options: AnalysisOptions
    cards: Cards = ()
    runs: Finding | None = None
    """`learned_runs` of its learners."""
    costs: pd.DataFrame | None = None
    curves: pd.DataFrame | None = None

    @cached_property
    def matrix(self) -> Numbers:
        """Payoffs [agent, partner] in the order of the cells' roster and field."""
        return payoff_matrix(self.cells, self.table)

    @cached_property
    def names(self) -> list[str]:
        return [str(label) for label in self.cells.agents[self.cells.roster]]


def chapters(
    evidence: Evidence, progress: Tell = lambda step: None, tell: Tell = lambda gap: None
) -> Iterator[WrittenChapter]:
    """All chapters that have something to report; `progress` is called with each before it is computed."""
    cells = evidence.cells
    for chapter in all_chapters():
        if cells.square or not chapter.square:
            progress(f"{cells.label}: {chapter.title.lower()}")
            yield from chapter.write(evidence, cells.label, tell, environment=cells.environment, role=cells.league)


def all_chapters() -> Iterator[Chapter[Evidence]]:
    """The chapters of all statistics, whether they have something to report or not."""
    for module in STATISTICS:
        yield from import_module(f"dilemma.analysis.{module}").CHAPTERS
