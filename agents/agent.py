"""Agents are types of player, with hyperparameters; a player is an agent at play, with a state.

A player sits on all the chairs of its agent in a chunk at once: every tensor starts with [chair, table].
"""

from __future__ import annotations

import math
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
from ..envs.joint_action import ActionView
from ..envs.neighbourhood import Neighbours, all_others, gather_neighbours, widest
from .game_spec import GameSpec

if TYPE_CHECKING:
    from .automaton import Automaton


@dataclass(frozen=True)
class Chairs:
    """The chairs of a player, and what it knows of the game before play."""

    _game: Environment
    seat: Tensor
    """The seat of each chair [chair]."""
    chance: Chance
    """Addressed random numbers [chair, table]."""
    _agent: Agent | None = None
    """The agent that sits there, refused what it does not declare; None: no check."""
    _match: Tensor | None = None

    @cached_property
    def match(self) -> Tensor:
        """A number for the match of each chair [chair]: those at the same tables have the same."""
        return torch.arange(self.shape[0], device=self.device) if self._match is None else self._match

    @cached_property
    def spec(self) -> GameSpec:
        """What every agent may know of the game."""
        return GameSpec.of(self._game)

    @property
    def game(self) -> Environment:
        """The rules, to plan or differentiate, never the live state; requires the need `game_model`."""
        check_declared(self._agent, "game_model")
        return self._game

    def of(self, agent: Agent, chance: Chance | None = None) -> Chairs:
        """The same chairs for another agent, which plays in place of this one."""
        return replace(self, _agent=agent, chance=chance or self.chance)

    def discount(self, own: float) -> float:
        """What the next round weighs to a learner with a discount of its `own`: no more than in the payoff."""
        return min(own, self.spec.discount)

    @cached_property
    def others(self) -> int:
        """The most neighbours of a chair, all others or fewer: how many `Round.others` has."""
        return widest(self._game, self.seat)

    @property
    def seats_of_others(self) -> Tensor:
        """The seats of each chair's neighbours, as `Round.others` orders them [chair, neighbour]; -1: none."""
        graph = self._game.neighbours
        graph = all_others(self._game.seats, self.device) if graph is None else graph.to(self.device)
        return graph[self.seat, : self.others]

    @property
    def shape(self) -> tuple[int, int]:
        """(chairs, tables)."""
        chairs, tables = self.chance.keys.shape
        return chairs, tables

    @property
    def device(self) -> torch.device:
        return self.chance.keys.device


class Observation:
    """The observation of chairs before they act: episode, round, and their rows of the environment's tensors.

    `neighbours` are those of `chairs`; None where all others are neighbours. Reading theirs is refused if `agent`
    does not declare it.
    """

    def __init__(
        self,
        state: State,
        chairs: Tensor | None,
        neighbours: Neighbours | None = None,
        agent: Agent | None = None,
    ):
        self.episode = state.episode
        self.round = state.round
        self._state = state
        self._chairs = chairs
        self._neighbours = neighbours
        self._agent = agent

    @cached_property
    def features(self) -> Tensor | None:
        """[chair, table, ...]; None in games whose only observation is the others' actions."""
        return None if self._state.observation is None else rows(self._state.observation, self._chairs)

    @cached_property
    def others_features(self) -> Tensor | None:
        """The neighbours' features [chair, neighbour, table, ...]; requires the need `others_observations`.

        They are ordered as `Round.others`, with padding of 0; None where `features` is.
        """
        check_declared(self._agent, "others_observations")
        seen = self._state.observation
        return None if seen is None else of_neighbours(seen, self._chairs, self._neighbours)

    @cached_property
    def action_mask(self) -> Tensor | None:
        """Allowed actions [chair, table, action]; None where all are allowed."""
        return None if self._state.action_mask is None else rows(self._state.action_mask, self._chairs)

    @cached_property
    def playing(self) -> Tensor | None:
        """Whether the chair's match still goes on, bool [chair, table]; None while all do."""
        return None if self._state.playing is None else rows(self._state.playing, self._chairs)


class Round:
    """A round as observed by chairs; reading a field is refused if `agent` does not declare its need.

    `neighbours` are those of `chairs`; None where all others are neighbours. `view` is how they read a joint
    action; None where all seats act alike.
    """

    def __init__(
        self,
        step: Step,
        chairs: Tensor | None,
        neighbours: Neighbours | None = None,
        agent: Agent | None = None,
        view: ActionView | None = None,
    ):
        self._step = step
        self._chairs = chairs
        self._neighbours = neighbours
        self._agent = agent
        self._view = view

    @cached_property
    def own(self) -> Tensor:
        """Each chair's executed action, after noise [chair, table]."""
        own = rows(self._step.action, self._chairs)
        return own if self._view is None else self._view.own.unpacked(own, self._view.joint)

    @cached_property
    def others(self) -> Tensor:
        """The neighbours' actions as observed [chair, neighbour, table]; requires the need `others_actions`.

        By default all others are neighbours, in seat order. A chair with fewer neighbours than others has padding
        of 0: only its first `degree` entries are valid.
        """
        check_declared(self._agent, "others_actions")
        seen = self._step.seen
        if seen is None:
            others = of_neighbours(self._step.action, self._chairs, self._neighbours)
        else:
            others = rows(seen, self._chairs)
            others = others if self._neighbours is None else others[:, : self._neighbours.width]
        return others if self._view is None else self._view.others.unpacked(others, self._view.joint)

    @property
    def degree(self) -> Tensor | None:
        """The number of neighbours of each chair [chair]; None where it is equal for all."""
        return None if self._neighbours is None else self._neighbours.degree

    @cached_property
    def reward(self) -> Tensor:
        """The chairs' own rewards, float64 [chair, table]."""
        return rows(self._step.reward, self._chairs)

    @cached_property
    def others_reward(self) -> Tensor:
        """The neighbours' rewards [chair, neighbour, table], ordered as `others`; requires `others_rewards`."""
        check_declared(self._agent, "others_rewards")
        return of_neighbours(self._step.reward, self._chairs, self._neighbours)

    @cached_property
    def public(self) -> Mapping[str, Tensor]:
        """What everybody is told of the round, by name [chair, table, ...]; requires the need `public`."""
        check_declared(self._agent, "public")
        seats = self._step.reward.shape[1]
        return {
            name: rows(told[:, None].expand(-1, seats, *told.shape[1:]), self._chairs)
            for name, told in self._step.public.items()
        }


