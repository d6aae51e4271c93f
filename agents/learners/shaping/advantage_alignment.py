"""Advantage alignment: an opponent shaper that aligns the others' advantages with its own past ones."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ...agent import Chairs, Player
from ..policy_gradient.returns import returns_to_go
from ..policy_gradient.trajectory import Trajectory
from .advantage_shaper import AdvantageShaper, AdvantageShaperPlayer, discounted_past
from .critics import Critics, CriticValues, NetCritics, TableCritics


class AdvantageAlignment(AdvantageShaper):
    """PPO on an advantage that includes the others', weighted by its own past advantages.

        A*_t = A_t + weight * discount * (sum_{k<t} discount^(t-k) D_k) * A^others_t
    A is its own advantage, A^others the sum of the others' (from their observed rewards), and D its own advantage
    with lambda = 0. It helps those whose past play was to its advantage, and harms those whose play was not.

    With `form` "code", as in the released code, past advantages are not discounted but averaged,
        A*_t = A_t + weight * (1/t) (sum_{k<t} D_k) * A^others_t        (rounds t from 0)
    which is smaller by about the number of rounds that a discount looks back on; "paper" is the formula above.

    Own and others' advantages have separate critics: tables of mean returns by round and last outcome, or, with
    features, a network that also sees the time left. Published for Melting Pot: discount 0.99, lambda 0.95, clip
    0.1, weight 1, normalised advantages, two updates of a batch, entropy 0.1, Adam at 1e-5 in long training. Here
    discount, updates, entropy and rate are PPO's for 32 rounds at 256 tables, and lambda is 0.

    Past advantages always have lambda = 0: with a larger one, D_k contains rewards after t, as A^others_t does,
    and the product rewards shared luck. (Self-play in the iterated prisoner's dilemma stays at 60 % cooperation
    with 0.95 throughout, and reaches 95 % with 0.95 elsewhere.)
    """

    source: ClassVar[str] = "Duque et al. 2025, Advantage Alignment Algorithms, in its proximal form"

    weight: float = Field(1.0, description="weight of the others' advantage")
    form: Literal["paper", "code"] = Field(
        "paper",
        exclude_if=lambda form: form == "paper",  # matches from before there were two keep their identity
        description='of the alignment: past advantages discounted, as in the "paper", or averaged, as in the '
        'released "code"',
    )

    def sit(self, chairs: Chairs) -> Player:
        return AdvantageAlignmentPlayer(self, chairs)


class AdvantageAlignmentPlayer(AdvantageShaperPlayer):
    """Advantage alignment on its chairs."""

    agent: AdvantageAlignment

    def __init__(self, agent: AdvantageAlignment, chairs: Chairs):
        super().__init__(agent, chairs)
        zeros = torch.zeros(chairs.shape[0], dtype=torch.float64, device=chairs.device)
        self._measures |= dict.fromkeys(("alignment", "fit", "fit_of_others"), zeros)

    def make_critics(self) -> Critics:
        agent, states = self.agent, self.encoder.states
        if states is None:
            return NetCritics(self.critic_net(2), self.discount)
        return TableCritics(self.chairs, states, self.discount, agent.memory)

    def shaping(self, past: Tensor, others: Tensor, estimates: CriticValues) -> Tensor:
        agent = self.agent
        product = aligned(past, others, self.discount) if agent.form == "paper" else averaged(past, others)
        alignment = agent.weight * product
        self._measures["alignment"] = alignment.square().mean((0, 2)).sqrt()
        return alignment

    def record_measures(
        self, trajectory: Trajectory, estimates: CriticValues, reward: Tensor, others_reward: Tensor
    ) -> None:
        for name, earned, value in (
            ("fit", reward, estimates.value),
            ("fit_of_others", others_reward, estimates.value_of_others),
        ):
            returns = returns_to_go(earned, self.discount)
            self._measures[name] = explained(returns, value, trajectory.playing)


def explained(returns: Tensor, value: Tensor, playing: Tensor | None = None) -> Tensor:
    """Explained variance [chair]: the share of the returns' variance [round, chair, table] that values explain."""
    weight = torch.ones_like(returns) if playing is None else playing.to(returns.dtype)
    count = weight.sum((0, 2), keepdim=True)
    centred = returns - (returns * weight).sum((0, 2), keepdim=True) / count
    error = ((returns - value).square() * weight).sum((0, 2))
    return 1 - error / (centred.square() * weight).sum((0, 2)).clamp(min=1e-12)


def aligned(own: Tensor, others: Tensor, discount: float) -> Tensor:
    """discount * (sum_{k<t} discount^(t-k) own_k) * others_t, of advantages [round, ...]."""
    return discount * discounted_past(own, discount) * others


def averaged(own: Tensor, others: Tensor) -> Tensor:
    """(1/t) (sum_{k<t} own_k) * others_t, of advantages [round, ...]; 0 in round 0."""
    rounds = torch.arange(len(own), dtype=own.dtype, device=own.device).clamp(min=1)
    return discounted_past(own, 1.0) / rounds.view(-1, *[1] * (own.dim() - 1)) * others
