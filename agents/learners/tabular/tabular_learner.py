"""Tabular learners: action values by state, and exploration.

A chair learns from all of its tables at once: in each round a cell moves towards the mean target of the tables
that are in it. With one table this is the textbook update.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ....envs.chance import Purpose
from ....envs.environment import Discrete, Environment
from ....envs.spatial_dilemma import SpatialDilemma
from ...agent import Agent, Chairs, Observation, Player, Round
from ..nets.encoding import OutcomeEncoder, actions_of, feature_count
from ..nets.layers import lookup, normal_parameters

Decay = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class TabularAgent(Agent):
    """A learner with a value table that has a row for each outcome of the last round, on graphs with neighbours.

    Every quantity with a decay follows 1 / (1 / start + decay * t), where t counts the rounds learned from.
    The defaults are those of the tournament of Foerster et al. 2018.
    """

    learns: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions"})

    discount: float = Field(0.96, description="weight of the next round relative to this one", ge=0, lt=1)
    learning_rate: float = Field(0.01, description="step of a value towards its target", gt=0, le=1)
    learning_rate_decay: Decay = Field(1e-4, description="decay rate of the learning rate")
    exploration: Literal["epsilon_greedy", "softmax"] = Field(
        "epsilon_greedy", description="how actions are chosen from values"
    )
    epsilon: float = Field(0.05, description="probability of a random action", ge=0, le=1)
    epsilon_decay: Decay = Field(0.0, description="decay rate of epsilon")
    temperature: Positive = Field(1.0, description="temperature of the softmax, in units of values")
    temperature_decay: Decay = Field(0.0, description="decay rate of the temperature")
    initial: float = Field(0.0, description="mean of the values at the start", allow_inf_nan=False)
    spread: Decay = Field(1.0, description="standard deviation of the values at the start")

    def refuses(self, game: Environment) -> str | None:
        if any(not isinstance(game.actions(seat), Discrete) for seat in range(game.seats)):
            return "chooses among actions that can be counted"
        if feature_count(game) is not None and not isinstance(game, SpatialDilemma):
            return "has a table for the last round's outcomes, and can't take features"
        return None


@dataclass(frozen=True, slots=True)
class Transition:
    """The transition of a round; each field is [chair, table]."""

    state: Tensor
    action: Tensor
    """The executed action, after noise."""
    reward: Tensor
    after: Tensor
    """The next state."""
    played: Tensor
    """1 where the round was played, 0 where the match was over."""


class TabularPlayer(Player):
    """A tabular learner on its chairs; a subclass defines `update`, and may define another `policy`."""

    tables: ClassVar[int] = 1
    """The number of value tables of a chair."""

    def __init__(self, agent: TabularAgent, chairs: Chairs):
        self.agent = agent
        self.learning = True
        self.chairs = chairs
        self._encoder = OutcomeEncoder(chairs)
        assert self._encoder.states is not None
        self.allowed = actions_of(chairs.spec, chairs.seat)[:, None]
        self.shape = (chairs.shape[0], self._encoder.states, self.allowed.shape[2])
        self.learned: dict[str, Tensor] = {
            "rounds": torch.zeros(self.shape[0], dtype=torch.float64, device=chairs.device),
            "values": self._first_values(),
        }
        """The learned state by name; each tensor starts with [chair]."""
        # The discount includes the probability that the match goes on, which does not depend on the state.
        self.discount = chairs.discount(agent.discount) * chairs.spec.continuation
        self._last_round = chairs.spec.horizon - 1

    def _first_values(self) -> Tensor:
        """Initial values [chair, value table, state, action]; -inf for actions that a seat lacks."""
        count = (self.tables, *self.shape[1:])
        draws = normal_parameters(self.chairs, self.tables * self.shape[1] * self.shape[2])
        values = self.agent.initial + self.agent.spread * draws
        return values.view(self.shape[0], *count).where(self.allowed[:, None], -torch.inf)

    @property
    def values(self) -> Tensor:
        """Action values Q(s, a) [chair, state, action]."""
        return self.learned["values"].mean(1)

    @property
    def is_last_round(self) -> bool:
        """Whether the round being learned from ends the episode."""
        return self.address[1] >= self._last_round

    def target(self, round: Transition, values: Tensor) -> Tensor:
        """What a round came to, with what follows by `values` [chair, state]; the end of an episode is worth 0."""
        if self.is_last_round:
            return round.reward
        return round.reward + self.discount * lookup(values[..., None], round.after)[..., 0]

    def scheduled(self, start: float, decay: float) -> Tensor:
        """The decayed quantity  start / (1 + start * decay * t)  [chair, 1, 1]."""
        return (start / (1 + start * decay * self.learned["rounds"]))[:, None, None]

    def policy(self) -> Tensor:
        """Action probabilities [chair, state, action]: epsilon-greedy or softmax."""
        agent = self.agent
        if agent.exploration == "softmax":
            return (self.values / self.scheduled(agent.temperature, agent.temperature_decay)).softmax(-1)
        return self.explored(greedy(self.values))

    def explored(self, policy: Tensor) -> Tensor:
        """`policy`, mixed with a uniformly random action with probability epsilon."""
        epsilon = self.scheduled(self.agent.epsilon, self.agent.epsilon_decay)
        return (1 - epsilon) * policy + epsilon * self.allowed / self.allowed.sum(-1, keepdim=True)

    def begin(self) -> None:
        self._encoder.begin()

    def act(self, observation: Observation) -> Tensor:
        self.address = (observation.episode, observation.round)
        still = observation.playing
        self._played = torch.ones(self.chairs.shape, dtype=torch.float64, device=self.chairs.device)
        if still is not None:
            self._played *= still
        self._state = self._encoder.encode(observation)
        # The last bound is left out: it may round to less than 1.
        bounds = lookup(self.policy().cumsum(-1)[..., :-1], self._state)
        draw = self.chairs.chance.uniform(Purpose.ACTION, *self.address)
        return (draw[..., None] >= bounds).sum(-1)

    def observe(self, round: Round) -> None:
        self._encoder.observe(round)
        if not self.learning:
            return
        self.update(Transition(self._state, round.own, round.reward, self._encoder.state, self._played))
        self.learned["rounds"] = self.learned["rounds"] + 1

    @abstractmethod
    def update(self, round: Transition) -> None:
        """Learn from a round at all tables."""

    def move(self, round: Transition, target: Tensor, table: int = 0, weight: Tensor | None = None) -> None:
        """Move the visited cells of a value table towards `target` [chair, table], by the learning rate.

        A cell that several tables visit moves towards their mean, weighted by `weight` [chair, table].
        """
        weight = round.played if weight is None else weight
        values = self.learned["values"][:, table]
        total, visits = self.sums(round, weight * target), self.sums(round, weight)
        rate = self.scheduled(self.agent.learning_rate, self.agent.learning_rate_decay)
        moved = values + rate * (total / visits.clamp(min=1) - values)
        self.learned["values"] = self.learned["values"].clone()
        self.learned["values"][:, table] = torch.where(visits > 0, moved, values)

    def sums(self, round: Transition, amounts: Tensor) -> Tensor:
        """The sum over tables of `amounts` [chair, table] in each cell [chair, state, action]."""
        cell = round.state * self.shape[2] + round.action
        total = torch.zeros(self.shape, dtype=torch.float64, device=amounts.device)
        total.flatten(1).scatter_add_(1, cell, amounts)
        return total

    def measures(self) -> Mapping[str, Tensor]:
        policy = self.policy()
        entropy = torch.special.entr(policy).sum(-1).mean(-1)
        if self.shape[1:] != (5, 2):
            return {"entropy": entropy}
        names = ("p_start", "p_cc", "p_cd", "p_dc", "p_dd")
        return {"entropy": entropy} | {name: policy[:, state, 0] for state, name in enumerate(names)}

    def state_dict(self) -> dict[str, Tensor]:
        return dict(self.learned)

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.learned = dict(state)


def greedy(values: Tensor) -> Tensor:
    """The greedy policy [..., action]; ties share the probability equally."""
    best = values == values.amax(-1, keepdim=True)
    return best.double() / best.sum(-1, keepdim=True)
