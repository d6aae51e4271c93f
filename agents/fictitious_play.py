"""Fictitious play, in any two-player matrix game."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ..envs.environment import Environment
from .agent import Agent, Chairs, Observation, Player, Round


class FictitiousPlay(Agent):
    """Makes the best response to the frequencies of the other's actions so far.

    With counts n_b of the other's action b and own payoffs u(a, b), it does the first action a that maximises
        sum_b u(a, b) (prior + n_b).
    """

    source: ClassVar[str] = "Brown 1951; Fudenberg and Levine 1998, chapter 2"
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "game_model"})

    prior: float = Field(1.0, description="pseudo-count of each of the other's actions at the start", gt=0)

    def refuses(self, game: Environment) -> str | None:
        return None if game.as_repeated_game() else "plays two-player matrix games only"

    def sit(self, chairs: Chairs) -> Player:
        return FictitiousPlayer(self.prior, chairs)


class FictitiousPlayer(Player):
    """Fictitious play on its chairs: `weights` [chair, table, other's action] are its beliefs."""

    def __init__(self, prior: float, chairs: Chairs):
        game = chairs.game.as_repeated_game()
        assert game is not None
        row, column = torch.as_tensor(game.matrices, device=chairs.device)
        size = max(row.shape)
        # Seats may have different numbers of actions: missing ones are never best and never observed.
        payoffs = torch.full((2, size, size), -torch.inf, dtype=torch.float64, device=chairs.device)
        for seat, own in enumerate((row, column.T)):
            payoffs[seat, : own.shape[0]] = 0
            payoffs[seat, : own.shape[0], : own.shape[1]] = own
        self._payoffs = payoffs[chairs.seat]
        self._prior = prior
        self._shape = (*chairs.shape, size)

    def begin(self) -> None:
        self._weights = self._payoffs.new_full(self._shape, self._prior)

    def act(self, observation: Observation) -> Tensor:
        return (self._weights @ self._payoffs.mT).argmax(-1)

    def observe(self, round: Round) -> None:
        seen = round.others[:, 0, :, None]
        self._weights = self._weights.scatter_add(-1, seen, torch.ones_like(self._weights[..., :1]))
