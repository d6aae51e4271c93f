"""Tables as CSV that a spreadsheet opens without running anything.

A text that a spreadsheet could take for a formula, which starts with = + - @ or a tab, has a ' before it, and so
has one that starts with ': without a leading ' every text is what it was. Numbers stay numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO

import pandas as pd

MARK = "'"
_FORMULA = tuple("=+-@\t\r\n＝＋－＠" + MARK)


def write_csv(table: pd.DataFrame, file: Path | IO[bytes], float_format: str | None = None) -> None:
    """Write a table; floats in full precision unless `float_format` says otherwise."""
    texts = {str(name): values.map(_harmless) for name, values in table.items() if values.dtype.kind not in "iufb"}
    table.assign(**texts).to_csv(file, index=False, float_format=float_format, encoding="utf-8")


def _harmless(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA) and not _is_number(value):
        return f"{MARK}{value}"
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
