"""Kinds: which partners are the same, or nearly, so that together they count as one draw from the field.

Entering a partner twice tells nothing new of partners that are not there. What an interval over partners may count
on are kinds of behaviour, not labels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from ..cells import Flags, Indices, Numbers

FEW = 5
"""With fewer kinds of partners nothing is known of others: intervals were measured to be too short there."""
NEAR = 0.2
"""Partners are of one kind where they differ by less than this share of what two partners of the field do."""
WIDEST = 0.5
"""The square of it is never more than this, however much noise there is."""
AKIN = 0.7
"""Likewise, for those that are declared to be versions of one agent."""


def kinds(payoffs: Numbers, effects: Numbers, declared: Indices | None = None) -> Indices:
    """The kind of each agent [agent]: 0, 1, ... in the order of the first of each.

    `payoffs` [agent, partner] are NaN where they never met; `effects` [agent, partner, repetition] are what
    repetitions move them by, with the squared standard error as their sum of squares. Average linkage of
    `behaviour_distances`, cut at the square of `NEAR` and two standard errors, `WIDEST` at most; among agents with
    the same non-negative number in `declared` [agent] at the square of `AKIN` and as much, unless more than half
    of all have it: then it tells nobody from anybody.

    Where no partner can be told from any other, all are one kind.
    """
    size = len(payoffs)
    between, error = behaviour_distances(payoffs, effects)
    if size < 2 or np.isnan(between).all():
        return np.zeros(size, dtype=np.int64)
    cut = min(NEAR**2 + 2 * error, WIDEST)
    if declared is not None:
        _, which, count = np.unique(declared, return_inverse=True, return_counts=True)
        akin = (which[:, None] == which) & (declared >= 0) & (2 * count[which] <= size)
        between = np.where(akin, between * (cut / (AKIN**2 + 2 * error)), between)
    # Where noise is taken off, a distance may be below 0, which the linkage can't hold: all are moved alike.
    lift = max(0.0, -float(between.min()))
    between = between + lift
    np.fill_diagonal(between, 0.0)
    tree = linkage(squareform(between, checks=False), "average")
    found: NDArray[np.int32] = fcluster(tree, cut + lift, "distance")
    _, first, which = np.unique(found, return_index=True, return_inverse=True)
    order = np.empty(len(first), dtype=np.int64)
    order[np.argsort(first)] = np.arange(len(first))
    return np.asarray(order[which], dtype=np.int64)


def behaviour_distances(payoffs: Numbers, effects: Numbers) -> tuple[Numbers, float]:
    """Squared distances [agent, agent], and their standard error between copies.

    One is of what others earn with each, one of what each earns with others. Both are the mean squared difference,
    less what repetitions make of it, over its mean among all pairs (an agent with itself included, so that
    entering everybody k times changes nothing), and then averaged; what is unknown of two is taken to be 1, the
    typical distance. NaN where no difference is more than noise.
    """
    total = np.zeros((len(payoffs),) * 2)
    parts = np.zeros_like(total)
    errors = list[float]()
    for values, moved in ((payoffs, effects), (payoffs.T, effects.swapaxes(0, 1))):
        apart, noise, known = _between_columns(values, moved)
        count = int(known.sum())
        if not count:
            continue
        typical = (apart - noise)[known].mean()
        # Its standard error where nothing but noise is there, with as many squares as there are pairs.
        least = 2 * noise[known].mean() * np.sqrt(2 / max(1, count / 2))
        if typical <= max(least, 1e-18 * max(1.0, np.nanmax(np.abs(values)) ** 2)):
            continue
        # The mean of as many squares of noise as there are rows has this relative error.
        errors.append(float(noise[known].mean()) / typical * np.sqrt(2 / len(values)))
        total += np.where(known, (apart - noise) / typical, 0.0)
        parts += known
    if not parts.any():
        return np.full_like(total, np.nan), 0.0
    error = np.sqrt(sum(error**2 for error in errors)) / len(errors)
    return np.where(parts > 0, total / parts.clip(1), 1.0), float(error)


def _between_columns(values: Numbers, effects: Numbers) -> tuple[Numbers, Numbers, Flags]:
    """Mean squared differences of columns of `values`, what noise adds, and whether they have rows in common."""
    known = ~np.isnan(values)
    here = known.astype(np.float64)
    both = here.T @ here
    filled = np.where(known, values - np.nanmean(values), 0.0)
    moved = np.where(known[:, :, None], effects, 0.0).swapaxes(1, 2)
    rows = moved.reshape(-1, values.shape[1])
    weight = np.repeat(here, effects.shape[2], axis=0)

    def apart(of: Numbers, there: Numbers) -> Numbers:
        squares = (of**2).T @ there
        return np.asarray((squares + squares.T - 2 * of.T @ of).clip(0) / both.clip(1), dtype=np.float64)

    noise = apart(rows, weight) if rows.any() else np.zeros_like(both)
    return apart(filled, here), noise, both > 0
