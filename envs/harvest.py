"""Harvest: apples grow back only beside other apples, so that who takes the last ones ends it for all."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from .chance import Chance, threshold
from .environment import Probability
from .foraging import Count, Tensors, VariedForagingGame
from .gridworld import Board, View, look, sites


class Harvest(VariedForagingGame):
    """A common pool: each takes apples for itself, and a patch that is eaten bare never comes back.

    By default the rules of Melting Pot's commons_harvest__open. In a round an empty site with k apples within
    distance `radius` (the default 2 takes in 12 cells) grows one with probability growth[k], or the last of
    `growth` where k is larger. Nothing but apples pays.

    Maps: `A` apples, all there at first, `S` spawn points, `#` walls. Players see 11 x 11 cells (9 ahead, 1
    behind, 5 to each side): planes of themselves, others by heading (as theirs, to the right, opposite, to the
    left), walls, apples. Cooperation has no meaning in a round. Measures, each per seat and round: `apples`;
    `timed_apples`, whose ratio to `apples` is the mean time of eating as a share of the episode (sustainability,
    Perolat et al. 2017); `beams`, zaps fired; `zaps`, hits on others; `peace`, 1 unless away; `stock`, apples
    there over sites; `efficiency`, apples over those that grow at best on an empty map. Equality (1 - Gini) is of
    the payoffs of a table's seats. Deviations from Melting Pot: planes instead of pixels, a map of our own with as
    many apples (each with 3 to 12 others near, 5.8 on average), all moves at once, a fixed length, and apples grow
    under players.

    A `variant` sets the other parameters that are not given. "socialjax": SocialJax's harvest_common_open, where
    one apple near makes .001, a zap strikes the two cells ahead and the two beside the nearer, and who is hit is
    at a spawn point in the next round. "ssd": the sequential social dilemma games, a larger map with 155 apples,
    growth 0, .005, .02 and .05 by the 8 cells around, a beam of 5 cells by 3 that costs 1 and its victim 50, and
    nobody is sent away. Left out: that SocialJax multiplies a player's own reward by their number, and never turns
    west who comes back; the 15 x 15 window of SSD.
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

    variants: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "socialjax": {
            "zap_cells": ((0, 1), (0, 2), (-1, 1), (1, 1)),
            "zap_cooldown": 0,
            "away": 0,
            "respawn": True,
            "growth": (0.0, 0.001, 0.005, 0.025),
        },
        "ssd": {
            "zap_length": 5,
            "zap_cooldown": 0,
            "zap_cost": 1.0,
            "zap_fine": 50.0,
            "away": 0,
            "growth": (0.0, 0.005, 0.02, 0.05),
            "radius": 1.5,
        },
    }
    ssd_map: ClassVar[str] = """\
######################################
#.S....S....S....S....S....S....S....#
#...A.....A.....A.....A.....A.....A..#
#..AAA...AAA...AAA...AAA...AAA...AAA.#
#.AAAAA.AAAAA.AAAAA.AAAAA.AAAAA.AAAAA#
#..AAA...AAA...AAA...AAA...AAA...AAA.#
#...A.....A.....A.....A.....A.....A..#
#...S....S....S....S....S....S....S..#
#....................................#
#..A.....A.....A.....A.....A.........#
#.AAA...AAA...AAA...AAA...AAA...AAA..#
#AAAAA.AAAAA.AAAAA.AAAAA.AAAAA.AAAAA.#
#.AAA...AAA...AAA...AAA...AAA...AAA..#
#..A.....A.....A.....A.....A.....A...#
#.S....S....S....S....S....S....S....#
######################################"""

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
        return self.terrain.count("A") * max(self.growth)

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
