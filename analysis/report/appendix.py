"""The tables next to the page: as CSV, Markdown and LaTeX, or as Parquet if they are long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from .filing import MAX_TEXT_ROWS
from .latex import NEEDS, longtables
from .spreadsheet import write_csv
from .tables import markdown

PARQUET = "parquet"
_IN_FULL = frozenset({"payoff", "p", "p_flip", "p_student", "p_wilcoxon"})
"""Columns that keep double precision in Parquet; others keep seven digits, at half the size."""


@dataclass(frozen=True)
class TablePart:
    """One environment's part of a table."""

    label: str
    table: pd.DataFrame
    text: Callable[[], pd.DataFrame]
    """The same table as text; computed only when it is written."""


def write_table(folder: Path, name: str, caption: str, columns: Sequence[str], parts: Sequence[TablePart]) -> str:
    """Write a table of all environments to `folder` under `name`; returns the name of the machine-readable file.

    `columns` are those of a table without rows.
    """
    whole = pd.concat([part.table for part in parts] or [pd.DataFrame(columns=list(columns))], ignore_index=True)
    long = len(whole) > MAX_TEXT_ROWS
    if long:
        _write_parquet(whole, folder / f"{name}.{PARQUET}")
        return f"{name}.{PARQUET}"
    write_csv(whole, folder / f"{name}.csv")
    texts = [(part.label, part.text()) for part in parts]
    md = "\n".join(f"## {label}\n\n{markdown(text)}" for label, text in texts)
    (folder / f"{name}.md").write_text(f"# {caption}\n\n{md}", encoding="utf-8")
    tex = "\n".join(longtables(text, f"{caption}: {label}") for label, text in texts)
    (folder / f"{name}.tex").write_text(NEEDS + tex, encoding="utf-8")
    return f"{name}.csv"


def forms(file: str) -> dict[str, str]:
    """The files of a table whose machine-readable one this is, by their format."""
    stem, _, form = file.rpartition(".")
    names = {"Parquet": PARQUET} if form == PARQUET else {"CSV": "csv", "Markdown": "md", "LaTeX": "tex"}
    return {name: f"{stem}.{each}" for name, each in names.items()}


def _write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a table; numbers are byte-stream split, which compresses better."""
    texts = [name for name, values in table.items() if values.dtype.kind not in "fiub"]
    numbers = [name for name, values in table.items() if values.dtype.kind == "f"]
    types = dict.fromkeys(texts, "category") | {name: "float32" for name in numbers if name not in _IN_FULL}
    table.astype(types).to_parquet(
        path,
        index=False,
        engine="pyarrow",
        compression="zstd",
        use_dictionary=[name for name in table if name not in numbers],
        column_encoding=dict.fromkeys(numbers, "BYTE_STREAM_SPLIT"),
    )
