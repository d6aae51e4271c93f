"""Docstrings are written as plain text with indented formulas; this makes reStructuredText of them."""

import re
from collections.abc import Iterator, MutableSequence
from typing import Literal


def as_restructured_text(
    app: object, what: str, name: str, obj: object, options: object, lines: MutableSequence[str]
) -> None:
    """Turn indented formulas into literal blocks. Sphinx calls it for each docstring, whose `lines` it changes."""
    lines[:] = _with_literal_blocks(lines)


def with_plain_names(
    app: object, what: str, name: str, obj: object, options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """A signature with names of types, and `{}` for an empty mapping. Sphinx calls it for each."""
    return _plain(signature), _plain(returns)


def _plain(said: str | None) -> str | None:
    named = said and re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", said)
    return named and named.replace("mappingproxy({})", "{}")


def _with_literal_blocks(lines: MutableSequence[str]) -> Iterator[str]:
    kind: Literal["text", "formula", "field", "example"] = "text"
    for line, before in zip(lines, ["", *lines], strict=False):
        if not line.strip():
            kind = "text" if kind == "example" else kind
        elif line.startswith((":", ">>>")):
            kind = "field" if line.startswith(":") else "example"
        elif line.startswith("    "):
            if kind == "text":
                kind = "formula"
                yield from ("", "::", "")
        elif kind != "example":
            if kind == "formula" and before.strip():
                yield ""
            kind = "text"
        yield line
