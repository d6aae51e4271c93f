"""Selection where mutants are rare: each takes over or dies out before the next: one type at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from ..arrays import Flags, Numbers
from ..ratings.stationary import stationary
from .fixation import log_fixation
from .group_game import GroupGame
from .processes import Fitness, Kind, Process, pair_payoffs, process_of


@dataclass(frozen=True)
class SmallMutationChain:
    """The chain of types that a population consists of, one after another."""

    distribution: Numbers
    """Share of time that the population is all of a type [type]."""
    fixation: Numbers
    """Probabilities of fixation [mutant, resident]; 1 / size on the diagonal."""
    transition: Numbers
    """Probabilities of the next type, from a mutant to the next [resident, mutant]; all others are as likely."""
    neutral: Flags
    """Pairs that earn the same in every mixture of the two, so that only drift moves them [type, type]."""


def small_mutation_chain(
    payoffs: ArrayLike | GroupGame,
    size: int,
    selection: float,
    process: Kind = "moran",
    fitness: Fitness = "exponential",
    *,
    self_interaction: bool = False,
) -> SmallMutationChain:
    """The embedded chain of monomorphic states, as the mutation rate goes to 0.

    A resident s is followed by r with probability rho_rs / (types - 1); rho is the probability of fixation
    of one mutant r. The stationary law is by state reduction on logarithms, and survives strong selection in large
    populations. Fudenberg and Imhof 2006; Imhof, Fudenberg and Nowak 2005. Whether mutants may be of the
    resident's own type makes no difference to the law. Arguments: `fixation_probabilities`.

    A fixation probability near 1 / size can be drift, where nothing is at stake (`neutral`), or a balance.
    Raises ValueError where fitness of 0 leaves several types that no other can ever take over.
    """
    population = process_of(payoffs, size, selection, process, fitness, self_interaction=self_interaction)
    logs = log_fixation(population)
    fixation = np.exp(logs)
    types = population.types
    transition = fixation.T / (types - 1)
    np.fill_diagonal(transition, 0)
    np.fill_diagonal(transition, 1 - transition.sum(1))
    stays = _lasting(logs.T)
    law = np.zeros(types)
    law[stays] = stationary(logs.T[np.ix_(stays, stays)])
    return SmallMutationChain(law, fixation, transition, _neutral(population))


def small_mutation_distribution(
    payoffs: ArrayLike | GroupGame,
    size: int,
    selection: float,
    process: Kind = "moran",
    fitness: Fitness = "exponential",
    *,
    self_interaction: bool = False,
) -> Numbers:
    """Share of time that a population with rare mutants is all of a type [type]: see `small_mutation_chain`.

    >>> small_mutation_distribution([[3, 0], [5, 1]], 20, 0.1).round(4)  # cooperators and defectors
    array([0.0392, 0.9608])
    """
    return small_mutation_chain(
        payoffs, size, selection, process, fitness, self_interaction=self_interaction
    ).distribution


def _lasting(log_rates: Numbers) -> Flags:
    """Which states the chain comes back to for ever [state]."""
    reach = np.isfinite(log_rates)
    _, classes = connected_components(csr_array(reach), connection="strong")
    left = [label for label in np.unique(classes) if not reach[classes == label][:, classes != label].any()]
    if len(left) > 1:
        raise ValueError(
            f"{len(left)} sets of types can't be taken over by any other, since fitness is 0 there, so the law "
            "depends on the start: raise the payoffs or take exponential fitness."
        )
    return np.asarray(classes == left[0], np.bool_)


def _neutral(process: Process) -> Flags:
    own, other = (part.reshape(-1) for part in np.indices((process.types, process.types)))
    gain = pair_payoffs(process, own, other) - pair_payoffs(process, other, own)[::-1]
    least = 1e-12 * np.abs(process.payoffs).max(initial=0)  # what rounding leaves of a tie
    return np.asarray((np.abs(gain) <= least).all(0).reshape(process.types, process.types), np.bool_)
