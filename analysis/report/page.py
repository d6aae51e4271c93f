"""The page of a report: one file of HTML, which needs no other and no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from ..behaviour.curves import POINTS
from ..options import AnalysisOptions
from ..ranking.ranking import COLUMNS as RANKING_COLUMNS
from ..statistics.kinds import MIN_KINDS
from . import fonts
from .agent_pages import ENDS, PARTNERS, Standing, agent_pages, anchors
from .appendix import forms
from .bibliography import FILE as BIBLIOGRAPHY
from .chapters import WrittenChapter
from .drawing import Drawing
from .facts import Facts
from .failures import FILE as FAILURES
from .failures import failure_kinds, unranked_text
from .filing import MAX_TEXT_ROWS
from .gallery import Gallery
from .headline import flags
from .learning import LearningSection
from .methods import Methods
from .page_table import PageTable, page_table, ranking_table
from .ranking_paper import FILE as RANKING_PAPER
from .rules import Rules
from .tables import payoffs_text
from .templates import rendered

LISTED = 2500
"""Payoff tables with more rows are in the files only, not in the page."""


@dataclass(frozen=True)
class PageSection:
    """The part of the page on one ranking: of an environment, or one of its leagues."""

    anchor: str
    label: str
    environment: str
    card: Mapping[str, str]
    """Question -> answer."""
    rules: Rules
    ranking: pd.DataFrame
    payoffs: pd.DataFrame
    exploits: pd.DataFrame | None
    """Its table of exploitability."""
    drawings: Sequence[Drawing]
    remarks: list[str]
    """Those that no flag of the ranking tells."""
    learning: LearningSection | None
    chapters: list[WrittenChapter]
    replays: Gallery | None

    @property
    def flags(self) -> dict[str, str]:
        """Note -> its letter."""
        return flags(self.ranking)


def page_html(
    sections: Sequence[PageSection],
    together: Sequence[WrittenChapter],
    facts: Facts,
    options: AnalysisOptions,
    files: Mapping[str, str],
    methods: Methods,
) -> str:
    """The page; `files` has the machine-readable file of each table."""
    played = dict.fromkeys(str(agent) for section in sections for agent in section.ranking["agent"])
    links = anchors(list(dict.fromkeys([*facts.get("agents", ()), *played])))
    standings = [
        Standing(
            each.label,
            each.environment,
            each.anchor,
            each.ranking,
            each.payoffs,
            each.exploits,
            each.chapters,
            each.learning,
        )
        for each in sections
    ]
    properties = facts.get("properties", {})

    def ranking(section: PageSection) -> PageTable:
        return ranking_table(section.ranking, section.exploits, section.flags, links, properties)

    return rendered(
        "page.html",
        title=facts.get("title") or "Tournament",
        facts=facts,
        methods=methods,
        bibliography=BIBLIOGRAPHY,
        sections=sections,
        together=together,
        agents=list(agent_pages(standings, links, facts)),
        ranking=ranking,
        table=partial(page_table, links=links),
        draws=options.draws,
        top=options.top,
        listed=LISTED,
        payoffs_text=payoffs_text,
        files=files,
        forms=forms,
        few=MIN_KINDS,
        partners=PARTNERS,
        ends=ENDS,
        max_text_rows=MAX_TEXT_ROWS,
        pdf=options.pdf,
        points=POINTS,
        companies=any("company" in section.payoffs for section in sections),
        leagues=any(section.label != section.environment for section in sections),
        learned=any((section.payoffs["how"] == "learned").any() for section in sections),
        lacking=fonts.missing("".join(played)),
        failures_file=FAILURES,
        ranking_paper=RANKING_PAPER,
        failed=failure_kinds(facts.get("failures", ())),
        unranked=unranked_text(
            pd.concat([section.ranking for section in sections] or [pd.DataFrame(columns=RANKING_COLUMNS)]),
            facts.get("failures", ()),
            options.background,
        ),
    )
