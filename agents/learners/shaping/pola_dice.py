"""POLA with DiCE: LOLA whose steps are measured by how much a policy changes, not its parameters."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ...agent import Chairs, Player
from ..tabular.fitted_table import cells
from .imagination import Imagined
from .lola_dice import LolaDice, LolaDicePlayer, Rate


class PolaDice(LolaDice):
    """A memory-one policy that climbs its return after the other's learning, both held near to where they were.

    As LOLA with DiCE, but after each episode it makes `steps`, each on fresh imagined play, up
        V_own(x, y(x)) - own_penalty KL(policy of the episode || x)
    and the other is expected to climb V_other(x, y) - their_penalty KL(model || y). KL is the mean over the states
    of the imagined rounds.

    Published, for recurrent nets: 2000 tables of 50 rounds, 200 steps, two look-aheads at rate 0.005, Adam at
    0.003, penalties 100 and 10. Here tables of logits need larger rates, LOLA's, and the steps are cut to
    what 200 episodes allow.
    """

    source: ClassVar[str] = "Zhao et al. 2022, POLA-DiCE with opponent model"

    steps: int = Field(5, description="gradient steps after each episode", ge=1)
    own_penalty: float = Field(100.0, description="weight of the own policy's change", ge=0)
    their_penalty: float = Field(
        10.0, description="weight of the change that the other is expected to avoid", ge=0
    )
    learning_rate: Rate = Field(0.05, description="of Adam, for the own logits")

    def sit(self, chairs: Chairs) -> Player:
        return PolaDicePlayer(self, chairs)


class PolaDicePlayer(LolaDicePlayer[PolaDice]):
    """Looks ahead, held back, on its chairs."""

    def climb(self) -> None:
        self._before = self.imagination.done(self.policy(self.theta))
        for step in range(self.agent.steps):
            theta = self.theta.detach().requires_grad_()
            with torch.enable_grad():
                value = self.value_after(theta, step)
                (gradient,) = torch.autograd.grad(value.sum(), theta)
            self.theta = self._adam.step(self.theta, -gradient)

    def restraint_on_them(self, before: Tensor, theirs: Tensor, imagined: Imagined) -> Tensor:
        return self.agent.their_penalty * change(before, theirs, imagined)

    def restraint(self, own: Tensor, imagined: Imagined) -> Tensor:
        return self.agent.own_penalty * change(self._before, own, imagined)


def change(before: Tensor, after: Tensor, imagined: Imagined) -> Tensor:
    """The mean over imagined rounds of KL(before || after) [chair]; both are [chair, state, action]."""
    divergence = (before.exp() * (before - after)).sum(-1)
    return cells(divergence, imagined.state).mean((0, 2))
