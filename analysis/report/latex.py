"""Text and tables in LaTeX that fit a page: labels break into lines, and wide tables are set in parts.

Widths are estimated from those of Computer Modern, which is wider than most fonts, and rather too large than too
small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from unicodedata import normalize

import pandas as pd

from .tables import LINE_BREAKS, TEXT_COLUMNS

LETTERS = r"""% Letters beyond Europe's Latin need XeLaTeX or LuaLaTeX and a font that has them; elsewhere their
% numbers stand in brackets. Writing from right to left is not set up.
\providecommand{\anyletter}[2]{\ifdefined\Umathcode #1\else #2\fi}
"""
"""What a file with text of users needs."""
NEEDS = rf"""% \usepackage[T1]{{fontenc}} \usepackage{{booktabs,longtable}}
{LETTERS}"""
"""The first lines of a file with tables."""
PAGE = 340.0
"""Points between the margins of LaTeX's plain article."""
GAP = 3.0
"""Points on either side of a column."""
LONGEST = 100.0
"""Points of the widest column of text; what is longer breaks into lines."""
RUN, LONG_RUN = 26.0, 120.0
"""Points after which a word may break: in a column, and elsewhere."""
KEYS = ("Agent", "Opponent", "Company", "Other", "Resident", "Mutant", "Seat")
"""Columns that stand in every part of a table."""
_ESCAPED = {
    **LINE_BREAKS,
    **{ord(char): f"\\{char}" for char in "&%$#_{}"},
    **{ord(char): f"{{{char}}}" for char in "[]-*"},
    **{ord("\\"): r"\textbackslash{}", ord("~"): r"\textasciitilde{}", ord("^"): r"\textasciicircum{}"},
    **{ord("<"): r"\textless{}", ord(">"): r"\textgreater{}", ord("|"): r"\textbar{}"},
    **{ord("–"): "--", ord("±"): r"$\pm$", ord("…"): r"\dots{}", ord("α"): r"$\alpha$", ord("²"): "$^2$"},
}
_LATIN = 0x17F
"""The last letter that LaTeX knows by itself."""
_KNOWN = "‘’“”„—•€"
_SEPARATORS = "_-./:=, "
_POINTS = {
    **dict.fromkeys("0123456789", 4.3),
    **dict.fromkeys("ijl.,;:!|'`", 2.7),
    **dict.fromkeys('ftrsI()[]/ -"', 3.6),
    **dict.fromkeys("mwMW%@—…±", 8.8),
}
"""Widths in \\footnotesize."""
_SMALL, _CAPITAL, _NUMBERED = 4.9, 6.8, 25.0


@lru_cache(maxsize=65_536)
def escaped(text: str, run: float = 0.0) -> str:
    """A text as LaTeX that shows it.

    With `run` it may break into lines after any separator, and where that is not enough, after so many points.
    """
    text = normalize("NFC", text)
    if not run and text.isascii():
        return text.translate(_ESCAPED)
    parts, points = list[str](), 0.0
    for char, after in pairwise(f"{text} "):
        parts.append(_letter(char))
        points += width(char)
        if after in _SEPARATORS or (points < run and (char not in _SEPARATORS or after.isdigit())):
            continue
        if run and char != " ":
            parts.append(r"\allowbreak{}" if char in _SEPARATORS else r"\penalty500{}")
        points = 0.0
    return "".join(parts)


def _letter(char: str) -> str:
    if _is_known(char):
        return char.translate(_ESCAPED)
    return rf"\anyletter{{{char}}}{{{{[}}{ord(char):X}{{]}}}}"


def _is_known(char: str) -> bool:
    return ord(char) <= _LATIN or char in _KNOWN or ord(char) in _ESCAPED


@lru_cache(maxsize=65_536)
def width(text: str) -> float:
    """About how many points wide a text is in \\footnotesize."""
    return sum(_POINTS.get(char) or _of_letter(char) for char in text)


def _of_letter(char: str) -> float:
    if not _is_known(char):
        return _NUMBERED
    return _CAPITAL if char.isupper() else _SMALL


@dataclass(frozen=True)
class Column:
    """A column of a table of text."""

    name: str
    values: Sequence[str]
    is_text: bool
    points: float
    """Its width; of text at most LONGEST."""
    wraps: bool

    @staticmethod
    def of(name: str, values: Sequence[str]) -> Column:
        natural = max(map(width, values), default=0.0)
        is_text = name in TEXT_COLUMNS or natural > LONGEST
        heads = [name] if is_text else name.split()
        points = max([natural, *map(width, heads)])
        return Column(name, values, is_text, min(points, LONGEST), points > LONGEST)

    @property
    def form(self) -> str:
        """Its form in the preamble of a table."""
        return f"p{{{self.points:.0f}pt}}" if self.wraps else "l" if self.is_text else "r"

    @property
    def head(self) -> str:
        """Its name; over numbers, words one above the other where they are wider."""
        words = self.name.split()
        if self.is_text or len(words) < 2 or width(self.name) <= max(map(width, self.values), default=0.0):
            return escaped(self.name)
        stack = r"\\".join(map(escaped, words))
        return rf"\shortstack[r]{{{stack}}}"

    def cells(self) -> list[str]:
        """Its values as LaTeX."""
        if not self.is_text:
            return [escaped(value).replace("{-}", "$-$") for value in self.values]
        if not self.wraps:
            return [escaped(value) for value in self.values]
        return [rf"\raggedright {escaped(value, RUN)}" if value else "" for value in self.values]


def longtables(table: pd.DataFrame, caption: str) -> str:
    """A table of text as a `longtable` with the rules of `booktabs`, or as several that each fit a page."""
    parts = list(_parts([Column.of(str(name), table[name].to_list()) for name in table]))
    if len(parts) == 1:
        return _longtable(parts[0], caption)
    numbers = range(1, len(parts) + 1)
    return "\n".join(
        _longtable(part, f"{caption} ({number} of {len(parts)})")
        for number, part in zip(numbers, parts, strict=True)
    )


def _parts(columns: Sequence[Column]) -> Iterator[list[Column]]:
    """Columns that fit a page, each time with those that say what a row is of."""
    keys = [column for column in columns if column.name in KEYS][:3]
    part, rest = list[Column](), list(columns)
    while rest:
        column = rest.pop(0)
        if part and _room(part) < column.points + 2 * GAP and set(map(id, part)) - set(map(id, keys)):
            yield part
            part = list(keys)
        if not any(column is each for each in part):
            part.append(column)
    yield part


def _room(columns: Sequence[Column]) -> float:
    return PAGE - sum(column.points + 2 * GAP for column in columns)


def _longtable(columns: Sequence[Column], caption: str) -> str:
    rows = zip(*(column.cells() for column in columns), strict=True)
    return "\n".join(
        (
            rf"{{\footnotesize\setlength{{\tabcolsep}}{{{GAP:g}pt}}",
            rf"\begin{{longtable}}{{{''.join(column.form for column in columns)}}}",
            rf"\caption{{{escaped(caption, LONG_RUN)}}} \tabularnewline",
            r"\toprule",
            rf"{' & '.join(column.head for column in columns)} \tabularnewline",
            r"\midrule",
            r"\endhead",
            r"\bottomrule",
            r"\endfoot",
            *(rf"{' & '.join(row)} \tabularnewline" for row in rows),
            r"\end{longtable}}",
            "",
        )
    )
