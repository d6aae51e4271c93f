"""Imitation, or pairwise comparison: one compares itself with another, and may take over what that one is."""

from __future__ import annotations

import numpy as np
from pydantic import Field
from scipy.special import expit

from .evolution import Indices
from .finite_population import Earned, FinitePopulation, Uniform, chosen


class Imitation(FinitePopulation):
    """Comparisons one by one: one of all, chosen by lot, becomes like another, chosen by lot, by Fermi's function.

    It does so with the probability 1 / (1 + exp(-s (payoff of the other - own payoff))), s being `selection`. With
    the probability `mutation` it becomes an agent chosen by lot instead. A generation is as many comparisons as
    there are individuals. Szabó and Tőke 1998; Traulsen, Nowak and Pacheco 2006.
    """

    selection: float = Field(1.0, ge=0, le=1000, description="how much payoffs count; with 0 evolution is neutral")

    def succeeded(self, counts: Indices, earned: Earned, uniform: Uniform) -> Indices:
        row, kinds = np.arange(len(counts)), counts.shape[1]
        focal = chosen(earned.number, uniform(0))
        others = earned.number.copy()
        others[row, focal] -= 1
        model = chosen(others, uniform(1))
        before, theirs = earned.agent[row, focal], earned.agent[row, model]
        ahead = earned.payoff[row, model] - earned.payoff[row, focal]
        after = np.where(uniform(3) < expit(self.selection * ahead), theirs, before)
        if self.mutation:
            mutant = self.mutated(before, uniform, 2, kinds)
            after = np.where(uniform(2) < self.mutation, mutant, after)
        found = counts.copy()
        found[row, before] -= 1
        found[row, after] += 1
        return found
