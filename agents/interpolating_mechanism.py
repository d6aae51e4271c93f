"""The interpolating mechanism: proportional while the pool is low, equal when it is full; and its fit to data."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field
from torch import Tensor

from .mechanisms import Mechanism


class InterpolatingMechanism(Mechanism):
    """Shares out equally when the pool is full, and the more in proportion the lower it is.

        w = (R / capacity)^exponent
    With the published exponent, half of a pool at 97 % of the capacity is shared equally, and hardly anything
    below 80 %: who returns little gets little, until all can be had in again.
    """

    exponent: float = Field(
        22.0, ge=0, allow_inf_nan=False, description="how near to full the pool is before all get the same"
    )

    def equal_part(self, pool: Tensor) -> Tensor:
        return pool**self.exponent


def fitted_exponent(pool: ArrayLike, returned: ArrayLike, shares: ArrayLike) -> float:
    """The exponent with which the interpolating mechanism comes nearest to allocations, by least squares.

    `pool` [sample] as a share of the capacity, `returned` [sample, player] in the round before, `shares`
    [sample, player] of the pool that were allocated; each sample's shares are taken relative to their sum.
    Samples where nobody returned anything, or nobody got anything, say nothing. Raises ValueError if none is left,
    or if everybody returned the same throughout: then all exponents allocate alike.
    """
    from scipy.optimize import minimize_scalar

    full, given, got = (np.asarray(each, dtype=float) for each in (pool, returned, shares))
    says = (given.sum(1) > 0) & (got.sum(1) > 0)
    if not says.any():
        raise ValueError("nobody returned anything in any sample: there is no exponent to fit")
    full, given, got = full[says], given[says], got[says]
    unequal = given / given.sum(1, keepdims=True) - 1 / given.shape[1]
    if not unequal.any():
        raise ValueError("everybody returned the same in every sample: every exponent allocates alike")
    off = got / got.sum(1, keepdims=True) - 1 / given.shape[1]

    def error(log: float) -> float:
        return float((((1 - full ** np.exp(log))[:, None] * unequal - off) ** 2).sum())

    # The error may have several dips: search finely, then within the best step.
    grid = np.linspace(np.log(1e-3), np.log(1e4), 400)
    best = int(np.argmin([error(log) for log in grid]))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    return float(np.exp(minimize_scalar(error, bounds=bounds, method="bounded", options={"xatol": 1e-10}).x))
