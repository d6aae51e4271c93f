"""Cells: the rows of a run, grouped by agent and partner; payoffs match by match.

A cell is (agent, partner, role, k): the agent that earned, its partner, its role, and the number k of seats that
it had in the match. Within a match the seats of one agent and role are averaged, because matches are the
independent units. Roles that are taken by the same agents form a *league*; each league is ranked separately.

The partner is the opponent: the other agent of the match. In matches of three or more agents it is the *company*:
the agents on all other chairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .arrays import Flags, Indices, Numbers
from .game import ANY_SEAT, Game, role_places, seat_names

Member: TypeAlias = tuple[int, str]
"""The first seat of a role, or `ANY_SEAT`, and the label of an agent in it."""


@dataclass(frozen=True)
class Cells:
    """The cells of one league in an environment, sorted by agent, partner, role and k; within a cell, matches by
    identity.

    The rows of a match are adjacent within a cell, and so are the matches of a cell: every sum is one `reduceat`.
    """

    environment: str
    league: str
    """Its roles, joined by "and"."""
    label: str
    """The environment, and the league if there are several."""
    roles: Sequence[str]
    """As in `Game`; () if unknown."""
    agents: pd.Index[str]
    """Labels of all agents; `agent` are indices into them."""
    partners: pd.Index[str]
    """Labels of all partners, agents or companies; `partner` are indices into them."""
    members: Sequence[Mapping[Member, int]]
    """Number of chairs of each member in each company [partner]; () if partners are opponents."""
    square: bool
    """Whether the partners are the ranked agents themselves, so that the payoff table is square."""
    agent: Indices
    partner: Indices
    seat: Indices
    """The first seat of the role; `ANY_SEAT` if all seats are interchangeable."""
    k: Indices
    how: NDArray[np.str_]
    seats: pd.DataFrame
    rows: Indices
    """Indices of rows of `seats`, in order."""
    match_starts: Indices
    """Where each match begins in `rows`."""
    cell_starts: Indices
    """Where each cell begins in `match_starts`."""
    extremes: tuple[float, float]
    """The smallest and largest possible payoff per round. If the game does not declare them: those observed, with
    0 included."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """As in `Game`."""
    declared: bool = False
    """Whether the game declares its extremes."""

    @property
    def exact(self) -> Flags:
        """Whether a cell is an exact expectation, without sampling error [cell]."""
        return np.asarray(self.how == "exact", dtype=np.bool_)

    @property
    def matches(self) -> Indices:
        """Number of matches of each cell; an expectation counts as one here."""
        return np.diff(self.cell_starts, append=len(self.match_starts))

    @property
    def seats_held(self) -> Indices:
        """Number of seats of the agent in each match [match]."""
        return np.diff(self.match_starts, append=len(self.rows))

    @property
    def roster(self) -> Indices:
        """The ranked agents, as indices into `agents`."""
        return np.union1d(self.agent, self.partner) if self.square else np.unique(self.agent)

    @property
    def field(self) -> Indices:
        """The partners that were met, as indices into `partners`."""
        return self.roster if self.square else np.unique(self.partner)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of agents and number of partners."""
        return len(self.roster), len(self.field)

    @property
    def positions(self) -> tuple[Indices, Indices]:
        """Position of each cell's agent in the roster, and of its partner in the field [cell]."""
        return np.searchsorted(self.roster, self.agent), np.searchsorted(self.field, self.partner)

    @property
    def self_play(self) -> Flags:
        """Whether a cell is self-play [cell]."""
        return np.asarray(self.square & (self.agent == self.partner), dtype=np.bool_)

    @property
    def role_names(self) -> list[str]:
        """The role of the agent in each cell [cell]."""
        return [self.league if seat == ANY_SEAT else self.roles[seat] for seat in self.seat.tolist()]

    @property
    def seat_names(self) -> list[str]:
        """The seats of each cell [cell]; "any" if all are interchangeable."""
        return seat_names(self.seat, self.roles)

    @property
    def share(self) -> Numbers:
        """Weight of a cell among the cells of the same agent and partner; these weights sum to 1 [cell]."""
        pair = self.agent * len(self.partners) + self.partner
        _, which, together = np.unique(pair, return_inverse=True, return_counts=True)
        return np.asarray(1.0 / together[which], dtype=np.float64)

    def among(self, agents: Indices, partners: Indices) -> Cells:
        """The cells of these agents with these partners; indices into `self.agents` and `self.partners`."""
        keep = np.isin(self.agent, agents) & np.isin(self.partner, partners)
        if keep.all():
            return self
        matches = np.repeat(keep, self.matches)
        seats = self.seats_held
        return replace(
            self,
            **{name: getattr(self, name)[keep] for name in ("agent", "partner", "seat", "k", "how")},
            rows=self.rows[np.repeat(matches, seats)],
            match_starts=_starts(seats[matches]),
            cell_starts=_starts(self.matches[keep]),
        )

    def column(self, name: str) -> Numbers:
        """A column of `seats` [row], in order; NaN if there is no such column."""
        if name not in self.seats:
            return np.full(len(self.rows), np.nan)
        return self.seats[name].to_numpy()[self.rows].astype(np.float64, copy=False)

    def weights(self) -> Numbers:
        """Number of discounted rounds behind each row; 1 for an expectation, whose horizon may be infinite."""
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


