"""Harvest: apples grow back only beside other apples, so that who takes the last ones ends it for all."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from .chance import Chance, threshold
from .environment import Probability
from .foraging import Count, ForagingGame, Tensors
from .gridworld import Board, View, look, sites


class Harvest(ForagingGame):
    """A common pool: each takes apples for itself, and a patch that is eaten bare never comes back.

    The rules of Melting Pot's commons_harvest__open. In a round an empty site with k apples within distance
    `radius` (the default 2 takes in 12 cells) grows one with probability growth[k], or the last of `growth` where
    k is larger. Nothing but apples pays.

    Maps: `A` apples, all there at first, `S` spawn points, `#` walls. Players see 11 x 11 cells (9 ahead, 1
    behind, 5 to each side): planes of themselves, others by heading (as theirs, to the right, opposite, to the
    left), walls, apples. Cooperation has no meaning in a round. Measures, each per seat and round: `apples`;
    `timed_apples`, whose ratio to `apples` is the mean time of eating as a share of the episode (sustainability,
    Perolat et al. 2017); `beams`, zaps fired; `zaps`, hits on others; `peace`, 1 unless away; `stock`, apples
    there over sites; `efficiency`, apples over those that grow at best on an empty map. Equality (1 - Gini) is of
    the payoffs of a table's seats. Deviations from Melting Pot: planes instead of pixels, a map of our own with as
    many apples (each with 3 to 12 others near, 5.8 on average), all moves at once, a fixed length, and apples grow
    under players.
    """

    source: ClassVar[str] = "Hughes et al. 2018; rules of Melting Pot's commons_harvest__open, Leibo et al. 2021"
    letters: ClassVar[str] = "#.AS"
    view: ClassVar[View] = View(9, 1, 5)
    map: ClassVar[str] = """\
########################
#..S..S..S....S..S..S..#
#......................#
#.....A....AA....A.....#
#....AAA...AA...AAA....#
#...AAAAA......AAAAA...#
#S...AAA........AAA...S#
#.....A..........A.....#
#..........AA..........#
#..........AA..........#
#.....A..........A.....#
#S...AAA........AAA...S#
#...AAAAA......AAAAA...#
#....AAA...AA...AAA....#
#.....A....AA....A.....#
#......................#
#..S..S..S....S..S..S..#
########################"""

    zap_cooldown: Count = Field(2, description="rounds that must pass between two zaps of a player")
    away: Count = Field(4, description="rounds for which a player that is hit is sent away; 0: it stays")
    growth: tuple[Probability, ...] = Field(
        (0.0, 0.0025, 0.005, 0.025),
        min_length=1,
        strict=False,
        description="probability that an apple grows at a site with 0, 1, 2, ... apples near",
    )
    radius: float = Field(2.0, ge=1, le=10, description="how far away an apple is near; 1.5 takes in 8 cells")

    @property
    def inflow(self) -> float:
        return (self.layout or self.map).count("A") * max(self.growth)

    def start(self, ground: Board, chance: Chance) -> Tensors:
        return {"apple": torch.ones_like(sites(ground, "A"), dtype=torch.bool).expand(*chance.keys.shape, -1)}

    def grow(self, now: Tensors, drawn: Tensor, round: int, ground: Board) -> Tensors:
        near = now["apple"].float() @ _near(ground, self.radius)
        bounds = _bounds(self.growth, ground.code.device)
        grows = drawn < look(bounds, near.long().clamp_(max=len(bounds) - 1))
        return {"apple": now["apple"] | grows}

    def measured(self, now: Tensors, ground: Board) -> Tensors:
        return {"stock": now["apple"].double().mean(-1)}


@lru_cache(maxsize=64)
def _near(ground: Board, radius: float) -> Tensor:
    """Which apple sites are near each other, float32 [site, site]; none is near itself."""
    with torch.inference_mode(False):
        found = sites(ground, "A")
        place = torch.stack((found // ground.stride, found % ground.stride), -1)
        apart = (place[:, None] - place).square().sum(-1)
        return ((apart <= radius**2) & (apart > 0)).float()


@lru_cache(maxsize=64)
def _bounds(growth: tuple[float, ...], device: torch.device) -> Tensor:
    """Below which draws an apple grows, by how many are near."""
    with torch.inference_mode(False):
        return torch.tensor([threshold(p) for p in growth], device=device)
