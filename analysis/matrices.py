"""The payoff table of a two-player game as matrices, as solvers of games take them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .arrays import Numbers
from .game import Game


@dataclass(frozen=True, eq=False)
class GameMatrices:
    """The game between the agents of an environment: who to enter, as row and as column."""

    environment: str
    rows: list[str]
    columns: list[str]
    row_payoffs: Numbers
    """A [row agent, column agent]; NaN if they never met."""
    column_payoffs: Numbers
    """B, alike; A transposed where the seats are alike."""


def game_matrices(payoffs: pd.DataFrame, games: Mapping[str, Game]) -> Iterator[GameMatrices]:
    """The matrices of each environment with two seats, from the payoff table of a run."""
    for environment, part in payoffs.groupby("environment", observed=True, sort=False):
        if games[str(environment)]["seats"] != 2:
            continue
        part = part.assign(**{name: part[name].astype(str) for name in ("agent", "opponent", "seat")})
        if set(part["seat"]) == {"any"}:
            names = list(dict.fromkeys((*part["agent"], *part["opponent"])))
            own = _matrix(part, "agent", "opponent").reindex(index=names, columns=names)
            other = own.T
        else:
            own = _matrix(part[part["seat"] == "0"], "agent", "opponent")
            other = _matrix(part[part["seat"] == "1"], "opponent", "agent").reindex(own.index, columns=own.columns)
        yield GameMatrices(
            str(environment),
            [str(name) for name in own.index],
            [str(name) for name in own.columns],
            own.to_numpy(np.float64),
            other.to_numpy(np.float64),
        )


def _matrix(part: pd.DataFrame, rows: str, columns: str) -> pd.DataFrame:
    """Payoffs by two columns of labels, in the order of their first appearance."""
    order = [list(dict.fromkeys(part[name])) for name in (rows, columns)]
    table = part.pivot(index=rows, columns=columns, values="payoff")
    return table.reindex(index=order[0], columns=order[1])
