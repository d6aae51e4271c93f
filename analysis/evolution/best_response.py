"""The best-response dynamics: now and then everybody switches to a best reply (Gilboa and Matsui 1991)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Indices, Numbers
from .flow import checked_times
from .population_game import Payoffs, checked_payoffs, checked_shares
from .rest_points import rest_points


def best_response_dynamics(
    payoffs: Payoffs, start: ArrayLike, times: ArrayLike, resolution: float = 1e-5
) -> Numbers:
    """Shares [time, ..., type] from shares [..., type], at times from 0 on.

        dx/dt = b - x,    b a best reply to x

    Exact, without an integrator: until another type becomes best, x(t) = b + exp(-t) (x - b), and payoffs are
    linear in exp(-t), so the time of the switch is a root of a linear equation. Where types tie, b is a Nash
    equilibrium of the game of those types, so that they stay tied: the best type alone if that will do. Payoffs
    closer than `resolution` times the spread of all payoffs count as tied, which ends switching ever faster around
    a point. ValueError for a `PopulationGame`, whose payoffs aren't linear.
    """
    matrix = checked_payoffs(payoffs)
    shares, at = checked_shares(start, len(matrix)), checked_times(times)
    aims = _Aims(matrix)
    courses = [_course(aims, x, at, resolution) for x in shares.reshape(-1, len(matrix))]
    return np.stack(courses, axis=1).reshape(len(at), *shares.shape)


class _Aims:
    """What is headed for, by the types that tie and the one that is best."""

    def __init__(self, matrix: Numbers) -> None:
        self.matrix = matrix
        self.spread = float(np.ptp(matrix)) or 1.0
        self._known: dict[tuple[int, bytes], Numbers] = {}

    def __call__(self, best: int, tied: Indices) -> Numbers:
        key = (best, tied.tobytes())
        if key not in self._known:
            self._known[key] = self._equilibrium(best, tied)
        return self._known[key]

    def _equilibrium(self, best: int, tied: Indices) -> Numbers:
        aim = np.zeros(len(self.matrix))
        if self.matrix[best, best] >= self.matrix[tied, best].max():
            aim[best] = 1
        else:
            aim[tied] = next(point.shares for point in rest_points(self.matrix[np.ix_(tied, tied)]) if point.nash)
        return aim


def _course(aims: _Aims, x: Numbers, times: Numbers, resolution: float) -> Numbers:
    """Shares [time, type] of one population."""
    course = np.empty((len(times), len(x)))
    now, told = 0.0, 0
    while told < len(times):
        earned = aims.matrix @ x
        best = int(earned.argmax())
        tied = earned >= earned[best] - resolution * aims.spread
        aim = aims(best, np.flatnonzero(tied))
        towards = aims.matrix @ aim
        lead = towards - towards[aim.argmax()]
        behind = earned - earned[best]
        overtakes = (lead > 0) & ~tied
        left = float((lead[overtakes] / (lead[overtakes] - behind[overtakes])).max(initial=0.0))  # exp(-wait)
        until = now - np.log(left) if left else np.inf
        here = slice(told, int(np.searchsorted(times, until, side="right")))
        course[here] = aim + np.exp(now - times[here, None]) * (x - aim)
        now, told = until, here.stop
        x = aim + left * (x - aim)
    return course
