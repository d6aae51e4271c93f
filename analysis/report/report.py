"""The report: rankings, payoffs, learning curves and figures of a run, as one page and as files for a paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypedDict, TypeVar

import pandas as pd
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from ...file_names import file_name
from ..behaviour.curves import LATE_COLUMNS, POINTS
from ..behaviour.exploitability import cards_alone
from ..behaviour.learned_runs import learned_runs
from ..cells import Cells, Game, cells_by_league
from ..finding import Cards, Finding
from ..judgement import Judgement
from ..ranking.field import common_field
from ..ranking.held_out import rivals
from ..ranking.payoffs import COLUMNS as PAYOFF_COLUMNS
from ..ranking.payoffs import cell_table
from ..ranking.ranking import COLUMNS as RANKING_COLUMNS
from ..ranking.ranking import rank_field
from ..ratings.anchors import together
from . import figures, fonts
from .album import Album
from .appendix import PARQUET, TablePart, write_table
from .chapters import Evidence, Written, chapters
from .failures import failure_kinds, unranked_text
from .filing import FILED
from .gallery import Gallery
from .learning import LearningSection, Lesson, learning, lessons
from .remarks import remarks
from .tables import TEXT_COLUMNS, payoffs_text, ranking_text

LISTED = 2500
"""A payoff table with more rows is in the files only, not in the page."""

T = TypeVar("T", pd.DataFrame, pd.DataFrame | None)
Parameters = Mapping[str, Mapping[str, object]]
Tell: TypeAlias = Callable[[str], None]
"""Told what is worked out next."""


class Facts(TypedDict, total=False):
    """What was run, as the page tells it; everything may be left out."""

    title: str
    seed: int
    agents: Parameters
    """Label -> parameters."""
    environments: Parameters
    versions: Mapping[str, str]
    counts: Mapping[str, object]
    failures: Sequence[Mapping[str, object]]
    """Each with its `reason`, its `cast` and its `setting`."""
    notes: Sequence[str]


@dataclass(frozen=True)
class PageSection:
    """One ranking's part of the page: an environment, or one of its leagues."""

    anchor: str
    label: str
    environment: str
    title: str
    seats: int
    ranking: pd.DataFrame
    payoffs: pd.DataFrame
    drawings: dict[str, Markup]
    """Caption -> SVG element."""
    remarks: list[str]
    learning: LearningSection | None
    chapters: list[Written]
    replays: Gallery | None


def write_report(
    folder: Path | str,
    seats: pd.DataFrame,
    games: Mapping[str, Game],
    facts: Facts | None = None,
    *,
    asked: Judgement,
    curves: pd.DataFrame | None = None,
    costs: pd.DataFrame | None = None,
    cards: Cards = (),
    replays: Mapping[str, Gallery] | None = None,
    ranked: pd.DataFrame | None = None,
    tell: Tell = lambda step: None,
) -> Path:
    """Write the report into `folder` and return its `index.html`, which needs no other file and no network.

    Beside it: `ranking` and `payoffs` as CSV (in full precision), Markdown and LaTeX, long tables as Parquet
    instead, and `figures/` as SVG, and as PDF where that is asked for. `asked` says what is to be worked out; each
    chapter has files of its own. `curves` has a row for each match, seat and point of a learning curve; where it
    has any there are also `curves.csv`, and `policies` like the other tables. `costs` says what agents took,
    `cards` what came of searches for exploiters, `replays` what matches looked like, by environment. `ranked` is
    the ranking by the same judgement, where it is at hand; `tell` hears of each step before it is taken.
    """
    folder = Path(folder)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    learned = dict(lessons(curves, games, asked.seed)) if curves is not None and len(curves) else {}
    runs = learned_runs(curves, games) if learned and curves is not None else None
    without = cells_by_league(rivals(seats, asked.background), games) if asked.background else ()
    among = {cells.label: cells for cells in without}
    sections = list[PageSection]()
    for number, everybody in enumerate(cells_by_league(seats, games), start=1):
        environment, label = everybody.environment, everybody.label
        tell(f"{label}: ranking")
        whole_table = cell_table(everybody)
        rivals_cells = among.get(label, everybody)
        shown = whole_table if rivals_cells is everybody else cell_table(rivals_cells)
        field = common_field(rivals_cells, (facts or {}).get("failures", ()))
        cells = field.cells
        table = shown if cells is rivals_cells else None if cells is None else cell_table(cells)
        if ranked is None:
            ranking = rank_field(field, table, asked)
        else:
            mine = (ranked["environment"] == environment) & (ranked["role"] == everybody.league)
            ranking = ranked[mine].reset_index(drop=True)
            ranking = ranking.assign(environment=environment, role=everybody.league)
        game = games.get(environment, Game(roles=["player"] * 2, seats=2, title=""))
        slug = file_name(label.lower().replace("_", "-"))
        album = Album(folder / "figures", number, f"{number}-{slug}", pdf=asked.pdf)
        spent, own = (_of(everybody, table) for table in (costs, curves))
        written = list[Written]()
        if cells is not None and table is not None:
            here = set(everybody.agents[everybody.roster])
            found = [card for card in cards if label == environment or card["agent"] in here]
            ended = runs and Finding(_of(everybody, runs.table), runs.remarks)
            evidence = Evidence(
                cells, table, ranking, everybody, whole_table, game, asked, found, ended, spent, own
            )
            written += chapters(evidence, tell)
        tell(f"{label}: figures")
        first = environment not in {section.environment for section in sections}
        seen = (replays or {}).get(environment) if first else None
        lesson = learned.get(environment)
        if lesson and label != environment:
            lesson = lesson.of(everybody.agents[everybody.roster])
        sections.append(_section(album, everybody, game, ranking, shown, lesson, written, seen))
    last = list(together({section.label: section.ranking for section in sections}, asked))
    last += cards_alone(cards, [section.environment for section in sections])
    files = _write_tables(folder, sections, last, tell)
    tell("the page")
    page = folder / "index.html"
    page.write_text(_page(sections, last, facts or Facts(), asked, files), encoding="utf-8")
    return page


