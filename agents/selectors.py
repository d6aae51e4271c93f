"""Scripted selectors: cooperators who choose whom they play with."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ..envs.environment import Environment, SelectiveMove
from ..envs.leave_or_stay import NOBODY
from .agent import Agent, Chairs, Observation, Player, Round


class OutForTat(Agent):
    """Cooperates with every neighbour until it defects, and never plays with it again.

    In leave_or_stay it leaves a partner that defects, and cooperates with the next one, whoever that is.
    """

    source: ClassVar[str] = "Hayashi 1993, from TIT-for-TAT to OUT-for-TAT"
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions"})

    @property
    def patience(self) -> float:
        """For how many rounds a defector is refused."""
        return math.inf

    def refuses(self, game: Environment) -> str | None:
        spaces = [game.actions(seat) for seat in range(game.seats)]
        if not all(isinstance(space, SelectiveMove) for space in spaces):
            return "chooses whom to play with, and here nobody can"
        return None

    def sit(self, chairs: Chairs) -> Player:
        return SelectorPlayer(self.patience, chairs)


class AvoidDefectors(OutForTat):
    """Cooperates, and refuses neighbours that defected in one of the last `rounds` rounds."""

    source: ClassVar[str] = "dilemma, a selector that forgives"

    rounds: int = Field(1, ge=1, description="for how many rounds a defector is refused")

    @property
    def patience(self) -> float:
        return self.rounds


class SelectorPlayer(Player):
    """A selector on its chairs."""

    def __init__(self, patience: float, chairs: Chairs):
        self._patience, self._chairs = patience, chairs

    def begin(self) -> None:
        self._since: Tensor | None = None

    def act(self, observation: Observation) -> Tensor:
        if self._since is None:
            return torch.zeros(self._chairs.shape, dtype=torch.int64, device=self._chairs.device)
        bits = 2 << torch.arange(self._since.shape[1], device=self._since.device)
        refused: Tensor = ((self._since < self._patience) * bits[:, None]).sum(1)
        return refused

    def observe(self, round: Round) -> None:
        defected = round.others == 1
        before = torch.full_like(defected, torch.inf, dtype=torch.float64) if self._since is None else self._since
        left = round.others == NOBODY  # whom it meets next is somebody else
        self._since = (before + 1).masked_fill(defected, 0.0).masked_fill(left, torch.inf)
