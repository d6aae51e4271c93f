"""Payoffs of memory-one strategies that meet for infinitely many rounds, for very many pairs at once.

The stationary law of the four outcomes is found by state reduction (`state_reduction.py`), on arrays over pairs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...agents.automaton import Automaton
from ...agents.memory_one import AFTER_OUTCOMES
from ...envs.matrix_game import RepeatedGame
from .chain import Indices, Numbers
from .exact_payoffs import COOPERATES, exact_results, mean_over

_MIRRORED = [0, 2, 1, 3]


def pair_payoffs(game: RepeatedGame, automata: Sequence[Automaton], cast: Indices) -> tuple[Numbers, Numbers]:
    """Payoff per round and frequency of C [pair, seat] of the pairs in `cast` [pair, seat], indices of `automata`.

    As `exact_results`, and several times faster where all have memory one and may do either in every state of an
    endless game. Raises what it raises.
    """
    if all(np.array_equal(automaton.transitions, AFTER_OUTCOMES) for automaton in automata):
        cooperation = np.stack([automaton.cooperation for automaton in automata])
        if found := endless_payoffs(game, cooperation, cast):
            return found
    results = exact_results(game, automata, cast, spread=False)
    return results.payoff, results.cooperation


def endless_payoffs(game: RepeatedGame, cooperation: Numbers, cast: Indices) -> tuple[Numbers, Numbers] | None:
    """`pair_payoffs` of memory-one strategies, P(C) at the start and after CC, CD, DC, DD [strategy, 5].

    None where the game ends or somebody is sure of what to do: where a pair's chain may have several classes.
    """
    if game.rounds < np.inf or game.discount < 1 or game.continuation < 1 or game.misperception:
        return None
    meant = np.stack((cooperation[:, 1:], 1 - cooperation[:, 1:]), axis=2)
    answers = meant * (1 - game.noise) + meant[..., ::-1] * game.noise
    if not (answers > 0).all():
        return None
    outcomes = stationary(answers[cast[:, 0]], answers[cast[:, 1]])
    return mean_over(outcomes, game.matrices.reshape(2, 4)), mean_over(outcomes, COOPERATES)


def stationary(own: Numbers, other: Numbers) -> Numbers:
    """How often CC, CD, DC, DD occur [pair, 4], seat 0 first.

    `own` and `other` are P(C) and P(D) of both seats after each of them, own action first [pair, 4, 2], above 0.
    """
    (c, d), (theirs, not_theirs) = own.T, other.T[:, _MIRRORED]
    rates = np.stack((c * theirs, c * not_theirs, d * theirs, d * not_theirs), axis=1)  # [from, to, pair]
    for k in (3, 2, 1):
        rates[:k, k] /= rates[k, :k].sum(axis=0)
        rates[:k, :k] += rates[:k, k, None] * rates[k, None, :k]
    measure = [np.ones(len(own))]
    for k in (1, 2, 3):
        measure.append(sum(measure[j] * rates[j, k] for j in range(k)))
    found = np.stack(measure, axis=1)
    return np.asarray(found / found.sum(axis=1, keepdims=True), np.float64)
