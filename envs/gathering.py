"""Gathering: apples that always grow back, and a beam that takes a rival out of the game for a while."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from .chance import Chance
from .foraging import Count, ForagingGame, Tensors
from .gridworld import Board, View, sites


class Gathering(ForagingGame):
    """A player that tags the other out has all the apples; whether that pays depends on how scarce they are.

    An apple comes back `regrowth` rounds after it was eaten (N_apple). A player that was hit twice is away for
    `away` rounds (N_tagged). These are the two axes of Leibo et al. 2017: abundance, and the cost of conflict. A
    tag goes straight ahead as far as the map and stops at the first player. It pays nothing.

    Observations are planes of 16 x 21 cells: the player, others by heading, walls, apples. Cooperation is not
    defined for a round; `beams`, tags fired, measure aggression. Measures: `apples`, `timed_apples`, `beams`,
    `zaps`, `peace`, `efficiency`, and `stock`, apples present over sites. The rules in full, and the deviations
    from the original: docs/environments.md.
    """

    source: ClassVar[str] = "Leibo et al. 2017"
    letters: ClassVar[str] = "#.AS"
    view: ClassVar[View] = View(15, 0, 10)
    map: ClassVar[str] = """\
...............................
...............................
...............A...............
.S............AAA............S.
.............AAAAA.............
.S..........AAAAAAA..........S.
.............AAAAA.............
.S............AAA............S.
...............A...............
...............................
..............................."""

    players: int = Field(2, ge=2, le=200, description="how many play")
    zap_length: int = Field(30, ge=1, le=30, description="how many cells ahead a tag reaches")
    zap_radius: int = Field(0, ge=0, le=10, description="how many cells to each side a tag reaches")
    zap_cooldown: Count = Field(0, description="rounds that must pass between two tags of a player")
    hits: int = Field(2, ge=1, description="in how many rounds a player must be hit to be sent away")
    away: Count = Field(25, description="rounds for which it is sent away (N_tagged); 0: it stays")
    regrowth: int = Field(15, ge=1, description="rounds for which an apple that was eaten is missing (N_apple)")

    @property
    def inflow(self) -> float:
        return self.terrain.count("A") / (self.regrowth + 1)

    @property
    def growth_draws(self) -> int:
        return 0

    def initial_resources(self, ground: Board, chance: Chance) -> Tensors:
        """All apples; `due` are the rounds until each is back, int64 [match, table, site]."""
        apple = torch.ones_like(sites(ground, "A"), dtype=torch.bool).expand(*chance.keys.shape, -1)
        return {"apple": apple, "due": torch.zeros_like(apple, dtype=torch.int64)}

    def grow(self, now: Tensors, drawn: Tensor, round: int, ground: Board) -> Tensors:
        ripe = now["apple"] | (now["due"] == 1)
        due = torch.where(now["due"] == 0, self.regrowth, now["due"] - 1)
        return {"apple": ripe, "due": due.masked_fill(ripe, 0)}

    def state_measures(self, now: Tensors, ground: Board) -> Tensors:
        return {"stock": now["apple"].double().mean(-1)}
