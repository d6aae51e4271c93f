"""Policy hill climbing (PHC), and its variant with a variable rate (WoLF: win or learn fast)."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ...agent import Chairs, Player
from .tabular_learner import Decay, TabularAgent, TabularPlayer, Transition, greedy


class PHC(TabularAgent):
    """Q-learning with a mixed policy that moves in small steps towards the best action.

    In the current state, every action a except the best loses min(pi(s, a), step / (actions - 1)), and the best
    action gains the sum. With probability epsilon its action is uniformly random.

    In Foerster et al. 2018 the step is 5e-5 and decays at a rate of 1: t rounds move the policy by at most
    log(1 + 5e-5 t), 10,000 rounds by .4, and it is still half random. By default steps are those of WoLF-PHC.
    """

    source: ClassVar[str] = (
        "Bowling and Veloso 2002, table 1; parameters of Foerster et al. 2018's tournament, but for the step"
    )

    step: float = Field(0.01, description="how far the policy moves in a round", gt=0, le=1)
    step_decay: Decay = Field(5e-5, description="decay rate of the step")

    def sit(self, chairs: Chairs) -> Player:
        return PHCPlayer(self, chairs)


class WoLFPHC(PHC):
    """Policy hill climbing with small steps while it wins and large ones while it loses.

    It wins in a state if its policy has a higher value than the average of its past policies:
        sum_a pi(s, a) Q(s, a) > sum_a mean_pi(s, a) Q(s, a)
    """

    source: ClassVar[str] = "Bowling and Veloso 2002, table 3; parameters of Foerster et al. 2018's tournament"

    step: float = Field(0.01, description="how far the policy moves in a round while it wins", gt=0, le=1)
    losing: float = Field(2.0, description="factor on the step while it loses", ge=1)

    def sit(self, chairs: Chairs) -> Player:
        return WoLFPHCPlayer(self, chairs)


class PHCPlayer(TabularPlayer):
    """Policy hill climbing on its chairs: `learned["policy"]` is [chair, state, action]."""

    agent: PHC

    def __init__(self, agent: PHC, chairs: Chairs):
        super().__init__(agent, chairs)
        self.learned["policy"] = (self.allowed / self.allowed.sum(-1, keepdim=True)).expand(self.shape).double()

    def policy(self) -> Tensor:
        return self.explored(self.learned["policy"])

    def update(self, round: Transition) -> None:
        self.move(round, self.target(round, self.values.amax(-1)))
        visited = self.sums(round, round.played).sum(-1, keepdim=True) > 0
        policy = self.learned["policy"]
        best = greedy(self.values)
        others = (self.allowed.sum(-1, keepdim=True) - 1).clamp(min=1)
        loses = torch.minimum(policy, self.step(visited) / others) * (best == 0)
        climbed = policy - loses + loses.sum(-1, keepdim=True) * best
        self.learned["policy"] = torch.where(visited, climbed, policy)

    def step(self, visited: Tensor) -> Tensor:
        """The step size [chair, 1 or state, 1] for the `visited` states [chair, state, 1]."""
        return self.scheduled(self.agent.step, self.agent.step_decay)


class WoLFPHCPlayer(PHCPlayer):
    """WoLF-PHC on its chairs."""

    agent: WoLFPHC

    def __init__(self, agent: WoLFPHC, chairs: Chairs):
        super().__init__(agent, chairs)
        self.learned["mean_policy"] = self.learned["policy"].clone()
        self.learned["visits"] = torch.zeros_like(self.values[..., :1])

    def step(self, visited: Tensor) -> Tensor:
        policy, mean = self.learned["policy"], self.learned["mean_policy"]
        visits = self.learned["visits"] + visited
        mean = torch.where(visited, mean + (policy - mean) / visits.clamp(min=1), mean)
        self.learned |= {"mean_policy": mean, "visits": visits}
        values = self.values.where(self.allowed, 0.0)
        wins = (policy * values).sum(-1, keepdim=True) > (mean * values).sum(-1, keepdim=True)
        return super().step(visited) * torch.where(wins, 1.0, self.agent.losing)
