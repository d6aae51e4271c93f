"""Rest points of the replicator dynamics, and which of them are stable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import null_space
from scipy.optimize import linprog, root

from ..arrays import Indices, Numbers
from .population_game import (
    Payoffs,
    PopulationGame,
    checked_payoffs,
    checked_shares,
    compositions,
    population_game,
)
from .replicator import growth_rates, mutation_rates
from .stability import is_evolutionarily_stable, is_neutrally_stable

MOST = 16
"""Types; there are 2^K - 1 supports."""
TIE = 1e-9
"""Payoffs and eigenvalues closer than this, times the spread of payoffs, are equal."""
_CHUNK = 4096
_STEP = 1e-6
_GRID = 8
"""Starts of a search: shares in so many parts, all above 0."""
_SAME = 1e-7

Complex: TypeAlias = NDArray[np.complex128]
Verdict: TypeAlias = Literal["asymptotically stable", "stable", "unstable", "undecided"]


@dataclass(frozen=True)
class RestPoint:
    """Shares at which the replicator rests."""

    shares: Numbers
    payoff: float
    """What everybody earns there."""
    eigenvalues: Complex
    """Of the flow within the simplex, K - 1 of them, by falling real part; what may be rounding is 0."""
    nash: bool
    """Whether no type, present or absent, earns more."""
    verdict: Verdict
    """"asymptotically stable": all near ones come back; "stable": they stay near."""
    dimension: int = 0
    """0 if isolated; else of the continuum of rest points with the same types, of which this is in the middle."""

    @property
    def support(self) -> tuple[int, ...]:
        """The types that are present."""
        return tuple(np.flatnonzero(self.shares).tolist())

    @property
    def kind(self) -> Literal["sink", "source", "saddle", "centre", "degenerate"]:
        """What the eigenvalues make it; "centre" if all are imaginary, else "degenerate" if a real part is 0."""
        real = self.eigenvalues.real
        if real.size and not real.any() and self.eigenvalues.imag.all():
            return "centre"
        if not real.all():
            return "degenerate"
        return "sink" if (real < 0).all() else "source" if (real > 0).all() else "saddle"


def rest_points(payoffs: Payoffs) -> list[RestPoint]:
    """All rest points of the replicator dynamics of A[own type, other type]: those with few types first.

    For each support, the shares at which its types earn the same; where these are a continuum, one point in its
    middle stands for it, and its ends are among the points with fewer types. ValueError for more than 16 types.
    Of a `PopulationGame` the isolated ones that a search from a grid of starts finds, of up to 7 types.
    """
    if isinstance(payoffs, PopulationGame):
        return list(_searched(payoffs))
    matrix = checked_payoffs(payoffs)
    types = len(matrix)
    if types > MOST:
        raise ValueError(
            f"There are {types} types; all rest points are found for up to {MOST}, of 2^K - 1 supports."
        )
    scaled = (matrix - matrix.min(0)) / (np.ptp(matrix) or 1.0)  # a constant on a column moves no rest point
    no_mutation = np.zeros((types, types))
    points = []
    for size in range(1, types + 1):
        every = np.array(list(combinations(range(types), size)))
        for first in range(0, len(every), _CHUNK):
            for support, shares, dimension in _on(scaled, every[first : first + _CHUNK]):
                full = np.zeros(types)
                full[support] = shares
                points.append(_judged(matrix, full, no_mutation, dimension))
    return points


def rest_point(payoffs: Payoffs, shares: ArrayLike, mutation: ArrayLike = 0.0) -> RestPoint:
    """A rest point that is known, judged by its eigenvalues; of any `PopulationGame`, and with mutation at a rate.

    Where a real part is 0, the verdict is "undecided" but for a matrix without mutation. ValueError if it moves.
    """
    game = population_game(payoffs)
    x = checked_shares(shares, game.types)
    rates = mutation_rates(mutation, game.types)
    flows = rates - np.diag(rates.sum(1))
    speed = float(np.abs(x * growth_rates(game, x) + x @ flows).max()) / game.spread()
    if x.ndim != 1 or speed > 1e-7:
        raise ValueError(
            f"These shares are no rest point: they change at a rate of {speed:g} of the payoffs' spread."
        )
    return _judged(payoffs, x, flows, 0)


def _searched(game: PopulationGame) -> Iterator[RestPoint]:
    """By Powell's method on each support, in logarithms of shares, so that all stay above 0."""
    if game.types >= _GRID:
        raise ValueError(f"There are {game.types} types; rest points of a game are sought for up to {_GRID - 1}.")
    no_mutation = np.zeros((game.types, game.types))
    for size in range(1, game.types + 1):
        for support in map(list, combinations(range(game.types), size)):
            for shares in _equal_on(game, support):
                yield _judged(game, shares, no_mutation, 0)


