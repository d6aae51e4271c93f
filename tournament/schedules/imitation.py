"""Imitation, or pairwise comparison: one compares itself with another, and may take over what that one is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field
from scipy.special import expit

from .evolution import Indices
from .finite_population import Earned, Uniform, chosen
from .graph_updates import BEST, FERMI, PROPORTIONAL, Rule
from .structured import Structured

if TYPE_CHECKING:
    from ..plan import Plan, Problem

UPDATES = {"fermi": FERMI, "best": BEST, "proportional": PROPORTIONAL}


class Imitation(Structured):
    """Comparisons one by one: one of all, chosen by lot, becomes like another, chosen by lot, by Fermi's function.

    It does so with the probability 1 / (1 + exp(-s (payoff of the other - own payoff))), s being `selection`. With
    the probability `mutation` it becomes an agent chosen by lot instead. A generation is as many comparisons as
    there are individuals. Szabó and Tőke 1998; Traulsen, Nowak and Pacheco 2006.

    On a graph the other is a neighbour, and there are two more updates. "best": one takes over what the best of
    its neighbours and itself is, and stays what it is where that ties. Nowak and May 1992. "proportional": with
    the probability (payoff of the other - own payoff) / (k D), if that is above 0; k is 1 for average payoffs,
    else the larger of both numbers of neighbours, and D the largest difference that an interaction can make.
    Santos and Pacheco 2005.
    """

    update: Literal["fermi", "best", "proportional"] = Field(
        "fermi", description="on a graph: whom one imitates, and how likely"
    )
    order: Literal["one_by_one", "all_at_once"] = Field(
        "one_by_one", description="on a graph: whether all compare themselves by what everybody was before"
    )

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

    def rule(self, span: float) -> Rule:
        whole = self.order == "all_at_once"
        return self.graph_rule(UPDATES[self.update], span, selection=self.selection, whole=whole)

    def problems(self, plan: Plan) -> Iterator[Problem]:
        from ..plan import Problem

        yield from super().problems(plan)
        for index, setting in enumerate(plan.settings):
            if self.update == "proportional" and not setting.game.extremes:
                yield Problem(
                    ("environments", index),
                    f"found {setting.label}, whose payoffs have no known range; allowed with update = "
                    "'proportional': games that say theirs",
                )
