"""The gradient of selection: where a finite population of two types is going, at each of its states."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Numbers
from .fixation_times import log_steps
from .processes import Fitness, Kind, Pairs, log_advantage, pair_payoffs, process_of


def selection_gradient(
    payoffs: ArrayLike,
    size: int,
    selection: float,
    process: Kind = "moran",
    fitness: Fitness = "exponential",
    *,
    pairs: Pairs = "without_replacement",
    self_interaction: bool = False,
) -> Numbers:
    """What the first of two types is expected to gain where there are k of it [k], k = 0 .. N.

        G(k) = T+(k) - T-(k)

    with T+ and T- the probabilities of one more and of one less of it in a step: the mean change of its share in N
    steps. With Wright-Fisher the mean change of its share in a generation, p - k / N. Traulsen, Nowak and Pacheco
    2006. Arguments: `fixation_probabilities`; `pairs`: `fixation_times`.

    >>> selection_gradient([[1, 4], [2, 3]], 4, 1, "fermi").round(3)  # chicken
    array([0.   , 0.146, 0.107, 0.   , 0.   ])
    """
    population = process_of(payoffs, size, selection, process, fitness, pairs, self_interaction)
    if population.types != 2:
        raise ValueError(f"The gradient of selection is of two types; here are {population.types}.")
    first, other = np.array([0]), np.array([1])
    own = pair_payoffs(population, first, other)
    advantage = log_advantage(population, own, pair_payoffs(population, other, first)[::-1])
    # T+ / T- is exp(advantage), which gives their difference without cancellation.
    up, down = (np.exp(steps) for steps in log_steps(population, first, other))
    gains = np.sign(advantage) * np.where(advantage > 0, up, down) * -np.expm1(-np.abs(advantage))
    return np.pad(gains[:, 0], 1)
