"""The chapters of a report: what each analysis says of an environment, as a table with its sentences.

Every statistic has its own, at the end of its file. One that fails takes nothing else down: its chapter says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import import_module
from typing import Generic, TypeVar

import numpy as np
import pandas as pd
from numpy.linalg import LinAlgError

from ..cells import Cells, Game, Numbers
from ..finding import Cards, Finding
from ..judgement import Judgement
from ..statistics.influence_functions import payoff_matrix
from .tables import readable

STATISTICS = (
    "behaviour.exploitability",
    "behaviour.conduct",
    "behaviour.welfare",
    "behaviour.pareto",
    "ranking.held_out",
    "behaviour.cost",
    "behaviour.learned_runs",
    "statistics.comparisons",
    "ratings.ratings",
    "ratings.equilibria",
    "ratings.clones",
    "statistics.friedman",
    "statistics.variance_components",
)
"""The modules whose `CHAPTERS` are written of every league, in this order."""
ARITHMETIC = (ValueError, ArithmeticError, LinAlgError)

T = TypeVar("T")


@dataclass(frozen=True)
class Chapter(Generic[T]):
    """One analysis: what it is called, and how it is worked out."""

    name: str
    """Of its files."""
    title: str
    lead: str
    """What its table holds, in a sentence or two."""
    work: Callable[[T], Finding | None]
    """None where there is nothing to say."""
    square: bool = False
    """Whether it needs agents who may all meet each other."""
    shown: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table
    """What the page has of its table; the files have all."""

    def write(self, evidence: T, label: str, **columns: str) -> Iterator[Written]:
        """The chapter under this label, with the columns in front; none where it has nothing to say."""
        try:
            with np.errstate(all="ignore"):
                finding = self.work(evidence)
        except ARITHMETIC as error:
            finding = Finding(pd.DataFrame(), (f"Not computed: {error}",))
        if finding is None or (finding.table.empty and not finding.remarks):
            return
        table = finding.table
        if len(table.columns):
            table = table.assign(**{name: value for name, value in columns.items() if name not in table})
            table = table[[*columns, *(name for name in table if name not in columns)]]
        text = partial(self._text, table)
        yield Written(self.name, label, self.title, self.lead, Finding(table, finding.remarks), text)

    def _text(self, table: pd.DataFrame) -> pd.DataFrame:
        return readable(table if table.empty else self.shown(table))


@dataclass(frozen=True)
class Written:
    """A chapter as the report has it."""

    name: str
    label: str
    """Of the environment and league, or what stands for all of them."""
    title: str
    lead: str
    finding: Finding
    text: Callable[[], pd.DataFrame]
    """The table for readers."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the chapters of one league of an environment work on."""

    cells: Cells
    table: pd.DataFrame
    """Its `cell_table`."""
    ranking: pd.DataFrame
    everybody: Cells
    """With those in the background too."""
    whole_table: pd.DataFrame
    """Their `cell_table`."""
    game: Game
    asked: Judgement
    cards: Cards = ()
    runs: Finding | None = None
    """Of its learners: `learned_runs`."""
    costs: pd.DataFrame | None = None
    curves: pd.DataFrame | None = None

    @cached_property
    def matrix(self) -> Numbers:
        """Payoffs [agent, partner] in the order of the cells' roster and field."""
        return payoff_matrix(self.cells, self.table)

    @cached_property
    def names(self) -> list[str]:
        return [str(label) for label in self.cells.agents[self.cells.roster]]


def chapters(evidence: Evidence, tell: Callable[[str], None] = lambda step: None) -> Iterator[Written]:
    """All chapters that have something to say; `tell` hears of each before it is worked out."""
    cells = evidence.cells
    for module in STATISTICS:
        of_module: tuple[Chapter[Evidence], ...] = import_module(f"dilemma.analysis.{module}").CHAPTERS
        for chapter in of_module:
            if cells.square or not chapter.square:
                tell(f"{cells.label}: {chapter.title.lower()}")
                yield from chapter.write(evidence, cells.label, environment=cells.environment, role=cells.league)
