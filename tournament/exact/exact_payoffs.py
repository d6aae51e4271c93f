"""Exact results of matches between finite automata, as expectations of a Markov chain, without playing.

Round t has the weight d^t (discount d) and is reached with probability w^t (continuation w). With L the weight of
a match's rounds and X the weighted sum of a player's payoffs,

    payoff   = E[X] / E[L]
    variance = E[(X - payoff L)^2] / E[L]^2

For a fixed length (L constant) this is the variance of a match's payoff per round; for a random end it is that of
the delta method. Without discount or end, a match's payoff per round is its long-run average. It is random if the
chain can end in several recurrent classes: the variance is that over the classes, 0 if there is only one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...agents.automaton import Automaton
from ...envs.errors import DilemmaError
from ...envs.matrix_game import RepeatedGame
from ..outcome_counts import Conduct
from .chain import Chains, Numbers, product_chains
from .geometric_series import Blocks, add_up, series
from .lead import lead_probabilities
from .long_run import LongRun, long_run
from .passage import Passage

COOPERATES = np.array([[1, 1, 0, 0], [1, 0, 1, 0]], dtype=np.float64)
"""Whether each seat cooperates in CC, CD, DC, DD [seat, outcome]."""
_MORE_C = np.array([0, 1, -1, 0])  # how often seat 0 cooperates more than seat 1, by outcome
_STEPS = 8
_FEW, _MANY = 2**13, 2**15  # product states of a batch, such that it fits into the cache
_TIE = 1e-9


@dataclass(frozen=True, eq=False)
class ExactResults:
    """Expected results of pairs of automata, per weighted round."""

    payoff: Numbers
    """[pair, seat]."""
    variance: Numbers
    """Of a match's payoff per round [pair, seat]."""
    outcomes: Numbers
    """Frequency of CC, CD, DC, DD, seat 0 first [pair, 4]."""
    conduct: Conduct
    """Outcome counts, as frequencies."""
    rounds: float
    """Expected number of rounds, the same for every pair."""
    wins: Numbers
    """Probability that a seat earns more than the other in a match [pair, seat]; NaN if unknown."""
    good: Numbers
    """Probability that a seat cooperates at least as often as the other in a match [pair, seat]; NaN if unknown.
    """

    @property
    def cooperation(self) -> Numbers:
        """Frequency of C [pair, seat]."""
        return mean_over(self.outcomes, COOPERATES)


def exact_results(
    game: RepeatedGame,
    automata: Sequence[Automaton],
    cast: NDArray[np.integer],
    *,
    spread: bool = True,
    leads: bool = False,
) -> ExactResults:
    """The expected results of the pairs in `cast` [pair, seat], which holds indices of `automata`.

    Without `spread` the variance, which takes most of the time, is NaN. With `leads` the probabilities of wins are
    computed as well. They depend on the distribution of outcomes, and take .06 ms for two memory-one players over
    200 rounds, about three times as long as the rest. They are NaN with a discount, if `lead_probabilities` would
    take too long, and in games whose payoff differences are not small multiples of one number.

    The results of a pair do not depend on the other pairs, to the last bit. Time is at most proportional to the
    rounds; infinitely many cost no more than a few hundred. Raises DilemmaError if the game has more than two
    actions, or if a pair has too many states or too small probabilities for an accuracy of 1e-9.
    """
    if game.matrices.shape != (2, 2, 2):
        raise DilemmaError(f"exact results are for games of 2x2 actions, found {game.matrices.shape[1:]}")
    payoffs = game.matrices.reshape(2, 4)
    endless = math.isinf(game.rounds) and game.discount == game.continuation == 1
    cast = np.asarray(cast, dtype=np.int64).reshape(-1, 2)
    parts = [
        _average(payoffs, chains) if endless else _weighted(game, payoffs, chains, spread, leads)
        for chains in product_chains(automata, cast, game, _MANY if endless else _FEW)
    ]
    outcomes, variance, pairs, opening, wins, good = (np.concatenate(part) for part in zip(*parts, strict=True))
    rounds = series(game.continuation, game.rounds)
    return ExactResults(
        mean_over(outcomes, payoffs), variance, outcomes, Conduct.of(pairs, opening), rounds, wins, good
    )


