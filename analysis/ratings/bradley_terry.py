"""Strengths from pairwise comparisons (Bradley and Terry 1952), with ties (Davidson 1970)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.csgraph import NegativeCycleError, bellman_ford, connected_components
from scipy.special import softmax

from ..arrays import Indices, Numbers

_SAME = 1e-9  # payoffs closer than this share of their spread are equal
_SMALL = 1e-12  # largest gradient per comparison at the maximum


@dataclass(frozen=True)
class Comparisons:
    """Comparisons of two agents [comparison]."""

    agents: int
    first: Indices
    second: Indices
    outcome: Numbers
    """1: the first is preferred; 0: the second; 1/2: a tie."""
    cluster: Indices
    """Comparisons with the same number may depend on each other."""


@dataclass(frozen=True)
class Strengths:
    """Maximum-likelihood strengths, on the scale of log odds; their mean is 0."""

    strength: Numbers
    standard_error: Numbers
    covariance: Numbers
    tie: float
    """Davidson's nu: two equals tie with probability nu / (2 + nu). 0 without ties."""


def same_partner(payoffs: ArrayLike) -> Comparisons:
    """Each pair of agents is compared by what both earned with the same partner.

    From payoffs [agent, partner] or [repetition, agent, partner], NaN if not met. A cluster is one partner in one
    repetition. The comparison is of payoffs, not of victories over the partner.
    """
    table = _table(payoffs)
    first, second = np.triu_indices(table.shape[1], 1)
    return _compare(table[:, first].swapaxes(1, 2), table[:, second].swapaxes(1, 2), first, second)


def same_match(payoffs: ArrayLike) -> Comparisons:
    """Each pair of agents is compared by what both earned in their own match: who won; its matches are one
    cluster.

    In a dilemma this rewards spite: a defector never loses a match, however little it earns.
    """
    table = _table(payoffs)
    first, second = np.triu_indices(table.shape[1], 1)
    ours, theirs = table[:, first, second], table[:, second, first]
    found = _compare(ours[:, None], theirs[:, None], first, second)
    return Comparisons(found.agents, found.first, found.second, found.outcome, _pair(found.first, found.second))


def separation(comparisons: Comparisons, names: Sequence[str] | None = None) -> str:
    """Why strengths would not be finite or comparable, in a sentence; "" if they are (Ford 1957).

    The likelihood has a unique maximum if no direction (delta, epsilon) of (theta, log nu), other than a common
    shift, keeps the probability of every comparison from falling (Albert and Anderson 1984). Such a direction has
        delta_i - delta_j >= max(0, 2 epsilon) if i beat j,    |delta_i - delta_j| <= 2 epsilon if they tied.
    With epsilon = 0 this is Ford's condition: everybody is connected to everybody by a chain of comparisons that
    were not lost. With epsilon > 0 there is no such direction if some cycle of comparisons has more wins, all in
    the same direction, than ties. Otherwise each win is a step of one level or more and each tie a step of one
    level or less, and the distance of levels is unbounded. Without ties nu is 0, and with ties only it is
    infinite: both are set, and are not directions.
    """
    names = names or [f"agent {i}" for i in range(comparisons.agents)]
    wins, ties = _counts(comparisons)
    unbeaten = (wins + ties) > 0
    count, part = connected_components(unbeaten, directed=True, connection="weak")
    if count > 1:
        small = np.flatnonzero(part == np.bincount(part).argmin())
        return f"Never compared with the others, so that strengths have no common scale: {_listed(small, names)}."
    count, group = connected_components(unbeaten, directed=True, connection="strong")
    if count == 1:
        if not wins.any() or not ties.any() or _has_winning_cycle(wins, ties):
            return ""
        return (
            "Levels explain every comparison (wins are a level or more apart, ties a level or less), so that "
            f"strengths and ties have no upper end: {_listed(np.arange(comparisons.agents), names)}."
        )
    outward, inward = (np.ones(count, dtype=np.bool_) for _ in range(2))
    across = np.argwhere(unbeaten & (group[:, None] != group))
    outward[group[across[:, 0]]] = False
    inward[group[across[:, 1]]] = False
    top = np.flatnonzero(group == np.flatnonzero(inward)[0])
    bottom = np.flatnonzero(group == np.flatnonzero(outward)[0])
    if len(bottom) < len(top):
        return f"Never ahead of any of the others, so that strength has no lower end: {_listed(bottom, names)}."
    return f"Never behind any of the others, so that strength has no upper end: {_listed(top, names)}."


def _has_winning_cycle(wins: Numbers, ties: Numbers) -> bool:
    """Whether a cycle has more wins, all in one direction, than ties: a negative cycle, with -1 for a win and +1
    for a tie."""
    if ((wins > 0) & (wins.T > 0)).any():
        return True
    step = np.where(wins > 0, -1.0, np.where(ties > 0, 1.0, 0.0))
    try:
        bellman_ford(step, indices=[0])
    except NegativeCycleError:
        return True
    return False


