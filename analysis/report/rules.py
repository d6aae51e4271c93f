"""The rules of a game, and how much of it was played, as they stand beside its result."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ..game import Game

ACTIONS = ("Cooperate", "Defect")


@dataclass(frozen=True)
class Rules:
    """What a reader has to know of a game."""

    title: str
    """The dilemma, in a sentence."""
    payoffs: Sequence[tuple[str, Sequence[str]]]
    """Own action -> "own, other's" payoff by the other's action; () unless it is a game of R, S, T, P."""
    facts: Mapping[str, str]
    """Parameter, or what was played -> its value."""


def rules(game: Game, parameters: Mapping[str, object], table: pd.DataFrame) -> Rules:
    """The rules of an environment with these parameters, and what its payoff table rests on."""
    values = {name: value for name, value in parameters.items() if name not in ("name", "payoffs")}
    payoffs = parameters.get("payoffs")
    square = _square(payoffs) if game["seats"] == 2 else ()
    facts = {"payoffs": _word(payoffs)} if payoffs is not None and not square else {}
    facts |= {name.replace("_", " "): _word(value) for name, value in values.items()}
    seats = ", ".join(dict.fromkeys(game["roles"]))
    facts |= {"seats": f"{game['seats']}" if seats == "player" else f"{game['seats']} ({seats})"}
    facts |= {"played": "; ".join(_played(table))}
    return Rules(game["title"], square, {name: value for name, value in facts.items() if value})


def _square(payoffs: object) -> Sequence[tuple[str, Sequence[str]]]:
    """The table of a symmetric game of two actions from R, S, T, P."""
    if not isinstance(payoffs, Sequence) or len(payoffs) != 4:
        return ()
    if not all(isinstance(value, int | float) for value in payoffs):
        return ()
    reward, sucker, temptation, punishment = payoffs
    pairs = ((reward, reward), (sucker, temptation)), ((temptation, sucker), (punishment, punishment))
    return [
        (action, [f"{own:g}, {other:g}" for own, other in row]) for action, row in zip(ACTIONS, pairs, strict=True)
    ]


def _word(value: object) -> str:
    if isinstance(value, float):
        return "no end" if math.isinf(value) else f"{value:g}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None or value == "" else str(value)


def _played(table: pd.DataFrame) -> Iterator[str]:
    """How many of the table's rows are exact, played or learned, and in how many matches each."""
    for how, rows in table.groupby("how", sort=False, observed=True):
        count = "1 pair" if len(rows) == 1 else f"{len(rows):,} pairs"
        if how == "exact":
            yield f"{count} exact"
        else:
            least, most = int(rows["matches"].min()), int(rows["matches"].max())
            each = f"{least:,}" if least == most else f"{least:,} to {most:,}"
            yield f"{count} {how}, {each} match{'' if most == 1 else 'es'} each"
