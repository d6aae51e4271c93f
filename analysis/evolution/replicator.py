"""The replicator dynamics: a type's share grows by what it earns above the mean (Taylor and Jonker 1978)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Numbers
from .flow import checked_times, flow, grow, logarithms, shares_of
from .population_game import Payoffs, PopulationGame, checked_shares, population_game


def growth_rates(game: PopulationGame, shares: Numbers) -> Numbers:
    """Payoffs above the mean [..., type]: the replicator's growth rates."""
    payoffs = game(shares)
    rates: Numbers = payoffs - (shares * payoffs).sum(-1, keepdims=True)
    return rates


def replicator(
    payoffs: Payoffs, start: ArrayLike, times: ArrayLike, mutation: ArrayLike = 0.0, at_birth: bool = False
) -> Numbers:
    """Shares [time, ..., type] of one population from shares [..., type], at times from 0 on.

        dx_i/dt = x_i (pi_i(x) - x . pi(x)) + sum_j (x_j m_ji - x_i m_ij)

    with pi(x) = A x, or any `PopulationGame`. `mutation` is the rate m into each other type, as in m (1 - K x_i),
    or a matrix of rates [from, to]. With `at_birth`, m_ij is instead the probability that a child of i is a j:
    dx_i/dt = sum_j x_j pi_j q_ji - x_i (x . pi(x)), with q = m off the diagonal (Hadeler 1981); payoffs are then
    birth rates, and the same constant on all of them changes the result. In rock, paper, scissors where a win pays
    1 and a loss costs l, mutation at a rate has the centre stable for m > (l - 1)/18.
    """
    game = population_game(payoffs)
    leaving = mutation_rates(mutation, game.types, most=1.0 if at_birth else np.inf)
    if not leaving.any():
        logs = logarithms(checked_shares(start, game.types))
        return shares_of(grow(lambda x: growth_rates(game, x), logs, checked_times(times)))
    flows = leaving - np.diag(leaving.sum(1))

    def velocity(game: PopulationGame, x: Numbers) -> Numbers:
        return x * growth_rates(game, x) + (x * game(x) if at_birth else x) @ flows

    return flow(game, start, times, velocity)


def replicator_two_populations(
    payoffs: tuple[ArrayLike, ArrayLike], start: tuple[ArrayLike, ArrayLike], times: ArrayLike
) -> tuple[Numbers, Numbers]:
    """Shares [time, ..., type] of two populations that meet only each other.

        dx_i/dt = x_i ((A y)_i - x . A y),    dy_j/dt = y_j ((B x)_j - y . B x)

    Payoffs are A and B, each [own type, other type]: B is the transpose of a bimatrix game's second matrix.
    """
    first, second = (np.asarray(one, dtype=np.float64) for one in payoffs)
    if first.ndim != 2 or not first.size or first.shape != second.shape[::-1]:
        raise ValueError(
            "Two populations need matrices A and B, each [own type, other type], so of shapes [m, n] and [n, m]; "
            f"these are {first.shape} and {second.shape}."
        )
    if not np.isfinite(first).all() or not np.isfinite(second).all():
        raise ValueError("Some payoffs of the two populations are missing or infinite; a game needs all of them.")
    types = len(first)
    shares = np.concatenate(
        [checked_shares(x, len(one)) for x, one in zip(start, (first, second), strict=True)], -1
    )

    def growth(shares: Numbers) -> Numbers:
        x, y = shares[..., :types], shares[..., types:]
        earned = (y @ first.T, x @ second.T)
        above = [pi - (z * pi).sum(-1, keepdims=True) for z, pi in zip((x, y), earned, strict=True)]
        return np.concatenate(above, -1)

    states = shares_of(grow(growth, logarithms(shares), checked_times(times), [types]), [types])
    return states[..., :types], states[..., types:]


def mutation_rates(mutation: ArrayLike, types: int, most: float = np.inf) -> Numbers:
    """Rates [from, to] off the diagonal, from one number for all or a matrix; no row adds up to above `most`."""
    rates = np.array(mutation, dtype=np.float64)
    if rates.ndim == 0:
        rates = np.full((types, types), float(rates))
    if rates.shape != (types, types):
        raise ValueError(f"Mutation is a number or a matrix [{types}, {types}], not of the shape {rates.shape}.")
    np.fill_diagonal(rates, 0)
    if not (rates >= 0).all() or not np.isfinite(rates).all():
        raise ValueError(f"Mutation rates are finite and 0 or more; the least here is {rates.min():g}.")
    if rates.sum(1).max() > most:
        raise ValueError(
            f"A child is of another type with probability 1 at most; mutation makes it {rates.sum(1).max():g}."
        )
    return rates
