"""Scripted players of Coins: who takes only its own coins, who takes any, and who returns what it met."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..envs.board import below, distances, moves
from ..envs.chance import Purpose
from ..envs.coins import Coins
from ..envs.environment import Environment
from .agent import Agent, Chairs, Observation, Player

BACK = (1, 0, 3, 2, 4)
"""The step that undoes each of `STEPS`."""


class CoinsCooperator(Agent):
    """Takes the shortest path to its own coin; of steps that are as short, the one farthest from others' coins.

    Where its coin isn't on the board it keeps away from the other's. Equal steps are drawn from.
    """

    source: ClassVar[str] = "Zhao et al. 2022 (POLA); Aghajohari et al. 2024 (LOQA): AllC in the coin game"
    needs: ClassVar[frozenset[str]] = frozenset({"game_model"})

    def refuses(self, game: Environment) -> str | None:
        return None if isinstance(game, Coins) else "plays Coins, and knows no other game"

    def sit(self, chairs: Chairs) -> Player:
        return CooperatorPlayer(chairs)


class CoinsDefector(CoinsCooperator):
    """Takes the shortest path to the nearest coin, whoever owns it; equal steps are drawn from."""

    source: ClassVar[str] = "Zhao et al. 2022 (POLA); Aghajohari et al. 2024 (LOQA): AllD in the coin game"

    def sit(self, chairs: Chairs) -> Player:
        return DefectorPlayer(chairs)


class CoinsTitForTat(CoinsCooperator):
    """Cooperates until another takes its coin, and then takes that one's coins too, until it takes one of its own.

    Each of several others is answered by itself. Who stands on a coin is taken to have taken it; who takes both
    at once has taken ours.
    """

    source: ClassVar[str] = "Zhao et al. 2022 (POLA); with several others, this project"

    def sit(self, chairs: Chairs) -> Player:
        return TitForTatPlayer(chairs)


class CoinsPlayer(Player):
    """Looks where each of its steps would lead, and how far from every coin that is."""

    def __init__(self, chairs: Chairs):
        game = chairs.game
        assert isinstance(game, Coins)
        space = game.actions(0)
        steps = moves(game.size, game.torus)[:, : space.n]
        far = 2 * game.size
        after = pad(distances(game.size, game.torus)[steps], (0, 1), value=far)  # [cell, step, coin]
        self.chairs, self.seats, self.cells, self.far = chairs, game.seats, game.cells, far
        self._after = after.transpose(1, 2).flatten(0, 1).contiguous().to(chairs.device)
        self._numbers = torch.arange(-game.cells, 0, dtype=torch.float32, device=chairs.device)

    @abstractmethod
    def cost(self, own: Tensor, others: Tensor) -> Tensor:
        """Of each step [chair, table, step], by how far from there the `own` coin and the nearest other are."""

    def act(self, observation: Observation) -> Tensor:
        things = self.look(observation)
        after = self.distances(things)
        cost = self.cost(after[:, :, 0], after[:, :, 1:].amin(2))
        best = cost == cost.amin(-1, keepdim=True)
        draw = self.chairs.chance.integers(Purpose.ACTION, observation.episode, observation.round)
        which = below(best.sum(-1), draw)
        return (best.cumsum(-1) <= which[..., None]).sum(-1)

    def look(self, observation: Observation) -> Tensor:
        """Where it is, the others, its coin and theirs [chair, table, thing]; `cells` for a coin that is not."""
        planes = observation.features
        assert planes is not None
        return (planes.flatten(-2) @ self._numbers).long() + self.cells

    def distances(self, things: Tensor) -> Tensor:
        """From where steps lead to each coin [chair, table, coin, step]; `far` where there is no such coin."""
        pair = things[..., :1] * (self.cells + 1) + things[..., self.seats :]
        return self._after.index_select(0, pair.flatten()).view(*pair.shape, -1)

    def cooperative(self, own: Tensor, others: Tensor) -> Tensor:
        """First of all near to its own coin, then far from others'."""
        return own * (self.far + 1) - others


class CooperatorPlayer(CoinsPlayer):
    """Cooperates."""

    def cost(self, own: Tensor, others: Tensor) -> Tensor:
        return self.cooperative(own, others)


class DefectorPlayer(CoinsPlayer):
    """Wants any coin."""

    def cost(self, own: Tensor, others: Tensor) -> Tensor:
        return torch.minimum(own, others)


class TitForTatPlayer(CooperatorPlayer):
    """Counts the coins of those who owe it one among its own."""

    def __init__(self, chairs: Chairs):
        super().__init__(chairs)
        game = chairs.game
        assert isinstance(game, Coins)
        # To who is always in the middle, coins seem to go the other way.
        back = pad(moves(game.size)[:, list(BACK)], (0, 0, 0, 1), value=game.cells)
        self._drift = back.to(chairs.device) if game.view == "centred" else None

    def begin(self) -> None:
        shape = (*self.chairs.shape, self.seats - 1)
        self._owes = torch.zeros(shape, dtype=torch.bool, device=self.chairs.device)
        self._coins: Tensor | None = None

    def act(self, observation: Observation) -> Tensor:
        step = super().act(observation)
        if self._drift is not None and self._coins is not None:
            self._coins = self._drift[self._coins, step[..., None]]
        return step

    def look(self, observation: Observation) -> Tensor:
        things = super().look(observation)
        others = things[..., 1 : self.seats]
        if self._coins is not None:
            took_ours, took_theirs = others == self._coins[..., :1], others == self._coins[..., 1:]
            self._owes = (self._owes & ~took_theirs) | took_ours
        self._coins = things[..., self.seats :]
        return things

    def distances(self, things: Tensor) -> Tensor:
        after = super().distances(things)
        own, others = after[:, :, :1], after[:, :, 1:]
        owed = self._owes[..., None]
        own = torch.minimum(own, torch.where(owed, others, self.far).amin(2, keepdim=True))
        return torch.cat((own, torch.where(owed, self.far, others)), 2)
