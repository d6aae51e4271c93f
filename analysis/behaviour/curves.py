"""Learning curves: payoff, cooperation and reported metrics during learning, and their late means.

A curve belongs to an agent, its opponent and its role; several other agents in a match count as one opponent.
Within a match the seats of one agent and role are averaged, because matches are the independent units.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...chapter_columns import CURVES, POLICIES
from ..arrays import Indices, Numbers
from ..game import ANY_SEAT, Game, role_places, seat_names
from ..statistics.bands import Bands, bands
from ..statistics.tails import CONFIDENCE, t_ppf

POINTS = 200
"""Curves with more points are averaged over neighbouring points, so that at most this many remain."""
LATE = 0.1
"""The share of points, at the end, that forms the late window."""
POLICY = ("p_start", "p_cc", "p_cd", "p_dc", "p_dd")
"""Measures: the probability to cooperate at the start and after the last moves (own, other's)."""
OTHERS = "others"
"""The label that stands for the opponent if there are several."""
IDENTITY = ("environment", "agent", "opponent", "seat")
COLUMNS = CURVES.names
LATE_COLUMNS = POLICIES.names
_GIVEN = {*IDENTITY, "match", "repetition", "point"}


@dataclass(frozen=True)
class Curves:
    """One environment's curves, sorted by agent, opponent and seat; in each, matches by identity."""

    environment: str
    agents: pd.Index[str]
    """Labels of all agents; `agent` and `opponent` are indices into them."""
    agent: Indices
    opponent: Indices
    seat: Indices
    """The first seat of the role; `ANY_SEAT` if all seats are interchangeable."""
    roles: Sequence[str]
    """As in `Game`."""
    starts: Indices
    """Index of each curve's first match in the arrays of `values`."""
    points: Indices
    """The middle of each averaged stretch of points."""
    values: dict[str, Numbers]
    """Measure or declared share -> [match of a curve, point]; NaN where unknown."""
    shares: frozenset[str]
    """The measures that are shares or probabilities."""

    def parts(self) -> Iterator[slice]:
        """Each curve's matches."""
        ends = np.append(self.starts[1:], len(next(iter(self.values.values()))))
        return (slice(start, end) for start, end in zip(self.starts, ends, strict=True))


def curves_by_environment(
    curves: pd.DataFrame, games: Mapping[str, Game], *, late: bool = False
) -> Iterator[Curves]:
    """The curves of each environment, in the order of the categories; `late`: one point, the late window."""
    agents = pd.Index(curves["agent"].cat.categories.astype(str))
    opponents = pd.Index(curves["opponent"].cat.categories.astype(str))
    agents = agents.append(opponents.difference(agents, sort=False))
    known = np.append(agents.get_indexer(opponents), len(agents))
    if curves["opponent"].isna().any():
        agents = agents.append(pd.Index([OTHERS]))
    environment = curves["environment"].cat.codes.to_numpy()
    for code, label in enumerate(curves["environment"].cat.categories.astype(str)):
        part = curves[environment == code]
        if not len(part):
            continue
        points = np.unique(part["point"].to_numpy())
        if late:
            points = points[-max(1, round(LATE * len(points))) :]
            part = part[part["point"].to_numpy() >= points[0]]
        agent = part["agent"].cat.codes.to_numpy().astype(np.int64)
        opponent = known[part["opponent"].cat.codes.to_numpy()]  # a missing opponent has the code -1
        seat = role_places(part["seat"].to_numpy().astype(np.int64), games.get(label))
        match, matches = pd.factorize(part["match"].to_numpy(), sort=True)
        shape = (len(agents), len(agents), int(seat.max()) + 2, len(matches))
        unit = np.asarray(np.ravel_multi_index((agent, opponent, seat - ANY_SEAT, match), shape))
        key, units = pd.factorize(unit, sort=True)
        agent, opponent, seat, _ = (index.astype(np.int64) for index in np.unravel_index(units, shape))
        starts = np.flatnonzero(np.diff(units // len(matches), prepend=-1))
        width = len(points) if late else -(-len(points) // POINTS)
        stretches = -(-len(points) // width)
        key = key * stretches + np.searchsorted(points, part["point"].to_numpy()) // width
        floats = [str(name) for name, dtype in part.dtypes.items() if dtype.kind == "f" and name not in _GIVEN]
        middle = np.minimum(np.arange(stretches) * width + (width - 1) // 2, len(points) - 1)
        values = {name: _means(part[name].to_numpy(), key, (len(units), stretches)) for name in floats}
        shares = games[label].get("shares", {}) if label in games else {}
        declared = {name: of for name, of in shares.items() if of[1] in values}
        for name, (some, whole) in declared.items():
            values[name] = values[some] / np.where(values[whole] > 0, values[whole], np.nan)
        yield Curves(
            environment=label,
            agents=agents,
            agent=agent[starts],
            opponent=opponent[starts],
            seat=seat[starts] + ANY_SEAT,
            roles=games[label]["roles"] if label in games else (),
            starts=starts,
            points=points[middle],
            values=values,
            shares=frozenset({*declared, "cooperation", *POLICY}),
        )


def _means(values: NDArray[np.floating], key: Indices, shape: tuple[int, int]) -> Numbers:
    """Means of the known values, by key."""
    known = np.isfinite(values)
    if not known.all():
        values, key = values[known], key[known]
    size = shape[0] * shape[1]
    count = np.bincount(key, minlength=size)
    mean = np.bincount(key, values, size) / count.clip(1)
    return np.where(count > 0, mean, np.nan).reshape(shape)


def learning_curves(
    curves: pd.DataFrame, games: Mapping[str, Game], *, draws: int = 500, seed: int = 0
) -> pd.DataFrame:
    """A row for each environment, agent, opponent, seat ("any" if all are interchangeable), measure and point.

    `mean` is over matches. The 95 % interval from `low` to `high` is for each point alone, the band from
    `band_low` to `band_high` for the whole curve (see `bands`); both are NaN with one match. Shares and
    probabilities stay in [0, 1].
    """
    tables = [_curve_table(part, draws, seed) for part in curves_by_environment(curves, games)]
    return _joined(tables, COLUMNS, curves)


def _curve_table(curves: Curves, draws: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng([seed, zlib.crc32(curves.environment.encode())])
    number, measure, found = [], [], []
    names = list(curves.values)
    for index, part in enumerate(curves.parts()):
        values = np.stack([curves.values[name][part] for name in names])
        has = np.flatnonzero(~np.isnan(values).all((1, 2)))
        found.append(_bounded(bands(values[has], random, draws), [names[i] in curves.shares for i in has]))
        number.append(np.full(len(has), index))
        measure.append(has)
    points = len(curves.points)
    at, which = (np.repeat(np.concatenate(index), points) for index in (number, measure))
    columns: dict[str, object] = {
        **_identity(curves, at),
        "point": np.tile(curves.points, len(at) // points),
        "measure": pd.Categorical.from_codes(which, pd.Index(names)),
    }
    for name in ("mean", "low", "high", "band_low", "band_high", "matches"):
        columns[name] = np.concatenate([getattr(each, name).ravel() for each in found])
    return pd.DataFrame(columns).dropna(subset="mean")


def _bounded(found: Bands, share: list[bool]) -> Bands:
    """Shares and probabilities stay between 0 and 1."""
    shares = np.array(share, dtype=bool)
    for ends in (found.low, found.high, found.band_low, found.band_high):
        ends[shares] = ends[shares].clip(0, 1)
    return found


def mean_curves(curves: pd.DataFrame, games: Mapping[str, Game]) -> pd.DataFrame:
    """A row for each environment, agent, measure and point: the mean over opponents, each with the same weight.

    The roles of an agent with one opponent share its weight. With weights w_c of the curves, and s_c the standard
    deviation over the n_c matches of one, the variance is V = sum_c w_c^2 s_c^2 / n_c. The 95 % interval from
    `low` to `high`, for each point alone, is Student's with Satterthwaite's (1946) degrees of freedom,
    V^2 / sum_c (w_c^2 s_c^2 / n_c)^2 / (n_c - 1). It is NaN where an opponent was met in one match only.
    """
    tables = []
    for part in curves_by_environment(curves, games):
        parts = list(part.parts())
        for agent in dict.fromkeys(part.agent.tolist()):
            mine = np.flatnonzero(part.agent == agent)
            for name, values in part.values.items():
                mean, half = _mean_over(part.opponent[mine], [values[parts[index]] for index in mine])
                low, high = mean - half, mean + half
                if name in part.shares:
                    low, high = low.clip(0, 1), high.clip(0, 1)
                row = {"environment": part.environment, "agent": str(part.agents[agent]), "measure": name}
                tables.append(pd.DataFrame({**row, "point": part.points, "mean": mean, "low": low, "high": high}))
    return pd.concat(tables, ignore_index=True).dropna(subset="mean")


def _mean_over(opponent: Indices, curves: Sequence[Numbers]) -> tuple[Numbers, Numbers]:
    """The mean over opponents [point] of curves [match, point], and half its interval."""
    count = np.stack([(~np.isnan(values)).sum(0) for values in curves])
    known = count > 0
    total = np.stack([np.nansum(values, 0) for values in curves])
    means = total / count.clip(1)
    squares = np.stack([np.nansum((values - mean) ** 2, 0) for values, mean in zip(curves, means, strict=True)])
    same = opponent[:, None] == opponent[None, :]
    roles = same @ known.astype(np.float64)
    opponents = (known / roles.clip(1)).sum(0)
    weight = np.where(known, 1 / roles.clip(1), 0.0) / np.where(opponents > 0, opponents, np.nan)
    part = weight**2 * squares / (count - 1.0).clip(1) / count.clip(1)
    variance = part.sum(0)
    error = (part**2 / (count - 1.0).clip(1)).sum(0)
    once = (count == 1).any(0)
    freedom = np.where(once, np.nan, np.where(error > 0, variance**2 / np.where(error > 0, error, 1), 1))
    return (weight * means).sum(0), np.sqrt(variance) * t_ppf((1 + CONFIDENCE) / 2, freedom)


def late_means(curves: pd.DataFrame, games: Mapping[str, Game]) -> pd.DataFrame:
    """A row for each environment, agent, opponent and seat: every measure over the last tenth of points.

    Each measure has a column `..._spread`, the standard deviation over matches; NaN with one match.
    """
    tables = []
    for part in curves_by_environment(curves, games, late=True):
        size = np.diff(part.starts, append=len(next(iter(part.values.values()))))
        columns = {**_identity(part, np.arange(len(size))), "matches": size}
        for name, values in part.values.items():
            by_curve = pd.Series(values[:, 0]).groupby(np.repeat(np.arange(len(size)), size))
            columns[name], columns[f"{name}_spread"] = by_curve.mean().to_numpy(), by_curve.std().to_numpy()
        tables.append(pd.DataFrame(columns))
    return _joined(tables, LATE_COLUMNS, curves)


def _identity(curves: Curves, at: Indices) -> dict[str, object]:
    """The columns that identify these curves."""
    seat = np.array(seat_names(curves.seat, curves.roles))
    return {
        "environment": curves.environment,
        "agent": pd.Categorical.from_codes(curves.agent[at], curves.agents),
        "opponent": pd.Categorical.from_codes(curves.opponent[at], curves.agents),
        "seat": seat[at],
    }


def _joined(tables: list[pd.DataFrame], columns: tuple[str, ...], curves: pd.DataFrame) -> pd.DataFrame:
    """The tables of all environments as one."""
    if not tables:
        return pd.DataFrame({name: pd.Series(dtype=np.float64) for name in columns})
    table = pd.concat(tables, ignore_index=True)
    table["environment"] = pd.Categorical(table["environment"], curves["environment"].cat.categories.astype(str))
    table["seat"] = table["seat"].astype("category")
    return table
