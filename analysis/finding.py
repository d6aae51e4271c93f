"""What an analysis gives: a table, and in words what it can't say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import pandas as pd

Cards: TypeAlias = Sequence[Mapping[str, object]]
"""What came of searches for exploiters, as plain values."""


@dataclass(frozen=True)
class Finding:
    """A table, which may be empty, and sentences for its reader: warnings, and what can't be said and why."""

    table: pd.DataFrame
    remarks: tuple[str, ...] = ()
