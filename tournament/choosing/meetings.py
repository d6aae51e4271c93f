"""Meetings: the matches of a chooser with one candidate, as the chooser knows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...columns import SEATS

if TYPE_CHECKING:
    import pandas as pd

    from ...envs.environment import Environment
    from ..plan import Plan

Indices: TypeAlias = NDArray[np.int64]
Numbers: TypeAlias = NDArray[np.float64]
T = TypeVar("T", np.float64, np.int64)
Measures: TypeAlias = Mapping[str, Numbers]
"""Means per round of one seat [path, match], by name; NaN where the game has none. Shares are among them."""


@dataclass(frozen=True, eq=False)
class Meetings:
    """The matches of a chooser with a candidate, in paths of several: everything is [path, match].

    A match that was not played (it failed) has NaN for every measure.
    """

    chooser: int
    """Index of the plan's entrants, as is `candidate`."""
    candidate: int
    key: Indices
    """The identity of each match."""
    run: Indices
    """The trained run of a candidate that is a checkpoint; -1 for other agents."""
    own: Measures
    """The chooser's payoff, cooperation, measures and shares."""
    partner: Measures
    """The candidate's, as far as the game lets the chooser see them."""
    partner_payoff: Numbers
    """The candidate's payoff, seen or not."""


def kindness(game: Environment) -> str:
    """The measure that counts as kindness of a player where none is named: the game's first share, else
    cooperation."""
    return next(iter(game.shares), "cooperation")


def meetings(
    plan: Plan, setting: int, rows: pd.DataFrame, pairs: Indices, paths: int, matches: int
) -> Iterator[Meetings]:
    """What there is in the rows of a run of each pair (chooser, candidate) [pair, 2] of entrants.

    The match number m of path p is repetition p * matches + m of the pair.
    """
    game = plan.settings[setting].game
    here = _played(rows, plan.settings[setting].label, paths * matches).sort_values(["match", "seat"])
    agent = _entrants(here, plan).reshape(-1, 2)
    repetition = here["repetition"].to_numpy(np.int64)[::2]
    run = here["run"].to_numpy(np.int64) if "run" in here else np.full(len(here), -1)
    measured = {name: values.reshape(-1, 2) for name, values in _measures(here, game).items()}
    seen = {"payoff": "others_rewards" in game.grants}
    for chooser, candidate in pairs.tolist():
        met = (agent == (chooser, candidate)).all(axis=1) | (agent == (candidate, chooser)).all(axis=1)
        seat, when = (agent[met, 0] != chooser).astype(np.int64), repetition[met]
        each = np.arange(len(seat))

        def of(values: Numbers, seat: Indices, when: Indices = when, each: Indices = each) -> Numbers:
            return _grid(values[each, seat], when, paths, matches)

        own = {name: of(values[met], seat) for name, values in measured.items()}
        other = {name: of(values[met], 1 - seat) for name, values in measured.items()}
        hidden = np.full((paths, matches), np.nan)
        visible = "others_actions" in game.grants
        yield Meetings(
            chooser,
            candidate,
            _grid(here["match"].to_numpy(np.int64)[::2][met], when, paths, matches, 0),
            _grid(run.reshape(-1, 2)[met][each, 1 - seat], when, paths, matches, -1),
            own,
            {name: values if seen.get(name, visible) else hidden for name, values in other.items()},
            other["payoff"],
        )


def alone(plan: Plan, setting: int, rows: pd.DataFrame, agent: int, paths: int, matches: int) -> Numbers:
    """An agent's payoff in its matches alone [path, match]; NaN where they were not played."""
    here = _played(rows, plan.settings[setting].label, paths * matches)
    own = here[_entrants(here, plan) == agent]
    return _grid(own["payoff"].to_numpy(np.float64), own["repetition"].to_numpy(np.int64), paths, matches)


def _played(rows: pd.DataFrame, environment: str, repetitions: int) -> pd.DataFrame:
    """The rows of the first so many repetitions in an environment."""
    return rows[(rows["environment"] == environment) & rows["repetition"].between(0, repetitions - 1)]


def _entrants(rows: pd.DataFrame, plan: Plan) -> Indices:
    """The plan's entrant of each row."""
    place = {entrant.label: index for index, entrant in enumerate(plan.entrants)}
    return np.array([place[label] for label in rows["agent"]], dtype=np.int64)


def _measures(rows: pd.DataFrame, game: Environment) -> dict[str, Numbers]:
    """What is measured of each row, and the game's shares."""
    further = [str(name) for name in rows if name not in SEATS.names]
    names = ["payoff", "cooperation", *further]
    found = {name: rows[name].to_numpy(np.float64) for name in names if rows[name].dtype.kind in "fiu"}
    with np.errstate(invalid="ignore", divide="ignore"):
        return found | {
            name: np.where(found[whole] > 0, found[part] / found[whole], np.nan)
            for name, (part, whole) in game.shares.items()
        }


def _grid(
    values: NDArray[T], repetition: Indices, paths: int, matches: int, missing: float = np.nan
) -> NDArray[T]:
    """Values by their repetition [path, match]."""
    found = np.full(paths * matches, missing, dtype=values.dtype)
    found[repetition] = values
    return found.reshape(paths, matches)
