"""Linear programs, solved with the tightest tolerances that work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import block_diag, csc_array

from ..arrays import Numbers

# HiGHS sometimes fails on a program before its first step, but solves it with rescaled rows.
_ATTEMPTS = [(tolerance, scale) for tolerance in (1e-10, 1e-8, 1e-7) for scale in (1.0, 0.5, 0.7, 0.3, 1.7)]
_TOGETHER = 50_000
"""Most coefficients of programs that are solved as one: beyond that it is not faster."""


Rows: TypeAlias = "Numbers | csc_array[np.float64]"


@dataclass(frozen=True)
class Program:
    """min cost x with rows x <= bound, sums_to_one x = 1, and each unknown within its limits [unknown, end]."""

    cost: Numbers
    rows: Numbers
    bound: Numbers
    limits: Numbers
    sums_to_one: Numbers


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
    rows: Rows,
    bound: Numbers,
    limits: Numbers | Sequence[tuple[float | None, float | None]],
    sums_to_one: Rows | None = None,
    *,
    presolve: bool = True,
) -> Solution:
    """min cost x with rows x <= bound, each unknown within its limits, and sums_to_one [sum] x = 1 if given.

    Raises ArithmeticError if HiGHS finds no optimum.
    """
    for tolerance, scale in _ATTEMPTS:
        found = linprog(  # type: ignore[call-overload, misc]  # no stub knows sparse matrices
            cost,
            A_ub=rows * scale,
            b_ub=scale * bound,
            A_eq=sums_to_one,
            b_eq=None if sums_to_one is None else np.ones(sums_to_one.shape[0]),
            bounds=limits,
            method="highs",
            options={
                "presolve": presolve,
                "primal_feasibility_tolerance": tolerance,
                "dual_feasibility_tolerance": tolerance,
            },
        )
        if found.x is not None:
            return Solution(x=found.x, price=-scale * found.ineqlin.marginals, reduced_cost=found.lower.marginals)
    raise ArithmeticError(f"A linear program could not be solved: {found.message}")


def minimise_each(programs: Sequence[Program]) -> list[Solution]:
    """The solutions of several programs. Small ones are solved as one with a block for each, in a third of the
    time.

    Raises ArithmeticError if HiGHS finds no optimum of one.
    """
    return [solution for some in _batches(programs) for solution in _as_one(some)]


def _batches(programs: Sequence[Program]) -> Iterator[Sequence[Program]]:
    """Consecutive programs with few coefficients in total."""
    start, size = 0, 0
    for number, program in enumerate(programs):
        if number > start and size + program.rows.size > _TOGETHER:
            yield programs[start:number]
            start, size = number, 0
        size += program.rows.size
    if start < len(programs):
        yield programs[start:]


def _as_one(programs: Sequence[Program]) -> Iterator[Solution]:
    found = minimise(
        np.concatenate([program.cost for program in programs]),
        csc_array(block_diag([program.rows for program in programs], format="csc")),
        np.concatenate([program.bound for program in programs]),
        np.concatenate([program.limits for program in programs]),
        csc_array(block_diag([program.sums_to_one[None] for program in programs], format="csc")),
        presolve=len(programs) == 1,  # presolving many small blocks takes longer than solving
    )
    unknowns = np.cumsum([len(program.cost) for program in programs])[:-1]
    rows = np.cumsum([len(program.bound) for program in programs])[:-1]
    parts = (np.split(found.x, unknowns), np.split(found.price, rows), np.split(found.reduced_cost, unknowns))
    for x, price, reduced_cost in zip(*parts, strict=True):
        yield Solution(x, price, reduced_cost)
