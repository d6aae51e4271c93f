"""A policy and a value, of whatever form: what actor-critic learners train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...agent import Chairs
from .encoding import Perception
from .policies import GRU, MLP, Activation, Form, FormName, LogOdds, Tabular
from .stacked_module import StackedModule


@dataclass(frozen=True)
class PolicyAndValue:
    """A policy and a value of what is seen: two nets, or one with both outputs where `critic` is None."""

    actor: Form
    critic: Form | None
    actions: int

    @property
    def states(self) -> int | None:
        """How many states there are, where both are functions of a state alone; else None."""
        return self.actor.states

    def initial(self, chairs: Chairs) -> Tensor:
        """The first theta [chair, parameter]: the actor's parameters, then the critic's."""
        theta = self.actor.initial(chairs, 0)
        return theta if self.critic is None else torch.cat((theta, self.critic.initial(chairs, 1)), 1)

    def unroll(self, theta: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [round, chair, table, action] and values [round, chair, table] for whole episodes."""
        if self.critic is None:
            return self._split(self.actor.unroll(theta, seen))
        actor, critic = self.parts(theta)
        return self.actor.unroll(actor, seen), self.critic.unroll(critic, seen)[..., 0]

    def step(self, theta: Tensor, seen: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Logits [chair, table, action] for one round, and the memory for the next."""
        outputs, memory = self.actor.step(self.parts(theta)[0], seen, memory)
        return outputs[..., : self.actions], memory

    def table(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [chair, state, action] and values [chair, state] of every state."""
        if self.critic is None:
            return self._split(self.actor.table(theta))
        actor, critic = self.parts(theta)
        return self.actor.table(actor), self.critic.table(critic)[..., 0]

    def parts(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """The actor's and the critic's parameters; all of them and none where there is one net."""
        size = self.actor.size
        return theta[:, :size], theta[:, size:]

    def _split(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        # Recurrent nets leave outputs before tables: cut there, so that the gradient is joined in whole blocks.
        logits, value = torch.split(outputs.mT, [self.actions, 1], -2)
        return logits.mT, value[..., 0, :]


def policy_and_value(
    name: FormName,
    perception: Perception,
    actions: int,
    hidden: Sequence[int] = (16, 16),
    activation: Activation = "tanh",
    spread: float = 1.0,
) -> PolicyAndValue:
    """A policy form by its name: two tables or nets, or one recurrent net with both outputs, as in pax's PPO.

    An import path names the factory of a user's module, one for each.
    """
    if name == "tabular":
        states = perception.states
        assert states is not None
        actor = LogOdds(states, spread) if actions == 2 else Tabular(states, actions, spread)
        return PolicyAndValue(actor, Tabular(states, 1, 0.0), actions)
    if name == "mlp":
        nets = [MLP(perception, hidden, outputs, activation) for outputs in (actions, 1)]
        return PolicyAndValue(nets[0], nets[1], actions)
    if name == "gru":
        return PolicyAndValue(GRU(perception, hidden[-1], actions + 1), None, actions)
    return PolicyAndValue(StackedModule(name, perception, actions), StackedModule(name, perception, 1), actions)
