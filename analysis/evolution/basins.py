"""How large the basins of attraction are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from ..arrays import Flags, Numbers
from ..statistics.tails import CONFIDENCE
from .flow import grow, logarithms, shares_of
from .population_game import Payoffs, PopulationGame, population_game
from .replicator import growth_rates

_FIRST = 16.0
"""Time until who has settled is looked for, over the spread of payoffs; then twice as long, and so on."""
_RELATIVE = 1e-6
_STILL = 1e-6
"""Growth below this, over the spread of payoffs, is none."""


@dataclass(frozen=True)
class Basin:
    """The starts from which the replicator ends with the same types."""

    types: tuple[int, ...]
    """Those left, that neither grow nor shrink; where unsettled, those with a mean share above `extinct`."""
    settled: bool
    """Whether nothing moves any more; all that still move, round and round or slowly, are one entry."""
    volume: float
    """The share of all starts."""
    low: float
    high: float
    """Wilson's 95 % interval (1927)."""
    mean: Numbers
    """The mean shares [type] at the end."""


def basins(
    payoffs: Payoffs,
    rng: np.random.Generator,
    draws: int = 10_000,
    horizon: float = 1000.0,
    extinct: float = 1e-3,
) -> list[Basin]:
    """Volumes of the replicator's basins, largest first, from starts drawn uniformly from the simplex.

    A start has settled when types with shares above `extinct` earn the same and rarer ones don't grow; starts with
    the same types left are one basin, a line of neutral mixes included. The horizon is in time over the spread of
    payoffs.
    """
    game = population_game(payoffs)
    if draws < 1:
        raise ValueError(f"draws is {draws}: it must be 1 or more.")
    spread = game.spread()
    logs = logarithms(rng.dirichlet(np.ones(game.types), draws))
    settled = np.zeros(draws, dtype=np.bool_)
    elapsed, window = 0.0, _FIRST
    while not settled.all() and elapsed < horizon:
        window = min(window, horizon - elapsed)
        moving = np.flatnonzero(~settled)
        end = grow(lambda x: growth_rates(game, x), logs[moving], np.array([window / spread]), relative=_RELATIVE)[
            0
        ]
        logs[moving] = end - end.max(-1, keepdims=True)
        settled[moving] = _settled(game, shares_of(end), extinct)
        elapsed, window = elapsed + window, 2 * window
    shares = shares_of(logs)
    moving_types = shares[~settled].sum(0) > extinct * (~settled).sum()
    left = np.where(settled[:, None], np.abs(growth_rates(game, shares)) <= _STILL * spread, moving_types)
    found = []
    for key in np.unique(np.column_stack((left, settled)), axis=0):
        here = (left == key[:-1]).all(1) & (settled == key[-1])
        count = int(here.sum())
        ends = binomtest(count, draws).proportion_ci(CONFIDENCE, method="wilson")
        types = tuple(np.flatnonzero(key[:-1]).tolist())
        mean = shares[here].mean(0)
        found.append(Basin(types, bool(key[-1]), count / draws, float(ends.low), float(ends.high), mean))
    return sorted(found, key=lambda basin: -basin.volume)


def _settled(game: PopulationGame, shares: Numbers, extinct: float) -> Flags:
    growth = growth_rates(game, shares) / game.spread()
    return np.asarray((np.where(shares > extinct, np.abs(growth), growth) <= _STILL).all(-1))
