"""Differentiable games that are played once: matrix games in mixed strategies, and Tandem."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor

from .differentiable_game import DifferentiableGame, PolicyOutcome
from .environment import Box
from .matrix_game import Payoffs, bimatrix, bimatrix_roles, payoffs_in_view
from .memory_one_chain import matrix_product, ordered_sum

NoDiscount = Annotated[float, Field(ge=1, le=1)]


class OneShotGame(DifferentiableGame):
    """A seat's action is a mixed strategy, and its reward the expected payoff in one play of a KxK matrix game.

    The first of the K - 1 components is the probability of action 0 (cooperation); each further one is the
    probability of the next action, given that none before it was taken. So every vector between 0 and 1 is a
    mixed strategy.
    """

    source: ClassVar[str] = "chicken of Lu et al. 2022: [0, -1, 1, -100]; matching pennies of Letcher et al. 2019"

    payoffs: Payoffs = Field(
        description="[R, S, T, P]; or the row player's KxK matrix; or [row's, column's] KxK matrices",
        examples=[
            (0, -1, 1, -100),
            (((1, -1), (-1, 1)), ((-1, 1), (1, -1))),
            ((0, -1, 1), (1, 0, -1), (-1, 1, 0)),
        ],
    )
    discount: NoDiscount = Field(1.0, description="1: a game that is played once has nothing to discount")

    @field_validator("payoffs")
    @classmethod
    def _square(cls, payoffs: Payoffs) -> Payoffs:
        shape = np.shape(bimatrix(payoffs))
        if shape[1] != shape[2]:
            raise ValueError(f"both seats need as many actions, found {shape[1]} and {shape[2]}")
        return payoffs

    @property
    def components(self) -> tuple[str, ...]:
        return tuple(f"p_{action}" for action in range(len(bimatrix(self.payoffs)[0]) - 1))

    @property
    def roles(self) -> tuple[str, ...]:
        return bimatrix_roles(bimatrix(self.payoffs))

    @property
    def extremes(self) -> tuple[float, float]:
        matrices = bimatrix(self.payoffs)
        return float(matrices.min()), float(matrices.max())

    def rewards(self, seat: Tensor) -> Tensor:
        """Both payoffs [own action, other's action, player, chair, 1], in the view of each seat."""
        return payoffs_in_view(bimatrix(self.payoffs), seat).permute(2, 3, 1, 0)[..., None]

    def values(self, own: Tensor, other: Tensor, rewards: Tensor) -> Tensor:
        expected = ordered_sum((_mixture(other)[None, :, None] * rewards).unbind(1))
        return matrix_product(_mixture(own)[None], expected)[0]

    def outcome(self, own: Tensor, other: Tensor, rewards: Tensor) -> PolicyOutcome:
        return PolicyOutcome(self.values(own, other, rewards), torch.stack((own[0], other[0])), own[0] * other[0])


def _mixture(components: Tensor) -> Tensor:
    """The probability of each action [action, ...] from the K - 1 components."""
    one = torch.ones_like(components[:1])
    return torch.cat((components, one)) * torch.cat((one, (1 - components).cumprod(0)))


class Tandem(DifferentiableGame):
    """Two push together, and each wants a little more than its share.

    An action is a real number, x of one and y of the other. The losses are
        (x + y)^2 - 2 x   and   (x + y)^2 - 2 y,
    and the rewards are the negative losses. Every x + y = 1 is stable.
    """

    source: ClassVar[str] = "Letcher et al. 2019, section 2.3"
    probabilities: ClassVar[bool] = False

    discount: NoDiscount = Field(1.0, description="1: a game that is played once has nothing to discount")

    @property
    def components(self) -> tuple[str, ...]:
        return ("x",)

    def actions(self, seat: int) -> Box:
        return Box(-100.0, 100.0, (1,))

    def rewards(self, seat: Tensor) -> Tensor:
        """The payoffs do not depend on the seat."""
        return torch.zeros((1, len(seat), 1), dtype=torch.float64, device=seat.device)

    def values(self, own: Tensor, other: Tensor, rewards: Tensor) -> Tensor:
        both = torch.cat((own, other))
        return 2 * both - both.sum(0) ** 2

    def outcome(self, own: Tensor, other: Tensor, rewards: Tensor) -> PolicyOutcome:
        return PolicyOutcome(self.values(own, other, rewards))
