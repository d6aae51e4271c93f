"""Tables for readers: a ranking or payoff table as text, and as Markdown."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

LINE_BREAKS: Mapping[int, str] = {
    **dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029), " "),
    **dict.fromkeys((0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), ""),
}
"""What control characters and line separators become, and those that turn the direction of what follows."""
_ISOLATE = "\u2068{}\u2069"
_MARKDOWN = {ord(char): f"\\{char}" for char in "\\`*_{}[]<>()#+!|$~"} | dict(LINE_BREAKS)
LONGEST = 80
"""Longer texts are cut in the page; the files have them in full."""
TEXT_COLUMNS = frozenset(
    {"Agent", "Opponent", "Company", "Role", "Other", "Seat", "How", "Note", "Worst partner"}
    | {"Kind", "Exploiter", "Population", "Verdict", "Component", "Process", "Resident", "Mutant", "Type", "Flag"}
)


def one_line(text: str) -> str:
    """A text without line breaks and other control characters, for a table or a terminal."""
    return " ".join(text.translate(LINE_BREAKS).split())


def in_sentence(label: str) -> str:
    """A label for the middle of a sentence: on one line, and without turning the direction of the rest."""
    label = one_line(label)
    turns = any(unicodedata.bidirectional(character) in ("R", "AL") for character in label)
    return _ISOLATE.format(label) if turns else label


def decimals(payoffs: Iterable[float]) -> int:
    """Digits after the point that show four significant ones of the largest payoff; from 0 to 6."""
    largest = max((abs(payoff) for payoff in payoffs if math.isfinite(payoff)), default=1.0)
    return 3 if largest == 0 else min(6, max(0, 3 - math.floor(math.log10(largest))))


def ranking_text(ranking: pd.DataFrame) -> pd.DataFrame:
    """A ranking as text; columns that are empty throughout are left out."""
    digits = decimals(ranking["payoff"])
    text = {
        "Rank": _unless_nan(ranking["rank"]),
        "Agent": ranking["agent"].astype(str).to_list(),
        "Payoff": fixed(ranking["payoff"], digits),
        "Same field": _intervals(ranking["fixed_low"], ranking["fixed_high"], digits),
        "Ranks": _rank_sets(ranking, "fixed_rank"),
        "P(best)": fixed(ranking["fixed_p_best"], 2),
        "Other partners": _intervals(ranking["low"], ranking["high"], digits),
        "Ranks, others": _rank_sets(ranking, "rank") if ranking["p_best"].notna().any() else [],
        "P(best), others": fixed(ranking["p_best"], 2),
        "P(top), others": fixed(ranking["p_top"], 2),
        "Cooperation": fixed(ranking["cooperation"], 3),
        "Wins": _played_only(ranking["wins"], (ranking["matches"] == 0) & ranking["payoff_without_self"].notna()),
        "Worst partner": [
            f"{payoff} ({name})" if payoff else ""
            for payoff, name in zip(
                fixed(ranking["worst_partner"], digits), ranking["worst_partner_name"], strict=True
            )
        ],
        "Worst tenth": fixed(ranking["worst_tenth"], digits),
        "s.e.": fixed(ranking["standard_error"], digits),
        "Gap": fixed(ranking["gap"], digits),
        "Without self-play": fixed(ranking["payoff_without_self"], digits),
        "Opponents": ranking["opponents"].astype(str).to_list(),
        "Kinds": _unless_nan(ranking["kinds"]) if (ranking["kinds"] < ranking["opponents"]).any() else [],
        "Matches": ranking["matches"].astype(str).to_list(),
        "Note": ranking["note"].to_list(),
    }
    return pd.DataFrame({name: values for name, values in text.items() if any(values)}, dtype=str)


def _rank_sets(ranking: pd.DataFrame, name: str) -> list[str]:
    return [rank_set(*ends) for ends in zip(ranking[f"{name}_low"], ranking[f"{name}_high"], strict=True)]


def _played_only(shares: pd.Series[float], exact: pd.Series[bool]) -> list[str]:
    """Shares of matches; marked as of played matches only if they are unknown for exact results."""
    unknown = exact & shares.isna()
    return [
        text or ("played only" if missing else "") for text, missing in zip(fixed(shares, 3), unknown, strict=True)
    ]


def rank_set(low: object, high: object, to: str = "–") -> str:
    """The ranks that are left open; "" if unknown."""
    if pd.isna(low) or pd.isna(high):  # type: ignore[call-overload]
        return ""
    return f"{low}" if low == high else f"{low}{to}{high}"


def payoffs_text(table: pd.DataFrame) -> pd.DataFrame:
    """One environment's payoff table as text; columns that are empty throughout are left out."""
    digits = decimals(table["payoff"])
    text = {
        "Agent": table["agent"].astype(str).to_list(),
        "Opponent": table["opponent"].astype(object).fillna("").to_list(),
        "Company": table["company"].astype(object).fillna("").to_list() if "company" in table else [],
        "Role": table["role"].to_list() if table["role"].nunique() > 1 else [],
        "Seat": _unless_all(table["seat"].astype(str), {"any"}),
        "k": _unless_all(table["k"].astype(str), {"1", "2"}),
        "Payoff": fixed(table["payoff"], digits),
        "s.e.": fixed(table["standard_error"], digits),
        "Cooperation": fixed(table["cooperation"], 3),
        **{name.upper(): fixed(table[name], 3) for name in ("cc", "cd", "dc", "dd")},
        "Margin": fixed(table["margin"], digits),
        "Wins": _played_only(table["wins"], table["how"] == "exact"),
        "Matches": table["matches"].astype(str).to_list(),
        "How": table["how"].astype(str).to_list(),
    }
    return pd.DataFrame({name: values for name, values in text.items() if any(values)}, dtype=str)


