"""α-rank: the share of time that evolution with rare mutants spends at each agent (Omidshafiei et al. 2019)."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Numbers
from .normal_form import checked_matrix, payoff_tensor
from .stationary import stationary

Selection: TypeAlias = Literal["local", "population"]


def alpha_rank(
    matrix: ArrayLike,
    *,
    alpha: float = 100.0,
    population: int = 50,
    selection: Selection = "local",
    epsilon: float = 0.01,
) -> Numbers:
    """The share of time that one population spends with each agent [..., agent], from payoffs [..., agent,
    opponent].

    A mutant r appears in a population of agent s. It takes over with probability rho_rs, or dies out, before the
    next mutant appears: a Markov chain over agents. Selection is "local" as published: a pair compares the two
    payoffs of its own match, u = alpha (M_rs - M_sr). This rewards harm to the other, and self-play has no effect.
    With "population", the fitness of an agent is its mean payoff in the current population. `alpha` is per unit of
    payoff. With alpha = inf, local selection has the limits rho = 1 - epsilon if the mutant is better, epsilon if
    worse, 1/2 if equal.
    """
    payoffs = checked_matrix(matrix)
    _check(alpha, population, epsilon)
    if selection == "population":
        if math.isinf(alpha):
            raise ValueError('Selection by "population" needs a finite alpha; an infinite one goes with "local".')
        logs = _log_fixation_in_population(payoffs, alpha, population)
    elif selection == "local":
        gain = payoffs - np.swapaxes(payoffs, -1, -2)
        logs = _log_fixation(gain, alpha, population, epsilon)
    else:
        raise ValueError(f'Selection is "local" or "population", not {selection!r}.')
    return stationary(np.swapaxes(logs, -1, -2))


def alpha_rank_profiles(
    payoffs: ArrayLike, *, alpha: float = 100.0, population: int = 50, epsilon: float = 0.01
) -> Numbers:
    """The share of time that N populations, one for each player, spend in each profile [n_1, ..., n_N].

    From payoffs [player, n_1, ..., n_N]. A mutant appears in one population at a time, and is compared with the
    residents against the same others, u = alpha (G_p(a', a_-p) - G_p(a)).
    """
    tensor = payoff_tensor(payoffs)
    _check(alpha, population, epsilon)
    shape = tensor.shape[1:]
    profiles = math.prod(shape)
    logs = np.full((profiles, profiles), -np.inf)
    index = np.arange(profiles).reshape(shape)
    for player, payoff in enumerate(tensor):
        here = np.moveaxis(index, player, -1).reshape(-1, shape[player])  # [others' profile, own strategy]
        earned = payoff.reshape(-1)[here]
        gain = earned[:, None, :] - earned[:, :, None]
        logs[here[:, :, None], here[:, None, :]] = _log_fixation(gain, alpha, population, epsilon)
    return stationary(logs).reshape(shape)


def _log_fixation(gain: Numbers, alpha: float, population: int, epsilon: float) -> Numbers:
    """log of (1 - e^-u) / (1 - e^(-m u)) with u = alpha gain, 1 / m at u = 0; or the limit of infinite alpha."""
    if math.isinf(alpha):
        chance = np.where(gain > 0, 1 - epsilon, epsilon)
        return np.log(np.where(np.isclose(gain, 0, rtol=0, atol=1e-14), 0.5, chance))
    u = alpha * gain
    size = np.where(np.abs(u) < 1e-14, 1.0, np.abs(u))
    logs = np.log(-np.expm1(-size)) - np.log(-np.expm1(-population * size)) + (population - 1) * np.minimum(u, 0)
    return np.where(np.abs(u) < 1e-14, -math.log(population), logs)


def _log_fixation_in_population(payoffs: Numbers, alpha: float, population: int) -> Numbers:
    """-log sum_{l=0}^{m-1} exp(-alpha sum_{p=1}^{l} (f_r(p) - f_s(p))), for mutant r and resident s [..., r, s].

    f_r(p) - f_s(p) = (constant + p slope) / (m - 1), where p of the m play r and nobody meets itself.
    """
    m = population
    own = np.diagonal(payoffs, axis1=-2, axis2=-1)
    mutant, resident = own[..., :, None], own[..., None, :]
    back = np.swapaxes(payoffs, -1, -2)
    constant = alpha / (m - 1) * (m * payoffs - mutant - (m - 1) * resident)
    slope = alpha / (m - 1) * (mutant - payoffs + resident - back)
    exponents = [(lost, lost * (lost + 1) / 2) for lost in range(m)]
    peak = np.zeros_like(payoffs)
    for count, square in exponents:
        np.maximum(peak, -(constant * count + slope * square), out=peak)
    total = np.zeros_like(payoffs)
    for count, square in exponents:
        total += np.exp(-(constant * count + slope * square) - peak)
    log_fixation: Numbers = -peak - np.log(total)
    return log_fixation


def _check(alpha: float, population: int, epsilon: float) -> None:
    if not alpha >= 0:
        raise ValueError(f"alpha, the strength of selection, is 0 or more, not {alpha}.")
    if population < 2:
        raise ValueError(f"A population has two members or more, not {population}.")
    if not 0 < epsilon <= 0.5:
        raise ValueError(f"epsilon, the chance of a worse mutant, is above 0 and at most 1/2, not {epsilon}.")
