"""Model-free opponent shaping: a policy over policies, from round to round of a trial."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import softplus

from ....envs.chance import Purpose
from ...agent import Chairs, Observation, Player, Round
from ..nets.adam import Adam
from ..nets.encoding import Perception
from ..nets.policies import MLP
from ..policy_gradient.returns import normalised, returns_to_go
from .meta_agent import MetaAgent, Positive
from .shipped import drawn


class MFOS(MetaAgent):
    """Answers both players' policies of a round with its policy for the next, by PPO over trials.

    What it sees are ten probabilities, own five first, and what it does five logits, drawn from normal
    distributions whose means and variances a net gives; a round's reward is that of the game. At the end of a
    trial it maximises, `epochs` times over all its tables,
        min(ratio A, clip(ratio, 1 - clip, 1 + clip) A) - (V - G)^2 / 2 + entropy_weight H,    A = G - V,
    where G are the returns to go, less their mean over the tables in that round, and scaled to deviation 1. The
    authors take the mean over all rounds, after which the number of rounds to come is most of what is left.
    A trial's first policy is drawn at random. Frozen it draws its logits as before, like the authors': its means
    alone earn less, since the variance is part of what was learned.
    """

    source: ClassVar[str] = (
        "Lu et al. 2022, section 4 and their code's parameters (4,096 tables there, 1,024 trials)"
    )
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions"})

    hidden: int = Field(256, description="width of the hidden layer of policy and value", ge=1)
    meta_rate: Positive = Field(0.002, description="Adam's step size")
    meta_discount: float = Field(0.99, description="weight of the next round of a trial", ge=0, le=1)
    epochs: int = Field(4, description="passes over a trial", ge=1)
    clip: Positive = Field(0.2, description="how far the ratio to the old density may go from 1")
    entropy_weight: float = Field(0.01, description="weight of the policy's entropy", ge=0)

    def sit(self, chairs: Chairs) -> Player:
        return MFOSPlayer(self, chairs)


class BothPolicies(Perception):
    """The policies of the last round: own five probabilities, and the other's."""

    states = None
    inputs = 10

    def see(self, observation: Observation) -> Tensor:
        return self.seen

    def observe(self, round: Round) -> None:
        self.seen = torch.cat((round.own, round.others[:, 0]), -1).float()


class MFOSPlayer(Player):
    """M-FOS on its chairs: theta float32 [chair, parameter], the actor's and then the critic's."""

    def __init__(self, agent: MFOS, chairs: Chairs):
        self.learning = agent.weights == "none"
        self._agent, self._chairs = agent, chairs
        self._perception = BothPolicies()
        self._actor = MLP(self._perception, (agent.hidden,), 10, "tanh")
        self._critic = MLP(self._perception, (agent.hidden,), 1, "tanh")
        acting = self._actor.initial(chairs, 0)
        if not self.learning:
            acting = drawn(f"m_fos_{agent.weights}", chairs).float()
        self._theta = torch.cat((acting, self._critic.initial(chairs, 1)), 1)
        self._optimiser = Adam(agent.meta_rate)
        self._optimiser.begin(self._theta)
        nought = self._theta.new_zeros(len(self._theta))
        self._told = dict.fromkeys(("entropy", "value_loss"), nought)
        self.begin()

    # A trial.

    def begin(self) -> None:
        self._seen: list[Tensor] = []
        self._done: list[Tensor] = []
        self._reward: list[Tensor] = []

    def act(self, observation: Observation) -> Tensor:
        parts = self._chairs.chance.parts(5)
        deviates = parts.normal(Purpose.ACTION, observation.episode, observation.round).transpose(1, 2)
        if observation.round == 0:
            logits = deviates
        else:
            mean, variance = self._policy(self._theta, self._perception.see(observation))
            logits = mean.double() + variance.double().sqrt() * deviates
            if self.learning:
                self._seen.append(self._perception.see(observation))
                self._done.append(logits.float())
        self._probabilities = logits.sigmoid()
        return self._probabilities

    def observe(self, round: Round) -> None:
        self._perception.observe(round)
        if self.learning:
            self._reward.append(round.reward)

    # Learning.

    def learn(self) -> None:
        agent = self._agent
        seen, done = torch.stack(self._seen), torch.stack(self._done)
        returns = returns_to_go(torch.stack(self._reward[1:]), agent.meta_discount)
        target = normalised(returns - returns.mean(2, keepdim=True)).float()
        before = log_density(done, *self._policy(self._theta, seen))
        for _ in range(agent.epochs):
            with torch.enable_grad():
                theta = self._theta.detach().requires_grad_()
                mean, variance = self._policy(theta, seen)
                value = self._critic.unroll(theta[:, self._actor.size :], seen)[..., 0]
                advantage = target - value.detach()
                ratio = (log_density(done, mean, variance) - before).exp()
                clipped = ratio.clamp(1 - agent.clip, 1 + agent.clip)
                gain = torch.minimum(ratio * advantage, clipped * advantage).mean((0, 2))
                error = (value - target).square().mean((0, 2))
                disorder = normal_entropy(variance).mean((0, 2))
                loss = error / 2 - gain - agent.entropy_weight * disorder
                (gradient,) = torch.autograd.grad(loss.sum(), theta)
            self._theta = self._optimiser.step(self._theta, gradient)
        self._told = {"entropy": disorder.detach(), "value_loss": error.detach()}

    def _policy(self, theta: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Means and variances of the next logits [..., chair, table, 5]."""
        mean, width = self._actor.unroll(theta[:, : self._actor.size], seen).tensor_split(2, -1)
        return mean, softplus(width)

    # What is told and kept.

    def measures(self) -> Mapping[str, Tensor]:
        named = zip(("p_start", "p_cc", "p_cd", "p_dc", "p_dd"), self._probabilities.unbind(-1), strict=True)
        return {**dict(named), **self._told}

    def state_dict(self) -> dict[str, Tensor]:
        acting, value = self._theta.tensor_split((self._actor.size,), 1)
        return {"acting": acting, "value": value, **self._optimiser.state_dict()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self._theta = torch.cat((state["acting"], state["value"]), 1)
        self._optimiser.load_state_dict({name: state[name] for name in ("first", "second", "steps")})


def log_density(logits: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Of logits [..., 5], drawn from independent normal distributions [...]."""
    return -((logits - mean).square() / variance + variance.log() + math.log(2 * math.pi)).sum(-1) / 2


def normal_entropy(variance: Tensor) -> Tensor:
    """Of independent normal distributions [...]."""
    return (variance.log() + 1 + math.log(2 * math.pi)).sum(-1) / 2
