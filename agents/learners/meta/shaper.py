"""Shaper: a policy that learns from the returns of whole trials, and remembers a trial."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ....envs.errors import DilemmaError
from ...agent import Chairs, Observation, Player
from ..policy_gradient.policy_gradient import AdvantageEstimate
from ..policy_gradient.ppo import PPOPlayer, ProximalPolicyGradient
from ..policy_gradient.returns import normalised, returns_to_go
from ..policy_gradient.trajectory import Trajectory


class Shaper(ProximalPolicyGradient):
    """Shapes what its co-player learns within a trial of several episodes, by the gradient of its return there.

    With `policy = "gru"` its memory lasts for the trial, in which the co-player learns (`inner_learner`). With a
    table or an MLP it plays one policy throughout, as the Good Shepherd does. PPO maximises the return of the
    trial; what it credits the action of a round at table b with is
        the rewards of b in the rest of the episode + the later rewards of all tables with b's co-player,
    since a co-player who learns from a batch of tables takes what was done at each to all of them (COALA-PG). Its
    mean over tables is subtracted in each round, and the whole is scaled to standard deviation 1. `batch = 1` is
    for co-players with one table each. SHAPER was trained by an evolution strategy, M-FOS by PPO as here.
    """

    source: ClassVar[str] = "Khan et al. 2023; Lu et al. 2022; credit of Meulemans et al. 2024"

    trial: int = Field(16, description="episodes of a trial, after which it learns and forgets", ge=1)
    batch: int = Field(1, description="neighbouring tables that share a co-player", ge=1)
    discount: float = Field(1.0, description="weight of the next round of a trial", ge=0, le=1)
    epochs: int = Field(4, description="passes over a trial", ge=1)
    clip: float = Field(0.2, description="how far the ratio to the old probability may go from 1", gt=0)

    def sit(self, chairs: Chairs) -> Player:
        return ShaperPlayer(self, chairs)


class ShaperPlayer(PPOPlayer):
    """Shaper on its chairs."""

    agent: Shaper

    def __init__(self, agent: Shaper, chairs: Chairs):
        super().__init__(agent, chairs)
        if chairs.shape[1] % agent.batch:
            raise DilemmaError(
                f"its co-players have {agent.batch} tables; found {chairs.shape[1]} tables, allowed are multiples"
            )
        self._goes_on = False

    @property
    def midway(self) -> bool:
        return self._goes_on

    @property
    def later_weight(self) -> float:
        """The weight of what each table of a co-player earns in later episodes."""
        return 1.0

    def begin(self) -> None:
        """The first round of the episode knows whether a trial begins with it."""

    def act(self, observation: Observation) -> Tensor:
        if observation.round == 0:
            if observation.episode % self.agent.trial == 0 or not self._goes_on:
                super().begin()
                self._starts = []
            else:
                self.encoder.begin()
            self._starts.append(len(self.trajectory))
            self._goes_on = (observation.episode + 1) % self.agent.trial > 0
        return super().act(observation)

    def learn(self) -> None:
        if not self._goes_on:
            super().learn()

    def estimate(self, trajectory: Trajectory, reward: Tensor) -> AdvantageEstimate:
        returns = self.credited(reward)
        target = normalised(returns - returns.mean(2, keepdim=True), trajectory.playing)
        return AdvantageEstimate(target - self.values(trajectory), target)

    def state_dict(self) -> dict[str, Tensor]:
        # Within a trial, what its last update came to is still reported.
        return super().state_dict() | {f"last_{name}": value for name, value in self._measures.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        super().load_state_dict(state)
        self._measures = {name: state[f"last_{name}"] for name in self._measures}

    def credited(self, reward: Tensor) -> Tensor:
        """The rest of the episode at a table, and what follows at those of its co-player [round, chair, table]."""
        parts = []
        later = torch.zeros_like(reward[0])
        for start, end in reversed(list(pairwise([*self._starts, len(reward)]))):
            own = returns_to_go(reward[start:end], self.discount)
            ahead = torch.arange(end - start, 0, -1, dtype=reward.dtype, device=reward.device)[:, None, None]
            parts.append(own + self.discount**ahead * later)
            batches = own[0].view(len(later), -1, self.agent.batch)
            total = batches.sum(2, keepdim=True).expand_as(batches).reshape(later.shape)
            later = self.later_weight * total + self.discount ** (end - start) * later
        return torch.cat(parts[::-1])