def leagues(seats: pd.DataFrame, games: Mapping[str, Game]) -> pd.Categorical:
    """The league of each row, as `Cells.league`."""
    names = np.full(len(seats), "", dtype=object)
    for part in _parts(seats, games):
        names[part.rows[part.mine]] = part.name
    return pd.Categorical(names, list(dict.fromkeys(names)))


@dataclass(frozen=True)
class _League:
    """Roles that are taken by the same agents, and the rows of their environment."""

    environment: str
    name: str
    alone: bool
    """Whether it is the only league of the environment."""
    rows: Indices
    """All rows of the environment."""
    place: Indices
    """`role_places` of these rows."""
    mine: Flags
    """Which of these rows belong to the league."""


def _parts(seats: pd.DataFrame, games: Mapping[str, Game]) -> Iterator[_League]:
    """The leagues of each environment, in the order of the categories, then of seats."""
    environment, agent = (seats[name].cat.codes.to_numpy() for name in ("environment", "agent"))
    for code, label in enumerate(seats["environment"].cat.categories.astype(str)):
        rows = np.flatnonzero(environment == code)
        game = games.get(label)
        place = role_places(seats["seat"].to_numpy()[rows].astype(np.int64), game)
        roles = list(game["roles"]) if game else ["player"]
        takers = dict[object, list[int]]()
        for first in np.unique(place).tolist():
            sitting = tuple(np.unique(agent[rows[place == first]]).tolist())
            takers.setdefault(_declared(game, roles[max(first, 0)]) or sitting, []).append(first)
        for of in takers.values():
            name = " and ".join(roles[max(first, 0)] for first in of)
            yield _League(label, name, len(takers) == 1, rows, place, np.isin(place, of))


def _declared(game: Game | None, role: str) -> str:
    """The league of a role where the game says it."""
    leagues = game.get("leagues", ()) if game else ()
    return next(("+".join(league) for league in leagues if role in league), "")


