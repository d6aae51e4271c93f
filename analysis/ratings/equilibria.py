"""Nash equilibria of small empirical games, by Nashpy if it is installed."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ...chapter_columns import EQUILIBRIA
from ..arrays import Numbers
from ..finding import Finding
from ..report.chapters import Chapter, Evidence
from .normal_form import payoff_tensor, symmetric_game

COLUMNS = EQUILIBRIA.without("environment", "role")
CHAPTER_AGENTS = 6
"""The largest league for which the report has this chapter."""
MAX_STRATEGIES = 7
"""Largest number of strategies of a player. Enumerating supports takes four times as long for each more."""


def nash_equilibria(payoffs: ArrayLike, names: Sequence[Sequence[str]]) -> Finding:
    """Equilibria of a two-player game [2, n, m], by support enumeration; `names` has each player's strategies.

    A row for each equilibrium, player and strategy in its support: the probability and the player's payoff.
    `symmetric` marks equilibria in which both players use the same mixture.
    """
    tensor = payoff_tensor(payoffs)
    empty = pd.DataFrame({name: [] for name in COLUMNS})
    if len(tensor) != 2:
        return Finding(empty, (f"Nash equilibria are listed for two players only, not {len(tensor)}.",))
    size = max(tensor.shape[1:])
    if size > MAX_STRATEGIES:
        return Finding(
            empty,
            (
                f"Nash equilibria are listed for at most {MAX_STRATEGIES} strategies a player, not {size}: keep "
                "those that do well, or read the deviation ratings.",
            ),
        )
    if importlib.util.find_spec("nashpy") is None:
        return Finding(empty, ("Nash equilibria need Nashpy: pip install nashpy.",))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of an even number of equilibria; the remark below says so
        game = importlib.import_module("nashpy").Game(*tensor)
        found = _distinct([(np.asarray(x), np.asarray(y)) for x, y in game.support_enumeration()])
    rows = []
    for number, pair in enumerate(found, 1):
        symmetric = len(pair[0]) == len(pair[1]) and np.allclose(pair[0], pair[1], atol=1e-9)
        for player in (0, 1):
            payoff = float(pair[0] @ tensor[player] @ pair[1])
            for strategy in np.flatnonzero(pair[player] > 1e-12).tolist():
                probability = float(pair[player][strategy])
                rows.append((number, player, names[player][strategy], probability, payoff, symmetric))
    remarks = []
    if len(found) % 2 == 0:
        remarks.append(
            f"{len(found)} equilibria were found, an even number: the game is degenerate and has further ones."
        )
    return Finding(pd.DataFrame(rows, columns=list(COLUMNS)), tuple(remarks))


def _distinct(pairs: list[tuple[Numbers, Numbers]]) -> list[tuple[Numbers, Numbers]]:
    kept: list[tuple[Numbers, Numbers]] = []
    for pair in pairs:
        if not any(np.allclose(pair[0], x, atol=1e-9) and np.allclose(pair[1], y, atol=1e-9) for x, y in kept):
            kept.append(pair)
    return kept


def _compute(evidence: Evidence) -> Finding | None:
    several = 2 <= len(evidence.names) <= CHAPTER_AGENTS
    if not several or np.isnan(evidence.matrix).any() or importlib.util.find_spec("nashpy") is None:
        return None
    return nash_equilibria(symmetric_game(evidence.matrix), [evidence.names] * 2)


CHAPTERS = (
    Chapter(
        "equilibria",
        "Nash equilibria",
        "Equilibria of the game in which each of two players chooses an agent: the payoff table, by Nashpy.",
        _compute,
        square=True,
    ),
)