def _of(cells: Cells, table: T) -> T:
    """The rows of an environment, and where it has several leagues of the agents of this one."""
    if table is None:
        return table
    mine = table["environment"] == cells.environment
    if cells.label != cells.environment:
        mine &= table["agent"].isin(cells.agents[cells.roster])
    return table[mine]


def _section(
    album: Album,
    cells: Cells,
    game: Game,
    ranking: pd.DataFrame,
    table: pd.DataFrame,
    lesson: Lesson | None,
    written: list[Written],
    seen: Gallery | None,
) -> PageSection:
    agents = [str(agent) for agent in ranking["agent"]]
    drawn = {
        "ranking": ("Payoff per round of each agent, with its 95 % intervals", figures.ranking_plot(ranking)),
    }
    if cells.square:
        drawn["payoff"] = (
            "Payoff per round of the row's agent against the column's, both in the order of the ranking",
            figures.heatmap(figures.square(table, agents, "payoff"), agents, "payoff per round"),
        )
        cooperation = figures.square(table, agents, "cooperation")
        if not pd.isna(cooperation).all():
            drawn["cooperation"] = (
                "Share of rounds in which the row's agent cooperated with the column's, in the same order",
                figures.heatmap(cooperation, agents, "cooperation", colours="cividis", limits=(0.0, 1.0)),
            )
    return PageSection(
        anchor=f"environment-{album.number}",
        label=cells.label,
        environment=cells.environment,
        title=game["title"],
        seats=game["seats"],
        ranking=ranking,
        payoffs=table,
        drawings={caption: album.add(kind, caption, figure) for kind, (caption, figure) in drawn.items()},
        remarks=list(remarks(ranking, table)),
        learning=learning(album, lesson) if lesson else None,
        chapters=written,
        replays=seen,
    )


def _write_tables(
    folder: Path, sections: Sequence[PageSection], together: Sequence[Written], tell: Tell
) -> dict[str, str]:
    """The tables of all environments; returns the file of each, by name."""
    rankings = [TablePart(each.label, each.ranking, partial(ranking_text, each.ranking)) for each in sections]
    payoffs = [TablePart(each.label, each.payoffs, partial(payoffs_text, each.payoffs)) for each in sections]
    learned = [(section.label, section.learning) for section in sections if section.learning]
    kinds = [
        ("ranking", "Ranking by payoff per round", RANKING_COLUMNS, rankings),
        ("payoffs", "Payoff per round", PAYOFF_COLUMNS, payoffs),
    ]
    if learned:
        curves = pd.concat([each.lesson.curves for _, each in learned], ignore_index=True)
        curves.to_csv(folder / "curves.csv", index=False, float_format="%.6g")
        late = [TablePart(label, each.lesson.late, each.policies_text.copy) for label, each in learned]
        kinds.append(("policies", "What learners end with", LATE_COLUMNS, late))
    files = {}
    for name, caption, columns, parts in [*kinds, *_chapter_files(sections, together)]:
        tell(f"the table of {name.replace('_', ' ')}")
        files[name] = write_table(folder, name, caption, columns, parts)
    return files


def _chapter_files(
    sections: Sequence[PageSection], together: Sequence[Written]
) -> list[tuple[str, str, tuple[str, ...], list[TablePart]]]:
    """Each chapter's tables from all environments, under its name; those without a table are in the page only."""
    found: dict[str, list[Written]] = {}
    for written in [*(section.chapters for section in sections), together]:
        for chapter in written:
            if len(chapter.finding.table):
                found.setdefault(chapter.name, []).append(chapter)
    return [
        (
            name,
            parts[0].title,
            (),
            [TablePart(each.label, each.finding.table, each.text) for each in parts],
        )
        for name, parts in found.items()
    ]


def _page(
    sections: Sequence[PageSection],
    together: Sequence[Written],
    facts: Facts,
    asked: Judgement,
    files: Mapping[str, str],
) -> str:
    templates = Environment(
        loader=PackageLoader("dilemma.analysis.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("report.html").render(
        title=facts.get("title") or "Tournament",
        facts=facts,
        sections=sections,
        together=together,
        draws=asked.draws,
        top=asked.top,
        listed=LISTED,
        ranking_text=ranking_text,
        payoffs_text=payoffs_text,
        files=files,
        filed=FILED,
        long=any(file.endswith(PARQUET) for file in files.values()),
        pdf=asked.pdf,
        points=POINTS,
        companies=any("company" in section.payoffs for section in sections),
        leagues=any(section.label != section.environment for section in sections),
        learned=any((section.payoffs["how"] == "learned").any() for section in sections),
        text_columns=TEXT_COLUMNS,
        lacking=fonts.missing("".join(str(agent) for section in sections for agent in section.ranking["agent"])),
        failed=failure_kinds(facts.get("failures", ())),
        unranked=unranked_text(
            pd.concat([section.ranking for section in sections] or [pd.DataFrame(columns=RANKING_COLUMNS)]),
            facts.get("failures", ()),
            asked.background,
        ),
    )
