"""The result of an analysis: a table, and sentences on what it shows and what it cannot show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import pandas as pd

Cards: TypeAlias = Sequence[Mapping[str, object]]
"""Results of searches for exploiters, as plain values."""


@dataclass(frozen=True)
class Finding:
    """A table, which may be empty, and sentences for its reader: warnings, and what is unknown and why."""

    table: pd.DataFrame
    remarks: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    """Those of the remarks that say what was asked for and can't be worked out."""
