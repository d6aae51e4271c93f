"""The ranking, failures and exploiters in a terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import pandas as pd
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ..behaviour.evolved import evolved
from ..behaviour.generations import final_shares, fixation
from ..finding import Cards, Finding
from .failures import Failures, failure_kinds, unranked_text
from .headline import flags, headline
from .remarks import notes
from .tables import decimals, fixed, one_line

ROWS = 25
KINDS = 12
"""Number of kinds of failures that are shown."""
_REASON = 240
_WIDTH = 28
COLUMNS = 80
"""A ranking fits into as many, in a terminal and in a file; agents' labels are cut to what is left of them."""


def ranking_tables(ranking: pd.DataFrame, exploits: pd.DataFrame | None = None, rows: int = ROWS) -> Group:
    """For `rich.print`: the first `rows` places of each environment and league, and the number of further ones.

    Columns are the ranks left open in this field, the agent, its payoff with its 95 % interval in this field, the
    ranks left open with other partners, its cooperation, the largest gain of an exploiter (of the table of
    exploitability), and the letters of its notes. Those that are empty throughout are left out.
    """
    parts: list[Table | Text] = []
    leagues = ranking.groupby("environment", observed=True)["role"].nunique().to_dict()
    for (environment, role), part in ranking.groupby(["environment", "role"], observed=True, sort=False):
        name = f"{environment}: {role}" if leagues[environment] > 1 else str(environment)
        title = Text(f"{one_line(name)}, payoff per round", style="bold")
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        letters = flags(part)
        shown = _columns(part, exploits, letters)
        heads = [str(head) for head in shown]
        taken = sum(max(len(head), *map(len, shown[head])) + 2 for head in heads if head != "Agent")
        for head in heads:
            if head == "Agent":
                table.add_column(head, no_wrap=True, overflow="ellipsis", max_width=COLUMNS - taken)
            else:
                table.add_column(head, no_wrap=True, justify="left" if head == "Note" else "right")
        for row in shown.head(rows).itertuples(index=False):
            table.add_row(*(Text(one_line(str(value))) for value in row))
        parts.append(table)
        if len(part) > rows:
            parts.append(Text(f"... and {len(part) - rows} more", style="dim"))
        parts += [Text(one_line(f"{letter}: {note}"), style="dim") for note, letter in letters.items()]
        parts += [Text(one_line(note), style="dim") for note in notes(part) if not letters]
        parts.append(Text(""))
    return Group(*(parts or [Text("No results to rank.")]))


def _columns(ranking: pd.DataFrame, exploits: pd.DataFrame | None, letters: Mapping[str, str]) -> pd.DataFrame:
    text = headline(ranking, exploits, letters)
    shown: dict[str, Iterable[str]] = {
        "Rank": text["rank"],
        "Agent": text["agent"],
        "Payoff": [" ".join(both).rstrip() for both in zip(text["payoff"], text["interval"], strict=True)],
        "Others": text["others"],
        "Coop.": text["cooperation"],
        "Exploit.": text["exploitability"],
        "Note": text["flag"],
    }
    return pd.DataFrame({name: values for name, values in shown.items() if any(values)}, dtype=str)


def evolved_tables(histories: pd.DataFrame) -> Group:
    """For `rich.print`: what parameters came to in each environment, over replicates at the end."""
    names = ("measure", "start", "end", "tenth", "median", "ninetieth")
    return Group(
        *(
            part
            for label, history in histories.groupby("environment", sort=False)
            for part in _found(f"{label}, what evolved", evolved(history), names)
        )
    )


def population_tables(generations: pd.DataFrame) -> Group:
    """For `rich.print`: who is left of the populations of each environment; of invasions, who took over."""
    parts: list[Table | Text] = []
    for label, mine in generations.groupby("environment", sort=False, observed=True):
        if (shares := final_shares(mine)) is not None:
            columns = ("agent", "start", "end", "second_half")
            parts += _found(f"{label}, shares of the population", shares, columns)
        elif (fixed := fixation(mine)) is not None:
            names = ("mutant", "resident", "neutral", "probability", "low", "high", "verdict")
            parts += _found(f"{label}, probability that one mutant takes over", fixed, names)
    return Group(*parts)


def _found(title: str, finding: Finding, names: Sequence[str], rows: int = ROWS) -> list[Table | Text]:
    """These columns of a finding, and what it says."""
    table = Table(box=None, pad_edge=False)
    for name in names:
        is_text = finding.table[name].dtype.kind not in "fi"
        heading = name.replace("_", " ").capitalize()
        table.add_column(heading, justify="left" if is_text else "right", no_wrap=True, max_width=_WIDTH)
    for values in finding.table[list(names)].head(rows).itertuples(index=False):
        table.add_row(*(f"{one:.3f}" if isinstance(one, float) else Text(one_line(str(one))) for one in values))
    said = [Text(one_line(remark), style="dim") for remark in finding.remarks]
    return [Text(one_line(title), style="bold"), table, *said, Text("")]


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
