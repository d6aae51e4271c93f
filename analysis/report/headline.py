"""The seven columns of a ranking that answer first: in the page, and in a terminal."""

from __future__ import annotations

import string
from collections.abc import Mapping

import pandas as pd

from .remarks import shared_note
from .tables import decimals, fixed, ranking_text

EXACT = "exact"
"""Stands for the interval of a payoff that is an expectation."""


def headline(
    ranking: pd.DataFrame, exploits: pd.DataFrame | None = None, letters: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """A ranking as text, in eight columns: `rank`, `agent`, `payoff`, `interval`, `others`, `cooperation`,
    `exploitability` and `flag`.

    `rank` are the ranks left open in this field and `others` those with other partners; `interval` is that of the
    payoff in this field.

    Exploitability is the largest gain over the agent that is in `exploits`, the table of exploitability; a flag is
    the letter of the agent's note in `letters`.
    """
    text, letters = ranking_text(ranking), letters or {}
    exact = ranking["fixed_low"] == ranking["fixed_high"]
    intervals = zip(exact, _column(text, "Same field"), strict=True)
    return pd.DataFrame(
        {
            "rank": _column(text, "Ranks"),
            "agent": _column(text, "Agent"),
            "payoff": _column(text, "Payoff"),
            "interval": [EXACT if known else interval for known, interval in intervals],
            "others": _column(text, "Ranks, others"),
            "cooperation": _column(text, "Cooperation"),
            "exploitability": fixed(gains(exploits, ranking), decimals(ranking["payoff"])),
            "flag": [letters.get(note, "") for note in ranking["note"]],
        },
        dtype=str,
    )


def gains(exploits: pd.DataFrame | None, ranking: pd.DataFrame) -> pd.Series[float]:
    """The largest gain found over each agent of an environment's ranking; NaN where none was looked for."""
    agents = ranking["agent"].astype(str)
    if exploits is None or not len(exploits):
        return pd.Series(float("nan"), agents.index)
    mine = exploits[exploits["environment"].isin(ranking["environment"].unique())]
    largest = mine.groupby(mine["agent"].astype(str))["gain"].max()
    return agents.map(largest).astype(float).round(9) + 0.0


def flags(ranking: pd.DataFrame) -> dict[str, str]:
    """A letter for each note; none if all agents have the same, but for its numbers."""
    found = [note for note in ranking["note"].unique() if note]
    return {} if shared_note(ranking) else dict(zip(found, string.ascii_letters, strict=False))


def _column(text: pd.DataFrame, name: str) -> list[str]:
    return text[name].to_list() if name in text else [""] * len(text)