def late_text(late: pd.DataFrame, measures: Mapping[str, str]) -> pd.DataFrame:
    """One environment's late means of these measures (name -> heading), with their spread over matches."""
    text = {
        "Agent": late["agent"].astype(str).to_list(),
        "Opponent": late["opponent"].astype(str).to_list(),
        "Seat": _unless_all(late["seat"].astype(str), {"any"}),
    }
    for name, heading in measures.items():
        share = name == "cooperation" or name.startswith("p_")
        digits = 3 if share else decimals(late[name])
        text[heading] = [
            f"{mean} ± {spread}" if spread else mean
            for mean, spread in zip(fixed(late[name], digits), fixed(late[f"{name}_spread"], digits), strict=True)
        ]
    text["Matches"] = late["matches"].astype(str).to_list()
    return pd.DataFrame({name: values for name, values in text.items() if any(values)}, dtype=str)


def fixed(values: pd.Series[float], digits: int) -> list[str]:
    """Fixed-point numbers; "" for NaN, no negative zero."""
    rounded = values.to_numpy(np.float64).round(digits) + 0.0
    return ["" if math.isnan(value) else f"{value:.{digits}f}" for value in rounded]


def _intervals(low: pd.Series[float], high: pd.Series[float], digits: int) -> list[str]:
    ends = zip(fixed(low, digits), fixed(high, digits), strict=True)
    return [f"[{low}, {high}]" if low else "" for low, high in ends]


def _unless_nan(ranks: pd.Series[int]) -> list[str]:
    return ["" if pd.isna(rank) else str(rank) for rank in ranks]


def _unless_all(values: pd.Series[str], dull: set[str]) -> list[str]:
    return [] if set(values.unique()) <= dull else values.to_list()


def markdown(table: pd.DataFrame) -> str:
    """A table of text in Markdown; text to the left, numbers to the right."""
    rule = ["---" if name in TEXT_COLUMNS else "---:" for name in table]
    rows = [[str(name) for name in table], rule]
    columns = [
        [value.translate(_MARKDOWN) for value in table[name]] if name in TEXT_COLUMNS else table[name].to_list()
        for name in table
    ]
    rows += [list(row) for row in zip(*columns, strict=True)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """A table as text, with intervals in brackets after their values."""
    columns = {}
    for name in map(str, table.columns):
        if name in ("environment", "role") or (
            name.endswith(("_low", "_high")) and name.rsplit("_", 1)[0] in table
        ):
            continue
        values = _text(table[name])
        if f"{name}_low" in table and f"{name}_high" in table:
            digits = decimals(table[name].astype(float))
            low, high = (fixed(table[f"{name}_{end}"].astype(float), digits) for end in ("low", "high"))
            ends = zip(values, low, high, strict=True)
            values = [f"{value} [{low}, {high}]" if low else value for value, low, high in ends]
        if any(values) or name in ("agent", "opponent"):
            columns[name.replace("_", " ").capitalize()] = values
    return pd.DataFrame(columns, dtype=str)


def _text(values: pd.Series[float]) -> list[str]:
    """Numbers with as many digits as their column needs, other values as they are; "" if missing."""
    if values.dtype.kind == "f":
        return fixed(values, decimals(values))
    missing = values.isna()
    return ["" if gone else _short(str(value)) for value, gone in zip(values, missing, strict=True)]


def _short(text: str) -> str:
    text = "; ".join(text.splitlines())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
