"""The line of a user's own file in which an exception was raised."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

OURS = __name__.partition(".")[0]
_INSTALLED = ("site-packages", "dist-packages")
_STANDARD = tuple(f"{Path(sysconfig.get_path(kind))}/" for kind in ("stdlib", "platstdlib"))
_CELL = "ipykernel"
"""In the name of the file that a notebook's cell is run from."""


def user_line(error: BaseException) -> str:
    """The innermost place outside this package, Python and what is installed: "my_agent.py, line 12, in act".

    "" if there is none, or the error says where it is, as a SyntaxError does.
    """
    if isinstance(error, SyntaxError):
        return ""
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        file = Path(frame.f_code.co_filename)
        ours = str(frame.f_globals.get("__name__", "")).partition(".")[0] == OURS
        installed = set(_INSTALLED) & set(file.parts) or str(file).startswith(_STANDARD)
        if not (ours or installed or file.name.startswith("<")):
            name = "a cell of a notebook" if _CELL in str(file) else file.name
            function = frame.f_code.co_name
            return f"{name}, line {line}{'' if function.startswith('<') else f', in {function}'}"
    return ""


def described(error: BaseException) -> str:
    """The type and message of an exception, with the line of the user's file where there is one."""
    said = f"{type(error).__name__}: {error}"
    line = user_line(error)
    return f"{said} ({line})" if line else said
