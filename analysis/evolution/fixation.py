"""Fixation: how likely mutants take over a population of residents, for all pairs of types at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Indices, Numbers
from .absorption import absorption
from .group_game import GroupGame
from .processes import Fitness, Kind, Process, check_two, log_advantage, pair_payoffs, process_of
from .wright_fisher import transitions

_CHUNK = 1 << 19  # numbers worked on at once


def fixation_probabilities(
    payoffs: ArrayLike | GroupGame,
    size: int,
    selection: float,
    process: Kind = "moran",
    fitness: Fitness = "exponential",
    *,
    mutants: int = 1,
    self_interaction: bool = False,
) -> Numbers:
    """The probability that `mutants` of a type take over a population of residents [mutant, resident].

    With g_k / f_k the ratio of the probabilities to lose and to gain a mutant where there are k,

        rho_i = (1 + sum_{j<i} prod_{k<=j} g_k / f_k) / (1 + sum_{j<N} prod_{k<=j} g_k / f_k)

    (Karlin and Taylor 1975, section 4.7; Nowak 2006, eq. 6.13), in logarithms; Wright-Fisher by state reduction.
    How often nothing happens makes no difference. On the diagonal it is i / N. Moran with exponential fitness and
    "fermi" agree. Raises ValueError where linear fitness would be negative.

    Args:
        payoffs: A[own type, other type]. Or for games of n, [own type, other type, m]: what the own type earns
            where m of the n - 1 co-players, drawn without replacement, are of it and the others of the other. Or
            a `GroupGame`, of which groups of two types count.
        size: the members of the population; nobody plays itself, unless `self_interaction`.
        selection: w; see `processes` for what each process and fitness does with it.

    >>> fixation_probabilities([[2, 2], [1, 1]], 10, 1, fitness="linear").round(4)
    array([[0.1   , 0.5005],
           [0.001 , 0.1   ]])
    """
    return np.asarray(
        np.exp(
            log_fixation(
                process_of(payoffs, size, selection, process, fitness, self_interaction=self_interaction), mutants
            )
        ),
        np.float64,
    )


def mutant_fixation(payoffs: Numbers, size: int, selection: float, fitness: Fitness = "exponential") -> Numbers:
    """The probability that one mutant takes over, for pairs of types that share no table [pair].

    `payoffs` are [pair, own type, other type], the mutant first. The Moran process; with exponential fitness also
    pairwise comparison. Raises ValueError where linear fitness would be negative.

    >>> mutant_fixation(np.array([[[2.0, 2], [1, 1]]]), 10, 1, "linear").round(4)
    array([0.5005])
    """
    process = process_of(np.zeros((2, 2)), size, selection, "moran", fitness)
    mutants, others = np.arange(1, size)[:, None], size - 1
    (a, b), (c, d) = payoffs.transpose(1, 2, 0)
    own = ((mutants - 1) * a + (size - mutants) * b) / others
    other = (mutants * c + (others - mutants) * d) / others
    return np.asarray(np.exp(_log_birth_death(log_advantage(process, own, other), 1)), np.float64)


def log_fixation(process: Process, mutants: int = 1) -> Numbers:
    """Logarithms of the probabilities of fixation [mutant, resident]."""
    check_two(process, mutants)
    logs = np.empty((process.types, process.types))
    for mutant, resident in pairs_of(process):
        if process.kind == "wright_fisher":
            chain = transitions(process, mutant, resident)
            ends = chain[..., [0, -1]]
            with np.errstate(divide="ignore"):
                logs[mutant, resident] = np.log(absorption(chain[..., 1:-1], ends)[:, mutants - 1, 1])
        else:
            logs[mutant, resident] = _log_birth_death(
                log_advantage(
                    process,
                    pair_payoffs(process, mutant, resident),
                    pair_payoffs(process, resident, mutant)[::-1],
                ),
                mutants,
            )
    return logs


def pairs_of(process: Process) -> Iterator[tuple[Indices, Indices]]:
    """All ordered pairs of types, in parts that fit in memory."""
    mutant, resident = (part.reshape(-1) for part in np.indices((process.types, process.types)))
    states = process.size**2 if process.kind == "wright_fisher" else process.size
    step = max(1, _CHUNK // states)
    for first in range(0, len(mutant), step):
        yield mutant[first : first + step], resident[first : first + step]


def _log_birth_death(advantage: Numbers, mutants: int) -> Numbers:
    """From the logarithms of f_k / g_k [k - 1, pair]."""
    blocked = np.isneginf(advantage[mutants - 1 :]).any(axis=0)
    products = np.zeros((len(advantage) + 1, advantage.shape[1]))
    np.cumsum(-finite(advantage), axis=0, out=products[1:])
    logs = _log_sum(products[:mutants]) - _log_sum(products)
    logs[blocked] = -np.inf
    return logs


def finite(logs: Numbers) -> Numbers:
    """What can't happen is so unlikely that it makes no difference."""
    return np.nan_to_num(logs, neginf=-1e5, posinf=1e5)


def _log_sum(logs: Numbers) -> Numbers:
    peak = logs.max(axis=0)
    return np.asarray(peak + np.log(np.exp(logs - peak).sum(axis=0)), np.float64)
