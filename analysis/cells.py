"""The rows of a run, sorted into cells: what each agent earned with each partner, match by match.

A cell is (agent, opponent, seat, k): `seat` counts only where the game is asymmetric, and `k` is how many
seats of the match the agent holds. Within a match the seats of one agent are averaged: matches are what is
independent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NotRequired, TypeAlias, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

ANY_SEAT = -1


class Game(TypedDict):
    """What the analysis needs to know of an environment."""

    symmetric: bool
    seats: int
    title: str
    optimum: NotRequired[float | None]
    """The largest mean payoff per round of all seats, where it is known."""
    extremes: NotRequired[Sequence[float] | None]
    """The least and the largest payoff that a seat can have in a round, where they are known."""
    note: NotRequired[str]
    """What else must be said of it."""
    shares: NotRequired[Mapping[str, Sequence[str]]]
    """Name -> two measures (part, whole): how large a share of all of one the other is."""
    versions: NotRequired[Mapping[str, str]]
    """Label -> of what it is a version, for agents that are checkpoints or parametrisations of one thing."""
    board: NotRequired[bool]
    """Whether there is something to look at."""


@dataclass(frozen=True)
class Cells:
    """One environment's cells, sorted by agent, opponent, seat and k; in each, matches by identity.

    Rows of a match in a cell are neighbours, and so are the matches of a cell: every sum is one `reduceat`.
    """

    environment: str
    agents: pd.Index[str]
    """Labels of all agents; `agent` and `opponent` are indices into them."""
    agent: Indices
    opponent: Indices
    seat: Indices
    """`ANY_SEAT` where seats are interchangeable."""
    k: Indices
    how: NDArray[np.str_]
    seats: pd.DataFrame
    rows: Indices
    """Which rows of `seats`, in order."""
    match_starts: Indices
    """Where each match begins in `rows`."""
    cell_starts: Indices
    """Where each cell begins in `match_starts`."""
    extremes: tuple[float, float]
    """The least and the largest payoff per round that there can be, or, where the game doesn't tell, that there
    was, and 0."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """As in `Game`."""

    @property
    def exact(self) -> Flags:
        """Whether a cell is an expectation, without sampling error [cell]."""
        return np.asarray(self.how == "exact", dtype=np.bool_)

    @property
    def matches(self) -> Indices:
        """How many there are in each cell; an expectation counts as one here."""
        return np.diff(self.cell_starts, append=len(self.match_starts))

    @property
    def seats_held(self) -> Indices:
        """How many seats the agent has in each match [match]."""
        return np.diff(self.match_starts, append=len(self.rows))

    @property
    def roster(self) -> Indices:
        """The agents that sit in this environment, as indices into `agents`."""
        return np.union1d(self.agent, self.opponent)

    @property
    def share(self) -> Numbers:
        """The weight of a cell among those of its agent and opponent, which count as one [cell]."""
        pair = self.agent * len(self.agents) + self.opponent
        _, which, together = np.unique(pair, return_inverse=True, return_counts=True)
        return np.asarray(1.0 / together[which], dtype=np.float64)

    def among(self, agents: Indices, partners: Indices) -> Cells:
        """The cells of these agents with these partners; indices into `self.agents`."""
        keep = np.isin(self.agent, agents) & np.isin(self.opponent, partners)
        if keep.all():
            return self
        matches = np.repeat(keep, self.matches)
        seats = self.seats_held
        return replace(
            self,
            **{name: getattr(self, name)[keep] for name in ("agent", "opponent", "seat", "k", "how")},
            rows=self.rows[np.repeat(matches, seats)],
            match_starts=_starts(seats[matches]),
            cell_starts=_starts(self.matches[keep]),
        )

    def column(self, name: str) -> Numbers:
        """A column of `seats` [row], in order; NaN where there is none."""
        if name not in self.seats:
            return np.full(len(self.rows), np.nan)
        return self.seats[name].to_numpy()[self.rows].astype(np.float64, copy=False)

    def weights(self) -> Numbers:
        """Discounted rounds behind each row; 1 for an expectation, whose horizon may be infinite."""
        row_starts = self.match_starts[self.cell_starts]
        exact = np.repeat(self.exact, np.diff(row_starts, append=len(self.rows)))
        return np.where(exact, 1.0, self.column("weight"))

    def per_match(self, values: Numbers) -> Numbers:
        """The mean over the agent's seats in each match, of values [row]."""
        mean: Numbers = np.add.reduceat(values, self.match_starts) / self.seats_held
        return mean

    def per_cell(self, values: Numbers) -> Numbers:
        """Sums over the matches of each cell, of values [match]."""
        total: Numbers = np.add.reduceat(values, self.cell_starts)
        return total