def mean_over(outcomes: Numbers, values: Numbers) -> Numbers:
    """The mean of `values` [seat, outcome] over frequencies of outcomes [..., 4]: [..., seat].

    The order of summation is fixed: in a matrix product it would depend on the number of rows.
    """
    return _over_outcomes(outcomes[..., None, :] * values)


def _over_outcomes(values: Numbers) -> Numbers:
    """Sums over the last axis, the four outcomes; swapped seats give the same bits."""
    cc, cd, dc, dd = np.moveaxis(values, -1, 0)
    return np.asarray((cc + dd) + (cd + dc), np.float64)


def _weighted(
    game: RepeatedGame, payoffs: Numbers, chains: Chains, spread: bool, leads: bool
) -> tuple[Numbers, ...]:
    """Outcomes [pair, 4], variance [pair, seat], two outcomes in a row [pair, 4, 4], openings, wins and good
    conduct [pair, seat], of matches that end or are discounted.

    Let Y_t = sum_{u<t} d^u (r_u - payoff) be a seat's surplus so far. Over matches that get to round t, D_t
    is the distribution of states times d^t, and m_t(s) = E[Y_t; state s]. Then

        D_{t+1} = d D_t M,   m_{t+1} = m_t M + D_t R,   E[Y^2] = sum_t (w d)^t (2 m_t r1 + D_t r2)

    where M holds the chain's probabilities, R the same times an edge's surplus, and r1 and r2 are the means
    of the surplus and of its square in each state.
    """
    weight = game.discount * game.continuation
    begin = np.zeros(chains.states)
    begin[chains.start] = 1
    move = chains.probability * weight
    if math.isinf(game.rounds):
        left = _left(game)
        length = 1 / left
        visits = followed = Passage(chains, move, left).through(begin)[0]
    else:
        length = series(weight, game.rounds)
        # Visits followed by another round.
        followed = np.zeros_like(begin)
        if game.rounds > 1:
            followed = _blocks(chains, move).series(begin, int(game.rounds) - 1)
        visits = begin + add_up(chains.target, move * followed[chains.source], chains.states)
    outcomes = chains.total(visits[:, None] * chains.outcomes) / length
    pairs = _in_a_row(chains, move * followed[chains.source]) / length
    unknown = np.full((len(chains.start), 2), np.nan)
    rest = (pairs, _opening(chains), *(_leads(game, payoffs, chains) if leads else (unknown, unknown)))
    if not spread:
        return outcomes, unknown, *rest
    surplus = payoffs - mean_over(outcomes, payoffs)[:, :, None]
    gain = move * surplus[chains.pair[chains.source], :, chains.outcome].T
    solve = _moments_for_ever if math.isinf(game.rounds) else _moments
    distribution, so_far = solve(game, chains, begin, move, gain)
    here = surplus[chains.pair]
    mean, square = (_over_outcomes(chains.outcomes[:, None] * values) for values in (here, here**2))
    squares = chains.total(2 * so_far.T * mean + distribution[:, None] * square)
    # Rounding can make a variance of 0 negative.
    return outcomes, np.maximum(squares, 0) / length**2, *rest


def _leads(game: RepeatedGame, payoffs: Numbers, chains: Chains) -> tuple[Numbers, Numbers]:
    """Wins and good conduct [pair, seat] of matches that end: higher payoff, and at least as much cooperation."""
    unknown = np.full((len(chains.start), 3), np.nan)
    if game.discount < 1 < game.rounds:
        return unknown[:, :2], unknown[:, :2]
    more = lead_probabilities(chains, _MORE_C, game.rounds, game.continuation)
    margin = payoffs[0] - payoffs[1]
    unit = np.abs(margin[margin != 0]).min(initial=np.inf)
    steps = np.rint(margin / unit)
    if not margin.any():
        won = np.zeros_like(unknown)
    elif np.abs(margin - steps * unit).max() > 1e-12 * unit or np.abs(steps).max() > _STEPS:
        won = unknown
    elif (steps == -_MORE_C).all():
        won = more[:, ::-1]
    else:
        won = lead_probabilities(chains, steps.astype(np.int64), game.rounds, game.continuation)
    return won[:, [2, 0]], np.minimum(more[:, [1]] + more[:, [2, 0]], 1)


