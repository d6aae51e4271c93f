"""The Moran process: one is born, in proportion to fitness, and takes the place of one who is chosen by lot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from .evolution import Fitness, Indices
from .finite_population import Earned, Uniform, chosen
from .graph_updates import BIRTH_DEATH, DEATH_BIRTH, Rule
from .structured import Structured

if TYPE_CHECKING:
    from ..plan import Plan, Problem


class Moran(Structured, Fitness):
    """Births one by one: a parent is chosen by fitness, its child takes the place of one of all, even the parent.

    A generation is as many births as there are individuals, and matches are played anew for each birth. A mutant
    child is of an agent chosen by lot. Moran 1958; with payoffs, Nowak, Sasaki, Taylor and Fudenberg 2004.

    On a graph a child takes the place of one of its parent's neighbours: either a parent is chosen first, among
    all by fitness, or one dies first, chosen by lot, and its neighbours' fitness decides. Lieberman, Hauert and
    Nowak 2005; Ohtsuki, Hauert, Lieberman and Nowak 2006.
    """

    update: Literal["birth_death", "death_birth"] = Field(
        "birth_death", description="on a graph: what is first, the birth of a child or the death that makes room"
    )

    def succeeded(self, counts: Indices, earned: Earned, uniform: Uniform) -> Indices:
        row, kinds = np.arange(len(counts)), counts.shape[1]
        parent = earned.agent[row, chosen(self.weights(earned.number, earned.payoff), uniform(0))]
        child = self.mutated(parent, uniform, 2, kinds)
        dead = chosen(counts.astype(np.float64), uniform(1))
        after = counts.copy()
        after[row, dead] -= 1
        after[row, child] += 1
        return after

    def rule(self, span: float) -> Rule:
        update = BIRTH_DEATH if self.update == "birth_death" else DEATH_BIRTH
        return self.graph_rule(update, span, linear=self.fitness == "linear", selection=self.selection)

    def problems(self, plan: Plan) -> Iterator[Problem]:
        yield from super().problems(plan)
        if self.no_network is None:
            yield from self.negative(plan, self.most_games)
