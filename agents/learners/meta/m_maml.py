"""M-MAML: a learned initial policy for naive learning."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ...agent import Chairs, Player, Round
from ..exact.exact_learner import Point
from .meta_agent import EvolvedAgent, EvolvedPlayer, Positive


class MMaml(EvolvedAgent):
    """Starts each trial from a meta-learned policy, and continues as a naive exact learner.

    Within a trial it follows the gradient of its own value, even when frozen: only the initial policy is
    meta-learned, from the rewards of trials by an evolution strategy, or as in Lu et al. by exact gradients: with
    t_1(0) what is learned, t_2(0) what the other showed first, and both naive,
        d/dt_1(0) sum_k V_1(t_1(k), t_2(k)),    t_i(k + 1) = t_i(k) + learning_rate dV_i/dt_i at t(k).
    Theirs learns the rate within a trial, too.
    """

    source: ClassVar[str] = "Lu et al. 2022 (M-MAML), after Finn, Abbeel and Levine 2017 and Kim et al. 2021"
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "game_model"})

    gradient: Literal["evolution", "exact"] = Field(
        "evolution",
        description='what trains its start: "evolution", rewards of perturbed starts, or "exact", derivatives '
        "through a trial against a naive learner",
    )
    spread: Positive = Field(0.3, description="standard deviation of the perturbations of its logits, over tables")
    learning_rate: float = Field(1.0, description="how far it moves along the gradient of V, within a trial")

    def sit(self, chairs: Chairs) -> Player:
        return (ExactMMamlPlayer if self.gradient == "exact" else MMamlPlayer)(self, chairs)


class MMamlPlayer(EvolvedPlayer):
    """A naive learner with a meta-learned initial policy."""

    def __init__(self, agent: MMaml, chairs: Chairs):
        super().__init__(agent, chairs, "m_maml")
        self._rate = agent.learning_rate
        game = chairs.game.as_policy_game()
        assert game
        self._game, self._rewards = game, game.rewards(chairs.seat)

    def observe(self, round: Round) -> None:
        super().observe(round)
        other = round.others[:, 0].movedim(-1, 0)
        point = Point(self._game, self._rewards, self.policy, other)
        self.logits = self.logits + self._rate * point.gradient(1, 1)


class ExactMMamlPlayer(MMamlPlayer):
    """All tables start from the same policy, whose effect on a trial is differentiated."""

    def begin(self) -> None:
        super().begin()
        self._first: Tensor | None = None

    def perturbations(self, episode: int) -> Tensor:
        return torch.zeros_like(self.deviates)

    def observe(self, round: Round) -> None:
        if self._first is None:
            self._first = round.others[:, 0].movedim(-1, 0)
        super().observe(round)

    def learn(self) -> None:
        assert self._first is not None
        with torch.enable_grad():
            theta = self._theta.detach().requires_grad_()
            (ascent,) = torch.autograd.grad(self.of_trial(theta, self._first).mean(1).sum(), theta)
        self._theta = self._optimiser.step(self._theta, -ascent)

    def of_trial(self, theta: Tensor, other: Tensor) -> Tensor:
        """Reward per round [chair, table] of a start theta [chair, 5] against naive learners that start with the
        policies `other` [5, chair, table]."""
        own = theta.sigmoid().T[..., None].expand_as(other)
        point, earned = Point(self._game, self._rewards, own, other), torch.zeros(self._chairs.shape)
        for _ in range(int(self._game.rounds)):
            point = point.moved(self._rate * point.gradient(1, 1), self._rate * point.gradient(2, 2))
            earned = earned + self._game.outcome(point.own, point.other, self._rewards).reward[0]
        return earned / self._game.rounds
