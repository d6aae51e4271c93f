"""Meta-agents: they learn over trials how to play against co-players that learn within a trial.

A trial is an episode of a policy game; co-players are reset at its start. A meta-agent shares its parameters over
its tables, which are parallel trials, and learns at the end of each trial; when frozen it only plays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ....envs.chance import Chance, Purpose
from ....envs.environment import Environment
from ...agent import Agent, Chairs, Observation, Player, Round
from ..nets.adam import Adam
from ..nets.layers import normal_parameters
from ..pretrained import Pretrained

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class MetaAgent(Agent):
    """An agent of policy games that learns from trial to trial."""

    learns: ClassVar[bool] = True

    weights: Literal["ipd", "none"] = Field(
        "ipd",
        description='"ipd": pretrained against naive learners in the iterated prisoner\'s dilemma, and frozen; '
        '"none": untrained, and learns from trial to trial',
    )

    def refuses(self, game: Environment) -> str | None:
        return None if game.as_policy_game() else "plays trials of memory-one policies, in policy games only"


class EvolvedAgent(MetaAgent):
    """A meta-agent with five logits, trained by an evolution strategy on its returns."""

    spread: Positive = Field(
        0.15, description="standard deviation of the perturbations of its logits, over tables"
    )
    meta_rate: Positive = Field(0.1, description="Adam's step size, once for each trial")
    initial_std: float = Field(1.0, description="standard deviation of the first logits", ge=0)


class EvolvedPlayer(Player):
    """Logits theta [chair, 5]; while it learns, each table plays its own perturbation.

    With e standard normal, of opposite sign at two neighbouring tables, it ascends the estimate
        d E[R(theta + spread e)] / d theta = E[(R - mean R) e] / spread
    where R is the reward of a trial per round. Salimans et al. 2017, algorithm 1 with antithetic sampling.
    """

    def __init__(self, agent: EvolvedAgent, chairs: Chairs, name: str):
        self.learning = agent.weights == "none"
        self.agent, self._chairs = agent, chairs
        if self.learning:
            self._theta = agent.initial_std * normal_parameters(chairs, 5)
        else:
            self._theta = Pretrained(__package__, f"{name}_{agent.weights}").parameters(chairs)
        self._optimiser = Adam(agent.meta_rate)
        self._optimiser.begin(self._theta)
        self.deviates = torch.zeros((*self._theta.shape, 1), dtype=torch.float64, device=chairs.device)
        self.begin()

    def begin(self) -> None:
        self._earned = torch.zeros(self._chairs.shape, dtype=torch.float64, device=self._chairs.device)
        self._rounds = 0.0

    def act(self, observation: Observation) -> Tensor:
        if observation.round == 0:
            theta = self._theta[..., None]
            if self.learning:
                self.deviates = self.perturbations(observation.episode)
                theta = theta + self.agent.spread * self.deviates
            self.logits = theta.expand(-1, -1, self._chairs.shape[1]).transpose(0, 1)
        self._weight = self._chairs.spec.weight(observation.round)
        self.policy = self.logits.sigmoid()
        return self.policy.movedim(0, -1)

    def perturbations(self, episode: int) -> Tensor:
        """The perturbations of a trial, in units of `spread` [chair, 5, table]."""
        tables = self._chairs.shape[1]
        half = Chance(self._chairs.chance.keys[:, ::2]).parts(5).normal(Purpose.PARAMETERS, episode, 1)
        return torch.stack((half, -half), -1).flatten(2)[..., :tables]

    def observe(self, round: Round) -> None:
        self._earned.add_(round.reward, alpha=self._weight)
        self._rounds += self._weight

    def learn(self) -> None:
        ascent = self.estimate(self._earned / self._rounds)
        self._theta = self._optimiser.step(self._theta, -ascent)

    def estimate(self, earned: Tensor) -> Tensor:
        """The estimated gradient [chair, 5], from the rewards of a trial [chair, table]."""
        advantage = earned - earned.mean(1, keepdim=True)
        return (advantage[:, None] * self.deviates).mean(2) / self.agent.spread

    def measures(self) -> Mapping[str, Tensor]:
        return dict(zip(("p_start", "p_cc", "p_cd", "p_dc", "p_dd"), self.policy, strict=True))

    def state_dict(self) -> dict[str, Tensor]:
        return {"acting": self._theta, **self._optimiser.state_dict()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self._theta = state["acting"]
        self._optimiser.load_state_dict({name: value for name, value in state.items() if name != "acting"})
