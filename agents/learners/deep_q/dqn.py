"""Deep Q-learning, and double deep Q-learning, which reduces its overestimation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import one_hot

from ....envs.chance import Purpose
from ....envs.environment import Environment
from ...agent import Agent, Chairs, Observation, Player, Round, refuses_every_role
from ..nets.categorical import bounds, choose
from ..nets.encoding import actions_of, encoder_of
from ..nets.layers import parameter_chance
from ..policy_gradient.policy_gradient import Positive, Widths, refuses_all_but_countable
from ..shaping.reward_unit import RewardUnit
from .q_network import QNetwork
from .round_replay import RoundReplay

Share = Annotated[float, Field(ge=0, le=1)]


class DQN(Agent):
    """Deep Q-learning on features, or on the outcome of the last round.

        Q(s, a) -> r + discount max_b Q'(s', b)
    by Adam on the Huber loss of transitions drawn from a replay memory; Q' is a copy of the network, made anew
    every `copy_every` updates. With `double`, the network itself says which action is the best one, and Q' what
    it is worth: r + discount Q'(s', argmax_b Q(s', b)). What follows the last round is worth 0; where a match may
    end by chance, the discount is multiplied by the probability that it goes on.

    It acts at random with a probability that falls from 1 to `epsilon` over the first `exploration` rounds. Each
    round is one of all tables, so a chair has as many transitions of it. Rewards are in units of a third of the
    range seen so far, where Mnih et al. clip them: what is learned does not depend on the payoffs' scale.
    """

    source: ClassVar[str] = "Mnih et al. 2015; double: van Hasselt, Guez and Silver 2016"
    learns: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions"})

    double: bool = Field(False, description="whether the network itself chooses the action that its copy values")
    hidden: Widths = Field((64,), description="widths of the hidden layers")
    learning_rate: Positive = Field(0.003, description="Adam's step size")
    discount: Share = Field(0.96, description="weight of the next round relative to this one")
    epsilon: Share = Field(0.05, description="probability of a random action after exploration")
    exploration: int = Field(500, ge=0, description="rounds over which that probability falls from 1")
    batch: int = Field(128, ge=1, description="transitions of an update")
    every: int = Field(4, ge=1, description="rounds between updates")
    capacity: int = Field(20_000, ge=1, description="transitions that are remembered, of all tables")
    copy_every: int = Field(25, ge=1, description="updates after which the network is copied")
    max_norm: Positive = Field(10.0, description="largest norm of a gradient")

    def refuses(self, game: Environment) -> str | None:
        return refuses_every_role(self, game)

    def refuses_role(self, game: Environment, role: str) -> str | None:
        return refuses_all_but_countable(game, role)

    def sit(self, chairs: Chairs) -> Player:
        return DQNPlayer(self, chairs)


class DQNPlayer(Player):
    """Deep Q-learning on its chairs."""

    def __init__(self, agent: DQN, chairs: Chairs):
        self.agent, self.chairs, self.learning = agent, chairs, True
        self._encoder = encoder_of(chairs)
        self._own = actions_of(chairs.spec, chairs.seat)
        self.net = QNetwork(chairs, self._encoder.inputs, agent.hidden, self._own, 0, agent.max_norm)
        # The discount includes the probability that the match goes on, which does not depend on the state.
        self._discount = chairs.discount(agent.discount) * chairs.spec.continuation
        self._memory = RoundReplay(agent.capacity // max(1, chairs.shape[1]))
        self._draws = parameter_chance(chairs, agent.batch)
        self._unit = RewardUnit(chairs)
        self._counts = {
            name: torch.zeros(chairs.shape[0], dtype=torch.float64, device=chairs.device)
            for name in ("rounds", "updates")
        }
        """How often it has learned, by what [chair]; equal for all chairs."""
        self._error = torch.zeros_like(self._counts["rounds"])

    def _count(self, name: str) -> int:
        return int(self._counts[name][0]) if len(self._counts[name]) else 0

    @property
    def epsilon(self) -> float:
        """The probability of a random action."""
        part = min(1.0, self._count("rounds") / self.agent.exploration) if self.agent.exploration else 1.0
        return 1 + (self.agent.epsilon - 1) * part

    @property
    def midway(self) -> bool:
        return self.learning  # what is remembered is not in its state

    def begin(self) -> None:
        self._encoder.begin()

    def act(self, observation: Observation) -> Tensor:
        self._address, self._playing = (observation.episode, observation.round), observation.playing
        view, mask = self._encoder.encode(observation), observation.action_mask
        allowed = self._own[:, None] if mask is None else self._own[:, None] & mask[..., : self._own.shape[1]]
        if self.learning:
            kept = None if mask is None else allowed
            self._memory.see(view, kept, follows=observation.round > 0)
        with torch.no_grad():
            values = self.net.values(self._inputs(view), self.net.theta)
        best = one_hot(values.masked_fill(~allowed, -torch.inf).argmax(-1), values.shape[-1])
        at_random = allowed / allowed.sum(-1, keepdim=True)
        policy = (1 - self.epsilon) * best + self.epsilon * at_random
        return choose(self.chairs.chance.integers(Purpose.ACTION, *self._address), bounds(policy.log()))

    def _inputs(self, view: Tensor) -> Tensor:
        """What the network takes [chair, row, input], of features or of states."""
        states = self._encoder.states
        return view.float() if states is None else one_hot(view, states).float()

    def observe(self, round: Round) -> None:
        self._encoder.observe(round)
        if not self.learning:
            return
        playing = None if self._playing is None else self._playing[None]
        unit = self._unit.see(round.reward[None], playing)
        last = self._address[1] + 1 >= self.chairs.spec.horizon
        self._memory.do(round.own, round.reward, self._playing, last)
        self._counts["rounds"] = self._counts["rounds"] + 1
        enough = self._memory.kept * self.chairs.shape[1] >= self.agent.batch
        if enough and self._count("rounds") % self.agent.every == 0:
            self._improve(unit)

    def _improve(self, unit: Tensor) -> None:
        """Take a step on transitions that are drawn from the memory, with rewards in units [chair]."""
        agent = self.agent
        drawn = self._memory.draw(self._draws.uniform(Purpose.MINIBATCH, *self._address))
        error = self.net.update(
            self._inputs(drawn.view),
            drawn.action,
            (drawn.reward / unit[:, None]).float(),
            self._inputs(drawn.after),
            drawn.weight,
            discount=self._discount * drawn.goes_on,
            rate=agent.learning_rate,
            allowed=drawn.allowed,
            double=agent.double,
        )
        self._error = (error.abs() * drawn.weight).mean(1).double()
        self._counts["updates"] = self._counts["updates"] + 1
        if self._count("updates") % agent.copy_every == 0:
            self.net.follow(1.0)

    def measures(self) -> Mapping[str, Tensor]:
        return {"error": self._error, "epsilon": torch.full_like(self._error, self.epsilon)}

    def state_dict(self) -> dict[str, Tensor]:
        """The network, the unit of rewards and how long it has learned; what is remembered is not kept."""
        return {**self._counts, **self._unit.state_dict(), **self.net.state_dict()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self._counts = {name: state[name] for name in self._counts}
        self._unit.load_state_dict(state)
        self.net.load_state_dict(state)
