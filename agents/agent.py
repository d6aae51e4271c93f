"""What an agent is: a type of player with its hyperparameters. Seated, it becomes a player with a state.

A player sits on all the chairs of its agent in a chunk at once: every tensor starts with [chair, table].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from ..envs.chance import Chance
from ..envs.environment import GRANTS, Discrete, Environment, State, Step
from ..envs.errors import DilemmaError
from ..envs.neighbourhood import Neighbours, all_others, of_neighbours
from .game_spec import GameSpec

if TYPE_CHECKING:
    from .automaton import Automaton


@dataclass(frozen=True)
class Chairs:
    """Where a player sits, and what it is told when it sits down."""

    _game: Environment
    seat: Tensor
    """Which seat each chair is [chair]."""
    chance: Chance
    """Random numbers [chair, table]."""
    _agent: Agent | None = None
    """Who sits there, and is refused what it does not declare; None: nobody is."""

    @cached_property
    def spec(self) -> GameSpec:
        """What everybody knows of the game."""
        return GameSpec.of(self._game)

    @property
    def game(self) -> Environment:
        """The rules, to plan or to differentiate; never the live state: the need `game_model`."""
        check_declared(self._agent, "game_model")
        return self._game

    def of(self, agent: Agent) -> Chairs:
        """The same for another, which sits there in this one's name."""
        return replace(self, _agent=agent)

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
    """A round as chairs saw it; fields are gathered when they are read, refused where `agent` declares no need.

    `neighbours` are those of `chairs`; None where all others are.
    """

    def __init__(
        self,
        step: Step,
        chairs: Tensor | None,
        neighbours: Neighbours | None = None,
        agent: Agent | None = None,
    ):
        self._step = step
        self._chairs = chairs
        self._neighbours = neighbours
        self._agent = agent

    @cached_property
    def own(self) -> Tensor:
        """What each chair did, after noise [chair, table]."""
        return rows(self._step.action, self._chairs)

    @cached_property
    def others(self) -> Tensor:
        """What each chair saw its neighbours do [chair, neighbour, table]: the need `others_actions`.

        Neighbours are by default all others, in seat order. 0 where it has fewer than others have: only the first
        `degree` are any.
        """
        check_declared(self._agent, "others_actions")
        seen = self._step.seen
        return self._of_neighbours(self._step.action) if seen is None else rows(seen, self._chairs)

    @property
    def degree(self) -> Tensor | None:
        """How many neighbours each chair has [chair]; None where all have as many."""
        return None if self._neighbours is None else self._neighbours.degree

    @cached_property
    def reward(self) -> Tensor:
        """float64 [chair, table]."""
        return rows(self._step.reward, self._chairs)

    @cached_property
    def others_reward(self) -> Tensor:
        """What they earned [chair, neighbour, table], in the order of `others`: the need `others_rewards`."""
        check_declared(self._agent, "others_rewards")
        return self._of_neighbours(self._step.reward)

    def _of_neighbours(self, known: Tensor) -> Tensor:
        if self._neighbours is not None:
            return self._neighbours.of(known)
        seats = known.shape[1]
        others = known.flip(1)[:, :, None] if seats == 2 else of_neighbours(known, all_others(seats, known.device))
        return rows(others, self._chairs)


def check_declared(agent: Agent | None, need: str) -> None:
    """Raise DilemmaError where an agent reads what it does not declare."""
    if agent is not None and need not in agent.needs:
        needs = ", ".join(f'"{each}"' for each in sorted({*agent.needs, need}))
        raise DilemmaError(
            f"{type(agent).__name__} reads {GRANTS[need]} and does not declare it: needs = frozenset({{{needs}}})"
        )


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
    """What the environment must grant, of `GRANTS`; what is not declared is refused when it is read."""
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

    def refuses_role(self, game: Environment, role: str) -> str | None:
        """Why it can't take a role in a game that it plays, as the end of a sentence; None if it can."""
        return None

    @abstractmethod
    def sit(self, chairs: Chairs) -> Player:
        """A player on these chairs."""

    @property
    def version_of(self) -> str:
        """The name of the agent that it is a version of; empty where it is itself."""
        return ""

    @property
    def in_words(self) -> str:
        """What it does, for people to read; empty where its name and parameters say so."""
        return ""

    def kept_runs(self, game: Environment) -> int | None:
        """How many trained runs of it there are for a game; None where it isn't trained beforehand."""
        return None

    def trained_runs(self, chairs: Chairs) -> Tensor | None:
        """Which of several trained runs of one algorithm sits on each chair [chair]; None where there are none."""
        return None

    def as_automaton(self, game: Environment) -> Automaton | None:
        """The finite automaton that this agent is in `game`, if it is one: then it needn't sit by itself."""
        return None


def refuses_every_role(agent: Agent, game: Environment) -> str | None:
    """The reason of agents that look at roles one by one: None where there is one that they take."""
    reasons = [agent.refuses_role(game, role) for role in dict.fromkeys(game.roles)]
    return None if None in reasons else reasons[0]


def refuses_all_but_two_by_two(game: Environment | GameSpec) -> str | None:
    """The reason of agents that know only cooperation and defection, with one partner."""
    if game.seats != 2:
        return f"plays games of two, not of {game.seats}"
    spaces = [game.actions(seat) for seat in range(2)]
    if spaces != [Discrete(2), Discrete(2)]:
        return "knows two actions, cooperate and defect"
    return None
