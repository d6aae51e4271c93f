"""Model-free opponent shaping (M-FOS): a meta-policy that chooses a policy in each round of a trial."""

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
from ..nets.encoding import Encoder
from ..nets.policies import MLP
from ..policy_gradient.returns import normalised, returns_to_go
from ..pretrained import Pretrained
from .meta_agent import MetaAgent, Positive


class MFOS(MetaAgent):
    """A meta-policy from both players' last policies to its next one, trained by PPO over trials.

    Its observation is ten probabilities, its own five first. Its action is five logits, drawn from normal
    distributions with means and variances from a network. The reward is the game's. At the end of a trial it
    maximises, `epochs` times over all its tables,
        min(ratio A, clip(ratio, 1 - clip, 1 + clip) A) - (V - G)^2 / 2 + entropy_weight H,    A = G - V,
    where G are returns to go minus their mean over tables in that round, scaled to standard deviation 1. The
    authors subtract the mean over all rounds, which leaves mostly the effect of the number of remaining rounds.
    The first policy of a trial is random. When frozen it still draws its logits, like the authors': the means
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


class PolicyPairEncoder(Encoder):
    """The policies of the last round: its own five probabilities and the other's."""

    states = None
    inputs = 10

    def encode(self, observation: Observation) -> Tensor:
        return self.encoded

    def observe(self, round: Round) -> None:
        self.encoded = torch.cat((round.own, round.others[:, 0]), -1).float()


class MFOSPlayer(Player):
    """M-FOS on its chairs: theta float32 [chair, parameter], the actor's parameters, then the critic's."""

    def __init__(self, agent: MFOS, chairs: Chairs):
        self.learning = agent.weights == "none"
        self._agent, self._chairs = agent, chairs
        self._encoder = PolicyPairEncoder()
        self._actor = MLP(self._encoder, (agent.hidden,), 10, "tanh")
        self._critic = MLP(self._encoder, (agent.hidden,), 1, "tanh")
        acting = self._actor.initial(chairs, 0)
        if not self.learning:
            acting = Pretrained(__package__, f"m_fos_{agent.weights}").parameters(chairs).float()
        self._theta = torch.cat((acting, self._critic.initial(chairs, 1)), 1)
        self._optimiser = Adam(agent.meta_rate)
        self._optimiser.begin(self._theta)
        zeros = self._theta.new_zeros(len(self._theta))
        self._measures = dict.fromkeys(("entropy", "value_loss"), zeros)
        self.begin()

    # A trial.

    def begin(self) -> None:
        self._encoded: list[Tensor] = []
        self._logits: list[Tensor] = []
        self._reward: list[Tensor] = []

    def act(self, observation: Observation) -> Tensor:
        parts = self._chairs.chance.parts(5)
        deviates = parts.normal(Purpose.ACTION, observation.episode, observation.round).transpose(1, 2)
        if observation.round == 0:
            logits = deviates
        else:
            mean, variance = self._policy(self._theta, self._encoder.encode(observation))
            logits = mean.double() + variance.double().sqrt() * deviates
            if self.learning:
                self._encoded.append(self._encoder.encode(observation))
                self._logits.append(logits.float())
        self._probabilities = logits.sigmoid()
        return self._probabilities

    def observe(self, round: Round) -> None:
        self._encoder.observe(round)
        if self.learning:
            self._reward.append(round.reward)

    # Learning.

    def learn(self) -> None:
        agent = self._agent
        encoded, logits = torch.stack(self._encoded), torch.stack(self._logits)
        returns = returns_to_go(torch.stack(self._reward[1:]), agent.meta_discount)
        target = normalised(returns - returns.mean(2, keepdim=True)).float()
        before = log_density(logits, *self._policy(self._theta, encoded))
        for _ in range(agent.epochs):
            with torch.enable_grad():
                theta = self._theta.detach().requires_grad_()
                mean, variance = self._policy(theta, encoded)
                value = self._critic.unroll(theta[:, self._actor.size :], encoded)[..., 0]
                advantage = target - value.detach()
                ratio = (log_density(logits, mean, variance) - before).exp()
                clipped = ratio.clamp(1 - agent.clip, 1 + agent.clip)
                gain = torch.minimum(ratio * advantage, clipped * advantage).mean((0, 2))
                error = (value - target).square().mean((0, 2))
                entropy = normal_entropy(variance).mean((0, 2))
                loss = error / 2 - gain - agent.entropy_weight * entropy
                (gradient,) = torch.autograd.grad(loss.sum(), theta)
            self._theta = self._optimiser.step(self._theta, gradient)
        self._measures = {"entropy": entropy.detach(), "value_loss": error.detach()}

    def _policy(self, theta: Tensor, encoded: Tensor) -> tuple[Tensor, Tensor]:
        """Means and variances of the next logits [..., chair, table, 5]."""
        mean, width = self._actor.unroll(theta[:, : self._actor.size], encoded).tensor_split(2, -1)
        return mean, softplus(width)

    # Measures and state.

    def measures(self) -> Mapping[str, Tensor]:
        named = zip(("p_start", "p_cc", "p_cd", "p_dc", "p_dd"), self._probabilities.unbind(-1), strict=True)
        return {**dict(named), **self._measures}

    def state_dict(self) -> dict[str, Tensor]:
        acting, value = self._theta.tensor_split((self._actor.size,), 1)
        return {"acting": acting, "value": value, **self._optimiser.state_dict()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self._theta = torch.cat((state["acting"], state["value"]), 1)
        self._optimiser.load_state_dict({name: state[name] for name in ("first", "second", "steps")})


def log_density(logits: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """The log density of logits [..., 5] under independent normal distributions [..., 5]."""
    return -((logits - mean).square() / variance + variance.log() + math.log(2 * math.pi)).sum(-1) / 2


def normal_entropy(variance: Tensor) -> Tensor:
    """The entropy of independent normal distributions [..., 5]."""
    return (variance.log() + 1 + math.log(2 * math.pi)).sum(-1) / 2
