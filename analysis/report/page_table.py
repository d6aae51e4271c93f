"""Tables of the page: which columns are shown at first, by what a column is sorted, where a name leads."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup, escape

from .headline import headline
from .tables import TEXT_COLUMNS, ranking_text

SHOWN = {
    "rank": "Rank",
    "agent": "Agent",
    "payoff": "Payoff [95 %]",
    "others": "Rank with others",
    "cooperation": "Cooperation",
    "exploitability": "Exploitability",
    "flag": "Flag",
}
"""The columns of a ranking that are shown at first, and their headings."""
_TWICE = frozenset({"Rank", "Agent", "Payoff", "Same field", "Ranks", "Ranks, others", "Cooperation"})
_NUMBER = re.compile(r"[-+]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class Cell:
    """A value of a table."""

    text: str
    order: float | None = None
    """By which a column of numbers is sorted; None for text, and where there is no value."""
    link: str = ""
    """The anchor that it leads to."""
    search: str = ""
    """Words by which it is found as well."""


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str
    is_text: bool
    cells: Sequence[Cell]
    more: bool = False
    """Whether it is hidden at first."""

    @property
    def classes(self) -> Markup:
        """Its attribute `class`, if it has any."""
        names = " ".join(name for name, has in (("text", self.is_text), ("more", self.more)) if has)
        return Markup(f' class="{names}"') if names else Markup()

    def element(self, cell: Cell) -> str:
        """A cell of the column as HTML."""
        text = escape(cell.text)
        order = "" if self.is_text else f' data-order="{"" if cell.order is None else f"{cell.order!r}"}"'
        search = f' data-search="{escape(cell.search)}"' if cell.search else ""
        inside = f'<a href="#{escape(cell.link)}">{text}</a>' if cell.link else text
        return f"<td{self.classes}{order}{search}>{inside}</td>"


@dataclass(frozen=True)
class PageTable:
    """A table of the page."""

    columns: Sequence[Column]

    @property
    def body(self) -> Markup:
        """Its rows, as HTML: a template takes ten times as long for so many cells."""
        columns = [[column.element(cell) for cell in column.cells] for column in self.columns]
        return Markup("".join(f"<tr>{''.join(row)}</tr>\n" for row in zip(*columns, strict=True)))

    @property
    def has_more(self) -> bool:
        return any(column.more for column in self.columns)


def page_table(
    text: pd.DataFrame, links: Mapping[str, str] | None = None, more: Collection[str] = ()
) -> PageTable:
    """A table of text; agents lead to their anchors in `links`, columns in `more` are hidden at first."""
    return PageTable([_column(str(name), text[name].to_list(), links or {}, name in more) for name in text])


def ranking_table(
    ranking: pd.DataFrame,
    exploits: pd.DataFrame | None,
    letters: Mapping[str, str],
    links: Mapping[str, str],
    properties: Mapping[str, Mapping[str, str]],
) -> PageTable:
    """One environment's ranking: seven columns at first, then all others, and the properties of its agents.

    The filter finds an agent by the properties that it has, too.
    """
    text = headline(ranking, exploits, letters)
    text["payoff"] = [
        f"{payoff} {interval}".rstrip() for payoff, interval in zip(text["payoff"], text["interval"], strict=True)
    ]
    shown = text[[name for name in SHOWN if (text[name] != "").any()]].rename(columns=SHOWN)
    rest = ranking_text(ranking)
    rest = rest[[name for name in rest if name not in _TWICE and name != "Note"]]
    names = list(dict.fromkeys(name for known in properties.values() for name in known))
    agents = [str(agent) for agent in ranking["agent"]]
    for name in names:
        rest[name.capitalize()] = [properties.get(agent, {}).get(name, "") for agent in agents]
    table = page_table(pd.concat([shown, rest], axis=1), links, more=rest.columns)
    found = [" ".join(_said(properties.get(agent, {}))) for agent in agents]
    columns = [
        Column(each.name, each.is_text, _searched(each.cells, found)) if each.name == "Agent" else each
        for each in table.columns
    ]
    return PageTable(columns)


def _searched(cells: Sequence[Cell], words: Sequence[str]) -> list[Cell]:
    return [
        Cell(cell.text, cell.order, cell.link, f"{cell.text} {also}" if also else "")
        for cell, also in zip(cells, words, strict=True)
    ]


def _said(known: Mapping[str, str]) -> list[str]:
    """Properties as words to search for: `nice`, `memory=1`; nothing of those that an agent has not."""
    return [name if value == "yes" else f"{name}={value}" for name, value in known.items() if value != "no"]


def _column(name: str, values: Sequence[str], links: Mapping[str, str], more: bool) -> Column:
    is_text = name in TEXT_COLUMNS or not any(_NUMBER.match(value.lstrip("[")) for value in values if value)
    if is_text:
        return Column(name, True, [Cell(value, link=links.get(value, "")) for value in values], more)
    return Column(name, False, [Cell(value, _order(value)) for value in values], more)


def _order(text: str) -> float | None:
    found = _NUMBER.search(text)
    return float(found[0].replace(",", "")) if found else None
