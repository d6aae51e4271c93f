"""The report: rankings, payoffs, learning curves and figures of a run, as one page and as files for a paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from ...file_names import file_name
from ..behaviour.curves import LATE_COLUMNS
from ..behaviour.evolved import evolved_chapters
from ..behaviour.exploitability import searches_alone
from ..finding import Cards
from ..game import Game
from ..options import AnalysisOptions
from ..ranking.payoffs import COLUMNS as PAYOFF_COLUMNS
from ..ranking.ranking import COLUMNS as RANKING_COLUMNS
from ..ratings.anchors import environments_chapter
from .appendix import TablePart, write_table
from .bibliography import FILE as BIBLIOGRAPHY
from .chapters import Tell, WrittenChapter
from .facts import Facts
from .failures import FILE as FAILURES
from .failures import failures_table
from .figure_writer import FigureWriter
from .filing import written_aside
from .gallery import Gallery
from .latex import NEEDS
from .methods import methods
from .page import PageSection, page_html
from .ranking_paper import FILE as RANKING_PAPER
from .ranking_paper import ranking_paper
from .sections import Tables
from .spreadsheet import write_csv
from .tables import payoffs_text, ranking_text

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
    choices: pd.DataFrame | None = None,
    selections: pd.DataFrame | None = None,
    cards: Cards = (),
    explained: Cards = (),
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
    (`evolved.csv` and `genealogy.csv`), `choices` who stayed with which partner (`choices.csv`), `selections` who
    chose to meet whom, `cards` the results of searches for exploiters, `explained` what explains mechanisms,
    `replays` the drawn matches by environment. `methods.tex` says how all this came about, for a paper, and cites
    `references.bib`. `ranked` is the ranking with the same options, if it has been computed already. `tell` hears
    of what was asked for and
    can't be worked out, in a sentence.
    """
    folder = Path(folder)
    with written_aside(folder) as aside:
        (aside / "figures").mkdir(parents=True, exist_ok=True)
        tables = Tables(
            seats,
            games,
            facts or Facts(),
            options,
            curves,
            costs,
            generations,
            snapshots,
            choices,
            selections,
            cards,
            replays or {},
            ranked,
        )
        sections = list(tables.sections(aside / "figures", progress, tell))
        if tables.shares:
            curves_of = [curve.assign(environment=label) for label, curve in tables.shares.items()]
            table = pd.concat(curves_of, ignore_index=True)
            table = table[["environment", *(name for name in table if name != "environment")]]
            write_csv(table, aside / "generations.csv", "%.6g")
        if choices is not None:
            write_csv(choices, aside / "choices.csv", "%.6g")
        last = _evolved(aside, histories, genealogies, options)
        last += _explained(aside, explained, options)
        last += environments_chapter({section.label: section.ranking for section in sections}, options)
        last += searches_alone(cards, [section.environment for section in sections])
        files = _write_tables(aside, sections, last, progress)
        progress("the page")
        facts = tables.facts
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


def _explained(folder: Path, explained: Cards, options: AnalysisOptions) -> list[WrittenChapter]:
    """What explains each mechanism, with a figure."""
    if not explained:
        return []
    from ..behaviour.allocation_rules import explained_chapters
    from .allocation_figures import allocations_plot

    found = list[WrittenChapter]()
    for number, explanation in enumerate(explained, start=1):
        slug = file_name(f"{explanation['agent']}-{explanation['environment']}".lower().replace("_", "-"))
        writer = FigureWriter(folder / "figures", number, slug, pdf=options.pdf)
        for chapter in explained_chapters(explanation):
            caption = (
                "Mean share of the pool that a player is allocated, by its share of all that was returned, at "
                "several levels of the pool; dashed, the interpolating rule that comes nearest"
            )
            drawing = writer.add("allocations", caption, allocations_plot(chapter.finding.table))
            found.append(replace(chapter, drawings=[drawing]))
    return found


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
