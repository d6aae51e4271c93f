"""Learners with an advantage that includes the others': what advantage alignment and LOQA share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from ...agent import Chairs
from ..nets.fitted_net import FittedNet
from ..policy_gradient.policy_gradient import AdvantageEstimate, Positive, Widths
from ..policy_gradient.ppo import PPO, PPOPlayer
from ..policy_gradient.trajectory import Trajectory
from .critics import Critics, CriticValues


class AdvantageShaper(PPO):
    """PPO with critics of its own and the others' returns, and a shaping term added to its advantage.

    Past advantages have lambda = 0, whatever `gae` is.
    """

    gae: float = Field(0.0, description="decay (lambda) of generalised advantages, except past ones", ge=0, le=1)
    normalise: Literal["advantages", "nothing"] = Field(
        "advantages", description="what is standardised, over a chair's rounds and tables"
    )
    value_weight: float = Field(
        0.0, description="weight of the policy network's value, which is not used here", ge=0
    )
    memory: Positive = Field(10.0, description="weight of a table's previous value, in numbers of new targets")
    critic_hidden: Widths = Field((64,), description="widths of the critics' network, with features")
    critic_rate: Positive = Field(0.003, description="Adam's step size for the critics' network")

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override] # the preference has needs too
        return super().needs | {"others_actions", "others_rewards"}


class AdvantageShaperPlayer(PPOPlayer):
    """An advantage shaper on its chairs."""

    agent: AdvantageShaper

    def __init__(self, agent: AdvantageShaper, chairs: Chairs):
        super().__init__(agent, chairs)
        self.critics = self.make_critics()

    @abstractmethod
    def make_critics(self) -> Critics:
        """The critics: tables for discrete states, a network for features."""

    def critic_net(self, outputs: int) -> FittedNet:
        """A network on the player's encoded observations."""
        agent, inputs = self.agent, self.encoder.inputs
        return FittedNet(self.chairs, inputs, agent.critic_hidden, outputs, agent.critic_rate, component=2)

    def estimate(self, trajectory: Trajectory, reward: Tensor) -> AdvantageEstimate:
        """The advantage, with the shaping term; there are no value targets."""
        agent, playing = self.agent, trajectory.playing
        reward, others_reward = self.in_units(reward, trajectory.others_reward.sum(2), playing)
        estimates = self.critics.evaluate(trajectory)
        own = self.advantage(reward, estimates.value, agent.gae, playing)
        past = own if agent.gae == 0 else self.advantage(reward, estimates.value, 0.0, playing)
        others = self.advantage(others_reward, estimates.value_of_others, self.decay_of_others, playing)
        added = self.shaping(past, others, estimates)
        self.record_measures(trajectory, estimates, reward, others_reward)
        self.critics.fit(trajectory, estimates, reward, others_reward)
        return AdvantageEstimate(own + added, torch.zeros_like(own))

    def in_units(self, own: Tensor, others: Tensor, playing: Tensor | None) -> tuple[Tensor, Tensor]:
        """Its own and the others' rewards [round, chair, table] in the units that it learns in."""
        return own, others

    @property
    def decay_of_others(self) -> float:
        """The decay (lambda) of the others' advantages."""
        return self.agent.gae

    @abstractmethod
    def shaping(self, past: Tensor, others: Tensor, estimates: CriticValues) -> Tensor:
        """The term that is added to its advantage, from its past ones and the others' [round, chair, table]."""

    def record_measures(
        self, trajectory: Trajectory, estimates: CriticValues, reward: Tensor, others_reward: Tensor
    ) -> None:
        """Record how good the critics are."""

    def state_dict(self) -> dict[str, Tensor]:
        return {**super().state_dict(), **self.critics.state_dict()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        super().load_state_dict(state)
        self.critics.load_state_dict(state)


def discounted_past(values: Tensor, discount: float, decay: float = 1.0) -> Tensor:
    """sum_{k<t} discount^(t-k) decay^(t-k-1) values_k [round, ...]; 0 in the first round."""
    past = torch.zeros_like(values)
    for t in range(1, len(values)):
        past[t] = discount * (decay * past[t - 1] + values[t - 1])
    return past
