"""The publications behind agents, environments and methods, as BibTeX, and citations of them in texts.

A text cites with a mark, "[@key; @key]", that becomes authors and year, or LaTeX.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from .latex import LONG_RUN, escaped

FILE = "references.bib"
SOFTWARE = "dilemma"
"""The key of this package."""
_ENTRY = re.compile(r"^@\w+\{(?P<key>[^,]+),\n(?P<body>.*?)^\}\n", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^  (\w+) = \{(.*)\},$", re.MULTILINE)
_MARK = re.compile(r" \[(@\w+(?:; @\w+)*)\]")
ALSO = "Also published"
"""What follows it in a source is not what was used."""
_ACCENT = re.compile(r"\{\\(.)\{?(\w)\}?\}")
_COMBINING = {"'": "\u0301", "^": "\u0302", "`": "\u0300", '"': "\u0308", "~": "\u0303", "H": "\u030b"}


@dataclass(frozen=True)
class Reference:
    """An entry of the bibliography."""

    key: str
    text: str
    """Its BibTeX."""
    names: tuple[str, ...]
    """How a text cites it, by authors and year, the shortest last: "Press and Dyson 2012"."""


@cache
def references() -> dict[str, Reference]:
    """All entries by key."""
    text = files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    return {entry["key"]: _reference(entry["key"], entry[0]) for entry in _ENTRY.finditer(text)}


def _reference(key: str, text: str) -> Reference:
    fields = dict(_FIELD.findall(text))
    names = tuple(name.strip() for name in fields.pop("cited", "").split(";") if name.strip())
    shown = re.sub(r"^  cited = .*\n", "", text, flags=re.MULTILINE)
    return Reference(key, shown, names or _author_year(fields["author"], fields.get("year", "")))


def _author_year(author: str, year: str) -> tuple[str, ...]:
    surnames = [_plain(name.partition(",")[0]) for name in author.split(" and ")]
    found = []
    if "others" not in surnames:
        *most, last = surnames
        found.append(f"{', '.join(most)} and {last}" if most else last)
    if len(surnames) > 2:
        found.append(f"{surnames[0]} et al.")
    return tuple(f"{name} {year}".strip() for name in found)


def _plain(name: str) -> str:
    """A name without LaTeX."""
    accented = _ACCENT.sub(lambda mark: mark[2] + _COMBINING[mark[1]], name)
    return unicodedata.normalize("NFC", accented).strip("{}")


@cache
def _citations() -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern of all ways to cite, the longest first, and the key of each."""
    keys = {name: entry.key for entry in references().values() for name in entry.names if entry.key != SOFTWARE}
    ways = [re.escape(name) for name in sorted(keys, key=len, reverse=True)]
    # "Ashlock 2006" is not what "Ashlock and Ashlock 2006" cites.
    alone = ["(?<!and )" * (" and " not in way and " et\\ al" not in way) + way for way in ways]
    return re.compile(rf"(?<!\w)(?:{'|'.join(alone)})(?![0-9a-z])"), keys


def cited(text: str) -> list[str]:
    """The keys of what a source names, by authors and year, in its order, each once."""
    pattern, keys = _citations()
    used, _, _ = text.partition(ALSO)
    return list(dict.fromkeys(keys[found] for found in pattern.findall(used)))


def uncited(text: str) -> str:
    """A source without what it names by authors and year."""
    return _citations()[0].sub("", text)


def mark(keys: Sequence[str]) -> str:
    """The mark of a citation, with the space before it; "" without keys."""
    return f" [{'; '.join(f'@{key}' for key in keys)}]" if keys else ""


def marked(text: str) -> list[str]:
    """The keys that a text cites."""
    return [key for found in _MARK.finditer(text) for key in _keys(found)]


def in_words(text: str) -> str:
    """A text that cites by authors and year."""

    def names(found: re.Match[str]) -> str:
        keys = _keys(found)
        return f" ({'; '.join(references()[key].names[-1] for key in keys)})" if keys else found[0]

    return _MARK.sub(names, text)


def in_latex(text: str) -> str:
    """A text in LaTeX, which cites by key."""
    parts, end = list[str](), 0
    for found in _MARK.finditer(text):
        if keys := _keys(found):
            parts += [escaped(text[end : found.start()], LONG_RUN), rf"~\cite{{{','.join(keys)}}}"]
            end = found.end()
    return "".join([*parts, escaped(text[end:], LONG_RUN)])


def _keys(found: re.Match[str]) -> list[str]:
    """The keys of a mark; none if it is not one of ours, but in a label."""
    keys = [key.strip().removeprefix("@") for key in found[1].split(";")]
    return keys if all(key in references() for key in keys) else []


def bibtex(keys: Iterable[str], version: str = "") -> str:
    """These entries, this package's first, with the version that was used."""
    wanted = dict.fromkeys([SOFTWARE, *sorted(keys)])
    texts = [references()[key].text for key in wanted]
    if version:
        texts[0] = texts[0].replace("\n}\n", f"\n  note = {{Version {version}}},\n}}\n")
    return "\n".join(texts)