def _starts(lengths: Indices) -> Indices:
    return np.cumsum(lengths) - lengths


def environments(seats: pd.DataFrame, games: Mapping[str, Game]) -> Iterator[Cells]:
    """The cells of each environment that has results, in the order of the categories.

    Rows without a payoff are left out. Where a cell is known exactly, so are its played matches.
    """
    agents = pd.Index(seats["agent"].cat.categories.astype(str))
    opponents = pd.Index(seats["opponent"].cat.categories.astype(str))
    agents = agents.append(opponents.difference(agents, sort=False))
    opponent_codes = agents.get_indexer(opponents)
    exact = (seats["how"] == "exact").to_numpy()
    usable = np.isfinite(seats["payoff"].to_numpy()) & (exact | (seats["weight"].to_numpy() > 0))
    environment = seats["environment"].cat.codes.to_numpy()
    for code, label in enumerate(seats["environment"].cat.categories.astype(str)):
        rows = np.flatnonzero(usable & (environment == code))
        if not len(rows):
            continue
        agent = seats["agent"].cat.codes.to_numpy()[rows].astype(np.int64)
        opponent = opponent_codes[seats["opponent"].cat.codes.to_numpy()[rows]]
        k = seats["k"].to_numpy()[rows].astype(np.int64)
        seat = seats["seat"].to_numpy()[rows].astype(np.int64)
        if label not in games or games[label]["symmetric"]:
            seat[:] = ANY_SEAT
        radix = (len(agents), len(agents), int(seat.max()) + 2, int(k.max()) + 1)
        key = np.ravel_multi_index((agent, opponent, seat - ANY_SEAT, k), radix)
        key, rows = _exact_first(key, rows, exact[rows])
        order = np.lexsort((seats["seat"].to_numpy()[rows], seats["match"].to_numpy()[rows], key))
        key, rows = key[order], rows[order]
        match = seats["match"].to_numpy()[rows]
        new_cell = np.diff(key, prepend=-1) != 0
        match_starts = np.flatnonzero(new_cell | (np.diff(match, prepend=match[0]) != 0))
        cell_starts = np.flatnonzero(new_cell[match_starts])
        first = match_starts[cell_starts]
        agent, opponent, seat, k = (index.astype(np.int64) for index in np.unravel_index(key[first], radix))
        how = np.asarray(seats["how"].iloc[rows[first]].astype(str), dtype=np.str_)
        yield Cells(
            environment=label,
            agents=agents,
            agent=agent,
            opponent=opponent,
            seat=seat + ANY_SEAT,
            k=k,
            how=how,
            seats=seats,
            rows=rows,
            match_starts=match_starts,
            cell_starts=cell_starts,
            versions=games[label].get("versions", {}) if label in games else {},
            extremes=_extremes(games[label].get("extremes") if label in games else None, seats, rows),
        )


def _exact_first(key: NDArray[Any], rows: Indices, exact: Flags) -> tuple[NDArray[Any], Indices]:
    """Leave out the played rows of cells that also have an exact one."""
    if exact.all() or not exact.any():
        return key, rows
    keep = exact | ~np.isin(key, key[exact])
    return key[keep], rows[keep]


def _extremes(told: Sequence[float] | None, seats: pd.DataFrame, rows: Indices) -> tuple[float, float]:
    """The game's own extremes, or those of these rows with 0 among them; NaN where all of them paid 0."""
    if told is not None:
        return float(told[0]), float(told[1])
    payoff = seats["payoff"].to_numpy()[rows]
    least, most = min(0.0, float(payoff.min())), max(0.0, float(payoff.max()))
    return (least, most) if least < most else (np.nan, np.nan)
