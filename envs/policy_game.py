"""The policy game: repeated 2x2 games between whole memory-one policies, with exact discounted values."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor

from .differentiable_game import Derivatives, DifferentiableGame, PolicyOutcome
from .matrix_game import Payoffs, bimatrix, bimatrix_roles, payoffs_in_view
from .memory_one_chain import MIRROR, MemoryOneChain, contrasts, matrix_product, mirrored, visits


class PolicyGame(DifferentiableGame):
    """A seat's action is a memory-one policy, and its reward that policy's value in the endless repeated game.

    An action is P(C) in (start, CC, CD, DC, DD), own action first. With the discount g of the repeated game, s0
    the distribution of the first outcome and P the transitions between outcomes,
        V = s0' (I - g P)^-1 r,      reward of a round = (1 - g) V.
    Cooperation is the discounted frequency of C.
    """

    source: ClassVar[str] = "Foerster et al. 2018 (exact IPD); Letcher et al. 2019; Lu et al. 2022"

    payoffs: Payoffs = Field(
        (-1, -3, 0, -2),
        description="[R, S, T, P]; or the row player's 2x2 matrix; or [row's, column's] 2x2 matrices",
    )
    discount: Annotated[float, Field(gt=0, lt=1)] = Field(0.96, description="discount of the repeated game")

    @field_validator("payoffs")
    @classmethod
    def _two_by_two(cls, payoffs: Payoffs) -> Payoffs:
        if bimatrix(payoffs).shape != (2, 2, 2):
            raise ValueError(
                "a policy game has two actions, cooperate and defect: give [R, S, T, P] or 2x2 matrices"
            )
        return payoffs

    def as_policy_game(self) -> PolicyGame:
        return self

    @property
    def components(self) -> tuple[str, ...]:
        return ("p_start", "p_cc", "p_cd", "p_dc", "p_dd")

    @property
    def roles(self) -> tuple[str, ...]:
        return bimatrix_roles(bimatrix(self.payoffs))

    @property
    def extremes(self) -> tuple[float, float]:
        matrices = bimatrix(self.payoffs)
        return float(matrices.min()), float(matrices.max())

    def rewards(self, seat: Tensor) -> Tensor:
        """Both payoffs by outcome [outcome, player, chair, 1], in the view of each seat."""
        return payoffs_in_view(bimatrix(self.payoffs), seat).flatten(2).permute(2, 1, 0)[..., None]

    def values(self, own: Tensor, other: Tensor, rewards: Tensor) -> Tensor:
        chain = MemoryOneChain(own, other, self.discount)
        values = torch.stack([chain.values(reward) for reward in rewards.unbind(1)], 1)
        return matrix_product(chain.transitions[:1], values)[0]

    def outcome(self, own: Tensor, other: Tensor, rewards: Tensor) -> PolicyOutcome:
        chain = MemoryOneChain(own, other, self.discount)
        frequency = chain.visits[1:] * ((1 - self.discount) / self.discount)
        cc, cd, dc, _ = frequency.unbind()
        return PolicyOutcome(matrix_product(frequency[None], rewards)[0], torch.stack((cc + cd, cc + dc)), cc)

    def derivatives(self, own: Tensor, other: Tensor, rewards: Tensor) -> PolicyDerivatives:
        return PolicyDerivatives(MemoryOneChain(own, other, self.discount), rewards)


class PolicyDerivatives(Derivatives):
    """Derivatives of the values of two memory-one policies, in their probabilities.

    With v and b of `MemoryOneChain`, and B_s the derivative of the expected value in state s by P(C),
        dV/dp_s = v_s B_s,    B_s = b_1 + b_3 q_s for own p_s, b_2 + b_3 p_s for the other's q_s.
    Products with second derivatives need no matrix of them: docs/environments.md has the formulas.
    """

    def __init__(self, chain: MemoryOneChain, rewards: Tensor):
        self.chain = chain
        self._contrasts = [contrasts(reward) for reward in (rewards / chain.discount).unbind(1)]
        self._slopes: dict[int, Tensor] = {}
        self._derivatives: dict[tuple[int, int], Tensor] = {}

    def slopes(self, whose: int) -> Tensor:
        """b [3, ...] of the value of player `whose`."""
        if whose not in self._slopes:
            self._slopes[whose] = self.chain.slopes(self._contrasts[whose - 1])
        return self._slopes[whose]

    def derivative(self, whose: int, by: int) -> Tensor:
        """B [state, ...], in player 1's view."""
        if (whose, by) not in self._derivatives:
            self._derivatives[whose, by] = self.chain.derivative(by, self.slopes(whose))
        return self._derivatives[whose, by]

    def gradient(self, whose: int, by: int) -> Tensor:
        found = self.chain.visits * self.derivative(whose, by)
        return found if by == 1 else mirrored(found)

    def hvp(self, whose: int, by: int, mover: int, step: Tensor) -> Tensor:
        chain, step = self.chain, step if mover == 1 else mirrored(step)
        change = chain.derivative(by, chain.slopes(contrasts((self.derivative(whose, mover) * step)[1:])))
        if by != mover:
            change = torch.addcmul(change, step, self.slopes(whose)[2])
        visit_change = chain.visit_derivative(mover, chain.visits * step)
        found = torch.addcmul(chain.visits * change, visit_change, self.derivative(whose, by))
        return found if by == 1 else mirrored(found)

    def mixed(self, whose: int) -> Tensor:
        found = self._visit_derivatives[0] * self.derivative(whose, 2)
        found.addcmul_(self._visit_derivatives[1].transpose(0, 1), self.derivative(whose, 1)[:, None])
        found.diagonal(0, 0, 1).add_((self.chain.visits * self.slopes(whose)[2]).movedim(0, -1))
        return found[:, MIRROR]

    @cached_property
    def _visit_derivatives(self) -> tuple[Tensor, Tensor]:
        """How the visits of t change with P(C) in s, of player 1 and of player 2 [s, t, ...]."""
        chain = self.chain
        own, other, both = map(visits, chain.rows)
        visited = chain.visits[:, None]
        return (
            visited * torch.addcmul(own, both, chain.other[:, None]),
            visited * torch.addcmul(other, both, chain.own[:, None]),
        )
