"""Reasons of failures, as short and printable text.

The message of an agent's exception may be of any length, contain control characters, or raise when it is read.
"""

from __future__ import annotations

import traceback

from ..envs.errors import DilemmaError
from ..envs.user_line import user_line

LONGEST, LONGEST_TRACE = 300, 8_000
"""Characters of a reason, and of a traceback."""


def reason(error: BaseException) -> str:
    """The type and message of an exception, in one line, with the line of the user's file where there is one.

    For a DilemmaError, its message alone.
    """
    try:
        said = str(error)
    except BaseException:
        said = "its message can't be read"
    name = clean(str(type(error).__name__), 60)
    said = clean(said)
    if isinstance(error, DilemmaError):
        return said
    what = clean(f"{name}: {said}") if said else name
    line = user_line(error)
    return f"{what} ({clean(line)})" if line else what


def trace(error: BaseException) -> str:
    """The traceback of an exception; if it is long, its beginning and its end."""
    try:
        lines = "".join(traceback.format_exception(error))
    except BaseException:
        return reason(error)
    return "".join(letter for letter in _ends(lines, LONGEST_TRACE) if letter == "\n" or letter.isprintable())


def clean(text: str, longest: int = LONGEST) -> str:
    """One printable line of at most `longest` characters; says how many were left out."""
    short = _ends(text, longest) if len(text) > longest else text
    return "".join(letter if letter.isprintable() else " " for letter in short).strip()


def _ends(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    note = f" ... {len(text) - longest:,} characters more ... "
    begin = longest // 2
    return text[:begin] + note + text[-(longest - begin) :]