def check_declared(agent: Agent | None, need: str) -> None:
    """Raise DilemmaError if an agent reads what it does not declare."""
    if agent is not None and need not in agent.needs:
        needs = ", ".join(f'"{each}"' for each in sorted({*agent.needs, need}))
        raise DilemmaError(
            f"{type(agent).__name__} reads {GRANTS[need]} and does not declare it: needs = frozenset({{{needs}}})"
        )


def rows(tensor: Tensor, chairs: Tensor | None) -> Tensor:
    """The rows of a [match, seat, ...] tensor that belong to `chairs`; None: all rows."""
    flat = tensor.flatten(0, 1)
    return flat if chairs is None else flat.index_select(0, chairs)


def of_neighbours(known: Tensor, chairs: Tensor | None, neighbours: Neighbours | None) -> Tensor:
    """What is known of each seat [match, seat, ...], of the neighbours of `chairs` [chair, neighbour, ...]."""
    if neighbours is not None:
        return neighbours.gather(known)
    seats = known.shape[1]
    others = known.flip(1)[:, :, None] if seats == 2 else gather_neighbours(known, all_others(seats, known.device))
    return rows(others, chairs)


class Player(ABC):
    """An agent at play, on all of its chairs."""

    learning: bool = False
    """If False, it acts without learning. Learners start with True; the arena sets it to False to freeze them."""

    @property
    def midway(self) -> bool:
        """Whether `state_dict` is not all that it goes on from: within a trial, or beside a replay memory."""
        return False

    def begin(self) -> None:  # noqa: B027 (most players that never learn have nothing to do here)
        """An episode starts."""

    @abstractmethod
    def act(self, observation: Observation) -> Tensor:
        """Its actions [chair, table]."""

    def observe(self, round: Round) -> None:  # noqa: B027
        """A round has been played. Players that learn within an episode do so here, while `learning`."""

    def learn(self) -> None:  # noqa: B027
        """An episode has ended; called only while `learning`."""

    def measures(self) -> Mapping[str, Tensor]:
        """Metrics of its last update or round, by name: [chair], or [chair, table], which is averaged.

        A value that is not finite fails the match; the error names the measure.
        """
        return {}

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that it has learned, each tensor starting with [chair], for `load_state_dict`."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore the `state` of another player of this agent."""
        if state:
            raise ValueError(f"{type(self).__name__} has nothing to load")


class Agent(BaseModel, ABC):
    """A type of player: hyperparameters only, given as keyword arguments and compared by value."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)

    source: ClassVar[str] = ""
    """The publication or other origin of the idea."""
    needs: ClassVar[frozenset[str]] = frozenset()
    """What the environment must grant, of `GRANTS`; reading anything undeclared is refused."""
    learns: ClassVar[bool] = False
    """Whether its players learn from episode to episode (in a policy game, from round to round)."""
    slow: ClassVar[bool] = False
    """Whether it plays one match at a time in plain Python."""
    remembers: ClassVar[float] = math.inf
    """The past rounds that may decide a move; of finite automata their table says it."""

    def __hash__(self) -> int:
        # Pydantic's own leaves the class out, and agents without parameters would all collide.
        return hash((type(self), *(getattr(self, name) for name in type(self).model_fields)))

    @abstractmethod
    def refuses(self, game: Environment) -> str | None:
        """Why it can't play `game`, as the end of a sentence ("plays two-player games only"); None if it can."""

    def refuses_role(self, game: Environment, role: str) -> str | None:
        """Why it can't take a role in a game, as the end of a sentence; None if it can."""
        return None

    @abstractmethod
    def sit(self, chairs: Chairs) -> Player:
        """Make a player on these chairs."""

    @property
    def version_of(self) -> str:
        """The name of the agent that it is a version of; empty if it is none."""
        return ""

    @property
    def in_words(self) -> str:
        """A readable description of its behaviour; empty where name and parameters suffice."""
        return ""

    def kept_runs(self, game: Environment) -> int | None:
        """The number of stored training runs for a game; None if it isn't pretrained."""
        return None

    def trained_runs(self, chairs: Chairs) -> Tensor | None:
        """The number of the stored training run on each chair [chair]; None if it isn't pretrained."""
        return None

    def as_automaton(self, game: Environment) -> Automaton | None:
        """The finite automaton that it is equivalent to in `game`; None if there is none."""
        return None


def refuses_every_role(agent: Agent, game: Environment) -> str | None:
    """The first reason against a role, if the agent can take no role; else None."""
    reasons = [agent.refuses_role(game, role) for role in dict.fromkeys(game.roles)]
    return None if None in reasons else reasons[0]


def refuses_all_but_two_by_two(game: Environment | GameSpec) -> str | None:
    """Why an agent for two players and two actions can't play `game`; None if it can."""
    if game.seats != 2:
        return f"plays games of two, not of {game.seats}"
    spaces = [game.actions(seat) for seat in range(2)]
    if spaces != [Discrete(2), Discrete(2)]:
        return "knows two actions, cooperate and defect"
    return None
