"""Remarks on a ranking, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ..statistics.kinds import MIN_KINDS
from .tables import decimals, rank_set

FEW_KINDS = 10
"""With fewer kinds of opponents an interval over them gets a remark."""
LISTED_AGENTS = 5


def remarks(ranking: pd.DataFrame, table: pd.DataFrame) -> Iterator[str]:
    """Sentences about one environment's ranking and payoff table."""
    ranked = ranking[ranking["rank"].notna()]
    if not len(ranked):
        yield "No agent has a payoff."
        return
    exact = bool((table["how"] == "exact").all())
    yield _first(ranked, exact)
    if len(ranked) > 1 and ranked["payoff"].round(12).nunique() > 1:
        if exact:
            yield "With these opponents the order is certain: all payoffs are exact expectations."
        else:
            yield from _open_ranks(ranked, "fixed_rank", "With these opponents")
        if ranked["kinds"].max() >= MIN_KINDS:
            yield from _open_ranks(ranked, "rank", "With other opponents of their kind")
    alone, known = table["matches"] == 1, table["standard_error"].notna()
    if (alone & ~known).any():
        yield "Some payoffs rest on a single match, and chance in them can't be told from skill."
    if (alone & known).any():
        yield "Where there is a single match, its standard error is over its tables, which are independent."
    kinds = int(ranked["kinds"].max())
    if MIN_KINDS <= kinds < FEW_KINDS:
        yield f"With {kinds} kinds of opponents intervals are rough: they say how much so few can tell of others."
    yield from (f"{note[0].upper()}{note[1:]}." for note in notes(ranking))


def _first(ranked: pd.DataFrame, exact: bool) -> str:
    """The agent that earns most, with these opponents and with others."""
    first = ranked.iloc[0]
    digits = decimals(ranked["payoff"])
    payoff = f"{first['payoff']:.{digits}f} per round"
    winners = int((ranked["rank"] == 1).sum())
    if winners == len(ranked) > 1:
        return f"All agents earn the same, {payoff}."
    if winners > 1:
        return f"{winners} agents share the first place with {payoff}."
    sure = ["exactly with these opponents"] if exact else []
    for name, of in (("fixed_", "with these opponents"), ("", "with others of their kind")):
        low, high = first[f"{name}low"], first[f"{name}high"]
        if pd.notna(low) and not (exact and name):
            sure.append(f"95 % interval {low:.{digits}f} to {high:.{digits}f} {of}")
    certainty = f" ({', '.join(sure)})" if sure else ""
    return f"{first['agent']} earns most: {payoff}{certainty}."


def _open_ranks(ranked: pd.DataFrame, name: str, where: str) -> Iterator[str]:
    """What is certain about the order, from the rank sets of this name."""
    first, size = ranked.iloc[0], len(ranked)
    low, high = ranked[f"{name}_low"], ranked[f"{name}_high"]
    best = int((low == 1).sum())
    if (low == 1).all() and (high == size).all():
        yield f"{where} no agent is surely better than another."
    elif (low == high).all():
        yield f"{where} every rank is settled."
    elif (ranked["rank"] == 1).sum() == 1:
        ranks = rank_set(first[f"{name}_low"], first[f"{name}_high"], " to ")
        if best == 1:
            yield f"{where} {first['agent']} surely ranks 1 of {size}."
        else:
            yield f"{where} {first['agent']} may rank {ranks} of {size}; {best} agents may rank first."


def notes(ranking: pd.DataFrame) -> Iterator[str]:
    """One environment's notes, each with the first few of its agents, unless it applies to all."""
    for note, agents in ranking[ranking["note"] != ""].groupby("note", sort=False)["agent"]:
        if len(agents) == len(ranking):
            yield str(note)
            continue
        more = f" and {len(agents) - LISTED_AGENTS} more" if len(agents) > LISTED_AGENTS else ""
        yield f"{note}: {', '.join(agents.astype(str).head(LISTED_AGENTS))}{more}"
