"""Remarks on a ranking, in sentences: what its numbers rest on, and its notes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import pandas as pd

from .tables import in_sentence

FEW_KINDS = 10
"""With fewer kinds of opponents an interval over them gets a remark."""
LISTED_AGENTS = 5
_NUMBER = re.compile(r"\d+")


def remarks(ranking: pd.DataFrame, table: pd.DataFrame) -> Iterator[str]:
    """Sentences on what one environment's ranking rests on, and its notes."""
    if ranking["rank"].isna().all():
        return
    yield from cautions(ranking, table)
    yield from (f"{note[0].upper()}{note[1:]}." for note in notes(ranking))


def cautions(ranking: pd.DataFrame, table: pd.DataFrame) -> Iterator[str]:
    """Sentences on payoffs of single matches."""
    if ranking["rank"].isna().all():
        return
    alone, known = table["matches"] == 1, table["standard_error"].notna()
    if (alone & ~known).any():
        yield "Some payoffs rest on a single match, and chance in them can't be told from skill."
    if (alone & known).any():
        yield "Where there is a single match, its standard error is over its tables, which are independent."


def notes(ranking: pd.DataFrame) -> Iterator[str]:
    """One environment's notes, each with the first few of its agents, unless it applies to all."""
    if shared := shared_note(ranking):
        yield shared
        return
    for note, agents in ranking[ranking["note"] != ""].groupby("note", sort=False)["agent"]:
        yield f"{note}: {named(agents)}"


def shared_note(ranking: pd.DataFrame) -> str:
    """The note that all agents have, with the range of its numbers where these differ; "" if there is none."""
    found = list(ranking["note"].unique())
    if len({_NUMBER.sub("#", note) for note in found}) != 1:
        return ""
    places = zip(*(map(int, _NUMBER.findall(note)) for note in found), strict=True)
    ranges = iter([f"{min(each)}" if len(set(each)) == 1 else f"{min(each)} to {max(each)}" for each in places])
    return _NUMBER.sub(lambda _: next(ranges), str(found[0]))


def named(agents: Iterable[object]) -> str:
    """The first few of agents, and how many more there are."""
    names = [in_sentence(str(agent)) for agent in agents]
    if len(names) > LISTED_AGENTS + 1:
        return f"{', '.join(names[:LISTED_AGENTS])} and {len(names) - LISTED_AGENTS} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
