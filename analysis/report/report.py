"""The report: rankings, payoffs, learning curves and figures of a run, as one page and as files for a paper."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...file_names import file_name
from ..behaviour.curves import LATE_COLUMNS
from ..behaviour.evolution import selection_gradients
from ..behaviour.evolved import evolved_chapters
from ..behaviour.exploitability import searches_alone
from ..behaviour.generations import agents_of, beginnings, generation_chapters, paths, share_curves
from ..behaviour.learned_runs import learned_runs
from ..behaviour.type_payoffs import type_payoffs, why_not
from ..cells import Cells, cells_by_league
from ..finding import Cards, Finding
from ..game import Game
from ..options import AnalysisOptions
from ..ranking.field import common_field
from ..ranking.held_out import rivals
from ..ranking.payoffs import COLUMNS as PAYOFF_COLUMNS
from ..ranking.payoffs import cell_table
from ..ranking.ranking import COLUMNS as RANKING_COLUMNS
from ..ranking.ranking import rank_field
from ..ratings.anchors import environments_chapter
from .appendix import TablePart, write_table
from .bibliography import FILE as BIBLIOGRAPHY
from .chapters import Evidence, Tell, WrittenChapter, chapters
from .facts import Facts
from .failures import FILE as FAILURES
from .failures import Failures, failures_table
from .figure_writer import FigureWriter
from .filing import written_aside
from .gallery import Gallery
from .latex import NEEDS
from .learning import LearningTables, learning_section, learning_tables
from .methods import methods
from .page import PageSection, page_html
from .ranking_paper import FILE as RANKING_PAPER
from .ranking_paper import ranking_paper
from .remarks import remarks
from .result_card import result_card
from .rules import rules
from .section_figures import rated_chapters, section_drawings
from .spreadsheet import write_csv
from .tables import payoffs_text, ranking_text

T = TypeVar("T", pd.DataFrame, pd.DataFrame | None)
Progress: TypeAlias = Callable[[str], None]
"""Called with each step before it is computed."""


def write_report(
    folder: Path | str,
    seats: pd.DataFrame,
    games: Mapping[str, Game],
    facts: Facts | None = None,
    *,
    options: AnalysisOptions,
    curves: pd.DataFrame | None = None,
    costs: pd.DataFrame | None = None,
    generations: pd.DataFrame | None = None,
    snapshots: pd.DataFrame | None = None,
    histories: pd.DataFrame | None = None,
    genealogies: pd.DataFrame | None = None,
    cards: Cards = (),
    replays: Mapping[str, Gallery] | None = None,
    ranked: pd.DataFrame | None = None,
    progress: Progress = lambda step: None,
    tell: Tell = lambda gap: None,
) -> Path:
    """Write the report into `folder` and return its `index.html`, which needs no other file and no network.

    Files of a report that was there before are replaced or go, when all is written; what is interrupted changes
    nothing.

    `ranking` and `payoffs` are also written as CSV (in full precision), Markdown and LaTeX, or as Parquet if they
    are long; `figures/` as SVG, and as PDF if `options.pdf`. Each chapter has files of its own. `curves` has a row
    for each match, seat and point of a learning curve; if there are any, `curves.csv` is written, and `policies`
    like the other tables. `costs` has the costs of agents, `generations` the trajectories of populations (their
    mean shares go to `generations.csv`), `snapshots` who is where in those on graphs (each generation that is
    there is drawn), `histories` the means of populations whose parameters evolve and `genealogies` their ancestry
    (`evolved.csv` and `genealogy.csv`), `cards` the results of searches for exploiters, `replays` the drawn
    matches by environment. `methods.tex` says how all this came about, for a paper, and cites `references.bib`.
    `ranked` is the ranking with the same options, if it has been computed already. `tell`
    hears of what was asked for and can't be worked out, in a sentence.
    """
    folder = Path(folder)
    with written_aside(folder) as aside:
        (aside / "figures").mkdir(parents=True, exist_ok=True)
        learned = dict(learning_tables(curves, games, options.seed)) if curves is not None and len(curves) else {}
        runs = learned_runs(curves, games) if learned and curves is not None else None
        without = cells_by_league(rivals(seats, options.background), games) if options.background else ()
        by_label = {cells.label: cells for cells in without}
        evolved = dict[str, pd.DataFrame]()
        if generations is not None:
            evolved = {str(label): part for label, part in generations.groupby("environment", observed=True)}
        shares = {label: share_curves(mine) for label, mine in evolved.items() if len(beginnings(mine)) == 1}
        sections = list[PageSection]()
        for number, all_cells in enumerate(cells_by_league(seats, games), start=1):
            environment, label = all_cells.environment, all_cells.label
            progress(f"{label}: ranking")
            all_table = cell_table(all_cells)
            ranked_cells = by_label.get(label, all_cells)
            shown = all_table if ranked_cells is all_cells else cell_table(ranked_cells)
            field = common_field(ranked_cells, (facts or {}).get("failures", ()))
            cells = field.cells
            table = shown if cells is ranked_cells else None if cells is None else cell_table(cells)
            if ranked is None:
                ranking = rank_field(field, table, options)
            else:
                rows = (ranked["environment"] == environment) & (ranked["role"] == all_cells.league)
                ranking = ranked[rows].reset_index(drop=True)
                ranking = ranking.assign(environment=environment, role=all_cells.league)
            game = games.get(environment, Game(roles=["player"] * 2, seats=2, title=""))
            slug = file_name(label.lower().replace("_", "-"))
            figure_writer = FigureWriter(aside / "figures", number, f"{number}-{slug}", pdf=options.pdf)
            own_costs, own_curves = (_of(all_cells, table) for table in (costs, curves))
            own_chapters = list(generation_chapters(evolved[label], label) if label in evolved else ())
            evolution = dict[str, tuple[str, Figure]]()
            if label in evolved and snapshots is not None:
                evolution |= _snapshots_drawing(_of(all_cells, snapshots), agents_of(evolved[label]))
            if cells is not None and table is not None:
                here = set(all_cells.agents[all_cells.roster])
                own_cards = [card for card in cards if label == environment or card["agent"] in here]
                own_runs = runs and Finding(_of(all_cells, runs.table), runs.remarks)
                evidence = Evidence(
                    cells,
                    table,
                    ranking,
                    all_cells,
                    all_table,
                    game,
                    options,
                    own_cards,
                    own_runs,
                    own_costs,
                    own_curves,
                )
                own_chapters += chapters(evidence, progress, tell)
                if (options.evolution or label in evolved) and not why_not(evidence):
                    from .evolution_figures import evolution_drawings

                    ways = paths(evolved[label], evidence.names) if label in evolved else []
                    drawn = next(type_payoffs(evidence, 0))
                    evolution |= evolution_drawings(drawn, evidence.names, selection_gradients(evidence), ways)
            progress(f"{label}: figures")
            first = environment not in {section.environment for section in sections}
            replayed = (replays or {}).get(environment) if first else None
            tables = learned.get(environment)
            if tables and label != environment:
                tables = tables.of(all_cells.agents[all_cells.roster])
            sections.append(
                _section(
                    figure_writer,
                    all_cells,
                    game,
                    ranking,
                    shown,
                    tables,
                    own_chapters,
                    replayed,
                    evolution,
                    shares.get(label),
                    (facts or {}).get("environments", {}).get(environment, {}),
                    options.background,
                    (facts or {}).get("failures", ()),
                )
            )
        if shares:
            curves_of = [curve.assign(environment=label) for label, curve in shares.items()]
            table = pd.concat(curves_of, ignore_index=True)
            table = table[["environment", *(name for name in table if name != "environment")]]
            write_csv(table, aside / "generations.csv", "%.6g")
        last = _evolved(aside, histories, genealogies, options)
        last += environments_chapter({section.label: section.ranking for section in sections}, options)
        last += searches_alone(cards, [section.environment for section in sections])
        files = _write_tables(aside, sections, last, progress)
        progress("the page")
        facts = facts or Facts()
        if failures := facts.get("failures", ()):
            write_csv(failures_table(failures), aside / FAILURES)
        said = methods(facts, games, seats, options, files)
        papers = [ranking_paper(each.label, each.ranking, each.exploits, each.flags) for each in sections]
        (aside / RANKING_PAPER).write_text("\n".join([NEEDS, *papers]), encoding="utf-8")
        (aside / "methods.tex").write_text(said.latex, encoding="utf-8")
        (aside / BIBLIOGRAPHY).write_text(said.bibtex, encoding="utf-8")
        page = aside / "index.html"
        page.write_text(page_html(sections, last, facts, options, files, said), encoding="utf-8")
    return folder / page.name


def _of(cells: Cells, table: T) -> T:
    """The rows of an environment; if it has several leagues, of the agents of this one."""
    if table is None:
        return table
    mine = table["environment"] == cells.environment
    if cells.label != cells.environment:
        mine &= table["agent"].isin(cells.agents[cells.roster])
    return table[mine]


def _evolved(
    folder: Path, histories: pd.DataFrame | None, genealogies: pd.DataFrame | None, options: AnalysisOptions
) -> list[WrittenChapter]:
    """What became of parameters in each environment, with figures; writes the tables of it."""
    for name, table in (("evolved", histories), ("genealogy", genealogies)):
        if table is not None:
            write_csv(table, folder / f"{name}.csv", "%.6g")
    if histories is None:
        return []
    from .parameter_figures import parameters_plot

    found = list[WrittenChapter]()
    for number, (label, history) in enumerate(histories.groupby("environment", sort=False), start=1):
        slug = f"{number}-{file_name(str(label).lower().replace('_', '-'))}"
        writer = FigureWriter(folder / "figures", number, slug, pdf=options.pdf)
        caption = "By generation: medians over replicates, with the range from the first to the last tenth"
        drawing = writer.add("parameters", caption, parameters_plot(history))
        chapters_of = evolved_chapters(history, str(label))
        found += [replace(chapter, drawings=[drawing]) for chapter in chapters_of]
    return found


def _snapshots_drawing(snapshots: pd.DataFrame, agents: Sequence[str]) -> dict[str, tuple[str, Figure]]:
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


def _section(
    figure_writer: FigureWriter,
    cells: Cells,
    game: Game,
    ranking: pd.DataFrame,
    table: pd.DataFrame,
    tables: LearningTables | None,
    own_chapters: list[WrittenChapter],
    replayed: Gallery | None,
    evolution: Mapping[str, tuple[str, Figure]],
    shares: pd.DataFrame | None,
    parameters: Mapping[str, object],
    background: Collection[str],
    failures: Failures,
) -> PageSection:
    exploits = next((each.finding.table for each in own_chapters if each.name == "exploitability"), None)
    agents = [str(agent) for agent in ranking["agent"]]
    others = set(table.loc[table["how"] != "learned", "agent"].astype(str))
    learners = [agent for agent in agents if agent not in others]
    return PageSection(
        anchor=f"environment-{figure_writer.number}",
        label=cells.label,
        environment=cells.environment,
        card=result_card(ranking, table, game, exploits, background, failures),
        rules=rules(game, parameters, table),
        ranking=ranking,
        payoffs=table,
        exploits=exploits,
        drawings=section_drawings(figure_writer, cells, ranking, table, own_chapters, evolution, shares),
        remarks=list(remarks(ranking, table)),
        learning=learning_section(figure_writer, tables, learners) if tables else None,
        chapters=rated_chapters(figure_writer, ranking, own_chapters),
        replays=replayed,
    )


def _write_tables(
    folder: Path, sections: Sequence[PageSection], together: Sequence[WrittenChapter], progress: Progress
) -> dict[str, str]:
    """The tables of all environments, instead of an earlier report's; returns the file of each, by name."""
    rankings = [TablePart(each.label, each.ranking, partial(ranking_text, each.ranking)) for each in sections]
    payoffs = [TablePart(each.label, each.payoffs, partial(payoffs_text, each.payoffs)) for each in sections]
    learned = [(section.label, section.learning) for section in sections if section.learning]
    kinds = [
        ("ranking", "Ranking by payoff per round", RANKING_COLUMNS, rankings),
        ("payoffs", "Payoff per round", PAYOFF_COLUMNS, payoffs),
    ]
    if learned:
        curves = pd.concat([each.tables.curves for _, each in learned], ignore_index=True)
        write_csv(curves, folder / "curves.csv", "%.6g")
        late = [TablePart(label, each.tables.late, each.policies_text.copy) for label, each in learned]
        kinds.append(("policies", "What learners end with", LATE_COLUMNS, late))
    files = {}
    for name, caption, columns, parts in [*kinds, *_chapter_files(sections, together)]:
        progress(f"the table of {name.replace('_', ' ')}")
        files[name] = write_table(folder, name, caption, columns, parts)
    return files


def _chapter_files(
    sections: Sequence[PageSection], together: Sequence[WrittenChapter]
) -> list[tuple[str, str, tuple[str, ...], list[TablePart]]]:
    """Each chapter's tables from all environments, by its name; those without a table are in the page only."""
    by_name: dict[str, list[WrittenChapter]] = {}
    for chapters_of in [*(section.chapters for section in sections), together]:
        for chapter in chapters_of:
            if len(chapter.finding.table):
                by_name.setdefault(chapter.name, []).append(chapter)
    found = list[tuple[str, str, tuple[str, ...], list[TablePart]]]()
    for name, parts in by_name.items():
        title = parts[-1].title  # of what is computed; what was played out comes before and says so
        labels = [each.label if each.title == title else f"{each.title}: {each.label}" for each in parts]
        tables = [
            TablePart(label, each.finding.table, each.text) for label, each in zip(labels, parts, strict=True)
        ]
        found.append((name, title, (), tables))
    return found
