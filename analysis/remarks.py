"""What a ranking says, and what it can't say, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from .tables import decimals, rank_set

FEW = 10
"""With fewer opponents an interval over opponents needs a word."""
NAMED = 5


def remarks(ranking: pd.DataFrame, table: pd.DataFrame) -> Iterator[str]:
    """Sentences about one environment's ranking and payoff table."""
    ranked = ranking[ranking["rank"].notna()]
    if not len(ranked):
        yield "No agent has a payoff."
        return
    yield _first(ranked)
    if len(ranked) > 1 and ranked["low"].notna().all() and ranked["payoff"].round(12).nunique() > 1:
        yield from _open_ranks(ranked)
    if (table["how"] == "exact").all():
        yield "All payoffs are exact expectations: they have no sampling error, and only opponents are resampled."
    alone, known = table["matches"] == 1, table["standard_error"].notna()
    if (alone & ~known).any():
        yield "Some payoffs rest on a single match, and chance in them can't be told from skill."
    if (alone & known).any():
        yield "Where there is a single match, its standard error is over its tables, which are independent."
    opponents = int(ranked["opponents"].max())
    if opponents == 1:
        yield "With a single opponent an interval can't speak about other partners."
    elif opponents < FEW:
        yield f"With {opponents} opponents the intervals are rough: they say how much so few can tell of others."
    if opponents > 1:
        yield from (f"{note[0].upper()}{note[1:]}." for note in notes(ranking))


def _first(ranked: pd.DataFrame) -> str:
    """Who earns most."""
    first = ranked.iloc[0]
    payoff = f"{first['payoff']:.{decimals(ranked['payoff'])}f} per round"
    winners = int((ranked["rank"] == 1).sum())
    if winners == len(ranked) > 1:
        return f"All agents earn the same, {payoff}."
    if winners > 1:
        return f"{winners} agents share the first place with {payoff}."
    text = f"{first['agent']} earns most: {payoff}"
    if pd.notna(first["low"]):
        digits = decimals(ranked["payoff"])
        other = "" if first["opponents"] == 1 else ", with other opponents of their kind"
        text += f" (95 % interval {first['low']:.{digits}f} to {first['high']:.{digits}f}{other})"
    return f"{text}."


def _open_ranks(ranked: pd.DataFrame) -> Iterator[str]:
    """What is sure of the order."""
    first, size = ranked.iloc[0], len(ranked)
    best = int((ranked["rank_low"] == 1).sum())
    if (ranked["rank"] == 1).sum() == 1:
        ranks = rank_set(first["rank_low"], first["rank_high"], " to ")
        other = "" if first["opponents"] == 1 else " against other opponents"
        if best == 1:
            yield f"{first['agent']} surely ranks 1 of {size}{other}."
        else:
            text = f"{first['agent']} may rank {ranks} of {size}{other}"
            yield f"{text}; {best} agents may rank first."
    settled = int((ranked["rank_low"] == ranked["rank_high"]).sum())
    if settled == size:
        yield "Every rank is settled."
    elif (ranked["rank_low"] == 1).all() and (ranked["rank_high"] == size).all():
        yield "No agent is surely better than another."


def notes(ranking: pd.DataFrame) -> Iterator[str]:
    """One environment's notes, each with the agents that it is about; the first few by name."""
    for note, agents in ranking[ranking["note"] != ""].groupby("note", sort=False)["agent"]:
        more = f" and {len(agents) - NAMED} more" if len(agents) > NAMED else ""
        yield f"{note}: {', '.join(agents.astype(str).head(NAMED))}{more}"
