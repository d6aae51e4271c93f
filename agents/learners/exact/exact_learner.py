"""Exact learners: they differentiate the value of a differentiable game, with one simultaneous update a round.

A table is an independent pair, so a learner has parameters for each chair and table: the logits of its
probabilities (or, where actions are real numbers, the actions themselves). Every learner reads both policies of
the last round and updates its own: updates are simultaneous, and one code path serves every seat.

In the formulas, V_1 and V_2 are the values of the learner and of the other, and t_1 and t_2 their parameters;
papers often minimise losses L = -V instead. Tensors end with [chair, table].
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ....envs.chance import Purpose
from ....envs.differentiable_game import Derivatives, DifferentiableGame
from ....envs.environment import Environment
from ...agent import Agent, Chairs, Observation, Player, Round


class Point:
    """Both players' actions [component, chair, table], and the derivatives of their values in the parameters.

    It never takes the logit of a probability, which may be 0 or 1: the chain rule only needs p (1 - p).
    """

    def __init__(self, game: DifferentiableGame, rewards: Tensor, own: Tensor, other: Tensor):
        self.game, self.rewards = game, rewards
        self.own, self.other = own, other

    @cached_property
    def derivatives(self) -> Derivatives:
        """Derivatives in the actions."""
        return self.game.derivatives(self.own, self.other, self.rewards)

    def gradient(self, whose: int, by: int) -> Tensor:
        """dV_whose / dt_by [component, ...]."""
        return self.derivatives.gradient(whose, by) * self._slope[by - 1]

    def mixed(self, whose: int) -> Tensor:
        """d2V_whose / dt_1 dt_2 [component of 1, component of 2, ...]."""
        own, other = self._slope
        return self.derivatives.mixed(whose) * own[:, None] * other

    def hvp(self, whose: int, by: int, mover: int, step: Tensor) -> Tensor:
        """The change of dV_whose / dt_by with a step of t_mover: the second derivative times that step."""
        found = self._slope[by - 1] * self.derivatives.hvp(whose, by, mover, self._slope[mover - 1] * step)
        if by == mover and self.game.probabilities:
            probability = (self.own, self.other)[by - 1]
            found = found + self.gradient(whose, by) * (1 - 2 * probability) * step
        return found

    def moved(self, own: Tensor | None = None, other: Tensor | None = None) -> Point:
        """The point after steps in the parameters of either player."""
        return Point(self.game, self.rewards, self._further(self.own, own), self._further(self.other, other))

    def _further(self, action: Tensor, step: Tensor | None) -> Tensor:
        if step is None:
            return action
        if not self.game.probabilities:
            return action + step
        return action / (action + (1 - action) * torch.exp(-step))

    @cached_property
    def _slope(self) -> tuple[Tensor, Tensor]:
        """The derivative of actions in parameters, for the own and the other's."""
        if not self.game.probabilities:
            return torch.ones_like(self.own), torch.ones_like(self.other)
        return self.own * (1 - self.own), self.other * (1 - self.other)


def dot(one: Tensor, two: Tensor) -> Tensor:
    """The inner product of vectors [i, ...]."""
    return (one * two).sum(0)


class ExactLearner(Agent):
    """A learner in differentiable games; a subclass defines the direction of its updates."""

    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "game_model"})
    learns: ClassVar[bool] = True

    learning_rate: float = Field(1.0, description="step size; V is the discounted sum, not per round")
    initial_std: float = Field(1.0, description="standard deviation of the initial parameters (logits)", ge=0)

    def refuses(self, game: Environment) -> str | None:
        if not game.as_differentiable_game():
            return "differentiates exact values, which only differentiable games have (`policy_game`, for one)"
        return None

    def sit(self, chairs: Chairs) -> Player:
        return ExactPlayer(self, chairs)

    @abstractmethod
    def ascent(self, at: Point) -> Tensor:
        """The update direction of its parameters [component, chair, table]."""


class ExactPlayer(Player):
    """An exact learner on its chairs: `parameters` [component, chair, table]."""

    def __init__(self, agent: ExactLearner, chairs: Chairs):
        game = chairs.game.as_differentiable_game()
        assert game
        self.learning = True
        self._agent, self._game, self._chairs = agent, game, chairs
        self._rewards = game.rewards(chairs.seat)
        self._loaded = False
        self.start(0)
        self._gradient = torch.zeros(chairs.shape, dtype=torch.float64, device=chairs.device)
        self._own = self._parameters
        self._last = False

    def start(self, episode: int) -> None:
        """Reset to initial parameters: an episode is a trial, and learning starts anew in each."""
        chance, count = self._chairs.chance, len(self._game.components)
        draws = [chance.part(index).normal(Purpose.PARAMETERS, episode, 0) for index in range(count)]
        self._parameters = self._agent.initial_std * torch.stack(draws)

    def act(self, observation: Observation) -> Tensor:
        if observation.round == 0 and observation.episode and self.learning and not self._loaded:
            self.start(observation.episode)
        self._own = self._parameters.sigmoid() if self._game.probabilities else self._parameters
        # An update after the last round would have no effect.
        self._last = observation.round + 1 >= self._game.horizon
        return self._own.movedim(0, -1)

    def observe(self, round: Round) -> None:
        if not self.learning or self._last:
            return
        other = round.others[:, 0].movedim(-1, 0).contiguous()
        ascent = self.ascent(Point(self._game, self._rewards, self._own, other))
        self._gradient = ascent.square().sum(0).sqrt()
        self._parameters = self._parameters + self._agent.learning_rate * ascent

    def ascent(self, at: Point) -> Tensor:
        """The update direction; a subclass with state overrides it."""
        return self._agent.ascent(at)

    def measures(self) -> Mapping[str, Tensor]:
        shown = dict(zip(self._game.components, self._own, strict=True))
        return {**shown, "gradient_norm": self._gradient}

    def state_dict(self) -> dict[str, Tensor]:
        return {"parameters": self._parameters.movedim(0, -1)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self._parameters = at_tables(state["parameters"].movedim(-1, 0), self._chairs.shape[1])
        self._loaded = True


def at_tables(stored: Tensor, tables: int) -> Tensor:
    """Stored tensors [..., table] for another number of tables, repeated if there are more."""
    return stored[..., torch.arange(tables, device=stored.device) % stored.shape[-1]]