def _leads_for_ever(run: LongRun, payoffs: Numbers, within: Numbers, pairs: int) -> tuple[Numbers, Numbers]:
    """`_leads` of long-run averages: they depend on the class that a match ends in; `within` is its outcomes
    [class, 4]."""
    earned, cooperates = mean_over(within, payoffs), mean_over(within, COOPERATES)
    wins, good = np.zeros((pairs, 2)), np.zeros((pairs, 2))
    np.add.at(wins, run.pair, run.ends[:, None] * (earned > earned[:, ::-1] + _TIE))
    np.add.at(good, run.pair, run.ends[:, None] * (cooperates >= cooperates[:, ::-1] - _TIE))
    return wins, good


def _in_a_row(chains: Chains, flow: Numbers) -> Numbers:
    """The weight of each two consecutive outcomes [pair, before, after]; `flow` is that of each edge."""
    arrives = add_up(chains.outcome + 4 * chains.target, flow, 4 * chains.states).reshape(-1, 4)
    return chains.total(arrives[:, :, None] * chains.outcomes[:, None])


def _opening(chains: Chains) -> Numbers:
    """Probability that a seat opens with C [pair, seat]."""
    return mean_over(chains.outcomes[chains.start], COOPERATES)


def _blocks(chains: Chains, value: Numbers) -> Blocks:
    """Every pair's matrix from state to state, with `value` [edge]."""
    return Blocks(chains.start, chains.size, chains.pair[chains.source], chains.target, chains.source, value)


def _moments(
    game: RepeatedGame, chains: Chains, begin: Numbers, move: Numbers, gain: Numbers
) -> tuple[Numbers, Numbers]:
    """sum_t (w d)^t D_t [state] and sum_t (w d)^t m_t [seat, state]; `move` is w d M, `gain` w d R."""
    # A pair's block is (D, m of seat 0, m of seat 1), each as long as its states.
    parts = np.outer((0, 1, 2), chains.size)[:, chains.pair]
    place = np.arange(chains.states) + 2 * chains.start[chains.pair] + parts
    blocks = Blocks(
        3 * chains.start,
        3 * chains.size,
        np.tile(chains.pair[chains.source], 5),
        place[[0, 1, 2, 1, 2]][:, chains.target].ravel(),
        place[[0, 0, 0, 1, 2]][:, chains.source].ravel(),
        np.concatenate((game.discount * move, *gain, move, move)),
    )
    start = np.zeros(3 * chains.states)
    start[place[0]] = begin
    distribution, *so_far = blocks.series(start, int(game.rounds))[place]
    return distribution, np.stack(so_far)


def _moments_for_ever(
    game: RepeatedGame, chains: Chains, begin: Numbers, move: Numbers, gain: Numbers
) -> tuple[Numbers, Numbers]:
    """`_moments` of infinitely many rounds: solve for D, then for m, with gains and losses apart."""
    left = _left(game)
    left_of_squares = (1 - game.discount) * (1 + game.discount) + game.discount**2 * (1 - game.continuation)
    distribution = Passage(chains, game.discount * move, left_of_squares).through(begin)[0]
    onward = Passage(chains, move, left)
    gained = [add_up(chains.target, seat * distribution[chains.source], chains.states) for seat in gain]
    return distribution, np.stack(
        [onward.through(np.maximum(each, 0))[0] - onward.through(np.maximum(-each, 0))[0] for each in gained]
    )


def _left(game: RepeatedGame) -> float:
    """The weight that no later round has: 1 - d w, without cancellation."""
    return (1 - game.discount) + game.discount * (1 - game.continuation)


def _average(payoffs: Numbers, chains: Chains) -> tuple[Numbers, ...]:
    """`_weighted` of the long-run average."""
    run = long_run(chains)
    classes, pairs = len(run.ends), len(chains.start)
    within = np.zeros((classes, 4))
    np.add.at(within, run.among, run.stationary[:, None] * chains.outcomes[run.recurrent])
    outcomes = np.zeros((pairs, 4))
    np.add.at(outcomes, run.pair, run.ends[:, None] * within)
    surplus = mean_over(within - outcomes[run.pair], payoffs)
    variance = np.zeros((pairs, 2))
    np.add.at(variance, run.pair, run.ends[:, None] * surplus**2)
    visits = np.zeros(chains.states)
    visits[run.recurrent] = run.ends[run.among] * run.stationary
    flow = chains.probability * visits[chains.source]
    leads = _leads_for_ever(run, payoffs, within, pairs)
    return outcomes, variance, _in_a_row(chains, flow), _opening(chains), *leads
