"""The ranking for a paper: a LaTeX table of each environment that fits a column."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from .headline import headline
from .latex import GAP, LONG_RUN, Column, escaped, width
from .tables import decimals, fixed

FILE = "ranking_paper.tex"
COLUMN = 226.0
"""Points of a column: LaTeX's two-column article has 229, journals have up to 252."""
SMALL = 1.1
"""How much larger \\small is than \\footnotesize."""
LINES = 45
"""More than these don't fit a page."""
NARROWEST = 60.0
"""Points that names of agents need at least."""
HEADS = {
    "rank": "Rank",
    "agent": "Agent",
    "payoff": "Payoff",
    "cooperation": "Coop.",
    "exploitability": "Expl.",
    "flag": "",
}
DISPENSABLE = ("cooperation", "exploitability")
"""What is left out first where numbers are so long that names have no room."""


def ranking_paper(
    label: str, ranking: pd.DataFrame, exploits: pd.DataFrame | None, notes: Mapping[str, str]
) -> str:
    """The table of one environment: ranks that are open, agent, payoff ± half of its interval, cooperation, and
    exploitability where it is known; `notes` are its notes with a letter each."""
    text = headline(ranking, exploits, notes)
    half = (ranking["fixed_high"] - ranking["fixed_low"]) / 2
    halves = fixed(half.where(half > 0), decimals(ranking["payoff"]))
    pairs = zip(text["payoff"], halves, strict=True)
    text["payoff"] = [f"{payoff} ± {each}" if each else payoff for payoff, each in pairs]
    columns = {
        name: Column.of(head, text[name].to_list()) for name, head in HEADS.items() if (text[name] != "").any()
    }
    for name in DISPENSABLE:
        if _left(columns) < NARROWEST:
            columns.pop(name, None)
    columns["agent"] = _agents(columns["agent"], max(_left(columns), NARROWEST))
    rows = [
        rf"{' & '.join(row)} \tabularnewline"
        for row in zip(*(column.cells() for column in columns.values()), strict=True)
    ]
    lines = [math.ceil(1.2 * SMALL * width(agent) / columns["agent"].points) for agent in text["agent"]]
    fitting = int(np.searchsorted(np.cumsum(lines), LINES, side="right"))
    caption = _caption(label, columns, half, notes, shown=min(fitting, len(rows)), agents=len(rows))
    return "\n".join(
        (
            r"\begin{table}",
            rf"\centering\small\setlength{{\tabcolsep}}{{{GAP:g}pt}}",
            rf"\begin{{tabular}}{{@{{}}{''.join(column.form for column in columns.values())}@{{}}}}",
            r"\toprule",
            rf"{' & '.join(column.head for column in columns.values())} \tabularnewline",
            r"\midrule",
            *rows[:fitting],
            r"\bottomrule",
            r"\end{tabular}",
            rf"\caption{{{escaped(caption, LONG_RUN)}}}",
            r"\end{table}",
            "",
        )
    )


def _left(columns: Mapping[str, Column]) -> float:
    """The points that are left for names."""
    return COLUMN - sum(SMALL * column.points + 2 * GAP for name, column in columns.items() if name != "agent")


def _agents(column: Column, room: float) -> Column:
    """The column of names, which break into lines where they have no room."""
    longest = SMALL * max(map(width, [*column.values, column.name]))
    return replace(column, points=min(longest, room), wraps=longest > room)


def _caption(
    label: str, columns: Collection[str], half: pd.Series[float], notes: Mapping[str, str], shown: int, agents: int
) -> str:
    """What the columns are."""
    said = [f"{label}: payoff per round"]
    if (half > 0).any():
        said[0] += " ± half of its 95 % interval, over repetitions with these partners"
    elif (half == 0).all():
        said[0] += ", an exact expectation"
    if shown < agents:
        said.append(f"The first {shown} of {agents} agents")
    if "rank" in columns:
        said.append("Rank: the ranks that the data leave open, for all agents at once with 95 %")
    if "cooperation" in columns:
        said.append("Coop.: share of rounds with cooperation")
    if "exploitability" in columns:
        said.append("Expl.: the most that an exploiter was found to gain over what the agent earns with itself")
    said += [f"{letter}: {note}" for note, letter in notes.items()]
    return f"{'. '.join(said)}."
