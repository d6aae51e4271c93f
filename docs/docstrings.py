"""Docstrings are written as plain text with indented formulas; this makes reStructuredText of them."""

from collections.abc import Iterator, MutableSequence


def as_restructured_text(
    app: object, what: str, name: str, obj: object, options: object, lines: MutableSequence[str]
) -> None:
    """Turn what is indented into literal blocks. Sphinx calls it for each docstring, whose `lines` it changes."""
    lines[:] = _with_literal_blocks(lines)


def _with_literal_blocks(lines: MutableSequence[str]) -> Iterator[str]:
    literal = False
    for line, before in zip(lines, ["", *lines], strict=False):
        if not line.strip():
            yield line
            continue
        indented = line.startswith("    ")
        if indented and not literal:
            yield from ("", "::", "")
        if literal and not indented and before.strip():
            yield ""
        literal = indented
        yield line
