"""Scripted players of Coins: a cooperator, a defector, and tit for tat."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..envs.board import distances, moves, uniform_below
from ..envs.chance import Purpose
from ..envs.coins import Coins
from ..envs.environment import Environment
from .agent import Agent, Chairs, Observation, Player

BACK = (1, 0, 3, 2, 4)
"""The step that undoes each of `STEPS`."""


class CoinsCooperator(Agent):
    """Takes the shortest path to its own coin; among shortest steps, the one farthest from others' coins.

    If its coin isn't on the board, it keeps away from the other's. Ties are broken at random.
    """

    source: ClassVar[str] = "Zhao et al. 2022 (POLA); Aghajohari et al. 2024 (LOQA): AllC in the coin game"
    needs: ClassVar[frozenset[str]] = frozenset({"game_model"})

    def refuses(self, game: Environment) -> str | None:
        return None if isinstance(game, Coins) else "plays Coins, and knows no other game"

    def sit(self, chairs: Chairs) -> Player:
        return CooperatorPlayer(chairs)


class CoinsDefector(CoinsCooperator):
    """Takes the shortest path to the nearest coin of any player; ties are broken at random."""

    source: ClassVar[str] = "Zhao et al. 2022 (POLA); Aghajohari et al. 2024 (LOQA): AllD in the coin game"

    def sit(self, chairs: Chairs) -> Player:
        return DefectorPlayer(chairs)


class CoinsTitForTat(CoinsCooperator):
    """Cooperates until another takes its coin; then takes that player's coins too, until it takes its own again.

    Each of several others is answered separately. A player on a coin's cell counts as having taken it; if it takes
    both at once, it counts as having taken this player's.
    """

    source: ClassVar[str] = "Zhao et al. 2022 (POLA); with several others, this project"

    def sit(self, chairs: Chairs) -> Player:
        return TitForTatPlayer(chairs)


class CoinsPlayer(Player):
    """Chooses steps by the distance from where they lead to each coin."""

    def __init__(self, chairs: Chairs):
        game = chairs.game
        assert isinstance(game, Coins)
        space = game.actions(0)
        steps = moves(game.size, game.torus)[:, : space.n]
        far = 2 * game.size
        after = pad(distances(game.size, game.torus)[steps], (0, 1), value=far)  # [cell, step, coin]
        self.chairs, self.players, self.cells, self.far = chairs, game.players, game.cells, far
        self._after = after.transpose(1, 2).flatten(0, 1).contiguous().to(chairs.device)
        self._numbers = torch.arange(-game.cells, 0, dtype=torch.float32, device=chairs.device)

    @abstractmethod
    def cost(self, own: Tensor, others: Tensor) -> Tensor:
        """The cost of each step [chair, table, step], from distances to the `own` coin and the nearest other."""

    def act(self, observation: Observation) -> Tensor:
        things = self.look(observation)
        after = self.distances(things)
        cost = self.cost(after[:, :, 0], after[:, :, 1:].amin(2))
        best = cost == cost.amin(-1, keepdim=True)
        draw = self.chairs.chance.integers(Purpose.ACTION, observation.episode, observation.round)
        which = uniform_below(best.sum(-1), draw)
        return (best.cumsum(-1) <= which[..., None]).sum(-1)

    def look(self, observation: Observation) -> Tensor:
        """Cells of itself, the others, its coin and theirs [chair, table, thing]; `cells` for what is missing."""
        planes = observation.features
        assert planes is not None
        return (planes.flatten(-2) @ self._numbers).long() + self.cells

    def distances(self, things: Tensor) -> Tensor:
        """Distances after each step to each coin [chair, table, coin, step]; `far` for a missing coin."""
        pair = things[..., :1] * (self.cells + 1) + things[..., self.players :]
        return self._after.index_select(0, pair.flatten()).view(*pair.shape, -1)

    def cooperative(self, own: Tensor, others: Tensor) -> Tensor:
        """Lexicographic cost: the distance to its own coin, then closeness to others'."""
        return own * (self.far + 1) - others


class CooperatorPlayer(CoinsPlayer):
    """Cooperates."""

    def cost(self, own: Tensor, others: Tensor) -> Tensor:
        return self.cooperative(own, others)


class DefectorPlayer(CoinsPlayer):
    """Takes any coin."""

    def cost(self, own: Tensor, others: Tensor) -> Tensor:
        return torch.minimum(own, others)


class TitForTatPlayer(CooperatorPlayer):
    """Treats the coins of players that took its own as its own."""

    def __init__(self, chairs: Chairs):
        super().__init__(chairs)
        game = chairs.game
        assert isinstance(game, Coins)
        # In a centred view, coins move opposite to the own step.
        back = pad(moves(game.size)[:, list(BACK)], (0, 0, 0, 1), value=game.cells)
        self._drift = back.to(chairs.device) if game.view == "centred" else None

    def begin(self) -> None:
        shape = (*self.chairs.shape, self.players - 1)
        self._owes = torch.zeros(shape, dtype=torch.bool, device=self.chairs.device)
        self._coins: Tensor | None = None

    def act(self, observation: Observation) -> Tensor:
        step = super().act(observation)
        if self._drift is not None and self._coins is not None:
            self._coins = self._drift[self._coins, step[..., None]]
        return step

    def look(self, observation: Observation) -> Tensor:
        things = super().look(observation)
        others = things[..., 1 : self.players]
        if self._coins is not None:
            there = others < self.cells
            took_ours, took_theirs = (
                there & (others == coins) for coins in (self._coins[..., :1], self._coins[..., 1:])
            )
            self._owes = (self._owes & ~took_theirs) | took_ours
        self._coins = things[..., self.players :]
        return things

    def distances(self, things: Tensor) -> Tensor:
        after = super().distances(things)
        own, others = after[:, :, :1], after[:, :, 1:]
        owed = self._owes[..., None]
        own = torch.minimum(own, torch.where(owed, others, self.far).amin(2, keepdim=True))
        return torch.cat((own, torch.where(owed, self.far, others)), 2)
