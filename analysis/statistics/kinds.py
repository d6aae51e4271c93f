"""Kinds: groups of partners that behave the same, or nearly so, and count as one draw from the field.

Entering a partner twice gives no information on other partners. The sample size of an interval over partners is
the number of kinds of behaviour, not of labels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from ..arrays import Flags, Indices, Numbers

MIN_KINDS = 5
"""With fewer kinds of partners nothing is said of other partners: intervals were measured to be too short."""
NEAR = 0.2
"""Partners are of one kind if they differ by less than this share of the typical difference in the field."""
WIDEST = 0.5
"""Upper bound of the squared threshold, for noisy payoffs."""
AKIN = 0.7
"""The same share as `NEAR`, for declared versions of one agent."""


def kinds(payoffs: Numbers, effects: Numbers, declared: Indices | None = None) -> Indices:
    """The kind of each agent [agent]: 0, 1, ... in the order of their first members.

    `payoffs` [agent, partner] are NaN if they never met; `effects` [agent, partner, repetition] are the effects of
    repetitions on them, whose sum of squares is the squared standard error. Average linkage of
    `behaviour_distances` is cut at the square of `NEAR` plus two standard errors, at most `WIDEST`. For agents
    with the same non-negative number in `declared` [agent], `AKIN` replaces `NEAR`, unless more than half of all
    agents share that number.

    If no partner can be distinguished from any other, all are one kind.
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
    # Without noise a distance may be negative, which linkage does not allow: all are shifted alike.
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

    There are two: of what others earn with each agent, and of what each agent earns with others. Each is the mean
    squared difference, minus the part due to repetitions, divided by its mean over all pairs (each agent with
    itself included, so that entering all agents k times changes nothing). The two are averaged. Unknown distances
    are set to 1, the typical distance. NaN if no difference exceeds noise.
    """
    total = np.zeros((len(payoffs),) * 2)
    parts = np.zeros_like(total)
    errors = list[float]()
    for values, effect in ((payoffs, effects), (payoffs.T, effects.swapaxes(0, 1))):
        apart, noise, known = _between_columns(values, effect)
        count = int(known.sum())
        if not count:
            continue
        typical = (apart - noise)[known].mean()
        # Twice the standard error of pure noise, as the mean of a square for each pair.
        least = 2 * noise[known].mean() * np.sqrt(2 / max(1, count / 2))
        if typical <= max(least, 1e-18 * max(1.0, np.nanmax(np.abs(values)) ** 2)):
            continue
        # The relative error of a mean of squares of noise, one for each row.
        errors.append(float(noise[known].mean()) / typical * np.sqrt(2 / len(values)))
        total += np.where(known, (apart - noise) / typical, 0.0)
        parts += known
    if not parts.any():
        return np.full_like(total, np.nan), 0.0
    error = np.sqrt(sum(error**2 for error in errors)) / len(errors)
    return np.where(parts > 0, total / parts.clip(1), 1.0), float(error)


def _between_columns(values: Numbers, effects: Numbers) -> tuple[Numbers, Numbers, Flags]:
    """Mean squared differences of columns of `values`, the part due to noise, and whether they share rows."""
    known = ~np.isnan(values)
    here = known.astype(np.float64)
    both = here.T @ here
    filled = np.where(known, values - np.nanmean(values), 0.0)
    effect = np.where(known[:, :, None], effects, 0.0).swapaxes(1, 2)
    rows = effect.reshape(-1, values.shape[1])
    weight = np.repeat(here, effects.shape[2], axis=0)

    def apart(of: Numbers, there: Numbers) -> Numbers:
        squares = (of**2).T @ there
        return np.asarray((squares + squares.T - 2 * of.T @ of).clip(0) / both.clip(1), dtype=np.float64)

    noise = apart(rows, weight) if rows.any() else np.zeros_like(both)
    return apart(filled, here), noise, both > 0
