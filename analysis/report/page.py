"""The page of a report: one file of HTML, which needs no other and no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from jinja2 import Environment, PackageLoader

from ..behaviour.curves import POINTS
from ..options import AnalysisOptions
from ..ranking.ranking import COLUMNS as RANKING_COLUMNS
from . import fonts
from .appendix import PARQUET
from .chapters import WrittenChapter
from .drawing import Drawing
from .facts import Facts
from .failures import failure_kinds, unranked_text
from .filing import MAX_TEXT_ROWS
from .gallery import Gallery
from .learning import LearningSection
from .tables import TEXT_COLUMNS, payoffs_text, ranking_text

LISTED = 2500
"""Payoff tables with more rows are in the files only, not in the page."""


@dataclass(frozen=True)
class PageSection:
    """The part of the page on one ranking: of an environment, or one of its leagues."""

    anchor: str
    label: str
    environment: str
    title: str
    seats: int
    ranking: pd.DataFrame
    payoffs: pd.DataFrame
    drawings: Sequence[Drawing]
    remarks: list[str]
    learning: LearningSection | None
    chapters: list[WrittenChapter]
    replays: Gallery | None


def page_html(
    sections: Sequence[PageSection],
    together: Sequence[WrittenChapter],
    facts: Facts,
    options: AnalysisOptions,
    files: Mapping[str, str],
) -> str:
    templates = Environment(
        loader=PackageLoader("dilemma.analysis.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("page.html").render(
        title=facts.get("title") or "Tournament",
        facts=facts,
        sections=sections,
        together=together,
        draws=options.draws,
        top=options.top,
        listed=LISTED,
        ranking_text=ranking_text,
        payoffs_text=payoffs_text,
        files=files,
        max_text_rows=MAX_TEXT_ROWS,
        long=any(file.endswith(PARQUET) for file in files.values()),
        pdf=options.pdf,
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
            options.background,
        ),
    )
