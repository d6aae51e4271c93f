"""Fonts: which fonts of the machine have the characters of labels, and what replaces characters that none has.

In SVG, text stays text and the reader's browser finds a font; matplotlib needs one to measure labels and for PDF.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial

from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager, get_font
from matplotlib.text import Text

OWN = "DejaVu Sans"
"""Comes with matplotlib; has Latin, Greek, Cyrillic, Arabic and more."""
OTHERS = (
    *("Noto Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Noto Sans SC", "Noto Sans KR"),
    *("Source Han Sans", "Hiragino Sans", "Yu Gothic", "Meiryo", "MS Gothic", "IPAexGothic", "IPAGothic"),
    *("PingFang SC", "PingFang HK", "Heiti TC", "Microsoft YaHei", "SimHei", "WenQuanYi Zen Hei"),
    *("Apple SD Gothic Neo", "Malgun Gothic", "NanumGothic", "Droid Sans Fallback"),
    *("Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Thai", "Nirmala UI"),
    *("Arial Unicode MS", "Segoe UI Symbol", "Segoe UI Emoji", "Apple Symbols", "Noto Sans Symbols", "Noto Emoji"),
    *("Symbola", "FreeSans", "Unifont"),
)
"""Tried in this order for characters that earlier fonts lack."""
WIDE, GONE = "\N{EM DASH}", "\N{REPLACEMENT CHARACTER}"
"""Substitutes for characters that no font has: as wide as the widest character, for layout; and for a PDF."""


@cache
def families() -> tuple[str, ...]:
    """The families that this machine has, in order of preference."""
    known = {font.name for font in fontManager.ttflist}
    return (OWN, *(name for name in OTHERS if name in known))


@cache
def characters() -> frozenset[int]:
    """The code points that at least one family has."""
    paths = {fontManager.findfont(name) for name in families()}
    return frozenset(code for path in paths for code in get_font(path).get_charmap())


def missing(text: str) -> list[str]:
    """The characters of a text that no font here has, each once."""
    if text.isascii():
        return []
    return [
        character
        for character in dict.fromkeys(text)
        if ord(character) not in characters() and unicodedata.category(character) not in ("Cc", "Cf", "Mn")
    ]


def substituted(text: str, by: str) -> str:
    """The text with `by` in place of characters that no font here has."""
    return text.translate({ord(character): by for character in missing(text)})


@contextmanager
def without_missing(figure: Figure, by: str) -> Iterator[None]:
    """Within the context, the figure has `by` in place of characters that no font here has."""
    axes = (axis for one in figure.axes for axis in (one.xaxis, one.yaxis))
    formatters = {id(formatter): formatter for formatter in (axis.get_major_formatter() for axis in axes)}
    written = [(text, text.get_text()) for text in figure.findobj(Text) if missing(text.get_text())]
    for text, label in written:
        text.set_text(substituted(label, by))
    for formatter in formatters.values():  # drawing gets the text of each tick from it
        setattr(formatter, "format_ticks", partial(_substituted_ticks, formatter.format_ticks, by))  # noqa: B010
    try:
        yield
    finally:
        for formatter in formatters.values():
            del formatter.format_ticks
        for text, label in written:
            text.set_text(label)


def _substituted_ticks(
    format_ticks: Callable[[list[float]], list[str]], by: str, values: list[float]
) -> list[str]:
    return [substituted(label, by) for label in format_ticks(values)]
