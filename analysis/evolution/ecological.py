"""The ecological dynamics: generations in which a type's share is multiplied by its payoff."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Numbers
from .population_game import Payoffs, checked_shares, population_game


def ecological(payoffs: Payoffs, start: ArrayLike, generations: int) -> Numbers:
    """Shares [generation, ..., type], from shares [..., type] at generation 0.

        x_i <- x_i pi_i(x) / (x . pi(x))

    The replicator in discrete time, as in Axelrod's ecology of his first tournament (1980). Payoffs are offspring:
    none may be negative, and the same constant on all of them changes the result.
    """
    game = population_game(payoffs)
    if generations < 0:
        raise ValueError(f"generations is {generations}: it must be 0 or more.")
    shares = checked_shares(start, game.types)
    course = [shares]
    for generation in range(generations):
        earned = game(shares)
        offspring = shares * earned
        total = offspring.sum(-1, keepdims=True)
        if (earned[shares > 0] < 0).any() or (total <= 0).any():
            least = float(earned[shares > 0].min())
            raise ValueError(
                f"In generation {generation} the least payoff is {least:g}: payoffs are numbers of offspring, "
                "so each is 0 or more and some are above 0; add a constant to all."
            )
        shares = offspring / total
        course.append(shares)
    return np.stack(course)
