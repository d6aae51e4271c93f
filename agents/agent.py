"""What an agent is: a type of player with its hyperparameters. Seated, it becomes a player with a state.

A player sits on all the chairs of its agent in a chunk at once: every tensor starts with [chair, table].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from ..envs.chance import Chance
from ..envs.environment import Discrete, Environment, State, Step

if TYPE_CHECKING:
    from .automaton import Automaton


@dataclass(frozen=True, slots=True)
class Chairs:
    """Where a player sits, and what it is told when it sits down."""

    game: Environment
    """The rules; never the live state. Only who declares `game_model` may plan with them."""
    seat: Tensor
    """Which seat each chair is [chair]."""
    chance: Chance
    """Random numbers [chair, table]."""

    @property
    def shape(self) -> tuple[int, int]:
        """(chairs, tables)."""
        chairs, tables = self.chance.keys.shape
        return chairs, tables

    @property
    def device(self) -> torch.device:
        return self.chance.keys.device


class Observation:
    """What chairs see before they act: the episode, the round, and their rows of the environment's tensors."""

    def __init__(self, state: State, chairs: Tensor | None):
        self.episode = state.episode
        self.round = state.round
        self._state = state
        self._chairs = chairs

    @cached_property
    def features(self) -> Tensor | None:
        """[chair, table, ...]; None in games where the others' actions are all there is to see."""
        return None if self._state.observation is None else rows(self._state.observation, self._chairs)

    @cached_property
    def action_mask(self) -> Tensor | None:
        """Allowed actions [chair, table, action]; None where everything is allowed."""
        return None if self._state.action_mask is None else rows(self._state.action_mask, self._chairs)

    @cached_property
    def playing(self) -> Tensor | None:
        """Whether the match of each chair still goes on, bool [chair, table]; None while everybody plays."""
        return None if self._state.playing is None else rows(self._state.playing, self._chairs)


class Round:
    """A round as chairs saw it; fields are gathered only when they are read."""

    def __init__(self, step: Step, chairs: Tensor | None):
        self._step = step
        self._chairs = chairs

    @cached_property
    def own(self) -> Tensor:
        """What each chair did, after noise [chair, table]."""
        return rows(self._step.action, self._chairs)

    @cached_property
    def others(self) -> Tensor:
        """What each chair saw the others do [chair, other, table]; others follow in seat order."""
        return rows(self._step.seen, self._chairs)

    @cached_property
    def reward(self) -> Tensor:
        """float64 [chair, table]."""
        return rows(self._step.reward, self._chairs)

    @cached_property
    def others_reward(self) -> Tensor:
        """What the others earned [chair, other, table], in the order of `others`: the need `others_rewards`."""
        reward = self._step.reward
        others = [reward.roll(-ahead, 1) for ahead in range(1, reward.shape[1])]
        return rows(torch.stack(others, 2), self._chairs)


def rows(tensor: Tensor, chairs: Tensor | None) -> Tensor:
    """The rows of a [match, seat, ...] tensor that belong to `chairs`; all of them where that is None."""
    flat = tensor.flatten(0, 1)
    return flat if chairs is None else flat.index_select(0, chairs)


class Player(ABC):
    """An agent at play, on all of its chairs."""

    learning: bool = False
    """Off: acts as before, and updates nothing. Learners begin with it on; the arena turns it off."""

    def begin(self) -> None:  # noqa: B027 (most players that never learn have nothing to do here)
        """An episode starts."""

    @abstractmethod
    def act(self, observation: Observation) -> Tensor:
        """The actions [chair, table]."""

    def observe(self, round: Round) -> None:  # noqa: B027
        """A round has been played. Who learns within an episode does it here, while `learning`."""

    def learn(self) -> None:  # noqa: B027
        """An episode has ended; called only while `learning`."""

    def measures(self) -> Mapping[str, Tensor]:
        """What the learner tells of its last update or round, by name: [chair], or [chair, table] to be averaged.

        All finite: a number that is not fails the match, with the name of the measure.
        """
        return {}

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that it has learned, each tensor starting with [chair]: what `load_state_dict` needs."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Be as the player that gave `state`."""
        if state:
            raise ValueError(f"{type(self).__name__} has nothing to load")


class Agent(BaseModel, ABC):
    """A type of player: hyperparameters as keyword arguments, and nothing else. Equal when they are equal."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)

    source: ClassVar[str] = ""
    """Where the idea comes from."""
    needs: ClassVar[frozenset[str]] = frozenset()
    """What the environment must grant: `others_actions`, `others_rewards`, `game_model`."""
    learns: ClassVar[bool] = False
    """Whether its players change from episode to episode (or, in a policy game, from round to round)."""
    slow: ClassVar[bool] = False
    """Whether it plays one match at a time in plain Python."""

    def __hash__(self) -> int:
        # Pydantic's own leaves the class out, and agents without parameters would all collide.
        return hash((type(self), *(getattr(self, name) for name in type(self).model_fields)))

    @abstractmethod
    def refuses(self, game: Environment) -> str | None:
        """Why this agent can't play `game`, as the end of a sentence ("plays games of two"); None if it can."""

    @abstractmethod
    def sit(self, chairs: Chairs) -> Player:
        """A player on these chairs."""

    def trained_runs(self, chairs: Chairs) -> Tensor | None:
        """Which of several trained runs of one algorithm sits on each chair [chair]; None where there are none."""
        return None

    def as_automaton(self, game: Environment) -> Automaton | None:
        """The finite automaton that this agent is in `game`, if it is one: then it needn't sit by itself."""
        return None


def refuses_all_but_two_by_two(game: Environment) -> str | None:
    """The reason of agents that know only cooperation and defection, with one partner."""
    if game.seats != 2:
        return f"plays games of two, not of {game.seats}"
    spaces = [game.actions(seat) for seat in range(2)]
    if spaces != [Discrete(2), Discrete(2)]:
        return "knows two actions, cooperate and defect"
    return None
