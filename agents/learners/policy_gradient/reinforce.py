"""REINFORCE: the sampled policy gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ...agent import Chairs, Player
from ..nets.adam import Adam, GradientDescent
from .policy_gradient import AdvantageEstimate, PolicyGradientPlayer, Positive, WithPreference
from .returns import returns_to_go
from .trajectory import Samples, Trajectory


class Reinforce(WithPreference):
    """Ascends the sampled gradient of its discounted return, one step an episode.

        g = mean over tables of  sum_t discount^t grad log pi(a_t | s_t) (G_t - b_t)
    with returns to go G_t and a baseline b_t: the mean return of the other tables in that round, which leaves g
    unbiased, or a learned value of the state. Both discounts are kept, so g is the gradient of the return from the
    first round.

    A table takes plain steps at rate 1, as published; a net, which such steps would saturate at once, takes Adam's
    at 0.01.
    """

    source: ClassVar[str] = "Williams 1992; step size and discount of Foerster et al. 2018"

    learning_rate: Positive = Field(
        default_factory=lambda given: 1.0 if _is_table(given) else 0.01,
        description="step size; by default 1 for a table, 0.01 for a net",
    )
    baseline: Literal["leave_one_out", "value", "nothing"] = Field(
        "leave_one_out", description="the baseline that is subtracted from returns"
    )
    value_weight: float = Field(1.0, description="step size of the value, relative to the policy's", ge=0)
    entropy_weight: float = Field(0.0, description="weight of the policy's entropy", ge=0)
    optimiser: Literal["gradient_descent", "adam"] = Field(
        default_factory=lambda given: "gradient_descent" if _is_table(given) else "adam",
        description="the optimiser; by default plain gradients for a table, Adam for a net",
    )

    def sit(self, chairs: Chairs) -> Player:
        return ReinforcePlayer(self, chairs)


def _is_table(given: Mapping[str, object]) -> bool:
    return given.get("policy") == "tabular"


class ReinforcePlayer(PolicyGradientPlayer):
    """REINFORCE on its chairs."""

    agent: Reinforce

    def __init__(self, agent: Reinforce, chairs: Chairs):
        super().__init__(agent, chairs)
        self.value_weight = agent.value_weight if agent.baseline == "value" else 0.0
        self.entropy_weight = agent.entropy_weight

    def make_optimiser(self) -> Adam | GradientDescent:
        kind = GradientDescent if self.agent.optimiser == "gradient_descent" else Adam
        return kind(self.agent.learning_rate)

    def estimate(self, trajectory: Trajectory, reward: Tensor) -> AdvantageEstimate:
        returns = returns_to_go(reward, self.discount)
        playing = torch.ones_like(returns) if trajectory.playing is None else trajectory.playing.double()
        baseline = torch.zeros_like(returns)
        if self.agent.baseline == "value":
            baseline = self.values(trajectory)
        elif self.agent.baseline == "leave_one_out":
            others = playing.sum(2, keepdim=True) - playing
            baseline = ((returns * playing).sum(2, keepdim=True) - returns * playing) / others.clamp(min=1)
        rounds = torch.arange(len(returns), device=returns.device, dtype=returns.dtype)[:, None, None]
        return AdvantageEstimate(self.discount**rounds * (returns - baseline), returns)

    def policy_loss(self, chosen: Tensor, before: Tensor, samples: Samples) -> Tensor:
        return -(chosen * samples.advantage).sum((0, 2)) / self.chairs.shape[1]

    def update(self, samples: Samples) -> None:
        whole = self.aggregated(samples)
        self.descend(whole, torch.zeros_like(whole.advantage))
