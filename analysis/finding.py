"""What an analysis gives: a table, and in words what it can't say."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Finding:
    """A table, which may be empty, and sentences for its reader: warnings, and what can't be said and why."""

    table: pd.DataFrame
    remarks: tuple[str, ...] = ()
