"""The maximum-entropy distribution that satisfies linear inequalities."""

from __future__ import annotations

import numpy as np

from ..arrays import Flags, Numbers
from .linear_program import minimise

TOLERANCE = 1e-10  # of violation and of slackness, for inequalities scaled to coefficients within [-1, 1]
_STEPS = 300
_FIRST_STEPS = 30


def maximum_entropy(inequalities: Numbers) -> Numbers:
    """The p [outcome] of largest entropy with C p <= 0, p >= 0 and sum p = 1; C is [inequality, outcome].

    By the dual: p = exp(-C^T mu) / Z, with mu >= 0 minimising log Z, by projected Newton steps (Bertsekas 1982).
    The dual has a minimum only if some solution gives every outcome a positive probability; otherwise the possible
    outcomes are found first. Raises ArithmeticError if there is no solution, or none is found.
    """
    scale = np.abs(inequalities).max(initial=0.0)
    outcomes = inequalities.shape[1]
    if scale == 0:
        return np.full(outcomes, 1 / outcomes)
    c = inequalities / scale
    law, violation = _minimise_dual(c, np.zeros(len(c), dtype=np.bool_), _FIRST_STEPS)
    if violation <= TOLERANCE and law.min() > 1e-6 / outcomes:
        return law
    support, tight = _face(c)
    if not support.any():
        raise ArithmeticError("No distribution satisfies these inequalities.")
    law = np.zeros(outcomes)
    c = c[:, support]
    law[support], violation = _minimise_dual(c[tight], tight[tight], _STEPS)
    if max(violation, (c @ law[support]).max()) > TOLERANCE:
        law[support], violation = _minimise_dual(c, tight, _STEPS)
    if violation > 1e-7:
        raise ArithmeticError(f"The largest entropy was not found: an inequality is off by {violation:.1g}.")
    return law


def _face(c: Numbers) -> tuple[Flags, Flags]:
    """Which outcomes are positive in some solution, and which inequalities are tight in every solution.

    Up to their sum, solutions form a cone: C x + s = 0. With x = y + z and s = r + q, z and q within [0, 1], the
    largest sum of z and q has z = 1 for outcomes that can be positive and q = 1 for inequalities that can be
    strict; the others are 0.
    """
    rows, outcomes = c.shape
    found = minimise(
        np.concatenate((np.zeros(outcomes), -np.ones(outcomes), -np.ones(rows))),
        np.hstack((c, c, np.eye(rows))),
        np.zeros(rows),
        [(0, None)] * outcomes + [(0, 1)] * (outcomes + rows),
    )
    reached = np.asarray(found.x[outcomes:] > 0.5, dtype=np.bool_)
    return reached[:outcomes], ~reached[outcomes:]


def _minimise_dual(c: Numbers, tight: Flags, steps: int) -> tuple[Numbers, float]:
    """p, and its violation of the constraints; the multipliers of `tight` rows have no sign."""
    mu = np.zeros(len(c))
    value, law = _dual(c, mu)
    for _ in range(steps):
        gradient = -c @ law
        if _off(mu, gradient, tight) <= TOLERANCE:
            break
        # A decreasing multiplier near 0 is left out of Newton's system; it would shorten the step of all others.
        moving = tight | (gradient < 0) | (mu > 0)
        near = min(0.1, float(np.linalg.norm(gradient[moving])))
        free = tight | (gradient < 0) | (mu > near)
        slope = gradient[free]
        curvature = (c[free] * law) @ c[free].T - np.outer(slope, slope)
        curvature[np.diag_indices_from(curvature)] += 1e-14 + 1e-3 * min(1e-9, float(np.abs(slope).max(initial=0)))
        direction = -gradient
        direction[free] = np.linalg.solve(curvature, -slope)
        length = 1.0
        while length > 1e-12:
            trial = np.where(tight, mu + length * direction, np.maximum(mu + length * direction, 0.0))
            lower, next_law = _dual(c, trial)
            if lower <= value + 1e-4 * gradient @ (trial - mu) + 1e-16 * abs(value):
                break
            length /= 2
        else:
            break
        mu, value, law = trial, lower, next_law
    return law, _off(mu, -c @ law, tight)


def _off(mu: Numbers, gradient: Numbers, tight: Flags) -> float:
    """The largest violation of an inequality or of its complementary slackness."""
    return float(np.where(tight, np.abs(gradient), np.maximum(-gradient, np.abs(mu * gradient))).max(initial=0.0))


def _dual(c: Numbers, mu: Numbers) -> tuple[float, Numbers]:
    """log Z, and p."""
    exponent = -(mu @ c)
    top = float(exponent.max())
    weight = np.exp(exponent - top)
    total = float(weight.sum())
    return top + float(np.log(total)), weight / total
