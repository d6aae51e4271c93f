"""Scripted players for gridworlds: a harvester of apples, a river cleaner, and a collector of coins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ..envs.chance import Purpose
from ..envs.cleanup import Cleanup
from ..envs.coins_room import CoinsRoom
from ..envs.environment import Environment, Probability
from ..envs.foraging import ForagingGame, VariedForagingGame
from ..envs.gridworld import BACKWARD, FIRE_TWO, FORWARD, LEFT, RIGHT, STAY, TURN_LEFT, TURN_RIGHT, View
from .agent import Agent, Chairs, Observation, Player

APPLE, WASTE = 6, 8
OWN_COIN, OTHERS_COIN = 6, 7
"""Planes of the observation."""


class Harvester(Agent):
    """Goes to the nearest visible apple that has enough others near it; wanders if it sees none.

    With `leaves` = 0 it takes every apple; with more it leaves enough for a patch of Harvest to grow back.
    """

    source: ClassVar[str] = "this project"
    needs: ClassVar[frozenset[str]] = frozenset({"game_model"})
    leaves: int = Field(0, ge=0, le=12, description="other apples needed within distance 2 of one that it takes")
    wander: Probability = Field(0.1, description="probability of a random step or turn, which frees it if stuck")

    def refuses(self, game: Environment) -> str | None:
        if not isinstance(game, ForagingGame):
            return "knows apples, of Cleanup, Harvest and Gathering"
        return _lost_in(game)

    def sit(self, chairs: Chairs) -> Player:
        assert isinstance(chairs.game, ForagingGame)
        return GridPlayer(self.wander, chairs, chairs.game.view, leaves=self.leaves)


class Cleaner(Agent):
    """Goes to the nearest visible waste, and cleans it; wanders if it sees none."""

    source: ClassVar[str] = "this project"
    needs: ClassVar[frozenset[str]] = frozenset({"game_model"})
    wander: Probability = Field(0.1, description="probability of a random step or turn, which frees it if stuck")

    def refuses(self, game: Environment) -> str | None:
        return _lost_in(game) if isinstance(game, Cleanup) else "cleans rivers, of Cleanup"

    def sit(self, chairs: Chairs) -> Player:
        assert isinstance(chairs.game, Cleanup)
        return GridPlayer(self.wander, chairs, chairs.game.view, [WASTE], cleans=chairs.game)


class CoinCollector(Agent):
    """Goes to the nearest visible coin, of its own colour or of any; wanders if it sees none.

    Other coins that lie on its way it takes, too.
    """

    source: ClassVar[str] = "this project"
    needs: ClassVar[frozenset[str]] = frozenset({"game_model"})
    takes: Literal["own", "any"] = Field("own", description='which coins it goes to: its "own", or "any"')
    wander: Probability = Field(0.1, description="probability of a random step or turn, which frees it if stuck")

    def refuses(self, game: Environment) -> str | None:
        return None if isinstance(game, CoinsRoom) else "knows coins, of coins_room"

    def sit(self, chairs: Chairs) -> Player:
        assert isinstance(chairs.game, CoinsRoom)
        targets = [OWN_COIN] if self.takes == "own" else [OWN_COIN, OTHERS_COIN]
        return GridPlayer(self.wander, chairs, chairs.game.view, targets)


class GridPlayer(Player):
    """Walks to the nearest of its targets, which are in the observation's planes of these numbers."""

    def __init__(
        self,
        wander: float,
        chairs: Chairs,
        view: View,
        targets: Sequence[int] = (APPLE,),
        leaves: int = 0,
        cleans: Cleanup | None = None,
    ):
        self._wander, self._leaves, self._cleans, self._chairs = wander, leaves, cleans, chairs
        self._targets = list(targets)
        right, ahead = (part.to(chairs.device) for part in _places(view))
        # A step reduces the larger of the two distances.
        sideways = torch.where(right > 0, RIGHT, LEFT)
        along = torch.where(ahead > 0, FORWARD, BACKWARD)
        self._step = torch.where(right.abs() > ahead.abs(), sideways, along)
        self._step[view.own] = STAY
        self._distance = right.abs() + ahead.abs()
        distance = (right[:, None] - right).square() + (ahead[:, None] - ahead).square()
        self._near = ((distance > 0) & (distance <= 4)).float()
        if cleans:
            beam = {cell for ray in cleans.rays for cell in ray}
            cells = zip(right.tolist(), ahead.tolist(), strict=True)
            self._beam = torch.tensor([cell in beam for cell in cells], device=chairs.device)

    def act(self, observation: Observation) -> Tensor:
        features, allowed = observation.features, observation.action_mask
        assert features is not None
        targets = (features[:, :, self._targets] > 0).any(2).flatten(2)
        if self._leaves:
            targets = targets & (targets.float() @ self._near >= self._leaves)
        none = len(self._distance) + 1
        distance, nearest = torch.where(targets, self._distance, none).min(-1)
        draw = self._chairs.chance.uniform(Purpose.ACTION, observation.episode, observation.round)
        action = torch.where(distance < none, self._step[nearest], FORWARD)
        lost = draw < torch.where(distance < none, self._wander, max(self._wander, 0.3))
        random = (draw * 1e6).long() % 4
        options = torch.tensor([TURN_LEFT, TURN_RIGHT, LEFT, RIGHT], device=draw.device)
        action = torch.where(lost, options[random], action)
        if allowed is None:
            return action
        if self._cleans:
            near = (targets & self._beam).any(-1)
            action = torch.where(near, torch.where(allowed[..., FIRE_TWO], FIRE_TWO, STAY), action)
        return torch.where(allowed.gather(-1, action[..., None])[..., 0], action, STAY)


def _lost_in(game: ForagingGame) -> str | None:
    """Why a player that steps by what it sees does not get there, as the end of a sentence; None if it does."""
    if isinstance(game, VariedForagingGame) and game.moves == "absolute":
        return 'steps where its view turns to, and can\'t where steps are "absolute"; allowed: moves = "relative"'
    return None


def _places(view: View) -> tuple[Tensor, Tensor]:
    """Offsets of each cell of a view, to the right and ahead, int64 [cell]."""
    height, width = view.shape
    cells = torch.arange(height * width)
    return cells % width - view.sides, view.ahead - cells // width
