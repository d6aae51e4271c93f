"""What learners with tables share: a value for each state and action, and how they explore.

A chair learns from all of its tables at once: in each round a cell moves towards the mean of the targets that
the tables which are in it give. With one table that is the textbook's update.
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
from ...agent import Agent, Chairs, Observation, Player, Round
from ..nets.encoding import LastRound, actions_by_seat, feature_count
from ..nets.layers import lookup, normal_parameters

Decay = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class TabularAgent(Agent):
    """A learner whose tables have a row for each outcome of the last round.

    Every quantity with a schedule follows 1 / (1 / start + decay * t), where t counts the rounds learned from.
    The defaults are those of the tournament of Foerster et al. 2018.
    """

    learns: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions"})

    discount: float = Field(0.96, description="worth of the next round relative to this one", ge=0, lt=1)
    learning_rate: float = Field(0.01, description="how far a value moves towards its target", gt=0, le=1)
    learning_rate_decay: Decay = Field(1e-4, description="how fast the learning rate falls")
    exploration: Literal["epsilon_greedy", "softmax"] = Field(
        "epsilon_greedy", description="how values become choices"
    )
    epsilon: float = Field(0.05, description="probability of a random action", ge=0, le=1)
    epsilon_decay: Decay = Field(0.0, description="how fast epsilon falls")
    temperature: Positive = Field(1.0, description="of the softmax: the difference of values that matters e-fold")
    temperature_decay: Decay = Field(0.0, description="how fast the temperature falls")
    initial: float = Field(0.0, description="mean of the values at the start", allow_inf_nan=False)
    spread: Decay = Field(1.0, description="standard deviation of the values at the start")

    def refuses(self, game: Environment) -> str | None:
        if any(not isinstance(game.actions(seat), Discrete) for seat in range(game.seats)):
            return "chooses among actions that can be counted"
        if feature_count(game) is not None:
            return "has a table for the last round's outcomes, and can't take features"
        return None


@dataclass(frozen=True, slots=True)
class Transition:
    """A round, as a table learns from it; each is [chair, table]."""

    state: Tensor
    action: Tensor
    """What was done, after noise."""
    reward: Tensor
    after: Tensor
    """The state that it led to."""
    played: Tensor
    """1 at tables that played, 0 at those whose match was over."""


class TabularPlayer(Player):
    """Tables on chairs; a subclass says how it learns from a round, and how it chooses if not by its values."""

    tables: ClassVar[int] = 1
    """How many tables of values a chair has."""

    def __init__(self, agent: TabularAgent, chairs: Chairs):
        self.agent = agent
        self.learning = True
        self.chairs = chairs
        self._perception = LastRound(chairs)
        sizes = torch.tensor(actions_by_seat(chairs.spec), device=chairs.device)
        assert self._perception.states is not None
        self.shape = (chairs.shape[0], self._perception.states, int(sizes.max()))
        self.allowed = (torch.arange(self.shape[2], device=chairs.device) < sizes[chairs.seat][:, None])[:, None]
        self.learned: dict[str, Tensor] = {
            "rounds": torch.zeros(self.shape[0], dtype=torch.float64, device=chairs.device),
            "values": self._first_values(),
        }
        """All that is learned, by name; each tensor starts with [chair]."""
        # A match that may end is worth less ahead; its end does not depend on the state.
        self.discount = agent.discount * chairs.spec.continuation

    def _first_values(self) -> Tensor:
        """[chair, table of values, state, action]; never chosen where a seat has no such action."""
        count = (self.tables, *self.shape[1:])
        draws = normal_parameters(self.chairs, self.tables * self.shape[1] * self.shape[2])
        values = self.agent.initial + self.agent.spread * draws
        return values.view(self.shape[0], *count).where(self.allowed[:, None], -torch.inf)

    @property
    def values(self) -> Tensor:
        """What each action is worth [chair, state, action]."""
        return self.learned["values"].mean(1)

    def scheduled(self, start: float, decay: float) -> Tensor:
        """start / (1 + start * decay * t) [chair, 1, 1]."""
        return (start / (1 + start * decay * self.learned["rounds"]))[:, None, None]

    def policy(self) -> Tensor:
        """The probability of each action [chair, state, action]: greedy by the values, or soft."""
        agent = self.agent
        if agent.exploration == "softmax":
            return (self.values / self.scheduled(agent.temperature, agent.temperature_decay)).softmax(-1)
        return self.explored(greedy(self.values))

    def explored(self, policy: Tensor) -> Tensor:
        """`policy`, but a random action with probability epsilon."""
        epsilon = self.scheduled(self.agent.epsilon, self.agent.epsilon_decay)
        return (1 - epsilon) * policy + epsilon * self.allowed / self.allowed.sum(-1, keepdim=True)

    def begin(self) -> None:
        self._perception.begin()

    def act(self, observation: Observation) -> Tensor:
        self.address = (observation.episode, observation.round)
        still = observation.playing
        self._played = torch.ones(self.chairs.shape, dtype=torch.float64, device=self.chairs.device)
        if still is not None:
            self._played *= still
        self._state = self._perception.see(observation)
        # The last bound may round to less than 1, and isn't asked for.
        upto = lookup(self.policy().cumsum(-1)[..., :-1], self._state)
        draw = self.chairs.chance.uniform(Purpose.ACTION, *self.address)
        return (draw[..., None] >= upto).sum(-1)

    def observe(self, round: Round) -> None:
        self._perception.observe(round)
        if not self.learning:
            return
        self.update(Transition(self._state, round.own, round.reward, self._perception.state, self._played))
        self.learned["rounds"] = self.learned["rounds"] + 1

    @abstractmethod
    def update(self, round: Transition) -> None:
        """Learn from a round at every table."""

    def move(self, round: Transition, target: Tensor, table: int = 0, weight: Tensor | None = None) -> None:
        """Move a table of values, where a round was, towards `target` [chair, table], by the learning rate.

        A cell that several tables are in moves towards their mean, weighted by `weight` [chair, table].
        """
        weight = round.played if weight is None else weight
        values = self.learned["values"][:, table]
        wanted, visits = self.sums(round, weight * target), self.sums(round, weight)
        rate = self.scheduled(self.agent.learning_rate, self.agent.learning_rate_decay)
        moved = values + rate * (wanted / visits.clamp(min=1) - values)
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
    """Probability 1 for the best action, shared evenly among equals; [..., action]."""
    best = values == values.amax(-1, keepdim=True)
    return best.double() / best.sum(-1, keepdim=True)


def at(worth: Tensor, state: Tensor) -> Tensor:
    """What the states [chair, table] are worth by a table [chair, state]."""
    return lookup(worth[..., None], state)[..., 0]
