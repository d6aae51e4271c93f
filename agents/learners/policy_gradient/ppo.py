"""Proximal policy optimisation."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ....envs.chance import Purpose
from ...agent import Chairs, Player
from ..nets.adam import Adam
from .policy_gradient import AdvantageEstimate, PolicyGradient, PolicyGradientPlayer, Positive, WithPreference
from .returns import generalised_advantages, normalised, returns_to_go
from .trajectory import Samples, Trajectory


class ProximalPolicyGradient(PolicyGradient):
    """The parameters of PPO and of the learners built on it."""

    source: ClassVar[str] = "Schulman et al. 2017; parameters of Zhou, Hong and Kao 2024"

    gae: float = Field(1.0, description="decay (lambda) of generalised advantages; 1: returns to go", ge=0, le=1)
    clip: Positive = Field(0.1, description="how far the ratio to the old probability may go from 1")
    value_weight: float = Field(0.5, description="weight of the value's squared error", ge=0)
    entropy_weight: float = Field(0.02, description="weight of the policy's entropy", ge=0)
    epochs: int = Field(10, description="passes over an episode", ge=1)
    minibatches: int = Field(1, description="parts, by tables, into which a pass is split; a step for each", ge=1)
    max_gradient_norm: Positive | None = Field(
        None, description="norm to which gradients are clipped; None: no clipping"
    )
    normalise: Literal["returns", "advantages", "nothing"] = Field(
        "returns",
        description="what is standardised, over a chair's rounds and tables",
    )
    epsilon: Positive = Field(1e-8, description="Adam's")
    share_parameters: bool = Field(
        False,
        exclude_if=lambda shared: not shared,  # matches from before it existed keep their identity
        description="whether all of its seats in a match have one policy and value, and learn from what each "
        "of them went through",
    )

    @model_validator(mode="after")
    def _returns_need_no_bootstrap(self) -> Self:
        if self.normalise == "returns" and self.gae < 1:
            raise ValueError(
                'normalised returns have no bootstrap: with `gae` below 1 set normalise = "advantages"'
            )
        return self

    def sit(self, chairs: Chairs) -> Player:
        return PPOPlayer(self, chairs)


class PPO(WithPreference, ProximalPolicyGradient):
    """Proximal policy optimisation: several passes over each episode with a clipped probability ratio.

    With ratio = pi(a | s) / pi_old(a | s) it maximises, by Adam, the mean over rounds and tables of
        min(ratio A, clip(ratio, 1 - clip, 1 + clip) A) - value_weight (V(s) - target)^2 + entropy_weight H(pi(s))
    The defaults are those of the Reciprocator's authors for the iterated prisoner's dilemma: the value's targets
    are standardised returns to go, and advantages are the targets minus the value. `gae = 0.95, normalise =
    "advantages"` gives the common form.
    """


class PPOPlayer(PolicyGradientPlayer):
    """Proximal policy optimisation on its chairs."""

    agent: ProximalPolicyGradient

    def __init__(self, agent: ProximalPolicyGradient, chairs: Chairs):
        super().__init__(agent, chairs)
        self.value_weight = agent.value_weight
        self.entropy_weight = agent.entropy_weight
        self.max_gradient_norm = agent.max_gradient_norm
        self._first: Tensor | None = None
        """The first chair of each chair's match, if those share parameters."""
        if agent.share_parameters:
            self._first = (chairs.match[:, None] == chairs.match).int().argmax(1)
            self.theta = self.theta[self._first]

    def make_optimiser(self) -> Adam:
        return Adam(self.agent.learning_rate, self.agent.epsilon)

    def pooled(self, gradient: Tensor) -> Tensor:
        """The mean gradient over the chairs of a match, if they share parameters."""
        if self._first is None:
            return gradient
        total = torch.zeros_like(gradient).index_add_(0, self._first, gradient)
        chairs = self._first.bincount(minlength=len(total))[:, None]
        return total[self._first] / chairs[self._first]

    def estimate(self, trajectory: Trajectory, reward: Tensor) -> AdvantageEstimate:
        agent, playing = self.agent, trajectory.playing
        value = self.values(trajectory)
        if agent.normalise == "returns":
            target = normalised(returns_to_go(reward, self.discount), playing)
            return AdvantageEstimate(target - value, target)
        advantage = generalised_advantages(reward, value, self.discount, agent.gae, playing)
        target = advantage + value
        return AdvantageEstimate(
            normalised(advantage, playing) if agent.normalise == "advantages" else advantage, target
        )

    def advantage(self, reward: Tensor, value: Tensor, decay: float, playing: Tensor | None) -> Tensor:
        """Generalised advantages [round, chair, table], normalised if `normalise = "advantages"`."""
        by_round = generalised_advantages(reward, value, self.discount, decay, playing)
        return normalised(by_round, playing) if self.agent.normalise == "advantages" else by_round

    def policy_loss(self, chosen: Tensor, before: Tensor, samples: Samples) -> Tensor:
        ratio, clip = (chosen - before).exp(), self.agent.clip
        gain = torch.minimum(ratio * samples.advantage, ratio.clamp(1 - clip, 1 + clip) * samples.advantage)
        return -gain.sum((0, 2)) / samples.count

    def update(self, samples: Samples) -> None:
        count = min(self.agent.minibatches, self.chairs.shape[1])
        if count == 1:
            whole = self.aggregated(samples)
            before = self.descend(whole, None)
            for _ in range(self.agent.epochs - 1):
                self.descend(whole, before)
            return
        old = self.theta
        for epoch in range(self.agent.epochs):
            order = self.chairs.chance.bits(Purpose.MINIBATCH, self.trajectory.episode, epoch).argsort(1)
            for tables in order.tensor_split(count, 1):
                part = self.aggregated(samples.at_tables(tables))
                self.descend(part, self.log_probabilities(part, old))
