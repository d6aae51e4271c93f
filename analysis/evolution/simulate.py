"""Evolution from a payoff table, played out by chance: many populations at once, until one type is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from ..arrays import Flags, Indices, Numbers
from .mutation_chain import earned_in
from .processes import Fitness, Kind, Process, log_advantage, pair_payoffs, process_of

Random: TypeAlias = np.random.Generator

MIXED = -1


@dataclass(frozen=True)
class Fixations:
    """How populations ended [population]."""

    types: Indices
    """The type that is left; -1 where several still are."""
    steps: Indices
    """Steps in which something changed; with Wright-Fisher, generations."""


def simulate_fixation(
    payoffs: ArrayLike,
    start: ArrayLike,
    selection: float,
    random: Random,
    process: Kind = "moran",
    fitness: Fitness = "exponential",
    *,
    populations: int = 1,
    most_steps: int = 1_000_000,
) -> Fixations:
    """Let populations evolve without mutation until one type is left, from payoffs A[own type, other type].

    The next change is drawn, not waited for: steps are those of `fixation_times` with `idle_steps=False`. Types
    that do well when rare can be there together for longer than anybody waits: after `most_steps` populations are
    left mixed.

    Args:
        start: how many are of each type, in all `populations` alike [type], or in each its own [population, type].
        random: the caller's generator; from the same state come the same populations.
        process: as in `fixation_probabilities`, as are payoffs, selection and fitness.

    >>> ended = simulate_fixation([[3, 0], [5, 1]], [10, 10], 0.1, np.random.default_rng(1), populations=1000)
    >>> float((ended.types == 1).mean()) > 0.8  # the defectors'
    True
    """
    counts = np.asarray(start)
    if counts.ndim == 1:
        counts = np.broadcast_to(counts, (populations, len(counts)))
    _check(counts, np.shape(payoffs), most_steps)
    law = process_of(payoffs, int(counts[0].sum()), selection, process, fitness)
    counts = counts.astype(np.int64)
    types = np.full(len(counts), MIXED)
    steps = np.zeros(len(counts), np.int64)
    several = 1 if law.kind == "wright_fisher" else 2  # two types walk in a table
    going = np.flatnonzero((counts > 0).sum(1) > several)
    step = _generation if law.kind == "wright_fisher" else _change
    while len(going):
        before = counts[going]
        counts[going] = now = step(law, before, random)
        steps[going] += 1 if law.kind == "wright_fisher" else (now != before).any(1)
        going = going[((now > 0).sum(1) > several) & (steps[going] < most_steps)]
    left = (counts > 0).sum(1)
    types[left == 1] = counts[left == 1].argmax(1)
    if several == 2:
        two = np.flatnonzero(left == 2)
        types[two], steps[two] = _walk(law, counts[two], steps[two], most_steps, random)
    return Fixations(types, steps)


def _check(counts: NDArray[np.generic], shape: tuple[int, ...], most_steps: int) -> None:
    if len(shape) != 2:
        raise ValueError(f"Populations are played out from payoffs [own type, other type], not of shape {shape}.")
    if counts.ndim != 2 or counts.shape[1] != shape[0] or not len(counts):
        raise ValueError(
            f"start counts each of the {shape[0]} types, in one population or more; it is of shape {counts.shape}."
        )
    if not np.issubdtype(counts.dtype, np.integer) or counts.min() < 0 or np.ptp(counts.sum(1)):
        raise ValueError("start has whole numbers, 0 or more, with the same sum in each population.")
    if most_steps < 1:
        raise ValueError(f"most_steps is 1 or more, not {most_steps}.")


def _generation(law: Process, counts: Indices, random: Random) -> Indices:
    return random.multinomial(law.size, np.exp(law.log_births(earned_in(law, counts), counts)))


def _change(law: Process, counts: Indices, random: Random) -> Indices:
    """The populations after the next change of one of a type into another, or as they were, where it was refused.

    Drawn as if there were no step in which a type replaces itself: to b from another with weight w_b (N - n_b).
    """
    everybody = np.arange(len(counts))
    earned = earned_in(law, counts)
    weights = np.exp(law.log_births(earned, counts)) if law.kind == "moran" else counts
    new = _drawn(weights * (law.size - counts), random)
    others = counts.copy()
    others[everybody, new] = 0
    old = _drawn(others, random)
    copied = np.ones(len(counts), np.int64)
    if law.kind != "moran":
        chance = np.exp(law.log_copies(earned[everybody, old], earned[everybody, new]))
        copied = (random.random(len(counts)) < chance).astype(np.int64)
    after = counts.copy()
    after[everybody, new] += copied
    after[everybody, old] -= copied
    return after


def _drawn(weights: Numbers | Indices, random: Random) -> Indices:
    """A type for each population, by weight [population, type]; never one without weight."""
    sums = np.cumsum(weights, axis=1)
    level = (1 - random.random(len(sums))) * sums[:, -1]  # above 0, up to the sum
    return np.asarray((sums < level[:, None]).sum(1), np.int64)


def _walk(
    law: Process, counts: Indices, steps: Indices, most_steps: int, random: Random
) -> tuple[Indices, Indices]:
    """The types that are left of two in each population, and the steps, from those so far."""
    first, second = np.nonzero(counts)[1].reshape(-1, 2).T
    pairs, pair = np.unique(first * law.types + second, return_inverse=True)
    own, other = np.divmod(pairs, law.types)
    odds = log_advantage(law, pair_payoffs(law, own, other), pair_payoffs(law, other, own)[::-1])
    up = np.full((len(pairs), law.size + 1), np.nan)  # chance that the next change is one more of the first type
    up[:, 1:-1] = expit(odds).T
    start = pair * (law.size + 1) + counts[np.arange(len(counts)), first]
    end, steps = _walk_until(np.isnan(up).reshape(-1), up.reshape(-1), start, steps, most_steps, random)
    k = end % (law.size + 1)
    return np.where(k == law.size, first, np.where(k == 0, second, MIXED)), steps


def _walk_until(
    over: Flags, up: Numbers, place: Indices, before: Indices, most_steps: int, random: Random
) -> tuple[Indices, Indices]:
    """Where in the table populations end, or are after the most steps, and how many steps they took."""
    end, steps = place.copy(), before.copy()
    who = np.arange(len(place))
    for step in range(1, most_steps - int(before.min(initial=most_steps)) + 1):
        place = place + (2 * (random.random(len(place)) < up[place]) - 1)
        ended = over[place]
        if ended.any():
            end[who[ended]], steps[who[ended]] = place[ended], before[who[ended]] + step
            who, place = who[~ended], place[~ended]
            if not len(who):
                break
    end[who], steps[who] = place, most_steps
    return end, steps
