"""Environments as voters: rankings that need no common scale of payoffs (Lanctot et al. 2023)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Flags, Numbers
from .maximum_entropy import maximum_entropy


def preferences(scores: ArrayLike, weights: ArrayLike | None = None) -> Numbers:
    """The total weight of voters that prefer a to b [a, b], from scores [voter, alternative]; higher is better.

    A voter abstains on pairs with equal scores or a missing score (NaN). For a ballot, pass minus the ranks as
    scores.
    """
    votes = np.asarray(scores, dtype=np.float64)
    if votes.ndim != 2 or not votes.size:
        raise ValueError(f"Scores are a table [voter, alternative]; these have the shape {votes.shape}.")
    weight = np.ones(len(votes)) if weights is None else np.asarray(weights, dtype=np.float64)
    if weight.shape != (len(votes),) or not (np.isfinite(weight) & (weight >= 0)).all():
        raise ValueError(f"Weights are {len(votes)} numbers, one for each voter, 0 or more.")
    above = np.zeros((votes.shape[1], votes.shape[1]))
    for voter, power in zip(votes, weight, strict=True):
        above += power * (voter[:, None] > voter)
    return above


def borda(scores: ArrayLike, weights: ArrayLike | None = None) -> Numbers:
    """A point for each alternative ranked lower and half for each equal one, over all voters [alternative] (Borda
    1781)."""
    votes = np.asarray(scores, dtype=np.float64)
    above = preferences(votes, weights)
    weight = np.ones(len(votes)) if weights is None else np.asarray(weights, dtype=np.float64)
    known = np.isfinite(votes).astype(np.float64)
    met = (known * weight[:, None]).T @ known
    np.fill_diagonal(met, 0)
    points: Numbers = (above + (met - above - above.T) / 2).sum(1)
    return points


def copeland(above: Numbers) -> Numbers:
    """Number of alternatives that a majority ranks below it, half for a draw [alternative] (Copeland 1951)."""
    draws = (above == above.T).sum(1) - 1
    won: Numbers = (above > above.T).sum(1) + draws / 2
    return won


def schulze(above: Numbers) -> Numbers:
    """Number of alternatives beaten by stronger paths of majorities [alternative] (Schulze 2011, winning votes).

    A path is as strong as its weakest link; the strongest paths are found by the Floyd-Warshall algorithm.
    """
    strength = np.where(above > above.T, above, 0.0)
    for via in range(len(strength)):
        np.maximum(strength, np.minimum(strength[:, via, None], strength[None, via]), out=strength)
    np.fill_diagonal(strength, 0)
    beaten: Numbers = (strength > strength.T).sum(1).astype(np.float64)
    return beaten


def ranked_pairs(above: Numbers) -> Numbers:
    """Number of alternatives below it when the widest majorities are locked first [alternative] (Tideman 1987).

    A majority that would close a cycle is left out. Majorities of the same width are handled together: those that
    lie on a cycle with the locked ones and with each other are all left out, so that no order of alternatives
    decides.
    """
    margin = above - above.T
    locked: Flags = np.eye(len(margin), dtype=np.bool_)  # reachability; each reaches itself
    for width in np.unique(margin[margin > 0])[::-1]:
        level = margin == width
        together = _closure(locked | level)
        locked = _closure(locked | (level & ~together.T))
    over: Numbers = locked.sum(1) - 1.0
    return over


def maximal_lottery(above: Numbers) -> Numbers:
    """The lottery p to which no other is preferred: (above - above^T) p <= 0 (Fishburn 1984).

    If there are several, the one of largest entropy. A Condorcet winner gets probability 1; clones share.
    """
    return maximum_entropy(above - above.T)


def iterated_maximal_lotteries(above: Numbers) -> Numbers:
    """Winners of a maximal lottery, then winners among the rest, and so on [alternative].

    The integer part of a score is the number of lotteries after its own; the fraction is the alternative's
    probability in its own lottery (1 counts as just below 1).
    """
    left = np.arange(len(above))
    rounds = []
    while len(left):
        share = maximal_lottery(above[np.ix_(left, left)])
        won = share > 1e-6
        rounds.append((left[won], share[won]))
        left = left[~won]
    scores = np.empty(len(above))
    for after, (winners, share) in enumerate(reversed(rounds)):
        scores[winners] = after + np.minimum(share, 1 - 1e-9)
    return scores


def _closure(edges: Flags) -> Flags:
    """The transitive closure; each alternative reaches itself."""
    reach = edges.copy()
    for via in range(len(reach)):
        reach |= reach[:, via, None] & reach[None, via]
    return reach
