"""A policy and a value function of any form: what actor-critic learners train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...agent import Chairs
from .encoding import Encoder
from .histories import Histories
from .policies import GRU, MLP, Activation, Form, FormName, LogOdds, Tabular
from .stacked_module import StackedModule


@dataclass(frozen=True)
class PolicyAndValue:
    """A policy and a value function: two networks, or one with both outputs where `critic` is None."""

    actor: Form
    critic: Form | None
    actions: int

    @property
    def states(self) -> int | None:
        """The number of states, where both are functions of a discrete state; else None."""
        return self.actor.states

    def initial(self, chairs: Chairs) -> Tensor:
        """Initial parameters [chair, parameter]: the actor's, then the critic's."""
        theta = self.actor.initial(chairs, 0)
        return theta if self.critic is None else torch.cat((theta, self.critic.initial(chairs, 1)), 1)

    def unroll(self, theta: Tensor, encoded: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [round, chair, table, action] and values [round, chair, table] for whole episodes."""
        if self.critic is None:
            return self._split(self.actor.unroll(theta, encoded))
        actor, critic = self.parts(theta)
        return self.actor.unroll(actor, encoded), self.critic.unroll(critic, encoded)[..., 0]

    def histories(self, encoded: Tensor) -> Histories | None:
        """The distinct histories of encoded observations, where one network remembers states; else None."""
        if self.critic is None and isinstance(self.actor, GRU) and self.actor.shares_histories(encoded):
            return self.actor.histories(encoded)
        return None

    def unroll_histories(self, theta: Tensor, histories: Histories) -> tuple[Tensor, Tensor]:
        """The same as `unroll` for the tables of `histories`."""
        assert isinstance(self.actor, GRU)
        return self._split(self.actor.unroll_histories(theta, histories))

    def step(self, theta: Tensor, encoded: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Logits [chair, table, action] for one round, and the memory for the next."""
        outputs, memory = self.actor.step(self.parts(theta)[0], encoded, memory)
        return outputs[..., : self.actions], memory

    def table(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [chair, state, action] and values [chair, state] of every state."""
        if self.critic is None:
            return self._split(self.actor.table(theta))
        actor, critic = self.parts(theta)
        return self.actor.table(actor), self.critic.table(critic)[..., 0]

    def parts(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """The actor's and the critic's parameters; with a single network, all of them and none."""
        size = self.actor.size
        return theta[:, :size], theta[:, size:]

    def _split(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        # Recurrent networks return outputs before tables: split there, so that the gradient is joined in whole
        # blocks.
        logits, value = torch.split(outputs.mT, [self.actions, 1], -2)
        return logits.mT, value[..., 0, :]


def policy_and_value(
    name: FormName,
    encoder: Encoder,
    actions: int,
    hidden: Sequence[int] = (16, 16),
    activation: Activation = "tanh",
    spread: float = 1.0,
) -> PolicyAndValue:
    """Build a policy and value by name: two tables or networks, or one GRU with both outputs, as in pax's PPO.

    An import path names the factory of a user's module, which is called once for each of the two.
    """
    if name == "tabular":
        states = encoder.states
        assert states is not None
        actor = LogOdds(states, spread) if actions == 2 else Tabular(states, actions, spread)
        return PolicyAndValue(actor, Tabular(states, 1, 0.0), actions)
    if name == "mlp":
        nets = [MLP(encoder, hidden, outputs, activation) for outputs in (actions, 1)]
        return PolicyAndValue(nets[0], nets[1], actions)
    if name == "gru":
        return PolicyAndValue(GRU(encoder, hidden[-1], actions + 1), None, actions)
    return PolicyAndValue(StackedModule(name, encoder, actions), StackedModule(name, encoder, 1), actions)
