"""Selection and mutation together, exactly: how often the population is in each of its states."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from ..arrays import Indices, Numbers
from ..ratings.stationary import stationary
from .group_game import GroupGame
from .processes import Fitness, Kind, Pairs, Process, process_of
from .state_reduction import stationary_by_levels
from .wright_fisher import log_multinomial

MutatesTo: TypeAlias = Literal["any", "others"]

MOST = 50_000
"""States."""
MOST_AT_ONCE = 2_000
"""States that are solved together: as many have the same number of the first type; with Wright-Fisher, all."""


@dataclass(frozen=True)
class MutationDistribution:
    """The stationary law of a population under selection and mutation."""

    states: Indices
    """How many are of each type [state, type]."""
    probabilities: Numbers
    """Share of time in each state [state]."""

    @property
    def shares(self) -> Numbers:
        """Mean share of each type [type]."""
        return np.asarray(self.probabilities @ self.states / self.states[0].sum(), np.float64)


def mutation_distribution(
    payoffs: ArrayLike | GroupGame,
    size: int,
    selection: float,
    process: Kind = "moran",
    fitness: Fitness = "exponential",
    *,
    mutation: float,
    mutates_to: MutatesTo = "any",
    pairs: Pairs = "without_replacement",
    self_interaction: bool = False,
) -> MutationDistribution:
    """The stationary law over all states of a population of a few types, by sparse state reduction.

    In a step one is drawn to be replaced, or in "fermi" and "local_update" to copy or not. Where births are drawn
    by fitness, offspring mutates with probability `mutation`; otherwise the focal one mutates with that chance
    instead of copying. A mutant is of "any" type, its own too, or of one of the "others", all as likely: at the
    same `mutation`, "others" mutates more, types / (types - 1) times. Antal, Traulsen, Ohtsuki, Tarnita and Nowak
    2009; Traulsen, Hauert, De Silva, Nowak and Sigmund 2009. Payoffs are A[own type, other type] or a `GroupGame`;
    other arguments: `fixation_probabilities`. At most 50,000 states (3 types up to 314 members, 4 up to 61), with
    Wright-Fisher 2,000.

    >>> mutation_distribution([[3, 0], [5, 1]], 20, 0.1, "fermi", mutation=0.01).shares.round(4)
    array([0.1176, 0.8824])
    """
    if not isinstance(payoffs, GroupGame) and np.ndim(payoffs) == 3:
        raise ValueError("The full chain takes payoffs [own type, other type], or a game of groups of any types.")
    population = process_of(payoffs, size, selection, process, fitness, pairs, self_interaction)
    check_mutation(mutation, mutates_to)
    number = math.comb(size + population.types - 1, size)
    at_once = number if process == "wright_fisher" else math.comb(size + population.types - 2, size)
    if number > MOST or at_once > MOST_AT_ONCE:
        raise ValueError(
            f"{population.types} types in a population of {size} have {number:,} states, {at_once:,} to be solved "
            f"at once; at most {MOST:,} and {MOST_AT_ONCE:,} are: take fewer, or the limit of small mutation."
        )
    states = states_of(population)
    if process == "wright_fisher":
        births = np.exp(population.log_births(earned_in(population, states), states))
        logs = log_multinomial(np.log(np.maximum(_mutated(births, mutation, mutates_to), 1e-300)), states)
        return MutationDistribution(states, stationary(logs))
    rates = _rates(population, states, mutation, mutates_to)
    edges = np.flatnonzero(np.diff(states[:, 0], prepend=-1, append=population.size + 1)).tolist()
    levels = [slice(first, end) for first, end in itertools.pairwise(edges)]
    return MutationDistribution(states, stationary_by_levels(rates, levels))


def check_mutation(mutation: float, mutates_to: MutatesTo) -> None:
    if mutates_to not in get_args(MutatesTo):
        raise ValueError(f"mutates_to is one of 'any', 'others', not {mutates_to!r}.")
    if not 0 < mutation <= 1:
        raise ValueError(f"mutation is a probability above 0 and at most 1, not {mutation}: see small_mutation.")


def earned_in(process: Process, states: Indices) -> Numbers:
    """The mean payoff of each type in each state [state, type]."""
    if process.game is not None:
        return process.game.among(states)
    table = process.payoffs[..., 0].copy()
    own = process.payoffs[range(process.types), range(process.types), 1]
    np.fill_diagonal(table, own)
    if process.self_interaction:
        return np.asarray(states @ table.T / process.size, np.float64)
    return np.asarray((states @ table.T - own) / (process.size - 1), np.float64)


def states_of(process: Process) -> Indices:
    """All states [state, type], by the number of the first type, then of the second, ..."""
    bars = itertools.combinations(range(process.size + process.types - 1), process.types - 1)
    flat = np.fromiter(itertools.chain.from_iterable(bars), np.int64).reshape(-1, process.types - 1)
    ends = np.full((len(flat), 1), process.size + process.types - 1)
    return np.diff(flat, prepend=-1, append=ends) - 1


def _mutated(chances: Numbers, mutation: float, mutates_to: MutatesTo) -> Numbers:
    """Chances of the type of one who is born [..., type], with what mutates."""
    types = chances.shape[-1]
    fresh = np.full_like(chances, 1 / types) if mutates_to == "any" else (1 - chances) / (types - 1)
    return (1 - mutation) * chances + mutation * fresh


def _rates(process: Process, states: Indices, mutation: float, mutates_to: MutatesTo) -> csr_array:
    """Probabilities of a step to another state, where one of a type becomes another."""
    types, size = process.types, process.size
    turns = np.exp(process.log_turns(earned_in(process, states), states))
    if process.kind == "moran":
        turns = _mutated(turns, mutation, mutates_to)
    else:
        turns = (1 - mutation) * turns + mutation / (types if mutates_to == "any" else types - 1)
    turns *= (states / size)[..., None]
    places = (size + 1) ** np.arange(types - 2, -1, -1)
    codes = states[:, :-1] @ places  # ascending, as the states are
    rows, columns, values = [], [], []
    for old, new in itertools.permutations(range(types), 2):
        there = np.flatnonzero(states[:, old])
        step = (places[new] if new < types - 1 else 0) - (places[old] if old < types - 1 else 0)
        rows.append(there)
        columns.append(np.searchsorted(codes, codes[there] + step))
        values.append(turns[there, old, new])
    index = (np.concatenate(rows), np.concatenate(columns))
    return csr_array((np.concatenate(values), index), shape=(len(states), len(states)))
