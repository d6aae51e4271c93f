"""The sections of a report: for each environment and league its ranking, figures, chapters and learning curves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...file_names import file_name
from ..behaviour.evolution import selection_gradients
from ..behaviour.generations import agents_of, beginnings, generation_chapters, paths, share_curves
from ..behaviour.learned_runs import learned_runs
from ..behaviour.partner_choice import keep_rates, partner_chapters
from ..behaviour.partner_evidence import PartnerEvidence
from ..behaviour.reputation import populations_of, reputation_chapters
from ..behaviour.type_payoffs import type_payoffs, why_not
from ..cells import Cells, cells_by_league
from ..finding import Cards, Finding
from ..game import Game
from ..options import AnalysisOptions
from ..ranking.field import common_field
from ..ranking.held_out import rivals
from ..ranking.payoffs import cell_table
from ..ranking.ranking import rank_field
from .chapters import Evidence, Tell, WrittenChapter, chapters
from .facts import Facts
from .figure_writer import FigureWriter
from .gallery import Gallery
from .headline import flags
from .learning import LearningSection, LearningTables, learning_section, learning_tables
from .page import PageSection
from .remarks import cautions, remarks
from .result_card import result_card
from .rules import rules
from .section_figures import illustrated, section_drawings

T = TypeVar("T", pd.DataFrame, pd.DataFrame | None)
Drawn = Mapping[str, tuple[str, Figure]]
"""Figures by name, with their captions."""


@dataclass(frozen=True, eq=False)
class Tables:
    """The tables of a run that its report is made from; those that a run may lack are None."""

    seats: pd.DataFrame
    games: Mapping[str, Game]
    facts: Facts
    options: AnalysisOptions
    curves: pd.DataFrame | None = None
    """A row for each match, seat and point of a learning curve."""
    costs: pd.DataFrame | None = None
    """What agents cost."""
    generations: pd.DataFrame | None = None
    """Trajectories of populations."""
    snapshots: pd.DataFrame | None = None
    """Who is where in those on graphs."""
    choices: pd.DataFrame | None = None
    """Who stayed with which partner."""
    selections: pd.DataFrame | None = None
    """Who chose to meet whom."""
    cards: Cards = ()
    """Results of searches for exploiters."""
    replays: Mapping[str, Gallery] = field(default_factory=dict)
    """Drawn matches by environment."""
    ranked: pd.DataFrame | None = None
    """The ranking with these options, if it has been computed already."""

    def sections(self, folder: Path, progress: Callable[[str], None], tell: Tell) -> Iterator[PageSection]:
        """The section of each environment and league, with its figures in `folder`."""
        shown = set[str]()
        for number, cells in enumerate(cells_by_league(self.seats, self.games), start=1):
            slug = file_name(cells.label.lower().replace("_", "-"))
            writer = FigureWriter(folder, number, f"{number}-{slug}", pdf=self.options.pdf)
            replays = None if cells.environment in shown else self.replays.get(cells.environment)
            shown.add(cells.environment)
            yield self._section(writer, cells, replays, progress, tell)

    @cached_property
    def shares(self) -> dict[str, pd.DataFrame]:
        """Mean shares by generation of populations that began alike, by label."""
        return {label: share_curves(mine) for label, mine in self._evolved.items() if len(beginnings(mine)) == 1}

    @cached_property
    def _evolved(self) -> dict[str, pd.DataFrame]:
        if self.generations is None:
            return {}
        return {str(label): part for label, part in self.generations.groupby("environment", observed=True)}

    @cached_property
    def _learned(self) -> dict[str, LearningTables]:
        if self.curves is None or not len(self.curves):
            return {}
        return dict(learning_tables(self.curves, self.games, self.options.seed))

    @cached_property
    def _runs(self) -> Finding | None:
        return learned_runs(self.curves, self.games) if self._learned and self.curves is not None else None

    @cached_property
    def _rivals(self) -> dict[str, Cells]:
        """Cells without the agents of the background, where there are any, by label."""
        if not self.options.background:
            return {}
        found = cells_by_league(rivals(self.seats, self.options.background), self.games)
        return {cells.label: cells for cells in found}

    def _section(
        self,
        writer: FigureWriter,
        cells: Cells,
        replays: Gallery | None,
        progress: Callable[[str], None],
        tell: Tell,
    ) -> PageSection:
        label, game = cells.label, self._game(cells)
        progress(f"{label}: ranking")
        ranking, payoffs, evidence = self._ranked(cells)
        drawn: Drawn = {}
        found = list(generation_chapters(self._evolved[label], label) if label in self._evolved else ())
        if label in self._evolved and self.snapshots is not None:
            drawn = _snapshots_drawing(_of(cells, self.snapshots), agents_of(self._evolved[label]))
        if self.choices is not None and (choices := _of(cells, self.choices)) is not None and len(choices):
            mine, drawn = self._chosen(cells, choices)
            found += mine
        mine, figures_of_reputations = self._reputations(cells, progress)
        found += mine
        drawn = {**drawn, **figures_of_reputations}
        if evidence is not None and game["seats"] > 1:  # alone nobody has partners to be compared by
            found += chapters(evidence, progress, tell)
            drawn = {**drawn, **self._evolution(evidence)}
        progress(f"{label}: figures")
        exploits = next((each.finding.table for each in found if each.name == "exploitability"), None)
        failures = self.facts.get("failures", ())
        shares = self.shares.get(label)
        return PageSection(
            anchor=f"environment-{writer.number}",
            label=label,
            environment=cells.environment,
            card=result_card(ranking, payoffs, game, exploits, self.options.background, failures),
            rules=rules(game, self.facts.get("environments", {}).get(cells.environment, {}), payoffs),
            ranking=ranking,
            payoffs=payoffs,
            exploits=exploits,
            drawings=section_drawings(writer, cells, ranking, payoffs, found, drawn, shares),
            remarks=list((cautions if flags(ranking) else remarks)(ranking, payoffs)),
            learning=self._learning(writer, cells, ranking, payoffs),
            chapters=illustrated(writer, ranking, found),
            replays=replays,
        )

    def _game(self, cells: Cells) -> Game:
        return self.games.get(cells.environment, Game(roles=["player"] * 2, seats=2, title=""))

    def _ranked(self, all_cells: Cells) -> tuple[pd.DataFrame, pd.DataFrame, Evidence | None]:
        """Ranking and payoff table, and what chapters are worked out from; None where nobody can be ranked."""
        all_table = cell_table(all_cells)
        ranked_cells = self._rivals.get(all_cells.label, all_cells)
        payoffs = all_table if ranked_cells is all_cells else cell_table(ranked_cells)
        common = common_field(ranked_cells, self.facts.get("failures", ()))
        cells = common.cells
        table = payoffs if cells is ranked_cells else None if cells is None else cell_table(cells)
        environment, role = all_cells.environment, all_cells.league
        if self.ranked is None:
            ranking = rank_field(common, table, self.options)
        else:
            rows = (self.ranked["environment"] == environment) & (self.ranked["role"] == role)
            ranking = self.ranked[rows].reset_index(drop=True).assign(environment=environment, role=role)
        if cells is None or table is None:
            return ranking, payoffs, None
        here = set(all_cells.agents[all_cells.roster])
        alone = all_cells.label == environment
        evidence = Evidence(
            cells,
            table,
            ranking,
            all_cells,
            all_table,
            self._game(all_cells),
            self.options,
            [card for card in self.cards if alone or card["agent"] in here],
            self._runs and Finding(_of(all_cells, self._runs.table), self._runs.remarks),
            _of(all_cells, self.costs),
            _of(all_cells, self.curves),
        )
        return ranking, payoffs, evidence

    def _evolution(self, evidence: Evidence) -> Drawn:
        """Figures of how types spread, where that was asked for or played."""
        evolved = self._evolved.get(evidence.all_cells.label)
        if (not self.options.evolution and evolved is None) or why_not(evidence):
            return {}
        from .evolution_figures import evolution_drawings

        ways = [] if evolved is None else paths(evolved, evidence.names)
        first = next(type_payoffs(evidence, 0))
        return evolution_drawings(first, evidence.names, selection_gradients(evidence), ways)

    def _chosen(self, cells: Cells, choices: pd.DataFrame) -> tuple[list[WrittenChapter], Drawn]:
        """The chapters and the figure of who stays with whom."""
        from .choice_figures import choice_matrix

        seats = self.seats[self.seats["environment"] == cells.environment]
        schedule = self.facts.get("schedule", {})
        evidence = PartnerEvidence(
            choices, seats, self._game(cells), schedule, self.options.draws, self.options.seed
        )
        found = list(partner_chapters(evidence, cells.label))
        figure = choice_matrix(keep_rates(found[0].finding.table))
        return found, {"choices": ("How often each chooser stays with each candidate", figure)}

    def _reputations(self, cells: Cells, progress: Callable[[str], None]) -> tuple[list[WrittenChapter], Drawn]:
        """The chapters and the figures of a population with reputations."""
        label = cells.environment
        parameters = self.facts.get("environments", {}).get(label, {})
        learning = self.facts.get("learning", {})
        evidence = populations_of(label, self.seats, self.curves, self.selections, learning, parameters)
        if evidence is None:
            return [], {}
        from .population_figures import population_drawings

        progress(f"{label}: reputations")
        found = list(reputation_chapters(evidence, label))
        tables = {chapter.name: chapter.finding.table for chapter in found}
        return found, dict(population_drawings(evidence, tables))

    def _learning(
        self, writer: FigureWriter, cells: Cells, ranking: pd.DataFrame, payoffs: pd.DataFrame
    ) -> LearningSection | None:
        tables = self._learned.get(cells.environment)
        if tables and cells.label != cells.environment:
            tables = tables.of(cells.agents[cells.roster])
        if not tables:
            return None
        others = set(payoffs.loc[payoffs["how"] != "learned", "agent"].astype(str))
        learners = [agent for agent in map(str, ranking["agent"]) if agent not in others]
        return learning_section(writer, tables, learners)


def _of(cells: Cells, table: T) -> T:
    """The rows of an environment; if it has several leagues, of the agents of this one."""
    if table is None:
        return table
    mine = table["environment"] == cells.environment
    if cells.label != cells.environment:
        mine &= table["agent"].isin(cells.agents[cells.roster])
    return table[mine]


def _snapshots_drawing(snapshots: pd.DataFrame, agents: Sequence[str]) -> Drawn:
    """Who is where in the first population; colours are those of the mean shares."""
    if snapshots.empty:
        return {}
    from .snapshot_figures import is_lattice, lattice_snapshots

    one = snapshots[snapshots["generation"] == snapshots["generation"].iloc[0]]
    lattice = is_lattice(one["x"].to_numpy(np.float64), one["y"].to_numpy(np.float64))
    caption = (
        f"The first population, {'a pixel a site' if lattice else 'a dot a vertex'}, in some of its generations"
    )
    everybody = list(dict.fromkeys([*agents, *agents_of(snapshots)]))
    return {"snapshots": (caption, lattice_snapshots(snapshots, everybody))}
