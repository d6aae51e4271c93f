"""Strategy frequency estimation: which share of subjects plays which strategy, with which tremble.

A finite mixture of automata (Dal Bó and Fréchette 2011). Each subject plays one strategy k in all of its matches,
with probability `share_k`, and with probability e, the tremble, does the opposite of what the strategy says:

    P(action) = (1 - 2 e) P_k(action | history) + e,
    L = prod_subjects sum_k share_k prod_(matches, rounds) P(action)

P_k is 0 or 1 for a deterministic automaton; each starts anew in every match and goes by what was really played.
Shares and tremble are found by expectation-maximisation (Dempster, Laird and Rubin 1977), and their errors by
drawing subjects with replacement.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..arrays import Indices, Numbers

TREMBLES = (0.02, 0.1, 0.25, 0.45)
"""Where the search starts, from equal shares: the likelihood may have several maxima."""
CONVERGED, MOST = 1e-7, 5000
"""The search ends where no share moves by more, or after so many steps."""
CONVERGED_DRAW = 1e-5
"""The same for bootstrap draws."""
BATCH = 2_000_000
"""Numbers held at once."""
_IMPOSSIBLE = 1e-300


class Strategy(Protocol):
    """A finite automaton that starts in state 0."""

    @property
    def cooperation(self) -> NDArray[np.float64]:
        """P(C) [state]."""

    @property
    def transitions(self) -> NDArray[np.int64]:
        """The next state [state, own action, other's action]."""


@dataclass(frozen=True, eq=False)
class Histories:
    """What subjects and their partners did; 0 is C, 1 is D."""

    subject: Indices
    """Whose history it is [history], from 0; one subject may have many."""
    own: NDArray[np.int8]
    """[history, round]; what stands after the last round does not count."""
    other: NDArray[np.int8]
    """[history, round]."""
    rounds: Indices
    """How many rounds each has [history]."""

    @property
    def played(self) -> NDArray[np.bool_]:
        """Whether a round was played [history, round]."""
        found: NDArray[np.bool_] = np.arange(self.own.shape[1]) < self.rounds[:, None]
        return found


@dataclass(frozen=True, eq=False)
class Evidence:
    """How often each strategy gave the action that a subject chose which probability."""

    values: Numbers
    """These probabilities [value], ascending."""
    counts: Numbers
    """Decisions [subject, strategy, value]."""


@dataclass(frozen=True, eq=False)
class Frequencies:
    """The estimate with the highest likelihood."""

    shares: Numbers
    """[strategy]."""
    tremble: float
    """The probability of the other action than the strategy's."""
    log_likelihood: float
    posterior: Numbers
    """The probability that a subject plays a strategy, given what it did [subject, strategy]."""

    @property
    def parameters(self) -> int:
        """Free ones: all shares but one, and the tremble."""
        return len(self.shares)

    @property
    def bic(self) -> float:
        """The Bayesian information criterion with the subjects as units: parameters log(subjects) - 2 log L."""
        return self.parameters * math.log(len(self.posterior)) - 2 * self.log_likelihood


@dataclass(frozen=True, eq=False)
class FrequencyDraws:
    """Estimates from subjects drawn with replacement."""

    shares: Numbers
    """[draw, strategy]."""
    tremble: Numbers
    """[draw]."""


def action_probabilities(histories: Histories, strategy: Strategy) -> Numbers:
    """The probability of each action by a strategy without tremble [history, round]; NaN after the last round."""
    state = np.zeros(len(histories.own), dtype=np.int64)
    found = np.full(histories.own.shape, np.nan)
    for round in range(histories.own.shape[1]):
        own, other = histories.own[:, round], histories.other[:, round]
        cooperates = strategy.cooperation[state]
        found[:, round] = np.where(own == 0, cooperates, 1 - cooperates)
        state = strategy.transitions[state, own, other]
    found[~histories.played] = np.nan
    return found


def evidence(histories: Histories, strategies: Sequence[Strategy]) -> Evidence:
    """All that the likelihood needs to know of the histories."""
    played = histories.played
    subject = np.broadcast_to(histories.subject[:, None], played.shape)[played]
    given = [action_probabilities(histories, strategy)[played].round(12) for strategy in strategies]
    values = np.unique(np.concatenate(given))
    subjects, size = int(histories.subject.max()) + 1, len(values)
    counts = np.zeros((subjects, len(strategies), size))
    for strategy, each in enumerate(given):
        np.add.at(counts[:, strategy], (subject, np.searchsorted(values, each)), 1)
    return Evidence(values, counts)


def best_tremble(values: Numbers, counts: Numbers) -> Numbers:
    """The tremble in [0, 1/2] of the highest likelihood [draw], for counts [draw, value].

    With automata that are deterministic it is the share of deviations. The log likelihood is concave in it.
    """

    def slope(tremble: Numbers) -> Numbers:
        chance = (1 - 2 * tremble[:, None]) * values + tremble[:, None]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            each = np.where(counts > 0, counts * (1 - 2 * values) / chance, 0.0)
        found: Numbers = each.sum(1)
        return found

    low, high = np.zeros(len(counts)), np.full(len(counts), 0.5)
    none, all_ = slope(low) <= 0, slope(high) >= 0
    for _ in range(60):
        middle = (low + high) / 2
        rises = slope(middle) > 0
        low, high = np.where(rises, middle, low), np.where(rises, high, middle)
    found: Numbers = np.where(none, 0.0, np.where(all_, 0.5, (low + high) / 2))
    return found


def log_likelihoods(evidence: Evidence, tremble: Numbers) -> Numbers:
    """Log P(all that a subject did | strategy, tremble) [draw, subject, strategy], for trembles [draw]."""
    chance = (1 - 2 * tremble[:, None]) * evidence.values + tremble[:, None]
    found: Numbers = np.moveaxis(evidence.counts @ np.log(chance.clip(_IMPOSSIBLE)).T, -1, 0)
    return found


def posteriors(evidence: Evidence, shares: Numbers, tremble: Numbers) -> tuple[Numbers, Numbers]:
    """P(strategy | subject) [draw, subject, strategy], and each subject's log likelihood [draw, subject]."""
    with np.errstate(divide="ignore"):
        joint = np.log(shares)[:, None] + log_likelihoods(evidence, tremble)
    most = joint.max(-1, keepdims=True)
    weight = np.exp(joint - most)
    total = weight.sum(-1, keepdims=True)
    return weight / total, (most + np.log(total))[..., 0]


def expectation_maximisation(
    evidence: Evidence, weights: Numbers, shares: Numbers, tremble: Numbers, converged: float = CONVERGED
) -> tuple[Numbers, Numbers]:
    """Shares [draw, strategy] and trembles [draw] that the search leads to, from those where it starts.

    `weights` [draw, subject] say how often each subject counts.
    """
    shares, tremble = shares.copy(), tremble.copy()
    going = np.arange(len(shares))
    for _ in range(MOST):
        if not len(going):
            break
        weight = posteriors(evidence, shares[going], tremble[going])[0] * weights[going, :, None]
        new = weight.sum(1) / weights[going].sum(1, keepdims=True)
        counts = np.tensordot(weight, evidence.counts, axes=2)
        moved = np.abs(new - shares[going]).max(1)
        shares[going], tremble[going] = new, best_tremble(evidence.values, counts)
        going = going[moved > converged]
    return shares, tremble


def estimate(evidence: Evidence) -> Frequencies:
    """The shares and the tremble of the highest likelihood, of searches from several trembles."""
    subjects, strategies, _ = evidence.counts.shape
    starts = len(TREMBLES)
    equal = np.full((starts, strategies), 1 / strategies)
    found = expectation_maximisation(evidence, np.ones((starts, subjects)), equal, np.array(TREMBLES))
    posterior, likelihood = posteriors(evidence, *found)
    best = int(likelihood.sum(1).argmax())
    return Frequencies(found[0][best], float(found[1][best]), float(likelihood[best].sum()), posterior[best])


def bootstrap(evidence: Evidence, found: Frequencies, draws: int, seed: int) -> FrequencyDraws:
    """Estimates from as many subjects, drawn with replacement: all that a subject did stays together."""
    subjects, strategies, _ = evidence.counts.shape
    random = np.random.default_rng(seed)
    start = (found.shares + 1 / strategies) / 2  # a share of 0 would stay 0
    parts = []
    for size in _batches(draws, max(1, BATCH // (subjects * strategies))):
        weights = random.multinomial(subjects, np.full(subjects, 1 / subjects), size).astype(np.float64)
        begin = np.tile(start, (size, 1)), np.full(size, found.tremble)
        parts.append(expectation_maximisation(evidence, weights, *begin, CONVERGED_DRAW))
    return FrequencyDraws(np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]))


def _batches(draws: int, size: int) -> Iterator[int]:
    for first in range(0, draws, size):
        yield min(size, draws - first)


def alike(evidence: Evidence) -> list[tuple[int, int]]:
    """Pairs of strategies that gave all decisions the same probabilities: the data can't tell them apart."""
    counts = evidence.counts
    pairs = zip(*np.triu_indices(counts.shape[1], 1), strict=True)
    return [(int(i), int(j)) for i, j in pairs if (counts[:, i] == counts[:, j]).all()]
