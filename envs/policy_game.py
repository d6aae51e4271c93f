"""The policy game: repeated 2x2 games between whole memory-one policies, with exact discounted values."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor

from .differentiable_game import Derivatives, DifferentiableGame, PolicyOutcome
from .matrix_game import Payoffs, payoffs_in_view, two_matrices, two_roles
from .memory_one_chain import MIRROR, MemoryOneChain, contrasts, mirrored, product, visits


class PolicyGame(DifferentiableGame):
    """A seat's action is a memory-one policy, and it earns what that policy earns in the endless repeated game.

    An action is P(C) in (start, CC, CD, DC, DD), own action first. With the discount g of the repeated game, s0
    the distribution of the first outcome and P the transitions between outcomes,
        V = s0' (I - g P)^-1 r,      reward of a round = (1 - g) V.
    Cooperation is counted alike: the discounted frequency of C.
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
        if two_matrices(payoffs).shape != (2, 2, 2):
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
        return two_roles(two_matrices(self.payoffs))

    @property
    def extremes(self) -> tuple[float, float]:
        matrices = two_matrices(self.payoffs)
        return float(matrices.min()), float(matrices.max())

    def rewards(self, seat: Tensor) -> Tensor:
        """What both earn by outcome [outcome, player, chair, 1], in the view of each seat."""
        return payoffs_in_view(two_matrices(self.payoffs), seat).flatten(2).permute(2, 1, 0)[..., None]

    def values(self, own: Tensor, other: Tensor, rewards: Tensor) -> Tensor:
        chain = MemoryOneChain(own, other, self.discount)
        worth = torch.stack([chain.worth(reward) for reward in rewards.unbind(1)], 1)
        return product(chain.transitions[:1], worth)[0]

    def outcome(self, own: Tensor, other: Tensor, rewards: Tensor) -> PolicyOutcome:
        chain = MemoryOneChain(own, other, self.discount)
        frequency = chain.visits[1:] * ((1 - self.discount) / self.discount)
        cc, cd, dc, _ = frequency.unbind()
        return PolicyOutcome(product(frequency[None], rewards)[0], torch.stack((cc + cd, cc + dc)), cc)

    def derivatives(self, own: Tensor, other: Tensor, rewards: Tensor) -> PolicyDerivatives:
        return PolicyDerivatives(MemoryOneChain(own, other, self.discount), rewards)


class PolicyDerivatives(Derivatives):
    """Derivatives of the values of two memory-one policies, in their probabilities.

    With v and b of `MemoryOneChain`, and B_s what is worth more by P(C) in state s,
        dV/dp_s = v_s B_s,    B_s = b_1 + b_3 q_s for own p_s, b_2 + b_3 p_s for other's q_s.
    Along a step d of a player's policy, with its own B',
        v changes by the visits that come from v_t d_t more C of that player (`redirected`),
        b changes by g L contrasts(B' d), where outcomes are the states after the start, and
        B_s changes by b_3 d_s besides, where the step is the other player's.
    So no matrix of second derivatives is needed for its product with a step.
    """

    def __init__(self, chain: MemoryOneChain, rewards: Tensor):
        self.chain = chain
        self._contrasts = [contrasts(reward) for reward in (rewards / chain.discount).unbind(1)]
        self._slopes: dict[int, Tensor] = {}
        self._changes: dict[tuple[int, int], Tensor] = {}

    def slopes(self, whose: int) -> Tensor:
        """b [3, ...]."""
        if whose not in self._slopes:
            self._slopes[whose] = self.chain.slopes(self._contrasts[whose - 1])
        return self._slopes[whose]

    def change(self, whose: int, by: int) -> Tensor:
        """B [state, ...], in player 1's view."""
        if (whose, by) not in self._changes:
            self._changes[whose, by] = self.chain.change(by, self.slopes(whose))
        return self._changes[whose, by]

    def gradient(self, whose: int, by: int) -> Tensor:
        found = self.chain.visits * self.change(whose, by)
        return found if by == 1 else mirrored(found)

    def along(self, whose: int, by: int, mover: int, step: Tensor) -> Tensor:
        chain, step = self.chain, step if mover == 1 else mirrored(step)
        turned = chain.change(by, chain.slopes(contrasts((self.change(whose, mover) * step)[1:])))
        if by != mover:
            turned = torch.addcmul(turned, step, self.slopes(whose)[2])
        visited = chain.redirected(mover, chain.visits * step)
        found = torch.addcmul(chain.visits * turned, visited, self.change(whose, by))
        return found if by == 1 else mirrored(found)

    def mixed(self, whose: int) -> Tensor:
        found = self._turned[0] * self.change(whose, 2)
        found.addcmul_(self._turned[1].transpose(0, 1), self.change(whose, 1)[:, None])
        found.diagonal(0, 0, 1).add_((self.chain.visits * self.slopes(whose)[2]).movedim(0, -1))
        return found[:, MIRROR]

    @cached_property
    def _turned(self) -> tuple[Tensor, Tensor]:
        """How visits of t change with P(C) in s of own and of other [s, t, ...]."""
        chain = self.chain
        own, other, both = map(visits, chain.rows)
        often = chain.visits[:, None]
        return (
            often * torch.addcmul(own, both, chain.other[:, None]),
            often * torch.addcmul(other, both, chain.own[:, None]),
        )
