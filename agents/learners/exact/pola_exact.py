"""Proximal learning with opponent-learning awareness, with exact gradients."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ....envs.environment import Environment
from .exact_learner import ExactLearner, Point


class PolaExact(ExactLearner):
    """Each step is a proximal best response to a learning other: outer POLA.

    With p the old probabilities and the other's step e dV_2/dt_2 taken at (x, t_2), it maximises over x
        V_1(x, t_2 + e dV_2/dt_2 (x, t_2)) - beta * sum over states of KL(p || sigmoid(x)),
    by gradient ascent with rate `inner_rate`, until the divergence of successive policies is below `tolerance` in
    both directions, or for `iterations` steps.
    """

    source: ClassVar[str] = "Zhao et al. 2022, algorithm 1 (outer POLA)"

    lookahead: float = Field(5.0, description="learning rate e that it expects of the other")
    inner_rate: float = Field(0.3, description="learning rate of the iterations inside a step", gt=0)
    beta: float = Field(0.1, description="weight of the divergence from the old policy", ge=0)
    tolerance: float = Field(1e-8, description="divergence at which the iterations stop", gt=0)
    iterations: int = Field(500, description="the most iterations in a step; published: 5000", ge=1)

    def refuses(self, game: Environment) -> str | None:
        found = game.as_differentiable_game()
        if found and not found.probabilities:
            return "measures the divergence of policies, which needs probabilities"
        return super().refuses(game)

    def ascent(self, at: Point) -> Tensor:
        moved = torch.zeros_like(at.own)
        going = torch.ones_like(at.own[0], dtype=torch.bool)
        here = at
        for _ in range(self.iterations):
            there = here.moved(other=self.lookahead * here.gradient(2, 2))
            shaping = here.hvp(2, 1, 2, there.gradient(1, 2))
            gradient = there.gradient(1, 1) + self.lookahead * shaping - self.beta * (here.own - at.own)
            step = self.inner_rate * gradient * going
            moved = moved + step
            before, here = here.own, at.moved(moved)
            going = going & (_divergence(before, here.own, step) >= self.tolerance)
            if not going.any():
                break
        return moved


def _divergence(before: Tensor, after: Tensor, step: Tensor) -> Tensor:
    """The larger of KL(before || after) and KL(after || before), summed over components.

    Where logits have moved by d, with z = p + (1 - p) exp(-d), the first is log z + (1 - p) d, and the second
    the same with after's p and -d, whose z is 1 / z.
    """
    z = torch.addcmul(before, 1 - before, torch.exp(-step)).log()
    there, back = torch.addcmul(z, 1 - before, step), torch.addcmul(z, 1 - after, step)
    return there.sum(0).maximum(-back.sum(0))
