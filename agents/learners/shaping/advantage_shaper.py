"""Learners that climb an advantage which takes in the others': what advantage alignment and LOQA share."""

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
    """PPO with critics of its own, of what it and the others are to earn, and with what they give added to A.

    What is past is taken with lambda 0 whatever `gae` is.
    """

    gae: float = Field(0.0, description="decay (lambda) of generalised advantages, but for past ones", ge=0, le=1)
    normalise: Literal["advantages", "nothing"] = Field(
        "advantages", description="what is shifted and scaled to mean 0 and deviation 1 over a chair's rounds"
    )
    value_weight: float = Field(0.0, description="weight of the net's own value, which nothing here uses", ge=0)
    memory: Positive = Field(10.0, description="targets seen in a cell that weigh as much as the critic so far")
    critic_hidden: Widths = Field((64,), description="widths of the critics' net, where features are seen")
    critic_rate: Positive = Field(0.003, description="of Adam, for the critics' net")

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override] # with those of the preference
        return super().needs | {"others_actions", "others_rewards"}


class AdvantageShaperPlayer(PPOPlayer):
    """An advantage shaper on its chairs."""

    agent: AdvantageShaper

    def __init__(self, agent: AdvantageShaper, chairs: Chairs):
        super().__init__(agent, chairs)
        self.critics = self.make_critics()

    @abstractmethod
    def make_critics(self) -> Critics:
        """What estimates values: tables where states are seen, or else a net."""

    def critic_net(self, outputs: int) -> FittedNet:
        """A net of what it sees."""
        agent, inputs = self.agent, self.perception.inputs
        return FittedNet(self.chairs, inputs, agent.critic_hidden, outputs, agent.critic_rate, component=2)

    def estimate(self, trajectory: Trajectory, paid: Tensor) -> AdvantageEstimate:
        """What multiplies grad log pi(a_t | s_t); there are no values to fit."""
        agent, playing = self.agent, trajectory.playing
        theirs = trajectory.others_reward.sum(2)
        judged = self.critics.judge(trajectory)
        own = self.advantage(paid, judged.value, agent.gae, playing)
        past = own if agent.gae == 0 else self.advantage(paid, judged.value, 0.0, playing)
        others = self.advantage(theirs, judged.value_of_others, agent.gae, playing)
        added = self.shaping(past, others, judged)
        self.tell(trajectory, judged, paid, theirs)
        self.critics.fit(trajectory, judged, paid, theirs)
        return AdvantageEstimate(own + added, torch.zeros_like(own))

    @abstractmethod
    def shaping(self, past: Tensor, others: Tensor, judged: CriticValues) -> Tensor:
        """What is added to its own advantages, from those of the past and the others' [round, chair, table]."""

    def tell(self, trajectory: Trajectory, judged: CriticValues, paid: Tensor, theirs: Tensor) -> None:
        """Measure how good the critics are."""

    def state_dict(self) -> dict[str, Tensor]:
        return {**super().state_dict(), **self.critics.state_dict()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        super().load_state_dict(state)
        self.critics.load_state_dict(state)


def discounted_past(values: Tensor, discount: float) -> Tensor:
    """sum_{k<t} discount^(t-k) values_k [round, ...]; 0 in the first round."""
    past = torch.zeros_like(values)
    for t in range(1, len(values)):
        past[t] = discount * (past[t - 1] + values[t - 1])
    return past