def cells_by_league(seats: pd.DataFrame, games: Mapping[str, Game]) -> Iterator[Cells]:
    """The cells of each league of each environment that has results, in the order of the categories.

    Rows without a payoff are left out. If a cell is known exactly, its played matches are left out too.
    """
    agents = pd.Index(seats["agent"].cat.categories.astype(str))
    opponents = pd.Index(seats["opponent"].cat.categories.astype(str))
    agents = agents.append(opponents.difference(agents, sort=False))
    opponent_codes = np.append(agents.get_indexer(opponents), -1)  # a missing opponent has the code -1
    exact = (seats["how"] == "exact").to_numpy()
    usable = np.isfinite(seats["payoff"].to_numpy()) & (exact | (seats["weight"].to_numpy() > 0))
    for part in _parts(seats, games):
        here = part.mine & usable[part.rows]
        if not here.any():
            continue
        game = games.get(part.environment)
        rows = part.rows[here]
        agent = seats["agent"].cat.codes.to_numpy()[rows].astype(np.int64)
        partner = opponent_codes[seats["opponent"].cat.codes.to_numpy()[part.rows]]
        partners, members = agents, tuple[Mapping[Member, int], ...]()
        if (partner < 0).any():
            partner, partners, members = _companies(seats.iloc[part.rows], game, agents)
        partner, seat = partner[here], part.place[here]
        k = seats["k"].to_numpy()[rows].astype(np.int64)
        radix = (len(agents), len(partners), int(seat.max()) + 2, int(k.max()) + 1)
        key = np.ravel_multi_index((agent, partner, seat - ANY_SEAT, k), radix)
        key, rows = _exact_first(key, rows, exact[rows])
        order = np.lexsort((seats["seat"].to_numpy()[rows], seats["match"].to_numpy()[rows], key))
        key, rows = key[order], rows[order]
        match = seats["match"].to_numpy()[rows]
        new_cell = np.diff(key, prepend=-1) != 0
        match_starts = np.flatnonzero(new_cell | (np.diff(match, prepend=match[0]) != 0))
        cell_starts = np.flatnonzero(new_cell[match_starts])
        first = match_starts[cell_starts]
        agent, partner, seat, k = (index.astype(np.int64) for index in np.unravel_index(key[first], radix))
        yield Cells(
            environment=part.environment,
            league=part.name,
            label=part.environment if part.alone else f"{part.environment}: {part.name}",
            roles=list(game["roles"]) if game else (),
            agents=agents,
            partners=partners,
            members=members,
            square=part.alone and not members,
            agent=agent,
            partner=partner,
            seat=seat + ANY_SEAT,
            k=k,
            how=np.asarray(seats["how"].iloc[rows[first]].astype(str), dtype=np.str_),
            seats=seats,
            rows=rows,
            match_starts=match_starts,
            cell_starts=cell_starts,
            versions=game.get("versions", {}) if game else {},
            extremes=_extremes(game.get("extremes") if game else None, seats, rows),
            declared=bool(game and game.get("extremes") is not None),
        )


def _companies(
    seats: pd.DataFrame, game: Game | None, agents: pd.Index[str]
) -> tuple[Indices, pd.Index[str], tuple[Mapping[Member, int], ...]]:
    """The company of each row of one environment, the label of each company, such as "2 payer: all_c", and its
    members."""
    _, match = np.unique(seats["match"].to_numpy(), return_inverse=True)
    seat, agent = seats["seat"].to_numpy().astype(np.int64), seats["agent"].cat.codes.to_numpy().astype(np.int64)
    sitting = np.full((match.max() + 1, seat.max() + 1), -1)
    sitting[match, seat] = (role_places(seat, game) - ANY_SEAT) * len(agents) + agent
    others = np.where(np.arange(sitting.shape[1]) == seat[:, None], -1, sitting[match])
    known, which = np.unique(np.sort(others, 1), axis=0, return_inverse=True)
    names, members = list[str](), list[Mapping[Member, int]]()
    for company in known.tolist():
        chairs = (divmod(chair, len(agents)) for chair in company if chair >= 0)
        count = Counter((place + ANY_SEAT, str(agents[who])) for place, who in chairs)
        remarks = list[str]()
        for (place, label), times in count.items():
            role = f"{game['roles'][place]}: " if game and place != ANY_SEAT else ""
            remarks.append(f"{times} {role}{label}" if times > 1 else f"{role}{label}")
        names.append(", ".join(remarks))
        members.append(count)
    return which.reshape(-1), pd.Index(names, dtype=object), tuple(members)


def _exact_first(key: NDArray[Any], rows: Indices, exact: Flags) -> tuple[NDArray[Any], Indices]:
    """Drop the played rows of cells that also have an exact row."""
    if exact.all() or not exact.any():
        return key, rows
    keep = exact | ~np.isin(key, key[exact])
    return key[keep], rows[keep]


def _extremes(declared: Sequence[float] | None, seats: pd.DataFrame, rows: Indices) -> tuple[float, float]:
    """The declared extremes, or those of these rows together with 0; NaN if all payoffs are 0."""
    if declared is not None:
        return float(declared[0]), float(declared[1])
    payoff = seats["payoff"].to_numpy()[rows]
    least, most = min(0.0, float(payoff.min())), max(0.0, float(payoff.max()))
    return (least, most) if least < most else (np.nan, np.nan)
