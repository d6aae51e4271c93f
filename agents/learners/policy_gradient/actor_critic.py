"""Advantage actor-critic."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ...agent import Chairs, Player
from .policy_gradient import AdvantageEstimate, PolicyGradientPlayer, Positive, WithPreference
from .returns import generalised_advantages
from .trajectory import Samples, Trajectory


class ActorCritic(WithPreference):
    """Policy-gradient ascent with a learned value function, one step of Adam an episode.

    It maximises the mean over rounds and tables of
        log pi(a | s) A - value_weight (V(s) - target)^2 + entropy_weight H(pi(s))
    with generalised advantages A and targets A + V(s). As is common, the sum over rounds is not discounted.
    """

    source: ClassVar[str] = "Mnih et al. 2016; advantages of Schulman et al. 2016"

    learning_rate: Positive = Field(0.05, description="Adam's step size")
    gae: float = Field(0.95, description="decay (lambda) of generalised advantages; 1: returns to go", ge=0, le=1)
    value_weight: float = Field(0.5, description="weight of the value's squared error", ge=0)
    entropy_weight: float = Field(0.01, description="weight of the policy's entropy", ge=0)
    max_gradient_norm: Positive | None = Field(
        None, description="norm to which gradients are clipped; None: no clipping"
    )

    def sit(self, chairs: Chairs) -> Player:
        return ActorCriticPlayer(self, chairs)


class ActorCriticPlayer(PolicyGradientPlayer):
    """Advantage actor-critic on its chairs."""

    agent: ActorCritic

    def __init__(self, agent: ActorCritic, chairs: Chairs):
        super().__init__(agent, chairs)
        self.value_weight = agent.value_weight
        self.entropy_weight = agent.entropy_weight
        self.max_gradient_norm = agent.max_gradient_norm

    def estimate(self, trajectory: Trajectory, reward: Tensor) -> AdvantageEstimate:
        value = self.values(trajectory)
        advantage = generalised_advantages(reward, value, self.discount, self.agent.gae, trajectory.playing)
        return AdvantageEstimate(advantage, advantage + value)

    def update(self, samples: Samples) -> None:
        whole = self.aggregated(samples)
        self.descend(whole, torch.zeros_like(whole.advantage))