def bradley_terry(comparisons: Comparisons) -> Strengths:
    """Strengths theta with, for agents of difference d,

        P(first), P(second), P(tie)  proportional to  exp(d / 2), exp(-d / 2), nu

    by Newton's method on the likelihood, which is concave in theta and log nu. Errors are the sandwich H^-1 (sum
    over clusters g g^T) H^-1 c / (c - 1), with g the gradient of a cluster and c the number of clusters; NaN with
    one cluster. Raises ValueError with the sentence of `separation` if there is no maximum.
    """
    reason = separation(comparisons)
    if reason:
        raise ValueError(reason)
    n = comparisons.agents
    wins, ties = _counts(comparisons)
    if n == 1:
        return Strengths(np.zeros(1), np.full(1, np.nan), np.full((1, 1), np.nan), 0.0)
    drawn = bool(ties.any())
    if drawn and not wins.any():
        return Strengths(np.zeros(n), np.zeros(n), np.zeros((n, n)), float("inf"))
    theta, eta = np.zeros(n), 0.0 if drawn else -np.inf
    value, gradient, information = _likelihood(theta, eta, wins, ties)
    while np.abs(gradient).max() > _SMALL * len(comparisons.outcome):
        step = np.linalg.lstsq(information, gradient, rcond=1e-12)[0]
        length = 2.0
        better = -np.inf
        while better < value and length > 1e-8:
            length /= 2
            trial = theta + length * step[:n], eta + length * step[n] if drawn else eta
            better, gradient, information = _likelihood(*trial, wins, ties)
        if better <= value:
            break  # converged to floating-point precision
        value, (theta, eta) = better, trial
    theta = theta - theta.mean()
    bread = np.linalg.pinv(information, rcond=1e-12, hermitian=True)
    scores = _cluster_scores(theta, eta, comparisons)
    clusters = len(scores)
    meat = scores.T @ scores * (clusters / (clusters - 1) if clusters > 1 else np.nan)
    covariance = (bread @ meat @ bread)[:n, :n] if clusters > 1 else np.full((n, n), np.nan)
    return Strengths(theta, np.sqrt(np.diagonal(covariance).clip(0)), covariance, float(np.exp(eta)))


def _likelihood(theta: Numbers, eta: float, wins: Numbers, ties: Numbers) -> tuple[float, Numbers, Numbers]:
    """The log likelihood, its gradient and information in (theta, eta)."""
    n = len(theta)
    half = (theta[:, None] - theta) / 2
    total = wins + wins.T + ties
    log_sum = np.logaddexp(np.logaddexp(half, -half), eta)
    ahead, level = np.exp(half - log_sum), np.exp(eta - log_sum)
    value = float((wins * (half - log_sum)).sum())
    if np.isfinite(eta):
        value += float((ties * (eta - log_sum)).sum()) / 2
    expected = ahead + level / 2
    gradient = np.append((wins + ties / 2 - total * expected).sum(1), (ties - total * level).sum() / 2)
    spread = total * (ahead + level / 4 - expected**2)
    information = np.zeros((n + 1, n + 1))
    information[:n, :n] = np.diag(spread.sum(1)) - spread
    information[:n, n] = information[n, :n] = (total * level * (0.5 - expected)).sum(1)
    information[n, n] = (total * level * (1 - level)).sum() / 2
    return value, gradient, information


def _cluster_scores(theta: Numbers, eta: float, comparisons: Comparisons) -> Numbers:
    """Gradients of (theta, eta), summed within clusters [cluster, n + 1]."""
    first, second, n = comparisons.first, comparisons.second, len(theta)
    half = (theta[first] - theta[second]) / 2
    chance = softmax(np.stack((half, -half, np.full_like(half, eta))), axis=0)
    surprise = comparisons.outcome - chance[0] - chance[2] / 2
    labels, cluster = np.unique(comparisons.cluster, return_inverse=True)
    size = len(labels) * (n + 1)
    scores = np.bincount(cluster * (n + 1) + first, surprise, size).astype(np.float64)
    scores -= np.bincount(cluster * (n + 1) + second, surprise, size)
    scores += np.bincount(cluster * (n + 1) + n, (comparisons.outcome == 0.5) - chance[2], size)
    return scores.reshape(len(labels), n + 1)


def _counts(comparisons: Comparisons) -> tuple[Numbers, Numbers]:
    """How often the row beat the column, and tied with it [agent, agent]."""
    n = comparisons.agents
    pair, back = comparisons.first * n + comparisons.second, comparisons.second * n + comparisons.first
    wins = np.bincount(pair[comparisons.outcome == 1], minlength=n * n)
    wins = wins + np.bincount(back[comparisons.outcome == 0], minlength=n * n)
    ties = np.bincount(pair[comparisons.outcome == 0.5], minlength=n * n).reshape(n, n).astype(np.float64)
    return wins.reshape(n, n).astype(np.float64), ties + ties.T


def _table(payoffs: ArrayLike) -> Numbers:
    table = np.asarray(payoffs, dtype=np.float64)
    table = table[None] if table.ndim == 2 else table
    if table.ndim != 3 or table.shape[1] != table.shape[2] or not table.size:
        raise ValueError(f"Payoffs are [agent, partner] or [repetition, agent, partner], not {table.shape}.")
    return table


def _compare(ours: Numbers, theirs: Numbers, first: Indices, second: Indices) -> Comparisons:
    """From payoffs [repetition, cluster, pair] of both agents, NaN if missing."""
    known = np.isfinite(ours) & np.isfinite(theirs)
    difference = np.where(known, ours - np.where(known, theirs, 0), 0)
    values = np.concatenate((ours[known], theirs[known]))
    same = _SAME * np.ptp(values) if len(values) else 0.0
    outcome = np.where(np.abs(difference) <= same, 0.5, difference > 0)
    cluster, pair = np.divmod(np.flatnonzero(known), len(first))
    agents = int(second.max(initial=0)) + 1
    return Comparisons(agents, first[pair], second[pair], outcome[known], cluster)


def _pair(first: Indices, second: Indices) -> Indices:
    """A number for each pair."""
    return second * (second - 1) // 2 + first


def _listed(group: Indices, names: Sequence[str]) -> str:
    shown = ", ".join(names[i] for i in group[:5].tolist())
    return shown + (f" and {len(group) - 5} more" if len(group) > 5 else "")
