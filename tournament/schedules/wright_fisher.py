"""The Wright-Fisher process: everybody is replaced at once by children of parents chosen by fitness."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .evolution import Fitness, Indices
from .finite_population import Earned, FinitePopulation, Uniform

if TYPE_CHECKING:
    from ..plan import Plan, Problem


class WrightFisher(FinitePopulation, Fitness):
    """Generations one by one: every child chooses its parent by fitness, with replacement.

    A mutant child is of an agent chosen by lot. Wright 1931; with payoffs, Imhof and Nowak 2006.
    """

    whole: ClassVar[bool] = True

    def succeeded(self, counts: Indices, earned: Earned, uniform: Uniform) -> Indices:
        kinds, rows = counts.shape[1], np.arange(len(counts))[:, None]
        along = np.cumsum(self.weights(earned.number, earned.payoff), axis=1)
        aim = uniform(0) * along[:, -1:]
        flat = np.stack([np.searchsorted(each, at, side="right") for each, at in zip(along, aim, strict=True)])
        parents = earned.agent[rows, np.minimum(flat, along.shape[1] - 1)]
        children = self.mutated(parents, uniform, 2, kinds)
        return np.bincount((rows * kinds + children).ravel(), minlength=counts.size).reshape(counts.shape)

    def problems(self, plan: Plan) -> Iterator[Problem]:
        yield from super().problems(plan)
        yield from self.negative(plan)
