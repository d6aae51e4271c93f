"""The logistic rule: it has learned from other paths after which matches the next one pays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field
from scipy.optimize import minimize
from scipy.special import expit

from .meetings import Meetings, Numbers, kindness
from .rules import Flags, Rule

if TYPE_CHECKING:
    from ...envs.environment import Environment


PRIOR = 3.0
"""Standard deviation of the weights before anything is learned."""


class Logistic(Rule):
    """Stays where the next match with the partner will probably pay at least as much as playing alone.

        P(next payoff >= alone | match) = 1 / (1 + exp(-(b + w . x))),    stays if it is 1/2 or more
    with x the own payoff, the partner's, and the kindness of both (the game's first share, or cooperation), as far
    as they are seen, each standardised. b and w are the mode of the posterior under a normal prior with standard
    deviation 3, learned from all candidates. What decides on even paths is learned from odd ones, and the other
    way round, where every next match is seen, whether or not the chooser would have stayed: never from what is
    being decided.
    """

    kind: Literal["logistic"] = Field(
        "logistic", description="by a logistic regression of whether the next match pays, learned from other paths"
    )

    def keeps(self, game: Environment, met: Sequence[Meetings], alone: float) -> Sequence[Flags]:
        features = np.stack([_features(game, each) for each in met])  # [candidate, path, match, feature]
        pays = np.stack([each.own["payoff"] for each in met])
        pays = np.where(np.isnan(pays), np.nan, pays >= alone)
        found = np.zeros(pays.shape, dtype=np.bool_)
        for half in (0, 1):
            x, y = features[:, 1 - half :: 2, :-1], pays[:, 1 - half :: 2, 1:]
            known = ~np.isnan(x).all(axis=-1) & ~np.isnan(y)
            weights = _Fit.of(x[known], y[known])
            found[:, half::2] = weights.probability(features[:, half::2]) >= 0.5
        return list(found)


class _Fit:
    """Weights of a logistic regression of standardised features."""

    def __init__(self, centre: Numbers, scale: Numbers, weights: Numbers):
        self.centre, self.scale, self.weights = centre, scale, weights

    @staticmethod
    def of(x: Numbers, y: Numbers) -> _Fit:
        """From features [match, feature], NaN where unknown, and outcomes 0 or 1 [match]."""
        known = ~np.isnan(x)
        count = known.sum(axis=0).clip(1)
        centre = np.where(known, x, 0.0).sum(axis=0) / count
        scale = np.sqrt((np.where(known, x - centre, 0.0) ** 2).sum(axis=0) / count)
        fit = _Fit(centre, np.where(scale > 0, scale, 1.0), np.zeros(x.shape[1] + 1))
        inputs, sign = fit._inputs(x), 2 * y - 1

        def loss(weights: Numbers) -> tuple[float, Numbers]:
            margin = sign * (inputs @ weights)
            slope = -sign * expit(-margin)
            value = np.logaddexp(0.0, -margin).sum() + (weights**2).sum() / (2 * PRIOR**2)
            return float(value), inputs.T @ slope + weights / PRIOR**2

        fit.weights = minimize(loss, fit.weights, jac=True, method="L-BFGS-B", options={"gtol": 1e-8}).x
        return fit

    def probability(self, x: Numbers) -> Numbers:
        found: Numbers = expit(self._inputs(x) @ self.weights)
        return found

    def _inputs(self, x: Numbers) -> Numbers:
        """A constant and the features, standardised; those that are not known count as average."""
        scaled = np.nan_to_num((x - self.centre) / self.scale)
        return np.concatenate([np.ones((*scaled.shape[:-1], 1)), scaled], axis=-1)


def _features(game: Environment, met: Meetings) -> Numbers:
    """[path, match, feature]."""
    kind = kindness(game)
    return np.stack([met.own["payoff"], met.partner["payoff"], met.own[kind], met.partner[kind]], axis=-1)
