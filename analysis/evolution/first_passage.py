"""First passage: how long mutation and selection take to bring up a type, for all pairs at once."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Indices, Numbers
from .absorption import steps
from .fixation import pairs_of
from .fixation_times import log_steps
from .mutation_chain import MutatesTo, check_mutation
from .processes import Fitness, Kind, Pairs, Process, process_of
from .wright_fisher import log_multinomial


def first_passage_times(
    payoffs: ArrayLike,
    size: int,
    selection: float,
    process: Kind = "moran",
    fitness: Fitness = "exponential",
    *,
    mutation: float,
    mutates_to: MutatesTo = "any",
    share: float = 0.5,
    pairs: Pairs = "without_replacement",
    self_interaction: bool = False,
) -> Numbers:
    """The mean number of steps from residents alone to the first `share` of another type [mutant, resident].

    Of a population of these two types, with mutation as in `mutation_distribution`. With u_k and d_k the
    probabilities of one mutant more and of one less where there are k, the way from k to k + 1 takes

        h_k = (1 + d_k h_{k-1}) / u_k

    steps, idle ones included; the passage to m of N is their sum over k < m (Karlin and Taylor 1975, 4.7).
    Wright-Fisher, in generations, by state reduction. On the diagonal 0: residents are there. Other arguments:
    `fixation_times`, which has the times without mutation.

    >>> first_passage_times([[1, 1], [1, 1]], 4, 0, mutation=1.0)[0, 1].round(9)  # 4 (1 + 1/3): Ehrenfest's urn
    np.float64(5.333333333)
    """
    population = process_of(payoffs, size, selection, process, fitness, pairs, self_interaction)
    check_mutation(mutation, mutates_to)
    if not 0 < share <= 1:
        raise ValueError(f"share is above 0 and at most 1, not {share}.")
    enough = max(1, math.ceil(share * population.size - 1e-9))
    passage = _generations if population.kind == "wright_fisher" else _steps
    times = np.empty((population.types, population.types))
    for mutant, resident in pairs_of(population):
        up, down = _moves(population, mutant, resident, mutation, mutates_to)
        times[mutant, resident] = passage(up, down, enough)
    np.fill_diagonal(times, 0)
    return times


def _moves(
    process: Process, mutant: Indices, resident: Indices, mutation: float, mutates_to: MutatesTo
) -> tuple[Numbers, Numbers]:
    """Probabilities of a mutant more and of one less where there are k = 0 .. N - 1 [k, pair], of one who is
    replaced at a time."""
    left = np.arange(process.size, 0, -1)[:, None] / process.size
    moves = []
    for who, logs in zip((left, 1 - left), log_steps(process, mutant, resident), strict=True):
        selected = np.zeros((process.size, len(mutant)))
        selected[1:] = np.exp(logs)
        births = process.kind in ("moran", "wright_fisher")
        fresh = who / 2 if mutates_to == "any" else who - selected if births else who
        moves.append((1 - mutation) * selected + mutation * fresh)
    return moves[0], moves[1]


def _steps(up: Numbers, down: Numbers, enough: int) -> Numbers:
    way = total = np.zeros(up.shape[1])
    with np.errstate(over="ignore"):
        for k in range(enough):
            way = (1 + down[k] * way) / up[k]
            total = total + way
    return total


def _generations(up: Numbers, down: Numbers, enough: int) -> Numbers:
    size, k = len(up), np.arange(enough)[:, None]
    born = up[:enough] / (1 - k / size)
    with np.errstate(divide="ignore"):
        births = np.log(np.stack([born, 1 - born], axis=-1)).swapaxes(0, 1)  # [pair, k, type]
    after = np.arange(size + 1)
    chain = np.exp(log_multinomial(births, np.stack([after, after[::-1]], axis=-1)))
    return steps(chain[..., :enough], chain[..., enough:].sum(-1, keepdims=True))[:, 0]
