"""Agents whose parameters evolved: what they came to, over replicates, which are what is independent."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ..arrays import Numbers
from ..finding import Finding
from ..report.chapters import Chapter, WrittenChapter
from ..statistics.tails import CONFIDENCE, t_isf

INDEX = ("environment", "replicate", "generation")
"""Columns of a history that say whose row it is."""
TENTHS = (0.1, 0.5, 0.9)


def evolved(history: pd.DataFrame) -> Finding:
    """Payoff, cooperation and parameters of populations at first, at the end, and over the second half.

    Means over replicates, with Student's intervals of 95 %; `tenth`, `median` and `ninetieth` are of replicates at
    the end. `history` has a row for each replicate and generation of one environment.
    """
    measures, times = measures_of(history), np.unique(history["generation"])
    flat = history.sort_values(["generation", "replicate"])[measures].to_numpy(np.float64)
    cube = flat.reshape(len(times), -1, len(measures))
    replicates = cube.shape[1]
    table = {"measure": measures, "start": cube[0].mean(axis=0)}
    for name, values in (("end", cube[-1]), ("second_half", cube[len(times) // 2 :].mean(axis=0))):
        table[name] = values.mean(axis=0)
        if replicates > 1:
            half = t_isf((1 - CONFIDENCE) / 2, replicates - 1) * values.std(axis=0, ddof=1) / np.sqrt(replicates)
            table[f"{name}_low"], table[f"{name}_high"] = table[name] - half, table[name] + half
    tenths = np.quantile(cube[-1], TENTHS, axis=0)
    table |= zip(("tenth", "median", "ninetieth"), tenths, strict=True)
    return Finding(pd.DataFrame(table), tuple(_said(cube, measures, int(times[-1]))))


def measures_of(history: pd.DataFrame) -> list[str]:
    """The columns of a history that hold measures."""
    return [str(name) for name in history if name not in INDEX]


def _said(cube: Numbers, measures: list[str], generations: int) -> Iterator[str]:
    replicates = cube.shape[1]
    yield f"{replicates:,} population{'s' if replicates > 1 else ''}, {generations:,} generations."
    cooperation = cube[-1, :, measures.index("cooperation")]
    if np.isfinite(cooperation).all():
        from statsmodels.stats.proportion import proportion_confint

        many = int((cooperation > 0.5).sum())
        low, high = proportion_confint(many, replicates, 1 - CONFIDENCE, method="wilson")
        yield (
            f"At the end {many:,} of {replicates:,} cooperate in more than half of all rounds "
            f"(95 %: {low:.0%} to {high:.0%})."
        )
    if replicates == 1:
        yield "One population has no interval: another could have ended otherwise."


CHAPTER = Chapter(
    "parameters",
    "What evolved",
    "Populations at first, at the end, and over the second half of all generations: means over replicates. The "
    "last columns are the first tenth, the median and the last tenth of replicates at the end.",
    evolved,
)


def evolved_chapters(history: pd.DataFrame, label: str) -> Iterator[WrittenChapter]:
    """The chapter of one environment."""
    yield from CHAPTER.write(history, f"{CHAPTER.title}: {label}", environment=label)
