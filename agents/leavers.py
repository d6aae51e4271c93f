"""Scripted players of leave_or_stay: newcomers are hazed, or robbed and left."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ..envs.environment import Environment
from ..envs.leave_or_stay import NOBODY, LeaveOrStay
from .agent import Agent, Chairs, Observation, Player, Round

COOPERATE, DEFECT, LEAVE = 0, 1, 2


class Leaver(Agent):
    """Acts by how many rounds a partnership has lasted, and by the partner's last move."""

    needs: ClassVar[frozenset[str]] = frozenset({"others_actions"})

    def refuses(self, game: Environment) -> str | None:
        return None if isinstance(game, LeaveOrStay) else "stays or leaves, which is for leave_or_stay"

    def sit(self, chairs: Chairs) -> Player:
        return LeaverPlayer(self, chairs)

    @abstractmethod
    def action(self, age: Tensor, defected: Tensor) -> Tensor:
        """Its actions [chair, table] after `age` rounds together, int64, and whether the partner just defected."""


class Hazing(Leaver):
    """Defects in the first rounds of a partnership, then cooperates, and leaves who defects after that.

    Newcomers pay for their entry, so none gains by going from partner to partner; among its like, a partnership
    begins with mutual defection and then lasts.
    """

    source: ClassVar[str] = "Datta 1996, building trust; Fujiwara-Greve and Okuno-Fujiwara 2009 (trust-building)"

    rounds: int = Field(1, ge=0, description="for how many rounds a new partner is defected on")

    def action(self, age: Tensor, defected: Tensor) -> Tensor:
        leaves = (age > self.rounds) & defected
        return torch.where(age < self.rounds, DEFECT, COOPERATE) + LEAVE * leaves


class HitAndRun(Leaver):
    """Defects in the first rounds of a partnership, then leaves."""

    source: ClassVar[str] = "Schuessler 1989, exit threats and cooperation under anonymity"

    rounds: int = Field(1, ge=1, description="after how many rounds it leaves")

    def action(self, age: Tensor, defected: Tensor) -> Tensor:
        return DEFECT + LEAVE * (age >= self.rounds)


class LeaverPlayer(Player):
    """A leaver on its chairs."""

    def __init__(self, agent: Leaver, chairs: Chairs):
        self._agent, self._chairs = agent, chairs

    def begin(self) -> None:
        self._age = torch.zeros(self._chairs.shape, dtype=torch.int64, device=self._chairs.device)
        self._defected = self._age > 0

    def act(self, observation: Observation) -> Tensor:
        return self._agent.action(self._age, self._defected)

    def observe(self, round: Round) -> None:
        seen = round.others[:, 0]
        self._age = torch.where(seen == NOBODY, 0, self._age + 1)
        self._defected = seen == DEFECT
