"""How long a population stays mixed, until mutants have taken over or died out, for all pairs of types at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Flags, Indices, Numbers
from .absorption import absorption, steps
from .fixation import finite, pairs_of
from .group_game import GroupGame
from .processes import Fitness, Kind, Pairs, Process, check_two, pair_payoffs, process_of
from .wright_fisher import transitions


@dataclass(frozen=True)
class FixationTimes:
    """Mean numbers of steps [mutant, resident]; nan where it can't happen."""

    either: Numbers
    """Until one type is left, whichever it is."""
    fixation: Numbers
    """Given that the mutants take over."""
    extinction: Numbers
    """Given that they die out."""


def fixation_times(
    payoffs: ArrayLike | GroupGame,
    size: int,
    selection: float,
    process: Kind = "moran",
    fitness: Fitness = "exponential",
    *,
    mutants: int = 1,
    pairs: Pairs = "without_replacement",
    idle_steps: bool = True,
    self_interaction: bool = False,
) -> FixationTimes:
    """The mean number of steps until `mutants` of a type have taken over residents or died out [mutant, resident].

    With phi_l the probability of fixation from l mutants and u_l, d_l those to gain and to lose one in a step, a
    population that comes to l mutants is there for

        phi_l (1 - phi_l) / (phi_1 u_l prod_{k<=l} d_k / u_k)

    steps; it comes there from i with probability phi_i / phi_l or (1 - phi_i) / (1 - phi_l). The sum over l is the
    time; weighted by phi_l / phi_i it is the time given fixation (Ewens 2004, section 2.12; Altrock and Traulsen
    2009). In logarithms. A step of Wright-Fisher is a generation; N steps of the others are one.

    Conventions: `idle_steps`, whether steps count in which nothing changes; `pairs`, whether the model that is
    compared with may be the focal one, which takes N / (N - 1) times as long. In Moran, offspring may replace its
    parent. Other arguments: `fixation_probabilities`.

    >>> fixation_times([[1, 1], [1, 1]], 10, 0).fixation.round(9)  # N (N - 1)
    array([[90., 90.],
           [90., 90.]])
    """
    population = process_of(payoffs, size, selection, process, fitness, pairs, self_interaction)
    check_two(population, mutants)
    times = np.empty((3, population.types, population.types))
    for mutant, resident in pairs_of(population):
        if population.kind == "wright_fisher":
            part = _of_chains(transitions(population, mutant, resident), mutants, idle_steps)
        else:
            part = _of_birth_death(*log_steps(population, mutant, resident), mutants, idle_steps)
        times[:, mutant, resident] = part
    return FixationTimes(*times)


def log_steps(process: Process, mutant: Indices, resident: Indices) -> tuple[Numbers, Numbers]:
    """log probabilities of a mutant more and of one less in a step, where there are k [k - 1, pair]."""
    k = np.arange(1, process.size)
    counts = np.stack([k, process.size - k], axis=-1)[:, None]
    earned = np.stack(
        [pair_payoffs(process, mutant, resident), pair_payoffs(process, resident, mutant)[::-1]], axis=-1
    )
    turns = process.log_turns(earned, counts)
    drawn = np.log(counts / process.size)
    return drawn[..., 1] + turns[..., 1, 0], drawn[..., 0] + turns[..., 0, 1]


def _of_birth_death(up: Numbers, down: Numbers, mutants: int, idle: bool) -> Numbers:
    """Times [either, fixation or extinction; pair]."""
    i = mutants - 1
    never: Flags = np.stack([np.isneginf(up[i:]).any(0), np.isneginf(down[: i + 1]).any(0)])
    up, down = finite(up), finite(down)
    if not idle:
        moves = np.logaddexp(up, down)
        up, down = up - moves, down - moves
    products = np.zeros((len(up) + 1, up.shape[1]))
    np.cumsum(down - up, axis=0, out=products[1:])
    fixed = np.logaddexp.accumulate(products, axis=0)
    lost = np.logaddexp.accumulate(products[::-1], axis=0)[::-1][1:]
    total, fixed = fixed[-1], fixed[:-1]
    fixed, lost = fixed - total, lost - total  # log phi_l and log 1 - phi_l, l = 1 .. N - 1
    there = fixed + lost + total - up - products[1:]
    there[:i] += lost[i] - lost[:i]
    there[i:] += fixed[i] - fixed[i:]
    with np.errstate(over="ignore"):
        times: Numbers = np.exp(np.stack([there, there + fixed - fixed[i], there + lost - lost[i]])).sum(1)
    times[1:][never] = np.nan
    return times


def _of_chains(chain: Numbers, mutants: int, idle: bool) -> Numbers:
    """The same from probabilities of i to j mutants [pair, i, j]; given an end, the chain is Doob's."""
    inner, ends = chain[..., 1:-1], chain[..., [-1, 0]]
    times = [steps(inner, ends, idle)]
    for chance, end in zip(np.moveaxis(absorption(inner, ends), -1, 0), np.moveaxis(ends, -1, 0), strict=True):
        with np.errstate(all="ignore"):
            given = inner * chance[:, None, :] / chance[..., None]
            times.append(steps(given, (end / chance)[..., None], idle))
    return np.stack(times)[..., mutants - 1]
