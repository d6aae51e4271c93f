"""POLA-DiCE: LOLA with proximal steps, measured by the change of policies, not of parameters."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from ...agent import Chairs, Player
from .lola_dice import LolaDice, LolaDicePlayer, Rate
from .pair import Rollout


class PolaDice(LolaDice):
    """A policy that ascends its return after the other's learning, with proximal penalties on both.

    It extends LOLA-DiCE: after each episode it takes `steps`, each on new rollouts, up
        V_own(x, y(x)) - own_penalty KL(policy of the episode || x)
    and the other is expected to ascend V_other(x, y) - their_penalty KL(model || y). KL is the mean over the
    states of the simulated rounds.

    Published, for recurrent nets: 2000 tables of 50 rounds, 200 steps, two look-aheads at rate 0.005, Adam at
    0.003, penalties 100 and 10. Here tables of logits need the larger rates of LOLA, and fewer steps
    keep 200 episodes affordable.
    """

    source: ClassVar[str] = "Zhao et al. 2022, POLA-DiCE with opponent model"

    steps: int = Field(5, description="gradient steps after each episode", ge=1)
    own_penalty: float = Field(100.0, description="weight of the penalty on its own policy's change", ge=0)
    their_penalty: float = Field(10.0, description="weight of the penalty on the other's change", ge=0)
    learning_rate: Rate = Field(0.05, description="Adam's step size for its own logits")

    def sit(self, chairs: Chairs) -> Player:
        return PolaDicePlayer(self, chairs)


class PolaDicePlayer(LolaDicePlayer[PolaDice]):
    """POLA-DiCE on its chairs."""

    def ascend(self) -> None:
        self._before = self.pair.own(self.theta)
        for step in range(self.agent.steps):
            self.step(step)

    def kl_penalty_of_other(self, before: Tensor, theirs: Tensor, rollout: Rollout) -> Tensor:
        return self.agent.their_penalty * rollout.their_change(before, theirs)

    def kl_penalty(self, own: Tensor, rollout: Rollout) -> Tensor:
        return self.agent.own_penalty * rollout.own_change(self._before, own)
