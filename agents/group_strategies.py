"""Reciprocity in groups: N players, two actions."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ..envs.environment import Discrete, Environment, Probability
from .agent import Agent, Chairs, Observation, Player, Round


class GroupTitForTat(Agent):
    """Cooperates if at least a fraction `threshold` of the others did in the last round; opens with C."""

    source: ClassVar[str] = "Boyd and Richerson 1988"
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions"})

    threshold: Probability = Field(0.5, description="fraction of the others that must cooperate")
    forgives: ClassVar[bool] = True

    def refuses(self, game: Environment) -> str | None:
        if game.seats < 2:
            return "plays with others, not alone"
        if any(game.actions(seat) != Discrete(2) for seat in range(game.seats)):
            return "knows two actions, cooperate and defect"
        return None

    def sit(self, chairs: Chairs) -> Player:
        return GroupPlayer(self.threshold, self.forgives, chairs)


class GroupGrudger(GroupTitForTat):
    """Cooperates until less than a fraction `threshold` of the others do in a round, and then never again."""

    source: ClassVar[str] = "the trigger strategy of Friedman 1971, for groups"

    threshold: Probability = Field(1.0, description="fraction of the others that must cooperate")
    forgives: ClassVar[bool] = False


class GroupPlayer(Player):
    """A group strategy on its chairs."""

    def __init__(self, threshold: float, forgives: bool, chairs: Chairs):
        self._threshold = threshold
        self._forgives = forgives
        self._chairs = chairs

    def begin(self) -> None:
        self._content = torch.ones(self._chairs.shape, dtype=torch.bool, device=self._chairs.device)

    def act(self, observation: Observation) -> Tensor:
        return (~self._content).long()

    def observe(self, round: Round) -> None:
        count = round.others.shape[1] if round.degree is None else round.degree[:, None]
        content = (count - (round.others != 0).sum(1)).double() / count >= self._threshold
        self._content = content if self._forgives else content & self._content
