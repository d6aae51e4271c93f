"""The Moran process: one is born, in proportion to fitness, and takes the place of one who is chosen by lot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from .evolution import Fitness, Indices
from .finite_population import Earned, FinitePopulation, Uniform, chosen

if TYPE_CHECKING:
    from ..plan import Plan, Problem


class Moran(FinitePopulation, Fitness):
    """Births one by one: a parent is chosen by fitness, its child takes the place of one of all, even the parent.

    A generation is as many births as there are individuals, and matches are played anew for each birth. A mutant
    child is of an agent chosen by lot. Moran 1958; with payoffs, Nowak, Sasaki, Taylor and Fudenberg 2004.
    """

    def succeeded(self, counts: Indices, earned: Earned, uniform: Uniform) -> Indices:
        row, kinds = np.arange(len(counts)), counts.shape[1]
        parent = earned.agent[row, chosen(self.weights(earned.number, earned.payoff), uniform(0))]
        child = self.mutated(parent, uniform, 2, kinds)
        dead = chosen(counts.astype(np.float64), uniform(1))
        after = counts.copy()
        after[row, dead] -= 1
        after[row, child] += 1
        return after

    def problems(self, plan: Plan) -> Iterator[Problem]:
        yield from super().problems(plan)
        yield from self.negative(plan)
