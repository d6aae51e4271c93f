"""Differentiable games: a seat's action is a whole policy, and its reward is the exact value of that policy.

These are the games in which learning rules are studied without sampling error. A round is a step of learning:
every player shows a policy, sees the others', and earns its exact value; then the learners update. Policies are
visible because they are actions. An agent that is granted the rules of the game may differentiate through its
own copy.

Tensors in this module end with [chair, table]; the components of a policy come first. In formulas, player 1 is
the one whose view it is, and player 2 the other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from .chance import Chance
from .environment import Box, Environment, Rounds, State, Step


class Derivatives(ABC):
    """First and second derivatives of both values V_1 and V_2 at a pair of actions, in the actions' components."""

    @abstractmethod
    def gradient(self, whose: int, by: int) -> Tensor:
        """dV_whose / dx_by [component, chair, table]."""

    @abstractmethod
    def mixed(self, whose: int) -> Tensor:
        """d2V_whose / dx_1 dx_2 [component of 1, component of 2, chair, table]."""

    @abstractmethod
    def hvp(self, whose: int, by: int, mover: int, step: Tensor) -> Tensor:
        """A Hessian-vector product: how dV_whose / dx_by changes with a step of x_mover."""


@dataclass(frozen=True, slots=True)
class PolicyOutcome:
    """The result of a pair of policies, in player 1's view."""

    reward: Tensor
    """[player, chair, table]."""
    cooperation: Tensor | None = None
    """How often each cooperates [player, chair, table]."""
    mutual: Tensor | None = None
    """How often both do at once [chair, table]."""


class DifferentiableGame(Environment):
    """A game of two in which an action is a policy, and its value can be differentiated.

    The first of the rounds + 1 rounds shows the policies before any learning, and has no weight.
    """

    probabilities: ClassVar[bool] = True
    """Whether the components of an action are probabilities (a single one: of cooperation), or any reals."""

    rounds: Rounds = Field(
        100, description="steps of learning; one more round shows the policies before the first"
    )

    @property
    @abstractmethod
    def components(self) -> tuple[str, ...]:
        """Names of the components of an action."""

    @abstractmethod
    def rewards(self, seat: Tensor) -> Tensor:
        """The payoffs, in the view of each of `seat` [chair]; float64 [..., chair, 1]."""

    @abstractmethod
    def values(self, own: Tensor, other: Tensor, rewards: Tensor) -> Tensor:
        """V_1 and V_2 [player, chair, table] of two policies [component, chair, table], differentiable."""

    @abstractmethod
    def outcome(self, own: Tensor, other: Tensor, rewards: Tensor) -> PolicyOutcome:
        """The result of two policies [component, chair, table] in a round."""

    def as_differentiable_game(self) -> DifferentiableGame:
        return self

    def derivatives(self, own: Tensor, other: Tensor, rewards: Tensor) -> Derivatives:
        """Derivatives of `values`; games with a closed form override this."""
        return AutogradDerivatives(self, own, other, rewards)

    @property
    def seats(self) -> int:
        return 2

    @property
    def horizon(self) -> float:
        return self.rounds + 1

    def weight(self, round: int) -> float:
        return float(round > 0)

    @property
    def curve(self) -> Literal["episode", "round"]:
        return "round"

    def actions(self, seat: int) -> Box:
        return Box(0.0, 1.0, (len(self.components),))

    def begin(self, matches: int, tables: int, chance: Chance, episode: int) -> State:
        seat = torch.zeros(1, dtype=torch.int64, device=chance.keys.device)
        return State(episode, 0, tensors={"rewards": self.rewards(seat)})

    def play(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        own, other = action.permute(1, 3, 0, 2).contiguous().unbind()
        outcome = self.outcome(own, other, state.tensors["rewards"])
        cooperation = None if outcome.cooperation is None else outcome.cooperation.movedim(0, 1)
        mutual = None if outcome.mutual is None else outcome.mutual[:, None]
        return state, Step(action, outcome.reward.movedim(0, 1), cooperation=cooperation, mutual=mutual)


class AutogradDerivatives(Derivatives):
    """Derivatives of any game's `values`, by torch.func."""

    def __init__(self, game: DifferentiableGame, own: Tensor, other: Tensor, rewards: Tensor):
        count, *batch = own.shape
        where = torch.cat((own, other)).flatten(1)
        what = rewards.expand(*rewards.shape[:-2], *batch).flatten(-2)

        def values(where: Tensor, what: Tensor) -> Tensor:
            return game.values(where[:count], where[count:], what)

        first = torch.func.jacrev(values)
        second = torch.func.jacrev(first)
        each = torch.func.vmap(first, -1, -1)(where, what), torch.func.vmap(second, -1, -1)(where, what)
        self._first: Tensor = each[0].reshape(2, 2 * count, *batch)
        self._second: Tensor = each[1].reshape(2, 2 * count, 2 * count, *batch)
        self._part = (slice(None, count), slice(count, None))

    def gradient(self, whose: int, by: int) -> Tensor:
        return self._first[whose - 1, self._part[by - 1]]

    def mixed(self, whose: int) -> Tensor:
        return self._second[whose - 1, self._part[0], self._part[1]]

    def hvp(self, whose: int, by: int, mover: int, step: Tensor) -> Tensor:
        second = self._second[whose - 1, self._part[by - 1], self._part[mover - 1]]
        return (second * step).sum(1)
