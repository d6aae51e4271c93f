"""A social planner: it learns how to share out a common pool so that its players do well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ....envs.chance import Purpose
from ....envs.common_pool_trust import CommonPoolTrust, allocates
from ....envs.environment import Environment
from ...agent import Agent, Chairs, Observation, Player, Round
from ..nets.adam import Adam, clipped
from ..policy_gradient.policy_gradient import Positive
from ..policy_gradient.returns import generalised_advantages, normalised
from ..pretrained import Pretrained
from .allocation_network import AllocationNetwork, log_density, player_features

SHIPPED = Pretrained(__package__, "social_planner_common_pool")


class SocialPlanner(Agent):
    """A mechanism that learns by policy gradient to allocate a common pool, for the mean of what players keep.

    Its policy is logistic-normal: logits of the players and of keeping, drawn from normal distributions about a
    network's means, whose softmax are the shares of the pool; what goes to keeping stays in the pool. The network
    treats players alike and remembers the episode (`allocation_network.py`). It sees the pool and what each player
    got and returned in the last round, neither who is who nor how many rounds are left. While frozen it plays the
    means. After each episode it takes `epochs` steps on all its tables, of PPO with generalised advantages:
        min(ratio A, clip(ratio, 1 - clip, 1 + clip) A) - value_weight (V - target)^2
    Rewards count in units of 1/N of the capacity, the one thing that it reads of the rules.

    The published planner has a graph network and was trained on clones of human players. Its network, what it
    observes, and its hyperparameters could not be read; those here are ours. The shipped weights were trained
    against `fitted_players`.
    """

    source: ClassVar[str] = "Koster et al. 2025, the idea; Schulman et al. 2017, the learning rule"
    needs: ClassVar[frozenset[str]] = frozenset({"game_model"})

    weights: Literal["common_pool", "none"] = Field(
        "common_pool",
        description='"common_pool": pretrained in common_pool_trust with fitted players, and frozen; '
        '"none": untrained, and learns from episode to episode',
    )
    units: int = Field(16, ge=1, le=256, description="width of the recurrent and of the hidden layer")
    learning_rate: Positive = Field(0.005, description="Adam's step size")
    discount: float = Field(0.97, ge=0, le=1, description="weight of the next round relative to this one")
    gae: float = Field(0.95, ge=0, le=1, description="decay (lambda) of generalised advantages")
    clip: Positive = Field(0.2, description="how far the ratio to the old density may go from 1")
    epochs: int = Field(2, ge=1, description="passes over an episode")
    value_weight: float = Field(0.5, ge=0, description="weight of the value's squared error")
    max_gradient_norm: Positive = Field(0.5, description="norm to which gradients are clipped")

    @property
    def learns(self) -> bool:  # type: ignore[override]
        return self.weights == "none"

    def refuses(self, game: Environment) -> str | None:
        return None if isinstance(game, CommonPoolTrust) else "shares out a common pool, in common_pool_trust only"

    def refuses_role(self, game: Environment, role: str) -> str | None:
        return None if role == "mechanism" else "shares out the pool, and can't take a player's seat"

    def sit(self, chairs: Chairs) -> Player:
        return SocialPlannerPlayer(self, chairs)

    def kept_runs(self, game: Environment) -> int | None:
        return None if self.weights == "none" else len(SHIPPED.players)

    def trained_runs(self, chairs: Chairs) -> Tensor | None:
        return None if self.weights == "none" else SHIPPED.drawn(chairs)


class SocialPlannerPlayer(Player):
    """A social planner on its chairs, with parameters `theta` [chair, parameter]."""

    def __init__(self, agent: SocialPlanner, chairs: Chairs):
        game = chairs.game
        assert isinstance(game, CommonPoolTrust)
        self.learning = agent.weights == "none"
        self._agent, self._chairs, self._players = agent, chairs, game.players
        self._unit = game.capacity / game.players
        self._network = AllocationNetwork(agent.units)
        self._theta = self._network.initial(chairs) if self.learning else SHIPPED.parameters(chairs).float()
        self._optimiser = Adam(agent.learning_rate)
        self._optimiser.begin(self._theta)
        self._measures: dict[str, Tensor] = {"spread": self._theta[:, -1].exp()}
        self.begin()

    # An episode.

    def begin(self) -> None:
        self._memory: Tensor | None = None
        self._features: list[Tensor] = []
        self._logits: list[Tensor] = []
        self._reward: list[Tensor] = []
        self._playing: list[Tensor] = []

    def act(self, observation: Observation) -> Tensor:
        self._allocates = allocates(observation.round)
        chairs, tables = self._chairs.shape
        if not self._allocates:
            return torch.zeros((chairs, tables, self._players), dtype=torch.float64, device=self._chairs.device)
        assert observation.features is not None
        features = player_features(observation.features)
        outputs, self._memory = self._network.step(self._theta, features, self._memory)
        logits = outputs.mT[:, :-1]  # [chair, player + 1, table]: in this order, all is several times faster
        if self.learning:
            parts = self._chairs.chance.parts(self._players + 1)
            deviates = parts.normal(Purpose.ACTION, observation.episode, observation.round).float()
            logits = logits + self._theta[:, -1, None, None].exp() * deviates
            self._features.append(features)
            self._logits.append(logits)
            if observation.playing is not None:
                self._playing.append(observation.playing)
        return torch.softmax(logits.double(), 1)[:, :-1].mT

    def observe(self, round: Round) -> None:
        # What an allocation leads to is known after the players' move; the first one is not its own.
        if self.learning and self._logits and not self._allocates:
            self._reward.append(round.reward / self._unit)

    # Learning.

    def learn(self) -> None:
        if not self._reward:  # the episode ended after the first round
            return
        agent = self._agent
        features, logits = torch.stack(self._features), torch.stack(self._logits)
        reward = torch.stack(self._reward)
        playing = torch.stack(self._playing).double() if self._playing else None
        count = reward.new_full((), reward[:, 0].numel()) if playing is None else playing.sum((0, 2)).clamp(min=1)
        weight = torch.ones_like(reward) if playing is None else playing
        weight = (weight / (count if playing is None else count[:, None])).float()
        before = target = advantage = reward.float()
        for epoch in range(agent.epochs):
            with torch.enable_grad():
                theta = self._theta.detach().requires_grad_()
                outputs = self._network.unroll(theta, features).mT
                value = outputs[:, :, -1]
                density = log_density(logits, outputs[:, :, :-1], theta[:, -1:])
                if epoch == 0:
                    now = value.detach().double()
                    by_round = generalised_advantages(reward, now, agent.discount, agent.gae, playing)
                    target, advantage = (by_round + now).float(), normalised(by_round, playing).float()
                    before = density.detach()
                ratio = (density - before).exp()
                bounded = ratio.clamp(1 - agent.clip, 1 + agent.clip)
                gain = (torch.minimum(ratio * advantage, bounded * advantage) * weight).sum((0, 2))
                error = ((value - target) ** 2 * weight).sum((0, 2))
                (gradient,) = torch.autograd.grad((agent.value_weight * error - gain).sum(), theta)
            self._theta = self._optimiser.step(self._theta, clipped(gradient, agent.max_gradient_norm))
        self._measures = {"spread": self._theta[:, -1].exp(), "value_loss": error.detach()}

    # Measures and state.

    def measures(self) -> Mapping[str, Tensor]:
        return self._measures

    def state_dict(self) -> dict[str, Tensor]:
        return {"theta": self._theta, **self._optimiser.state_dict()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self._theta = state["theta"].clone()
        self._optimiser.load_state_dict({name: value for name, value in state.items() if name != "theta"})
