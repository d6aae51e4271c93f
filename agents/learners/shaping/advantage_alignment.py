"""Advantage alignment: a learner that acts for the others' advantage as far as play so far was to its own."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ...agent import Chairs, Player
from ..policy_gradient.returns import returns_to_go
from ..policy_gradient.trajectory import Trajectory
from .advantage_shaper import AdvantageShaper, AdvantageShaperPlayer, discounted_past
from .critics import Critics, CriticValues, NetCritics, TableCritics


class AdvantageAlignment(AdvantageShaper):
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

    weight: float = Field(1.0, description="of the others' advantage")

    def sit(self, chairs: Chairs) -> Player:
        return AdvantageAlignmentPlayer(self, chairs)


class AdvantageAlignmentPlayer(AdvantageShaperPlayer):
    """Aligns advantages on its chairs."""

    agent: AdvantageAlignment

    def __init__(self, agent: AdvantageAlignment, chairs: Chairs):
        super().__init__(agent, chairs)
        nought = torch.zeros(chairs.shape[0], dtype=torch.float64, device=chairs.device)
        self._measures |= dict.fromkeys(("alignment", "fit", "fit_of_others"), nought)

    def make_critics(self) -> Critics:
        agent, states = self.agent, self.perception.states
        if states is None:
            return NetCritics(self.critic_net(2), agent.discount)
        return TableCritics(self.chairs, states, agent.discount, agent.memory)

    def shaping(self, past: Tensor, others: Tensor, judged: CriticValues) -> Tensor:
        alignment = self.agent.weight * aligned(past, others, self.agent.discount)
        self._measures["alignment"] = alignment.square().mean((0, 2)).sqrt()
        return alignment

    def tell(self, trajectory: Trajectory, judged: CriticValues, paid: Tensor, theirs: Tensor) -> None:
        for name, reward, value in (
            ("fit", paid, judged.value),
            ("fit_of_others", theirs, judged.value_of_others),
        ):
            returns = returns_to_go(reward, self.agent.discount)
            self._measures[name] = explained(returns, value, trajectory.playing)


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
