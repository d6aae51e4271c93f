"""Proximal learning with opponent-learning awareness, with exact gradients."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ...envs.differentiable_game import DifferentiableGame
from ...envs.environment import Environment
from .exact import ExactLearner, Point


class PolaExact(ExactLearner):
    """Each step is a best answer to a learning other, near its own policy: outer POLA.

    With p the old probabilities and the other's step e dV_2/dt_2 taken at (x, t_2), it maximises over x
        V_1(x, t_2 + e dV_2/dt_2 (x, t_2)) - beta * sum over states of KL(p || sigmoid(x)),
    by gradient ascent of rate `inner_rate`, until policies that follow each other differ by a divergence below
    `tolerance` both ways, or `iterations` are over.
    """

    source: ClassVar[str] = "Zhao et al. 2022, algorithm 1 (outer POLA)"

    lookahead: float = Field(5.0, description="learning rate e that it expects of the other")
    inner_rate: float = Field(0.3, description="learning rate of the iterations inside a step", gt=0)
    beta: float = Field(0.1, description="weight of the divergence from the old policy", ge=0)
    tolerance: float = Field(1e-8, description="divergence at which the iterations stop", gt=0)
    iterations: int = Field(500, description="the most iterations in a step; published: 5000", ge=1)

    def refuses(self, game: Environment) -> str | None:
        if isinstance(game, DifferentiableGame) and not game.probabilities:
            return "measures how far policies are apart, which needs probabilities"
        return super().refuses(game)

    def ascent(self, at: Point) -> Tensor:
        moved = torch.zeros_like(at.own)
        going = torch.ones_like(at.own[0], dtype=torch.bool)
        here = at
        for _ in range(self.iterations):
            there = here.moved(other=self.lookahead * here.gradient(2, 2))
            shaping = here.along(2, 1, 2, there.gradient(1, 2))
            gradient = there.gradient(1, 1) + self.lookahead * shaping - self.beta * (here.own - at.own)
            moved = moved + self.inner_rate * gradient * going
            before, here = here.own, at.moved(moved)
            going = going & (_apart(before, here.own) >= self.tolerance)
            if not going.any():
                break
        return moved


def _apart(one: Tensor, two: Tensor) -> Tensor:
    """The larger of the divergences KL(one || two) and KL(two || one), summed over components."""
    return _divergence(one, two).maximum(_divergence(two, one))


def _divergence(one: Tensor, two: Tensor) -> Tensor:
    parts = [torch.xlogy(p, p) - torch.xlogy(p, q) for p, q in ((one, two), (1 - one, 1 - two))]
    return (parts[0] + parts[1]).sum(0)
