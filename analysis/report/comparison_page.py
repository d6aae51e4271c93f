"""The page of a comparison of runs: one file of HTML, which needs no other and no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from .page_table import page_table
from .templates import rendered


@dataclass(frozen=True)
class ComparedMeasure:
    """One environment and measure of two runs."""

    title: str
    text: pd.DataFrame
    """A row for each agent."""
    figure: Markup | None
    """The differences; None where there are none."""


@dataclass(frozen=True)
class ComparedRuns:
    """A run beside the first one."""

    title: str
    remarks: Sequence[str]
    """What is in one of them only, and what is not alike."""
    measures: Sequence[ComparedMeasure]


def comparison_html(title: str, runs: pd.DataFrame, compared: Sequence[ComparedRuns]) -> str:
    """The page; `runs` has a row for each run, as text."""
    return rendered(
        "comparison.html",
        title=title,
        runs=runs,
        compared=compared,
        table=page_table,
    )
