"""Advantage alignment: a learner that acts for the others' advantage as far as play so far was to its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ..agent import Chairs, Player
from .fitted_net import FittedNet, lambda_returns
from .fitted_table import cells_by_round, fitted
from .policy_gradient import Estimate, Positive, Widths
from .ppo import PPO, PPOPlayer
from .returns import returns_to_go
from .trajectory import Trajectory


class AdvantageAlignment(PPO):
    """PPO on an advantage that takes in the others', by how well play has gone for oneself.

        A*_t = A_t + weight * discount * (sum_{k<t} discount^(t-k) D_k) * A^others_t
    where A is the own advantage and A^others the sum of the others', from what they were seen to earn, and D the
    own advantage with lambda 0. Who was to one's advantage is helped, who was to one's harm is harmed.

    Each has a critic of its own: what was earned, on average, from a round and last outcome on; where features are
    seen, a net of them and of the time left. Published for Melting Pot: discount 0.99, lambda 0.95, clip 0.1,
    weight 1, advantages normalised, two updates of a batch, entropy 0.1, Adam at 1e-5 in long training. Here
    discount, updates, entropy and rate are PPO's for 32 rounds at 256 tables, and lambda is 0.

    What is past is taken with lambda 0 whatever `gae` is: above it D_k would hold what was earned after t, which
    A^others_t holds too, and the product would pay for luck that both share (self-play in the iterated prisoner's
    dilemma, with 0.95 throughout, stays at 60 % cooperation; with 0.95 for the rest, or 0, it reaches 95 %).
    """

    source: ClassVar[str] = "Duque et al. 2025, Advantage Alignment Algorithms, in its proximal form"
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "others_rewards"})

    weight: float = Field(1.0, description="of the others' advantage")
    gae: float = Field(0.0, description="decay (lambda) of generalised advantages, but for past ones", ge=0, le=1)
    normalise: Literal["advantages", "nothing"] = Field(
        "advantages", description="what is shifted and scaled to mean 0 and deviation 1 over a chair's rounds"
    )
    value_weight: float = Field(0.0, description="weight of the net's own value, which nothing here uses", ge=0)
    memory: Positive = Field(10.0, description="returns seen in a cell that weigh as much as the critic so far")
    critic_hidden: Widths = Field((64,), description="widths of the critics' net, where features are seen")
    critic_rate: Positive = Field(0.003, description="of Adam, for the critics' net")

    def sit(self, chairs: Chairs) -> Player:
        return AdvantageAlignmentPlayer(self, chairs)


class AdvantageAlignmentPlayer(PPOPlayer):
    """Aligns advantages on its chairs; critics are tables [chair, round, state], or a net with two outputs."""

    agent: AdvantageAlignment

    def __init__(self, agent: AdvantageAlignment, chairs: Chairs):
        super().__init__(agent, chairs)
        nought = torch.zeros(chairs.shape[0], dtype=torch.float64, device=chairs.device)
        self.net: FittedNet | None = None
        if self.perception.states is None:
            self.net = FittedNet(chairs, agent.critic_hidden, 2, agent.critic_rate, component=2)
        else:
            shape = (chairs.shape[0], int(chairs.spec.horizon), self.perception.states)
            self.critic = torch.zeros(shape, dtype=torch.float64, device=chairs.device)
            self.critic_of_others = self.critic.clone()
        self._measures |= dict.fromkeys(("alignment", "fit", "fit_of_others"), nought)

    def estimate(self, trajectory: Trajectory, paid: Tensor) -> Estimate:
        agent, playing = self.agent, trajectory.playing
        others = trajectory.others_reward.sum(2)
        values = self._values(trajectory)
        own = self.advantage(paid, values[0], agent.gae, playing)
        past = own if agent.gae == 0 else self.advantage(paid, values[0], 0.0, playing)
        theirs = self.advantage(others, values[1], agent.gae, playing)
        alignment = agent.weight * aligned(past, theirs, agent.discount)
        self._measures["alignment"] = alignment.square().mean((0, 2)).sqrt()
        for name, reward, value in zip(("fit", "fit_of_others"), (paid, others), values, strict=True):
            self._measures[name] = explained(returns_to_go(reward, agent.discount), value, playing)
        self._fit(trajectory, (paid, others), values)
        return Estimate(own + alignment, torch.zeros_like(own))

    def _values(self, trajectory: Trajectory) -> tuple[Tensor, Tensor]:
        """What the chair and what the others were to earn, by the critics so far, both [round, chair, table]."""
        if self.net is not None:
            own, others = self.net.values(trajectory.seen).unbind(-1)
            return own, others
        return cells_by_round(self.critic, trajectory.seen), cells_by_round(self.critic_of_others, trajectory.seen)

    def _fit(self, trajectory: Trajectory, paid: tuple[Tensor, Tensor], values: tuple[Tensor, Tensor]) -> None:
        """Take the episode into the critics."""
        agent, seen, playing = self.agent, trajectory.seen, trajectory.playing
        if self.net is not None:
            targets = [
                lambda_returns(reward, value, agent.discount, playing)
                for reward, value in zip(paid, values, strict=True)
            ]
            self.net.fit(seen, torch.stack(targets, -1), playing)
            return
        rounds = torch.arange(len(seen), device=seen.device)[:, None, None]
        index = rounds * self.critic.shape[2] + seen
        weight = None if playing is None else playing.double()
        own, others = (returns_to_go(reward, agent.discount) for reward in paid)
        self.critic = fitted(self.critic, index, own, weight, agent.memory)
        self.critic_of_others = fitted(self.critic_of_others, index, others, weight, agent.memory)

    def state_dict(self) -> dict[str, Tensor]:
        if self.net is not None:
            return {**super().state_dict(), **{f"critic_{k}": v for k, v in self.net.state_dict().items()}}
        return {**super().state_dict(), "critic": self.critic, "critic_of_others": self.critic_of_others}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        super().load_state_dict(state)
        if self.net is not None:
            prefix = "critic_"
            self.net.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
            return
        self.critic, self.critic_of_others = state["critic"].clone(), state["critic_of_others"].clone()


def explained(returns: Tensor, value: Tensor, playing: Tensor | None = None) -> Tensor:
    """The share [chair] of the variance of returns [round, chair, table] that values explain, where played."""
    weight = torch.ones_like(returns) if playing is None else playing.to(returns.dtype)
    count = weight.sum((0, 2), keepdim=True)
    centred = returns - (returns * weight).sum((0, 2), keepdim=True) / count
    error = ((returns - value).square() * weight).sum((0, 2))
    return 1 - error / (centred.square() * weight).sum((0, 2)).clamp(min=1e-12)


def aligned(own: Tensor, theirs: Tensor, discount: float) -> Tensor:
    """discount * (sum_{k<t} discount^(t-k) own_k) * theirs_t, of advantages [round, ...]."""
    return discount * discounted_past(own, discount) * theirs


def discounted_past(values: Tensor, discount: float) -> Tensor:
    """sum_{k<t} discount^(t-k) values_k [round, ...]; 0 in the first round."""
    past = torch.zeros_like(values)
    for t in range(1, len(values)):
        past[t] = discount * (past[t - 1] + values[t - 1])
    return past
