"""The ranking, failures and exploiters in a terminal."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ..finding import Cards
from .failures import Failures, failure_kinds, unranked_text
from .remarks import notes
from .tables import decimals, fixed, half_widths, one_line, ranking_text

ROWS = 25
KINDS = 12
"""Number of kinds of failures that are shown."""
_REASON = 240
_SHOWN = ("Rank", "Agent", "Payoff", "Same field", "Ranks", "Other partners", "Ranks, others", "Cooperation")
_HEADERS = {"Other partners": "Others", "Ranks, others": "Ranks", "Cooperation": "Coop."}
"""Shorter headers, so that a row fits into 80 columns."""
_WIDTH = 28


def ranking_tables(ranking: pd.DataFrame, rows: int = ROWS) -> Group:
    """For `rich.print`: the first `rows` places of each environment and league, and the number of further ones.

    Intervals are shown by their half width: with the same opponents, and with others of their kind.
    """
    parts: list[Table | Text] = []
    leagues = ranking.groupby("environment", observed=True)["role"].nunique().to_dict()
    for (environment, role), part in ranking.groupby(["environment", "role"], observed=True, sort=False):
        text = ranking_text(part)
        for name, high in (("Same field", "fixed_high"), ("Other partners", "high")):
            if part[high].notna().any():
                text[name] = half_widths(part, high)
        name = f"{environment}: {role}" if leagues[environment] > 1 else str(environment)
        title = Text(f"{one_line(name)}, payoff per round", style="bold")
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for name in _SHOWN:
            if name == "Agent":
                table.add_column(name, no_wrap=True, max_width=_WIDTH)
            elif name in text:
                header = _HEADERS.get(name, name)
                width = max(len(header), int(text[name].str.len().max()))
                table.add_column(header, justify="right", no_wrap=True, min_width=width)
        shown = text[[name for name in _SHOWN if name in text]]
        for row in shown.head(rows).itertuples(index=False):
            table.add_row(*(Text(one_line(str(value))) for value in row))
        parts.append(table)
        if len(text) > rows:
            parts.append(Text(f"... and {len(text) - rows} more", style="dim"))
        parts += [Text(one_line(note), style="dim") for note in notes(part)]
        parts.append(Text(""))
    return Group(*(parts or [Text("No results to rank.")]))


def ratings_tables(rated: pd.DataFrame, rows: int = ROWS) -> Group:
    """For `rich.print`: a table for each rating, the best first, with its intervals where it has any."""
    parts: list[Table | Text] = []
    for name in [name for name in map(str, rated.columns) if f"{name}_low" in rated]:
        own = rated.sort_values(name, ascending=False, kind="stable")
        table = Table(box=None, pad_edge=False)
        table.add_column("Agent", no_wrap=True, max_width=_WIDTH)
        table.add_column("Score", justify="right", no_wrap=True)
        digits = decimals(own[name])
        ends = zip(*(fixed(own[f"{name}{end}"], digits) for end in ("_low", "_high")), strict=True)
        shown = [f"[{low}, {high}]" if low else "" for low, high in ends]
        if any(shown):
            table.add_column("95 % interval", justify="right", no_wrap=True)
        for agent, score, interval in list(zip(own["agent"], fixed(own[name], digits), shown, strict=True))[:rows]:
            table.add_row(Text(one_line(str(agent))), score, *([Text(interval)] if any(shown) else []))
        parts += [Text(name.replace("_", " "), style="bold"), table]
        if len(own) > rows:
            parts.append(Text(f"... and {len(own) - rows} more", style="dim"))
        parts.append(Text(""))
    return Group(*parts)


def failures_text(
    failures: Failures, ranking: pd.DataFrame, background: Collection[str] = (), rows: int = KINDS
) -> str:
    """The failures by kind, and the agents that are not ranked because of them."""
    found = failure_kinds(failures)
    count = "1 match" if len(failures) == 1 else f"{len(failures):,} matches"
    lines = [f"{count} failed{f', of {len(found)} kinds' if len(found) > 1 else ''}:"]
    for kind in found[:rows]:
        reason = one_line(kind.reason)
        cut = reason if len(reason) <= _REASON else f"{reason[: _REASON - 1]}…"
        lines.append(f"  {kind.matches:,} of {one_line(' against '.join(kind.agents))}: {cut}")
    if len(found) > rows:
        lines.append(f"  ... and {len(found) - rows} more kinds")
    for environment, agents in unranked_text(ranking, failures, background).items():
        lines.append(one_line(f"Not ranked in {environment}: {', '.join(agents)}"))
    return "\n".join(lines)


def exploits_table(cards: Cards, rows: int = ROWS) -> Table | Text:
    """For `rich.print`: results of searches for exploiters, largest gain first."""
    found = sorted((card for card in cards if "reason" not in card), key=lambda card: -float(str(card["gain"])))
    if not found:
        return Text("No exploiters found; the page says why.")
    title = Text("Who can be exploited, payoffs per round", style="bold")
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("Environment", "Agent", "Kind"):
        table.add_column(name, no_wrap=True, max_width=_WIDTH)
    for name in ("Exploiter earns", "Victim", "Self-play", "Gain"):
        table.add_column(name, justify="right")
    for card in found[:rows]:
        names = (Text(one_line(str(card[name]))) for name in ("environment", "agent", "kind"))
        numbers = (card[name] for name in ("best_response_payoff", "victim_payoff", "self_play", "gain"))
        table.add_row(*names, *(f"{float(str(number)):.3f}" for number in numbers))
    if len(found) > rows:
        table.caption = f"... and {len(found) - rows} more"
    return table
