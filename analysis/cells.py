"""The rows of a run, sorted into cells: what each agent earned with each partner, match by match.

A cell is (agent, partner, role, k): who earned, with whom, as what, and in how many seats of the match. Within a
match the seats of one agent and role are averaged: matches are what is independent. Roles that the same agents
take are one *league*, and each league is judged by itself.

The partner is the opponent, the other agent of a match. Where three agents or more meet, it is the *company*: who
sits on all the other chairs.
"""

from __future__ import annotations

from collections import Counter
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
Member: TypeAlias = tuple[int, str]
"""The first seat of a role, or `ANY_SEAT`, and the label of an agent in it."""


class Game(TypedDict):
    """What the analysis needs to know of an environment."""

    roles: Sequence[str]
    """Of each seat; seats of one role are interchangeable."""
    seats: int
    title: str
    leagues: NotRequired[Sequence[Sequence[str]]]
    """The roles that the same agents may take, together; where left out, those in which the same agents sit."""
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
    """One league's cells in an environment, sorted by agent, partner, role and k; in each, matches by identity.

    Rows of a match in a cell are neighbours, and so are the matches of a cell: every sum is one `reduceat`.
    """

    environment: str
    league: str
    """Its roles, joined by "and"."""
    label: str
    """The environment, and the league where there are several."""
    roles: Sequence[str]
    """As in `Game`; () where nothing is known of it."""
    agents: pd.Index[str]
    """Labels of all agents; `agent` are indices into them."""
    partners: pd.Index[str]
    """Labels of all partners, agents or companies; `partner` are indices into them."""
    members: Sequence[Mapping[Member, int]]
    """How many chairs each member has in each company [partner]; () where partners are opponents."""
    square: bool
    """Whether partners are the agents themselves, who may all meet each other."""
    agent: Indices
    partner: Indices
    seat: Indices
    """The first seat of the role; `ANY_SEAT` where all seats are interchangeable."""
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
        """The agents that are judged, as indices into `agents`."""
        return np.union1d(self.agent, self.partner) if self.square else np.unique(self.agent)

    @property
    def field(self) -> Indices:
        """The partners that they met, as indices into `partners`."""
        return self.roster if self.square else np.unique(self.partner)

    @property
    def shape(self) -> tuple[int, int]:
        """How many agents there are, and how many partners."""
        return len(self.roster), len(self.field)

    @property
    def at(self) -> tuple[Indices, Indices]:
        """The place of each cell's agent in the roster, and of its partner in the field [cell]."""
        return np.searchsorted(self.roster, self.agent), np.searchsorted(self.field, self.partner)

    @property
    def alone(self) -> Flags:
        """Whether a cell is one of self-play [cell]."""
        return np.asarray(self.square & (self.agent == self.partner), dtype=np.bool_)

    @property
    def role_names(self) -> list[str]:
        """What the agent is in each cell [cell]."""
        return [self.league if seat == ANY_SEAT else self.roles[seat] for seat in self.seat.tolist()]

    @property
    def seat_names(self) -> list[str]:
        """The seats that each cell is of [cell]; "any" where all are alike."""
        return seat_names(self.seat, self.roles)

    @property
    def share(self) -> Numbers:
        """The weight of a cell among those of its agent and partner, which count as one [cell]."""
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


def role_places(seat: Indices, game: Game | None) -> Indices:
    """The first seat of the role of each `seat`; `ANY_SEAT` where there is one role."""
    roles = list(game["roles"]) if game else []
    if len(set(roles)) < 2:
        return np.full(len(seat), ANY_SEAT)
    first = {role: place for place, role in reversed(list(enumerate(roles)))}
    return np.array([first[role] for role in roles], dtype=np.int64)[seat]


def seat_names(first: Indices, roles: Sequence[str]) -> list[str]:
    """The seats of each role, which is given by its `first` one; "any" for all seats."""
    by_role: dict[str, list[int]] = {}
    for seat, role in enumerate(roles):
        by_role.setdefault(role, []).append(seat)
    names = {ANY_SEAT: "any", **{own[0]: ", ".join(map(str, own)) for own in by_role.values()}}
    return [names[seat] for seat in first.tolist()]


def leagues(seats: pd.DataFrame, games: Mapping[str, Game]) -> pd.Categorical:
    """The league of each row, as `Cells.league`."""
    names = np.full(len(seats), "", dtype=object)
    for part in _parts(seats, games):
        names[part.rows[part.mine]] = part.name
    return pd.Categorical(names, list(dict.fromkeys(names)))


@dataclass(frozen=True)
class _League:
    """Roles that the same agents take, and the rows of their environment."""

    environment: str
    name: str
    alone: bool
    """Whether it is the only one there."""
    rows: Indices
    """All of the environment."""
    place: Indices
    """`role_places` of those."""
    mine: Flags
    """Which of them are of the league."""


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

    Rows without a payoff are left out. Where a cell is known exactly, so are its played matches.
    """
    agents = pd.Index(seats["agent"].cat.categories.astype(str))
    opponents = pd.Index(seats["opponent"].cat.categories.astype(str))
    agents = agents.append(opponents.difference(agents, sort=False))
    opponent_codes = np.append(agents.get_indexer(opponents), -1)  # who has none has the code -1
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
        )


def _companies(
    seats: pd.DataFrame, game: Game | None, agents: pd.Index[str]
) -> tuple[Indices, pd.Index[str], tuple[Mapping[Member, int], ...]]:
    """The company of each row of one environment; the label of each, such as "2 payer: all_c", and its members."""
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
        said = list[str]()
        for (place, label), times in count.items():
            role = f"{game['roles'][place]}: " if game and place != ANY_SEAT else ""
            said.append(f"{times} {role}{label}" if times > 1 else f"{role}{label}")
        names.append(", ".join(said))
        members.append(count)
    return which.reshape(-1), pd.Index(names, dtype=object), tuple(members)


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