def _equal_on(game: PopulationGame, support: list[int]) -> Iterator[Numbers]:
    """Isolated shares [type] at which the types of a support earn the same."""
    found, spread = list[Numbers](), game.spread()

    def shares_at(logs: Numbers) -> Numbers:
        shares = np.zeros(game.types)
        weights = np.exp(logs - logs.max())
        shares[support] = weights / weights.sum()
        return shares

    def gaps(free: Numbers) -> Numbers:
        earned = game(shares_at(np.append(free, 0.0)))[support] / spread
        return np.asarray(earned[:-1] - earned[-1], np.float64)

    for start in compositions(_GRID - len(support), len(support)) + 1:
        logs = np.log(start / start[-1])[:-1]
        if len(logs):
            logs = np.asarray(root(gaps, logs, tol=1e-12).x)
            steps = _STEP * np.eye(len(logs))
            slopes = [(gaps(logs + step) - gaps(logs - step)) / (2 * _STEP) for step in steps]
            if np.abs(gaps(logs)).max() > TIE or np.linalg.svd(slopes, compute_uv=False)[-1] < _STEP:
                continue
        shares = shares_at(np.append(logs, 0.0))
        if shares[support].min() > TIE and not any(np.abs(shares - other).max() < _SAME for other in found):
            found.append(shares)
            yield shares


def _on(scaled: Numbers, supports: Indices) -> Iterator[tuple[Indices, Numbers, int]]:
    """Supports of one size with an inner rest point: their types, shares, and dimension of the continuum."""
    count, size = supports.shape
    bordered = np.zeros((count, size + 1, size + 1))  # equal payoffs v, shares that add up to 1
    bordered[:, :size, :size] = scaled[supports[:, :, None], supports[:, None, :]]
    bordered[:, :size, size] = -1
    bordered[:, size, :size] = 1
    target = np.append(np.zeros(size), 1.0)
    regular = np.linalg.svd(bordered, compute_uv=False)[:, -1] > TIE
    shares = np.full((count, size), np.nan)
    shares[regular] = np.linalg.solve(
        bordered[regular], np.broadcast_to(target[:, None], (count, size + 1, 1))[regular]
    )[:, :size, 0]
    inside = np.asarray((shares > TIE).all(1))
    for index in np.flatnonzero(inside | ~regular).tolist():
        if inside[index]:
            yield supports[index], shares[index] / shares[index].sum(), 0
        else:
            middle, dimension = _middle(bordered[index], target)
            if middle is not None:
                yield supports[index], middle, dimension


def _middle(bordered: Numbers, target: Numbers) -> tuple[Numbers | None, int]:
    """The solution of a singular system whose least share is largest, if that is above 0; and the dimension."""
    some = np.linalg.lstsq(bordered, target, rcond=TIE)[0]
    free = null_space(bordered, rcond=TIE)[:-1]
    if np.abs(bordered @ some - target).max() > TIE:
        return None, 0
    width = free.shape[1]
    found = linprog(
        np.append(np.zeros(width), -1.0),
        A_ub=np.column_stack((-free, np.ones(len(free)))),
        b_ub=some[:-1],
        bounds=[(None, None)] * width + [(None, 1)],
    )
    if found.x is None or found.x[-1] <= TIE:
        return None, 0
    shares = some[:-1] + free @ found.x[:-1]
    return shares / shares.sum(), width


def _judged(payoffs: Payoffs, x: Numbers, flows: Numbers, dimension: int) -> RestPoint:
    """`flows` is what mutation adds, x @ flows."""
    game = population_game(payoffs)
    tie = (_STEP if isinstance(payoffs, PopulationGame) else TIE) * game.spread()
    tangent = null_space(np.ones((1, game.types)))
    values = np.linalg.eigvals(tangent.T @ (_jacobian(payoffs, x) + flows.T) @ tangent).astype(np.complex128)
    values.real[np.abs(values.real) <= tie] = 0
    values = values[np.lexsort((values.imag, -values.real))]
    growth = growth_rates(game, x)
    nash = bool(growth.max() <= tie)
    matrix = None if isinstance(payoffs, PopulationGame) or flows.any() else checked_payoffs(payoffs)
    verdict: Verdict = "undecided"
    if (values.real > 0).any() or (matrix is not None and not nash):
        verdict = "unstable"
    elif (values.real < 0).all() or (matrix is not None and is_evolutionarily_stable(matrix, x)):
        verdict = "asymptotically stable"
    elif matrix is not None and is_neutrally_stable(matrix, x):
        verdict = "stable"
    return RestPoint(x, float(x @ game(x)), values, nash, verdict, dimension)


def _jacobian(payoffs: Payoffs, x: Numbers) -> Numbers:
    """d velocity_i / d x_j of the replicator."""
    game = population_game(payoffs)
    if isinstance(payoffs, PopulationGame):
        steps = _STEP * np.eye(len(x))
        slopes = ((game(x + steps) - game(x - steps)) / (2 * _STEP)).T  # d pi_i / d x_j
    else:
        slopes = checked_payoffs(payoffs)
    return np.diag(growth_rates(game, x)) + x[:, None] * (slopes - game(x) - x @ slopes)
