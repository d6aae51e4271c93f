"""Linear programs, solved as sharply as floats allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from ..cells import Numbers

# HiGHS now and then gives up on a program before its first step, and solves the same rows times a number.
_ATTEMPTS = [(tolerance, scale) for tolerance in (1e-10, 1e-8, 1e-7) for scale in (1.0, 0.5, 0.7, 0.3, 1.7)]


@dataclass(frozen=True)
class Solution:
    """An optimal vertex, with the prices that prove it."""

    x: Numbers
    price: Numbers
    """By how much the optimum would fall if an upper bound [row] rose by one; 0 or more."""
    reduced_cost: Numbers
    """By how much the optimum would rise for each unit of an unknown at its lower bound; 0 or more."""


def minimise(
    cost: Numbers,
    rows: Numbers,
    bound: Numbers,
    limits: Sequence[tuple[float | None, float | None]],
    sums_to_one: Numbers | None = None,
) -> Solution:
    """min cost x with rows x <= bound, each unknown within its limits, and sums_to_one x = 1 if given.

    ArithmeticError if HiGHS finds no optimum.
    """
    for tolerance, scale in _ATTEMPTS:
        found = linprog(
            cost,
            A_ub=scale * rows,
            b_ub=scale * bound,
            A_eq=None if sums_to_one is None else sums_to_one[None],
            b_eq=None if sums_to_one is None else np.ones(1),
            bounds=limits,
            method="highs",
            options={"primal_feasibility_tolerance": tolerance, "dual_feasibility_tolerance": tolerance},
        )
        if found.x is not None:
            return Solution(x=found.x, price=-scale * found.ineqlin.marginals, reduced_cost=found.lower.marginals)
    raise ArithmeticError(f"A linear program could not be solved: {found.message}")
