"""Multi-agent PPO: policies of what each player sees, and a critic that is told what all see."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ....envs.environment import Environment
from ...agent import Chairs, Observation, Player, Round
from ..nets.encoding import Encoder, feature_count
from ..nets.policies import MLP, Form
from ..nets.policy_and_value import PolicyAndValue
from .ppo import PPO, PPOPlayer


class MAPPO(PPO):
    """PPO whose critic sees everybody's observation: centralised training, decentralised play.

        V(o_i, o_j, ...) of its own observation and then the others', pi(a_i | o_i) of its own alone
    Less of what it earned is then unexplained, and its advantages are less noisy. Each player learns from its own
    reward, by parameters of its own; with preference = { kind = "prosocial" } all learn from the group's, and with
    `share_parameters` all have one policy and one critic, as published. Where the last round's outcome is all that
    is seen, everybody sees the same, and it is `ppo`.
    """

    source: ClassVar[str] = "Yu et al. 2022; central critics: Lowe et al. 2017"

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override] # the preference has needs too
        return super().needs | {"others_observations"}

    def refuses(self, game: Environment) -> str | None:
        if feature_count(game) is not None and self.policy != "mlp":
            return 'has a critic beside its policy, of more than that sees: set policy = "mlp"'
        return super().refuses(game)

    def sit(self, chairs: Chairs) -> Player:
        return MAPPOPlayer(self, chairs)


class MAPPOPlayer(PPOPlayer):
    """Multi-agent PPO on its chairs."""

    def make_policy(self) -> PolicyAndValue:
        own, agent = self.encoder, self.agent
        if own.states is not None or not self.chairs.others:
            return super().make_policy()
        self.encoder = JointEncoder(own, self.chairs)
        actor = MLP(own, agent.hidden, self.actions, agent.activation)
        critic = MLP(self.encoder, agent.hidden, 1, agent.activation)
        return PolicyAndValue(OfOwn(actor, own.inputs), critic, self.actions)


class JointEncoder(Encoder):
    """A player's own encoded observation, and after it the others' features."""

    def __init__(self, own: Encoder, chairs: Chairs):
        self._own = own
        self.states, self.inputs = None, own.inputs + chairs.others * (feature_count(chairs.spec) or 0)

    def begin(self) -> None:
        self._own.begin()

    def encode(self, observation: Observation) -> Tensor:
        own, others = self._own.encode(observation), observation.others_features
        assert others is not None
        return torch.cat((own, others.movedim(1, 2).flatten(2).to(own.dtype)), -1)

    def observe(self, round: Round) -> None:
        self._own.observe(round)


class OfOwn(Form):
    """A form of the first `inputs` entries of what is encoded."""

    def __init__(self, form: Form, inputs: int):
        self._form, self._inputs = form, inputs
        self.outputs, self.shapes, self.states, self.dtype = form.outputs, form.shapes, form.states, form.dtype

    def initial(self, chairs: Chairs, component: int = 0) -> Tensor:
        return self._form.initial(chairs, component)

    def unroll(self, theta: Tensor, encoded: Tensor) -> Tensor:
        return self._form.unroll(theta, encoded[..., : self._inputs])

    def step(self, theta: Tensor, encoded: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        return self._form.step(theta, encoded[..., : self._inputs], memory)
