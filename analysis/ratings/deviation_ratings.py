"""Deviation ratings: the gain of switching to a strategy in the strictest equilibrium (Marris et al. 2025)."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import nnls

from ..arrays import Numbers
from .linear_program import Program, Solution, minimise_each
from .normal_form import checked_matrix, deviation_gains, payoff_tensor

_PRICE = 1e-9  # prices and reduced costs above this are positive
_CLEAR = 1e-3  # singular values above this share of the largest are nonzero
_SAME = 1e-10  # payoffs that differ by less than this share of their spread are equal


def deviation_ratings(payoffs: ArrayLike) -> tuple[Numbers, ...]:
    """A rating for each strategy of each player, of a game [player, n_1, ..., n_N]; no rating is above 0.

    The rating of a' for player p is its gain E_sigma[G_p(a', a_-p) - G_p(a)] in the strictest coarse correlated
    equilibrium sigma: its gains, sorted from the largest, are lexicographically least. If several sigma qualify,
    their gains agree. Ratings do not change if a strategy or a mixture of strategies is entered again, or if a
    term that depends only on others is added to a player's payoff. For mixtures to have no effect, the gain of a
    strategy whose payoffs are a mixture of others' is not minimised itself: it follows from theirs.
    """
    tensor = payoff_tensor(payoffs)
    mixing = [_mixing(np.moveaxis(payoff, player, 0)) for player, payoff in enumerate(tensor)]
    gains = np.split(deviation_gains(tensor), np.cumsum(tensor.shape[1:])[:-1])
    pure = [mix.any(0) for mix in mixing]
    [least] = least_gains([np.concatenate([gain[some] for gain, some in zip(gains, pure, strict=True)])])
    parts = np.split(least, np.cumsum([some.sum() for some in pure])[:-1])
    return tuple(mix[:, some] @ part for mix, some, part in zip(mixing, pure, parts, strict=True))


def symmetric_deviation_ratings(matrix: ArrayLike) -> Numbers:
    """The ratings [..., agent] of games [M, M^T], in which both players have the same; M is [..., agent,
    opponent].

    The set of equilibria is convex and contains the mirror image of each equilibrium, so there is a symmetric
    sigma. It has n (n + 1) / 2 unknowns, one for each unordered pair, instead of n^2.
    """
    m = checked_matrix(matrix)
    agents = m.shape[-1]
    i, j = np.triu_indices(agents)
    mixing, gains = list[Numbers](), list[Numbers]()
    for table in m.reshape(-1, agents, agents):
        mix = _mixing(table)
        pure = mix.any(0)
        mixing.append(mix[:, pure])
        gains.append(((table[:, i] - table[j, i] + table[:, j] - table[i, j]) / 2)[pure])
    ratings = [mix @ least for mix, least in zip(mixing, least_gains(gains), strict=True)]
    return np.reshape(ratings, m.shape[:-1])


def _mixing(payoffs: Numbers) -> Numbers:
    """Each strategy as a mixture of the pure ones [strategy, strategy], from payoffs [strategy, ...].

    A strategy is pure if it is no mixture of others; it is then itself alone. Of copies, the last is kept.
    """
    n = len(payoffs)
    rows = payoffs.reshape(n, -1)
    rows = (rows - rows.mean(0)) / (np.ptp(rows) or 1.0)
    points = np.column_stack((rows, np.ones(n)))
    mixing = np.eye(n)
    if np.linalg.matrix_rank(points) == n:
        return mixing
    kept = list(range(n))
    for strategy in range(n):
        others = [other for other in kept if other != strategy]
        if not others:
            break
        shares, off = nnls(points[others].T, points[strategy])
        if off <= _SAME * np.sqrt(points.shape[1]):
            kept = others
            mixing[strategy] = 0
            mixing[strategy, others] = shares / shares.sum()
    return _resolved(mixing, kept)


def _resolved(mixing: Numbers, kept: Sequence[int]) -> Numbers:
    """Mixtures of mixtures as mixtures of the kept strategies. Each uses later strategies and kept ones only."""
    for strategy in reversed(range(len(mixing))):
        if strategy not in kept:
            mixing[strategy] = mixing[strategy] @ mixing
    return mixing


def _single(table: Numbers) -> bool:
    """Whether these gains [strategy, profile] determine a single mixture of profiles, with numerical certainty."""
    points = np.vstack((table, np.ones(table.shape[1])))
    if len(points) < points.shape[1]:
        return False
    spread = np.linalg.svd(points, compute_uv=False)
    return bool(spread[-1] > _CLEAR * spread[0])


def least_gains(games: Sequence[Numbers]) -> list[Numbers]:
    """For each game, the lexicographically least gains [strategy], sorted from the largest.

    A game is given as gains [strategy, profile]. The programs of all games are solved together, step by step.
    """
    steps = [_least_gains(gains) for gains in games]
    least = [np.empty(0)] * len(games)
    answers = dict[int, Solution | None].fromkeys(range(len(games)))  # None starts
    while answers:
        programs = dict[int, Program]()
        for game, answer in answers.items():
            try:
                programs[game] = steps[game].send(answer)
            except StopIteration as done:
                least[game] = done.value
        answers = dict(zip(programs, minimise_each(list(programs.values())), strict=True))
    return least


def _least_gains(gains: Numbers) -> Generator[Program, Solution | None, Numbers]:
    """The least gains of one game, from the solutions of the programs that it yields.

    Each program minimises t over sigma with gain sigma <= t for the open strategies. Strategies with a positive
    price are at t in every solution: their gain is settled. Profiles with a positive reduced cost have sigma = 0
    in every solution: they are dropped. This repeats with the rest, until the settled gains determine a single
    sigma, which gives the rest.
    """
    scale = np.abs(gains).max(initial=0.0)
    if scale == 0:
        return np.zeros(len(gains))
    table = np.unique(gains / scale, axis=1)  # merge profiles with equal gains
    settled = np.full(len(gains), np.nan)
    while np.isnan(settled).any():
        left = np.isnan(settled)
        profiles = table.shape[1]
        found = yield Program(  # over sigma [profile], and t
            cost=np.append(np.zeros(profiles), 1.0),
            rows=np.column_stack((table, -1.0 * left)),
            bound=np.where(left, 0.0, settled),
            limits=np.array([(0.0, np.inf)] * profiles + [(-np.inf, np.inf)]),
            sums_to_one=np.append(np.ones(profiles), 0.0),
        )
        if found is None:
            raise TypeError("A program that was yielded has no solution.")
        price = np.where(left, found.price, 0.0)
        settled[price > min(_PRICE, price.max() / 2)] = found.x[-1]
        kept = found.reduced_cost[:-1] <= _PRICE
        table, sigma = table[:, kept], found.x[:-1][kept]
        left = np.isnan(settled)
        if _single(table[~left]):
            settled[left] = table[left] @ (sigma / sigma.sum())
    least: Numbers = settled * scale
    return least
