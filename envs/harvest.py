"""Harvest: apples grow back only beside other apples, so a patch that is eaten bare never comes back."""

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
from .gridworld import Board, View, sites, take_rows


class Harvest(VariedForagingGame):
    """A common pool: each takes apples for itself, and a patch that is eaten bare never comes back.

    The default rules are those of Melting Pot's commons_harvest__open. In each round an empty site with k apples
    within distance `radius` (the default 2 covers 12 cells) grows one with probability growth[k], or the last of
    `growth` where k is larger. Only apples pay. All apples are there at the start.

    Observations are planes of 11 x 11 cells: the player, others by heading, walls, apples. Cooperation is not
    defined for a round. Measures: `apples`, `timed_apples`, `beams`, `zaps`, `peace`, `efficiency`, and `stock`,
    apples present over sites.

    `variant` sets the defaults of the other parameters: "melting_pot", "socialjax" or "ssd". The rules in full,
    the variants, and the deviations from the originals: docs/environments.md.
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
            "moves": "absolute",
            "growth_first": True,
            "growth_under_players": False,
        },
        "ssd": {
            "zap_length": 5,
            "zap_cooldown": 0,
            "zap_cost": 1.0,
            "zap_fine": 50.0,
            "away": 0,
            "growth": (0.0, 0.005, 0.02, 0.05),
            "radius": 1.5,
            "growth_under_players": False,
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
    away: Count = Field(4, description="rounds for which a player that is hit is away; 0: it stays")
    growth: tuple[Probability, ...] = Field(
        (0.0, 0.0025, 0.005, 0.025),
        min_length=1,
        strict=False,
        description="probability that an apple grows at a site with 0, 1, 2, ... apples near",
    )
    radius: float = Field(
        2.0, ge=1, le=10, description="distance within which an apple counts as near; 1.5 covers 8 cells"
    )

    @property
    def inflow(self) -> float:
        return self.terrain.count("A") * max(self.growth)

    def initial_resources(self, ground: Board, chance: Chance) -> Tensors:
        return {"apple": torch.ones_like(sites(ground, "A"), dtype=torch.bool).expand(*chance.keys.shape, -1)}

    def grow(self, now: Tensors, drawn: Tensor, round: int, ground: Board) -> Tensors:
        near = now["apple"].float() @ _near(ground, self.radius)
        bounds = _bounds(self.growth, ground.code.device)
        grows = drawn < take_rows(bounds, near.long().clamp_(max=len(bounds) - 1))
        return {"apple": now["apple"] | grows}

    def state_measures(self, now: Tensors, ground: Board) -> Tensors:
        return {"stock": now["apple"].double().mean(-1)}


@lru_cache(maxsize=64)
def _near(ground: Board, radius: float) -> Tensor:
    """Which apple sites are near each other, float32 [site, site]; no site is near itself."""
    with torch.inference_mode(False):
        found = sites(ground, "A")
        place = torch.stack((found // ground.stride, found % ground.stride), -1)
        apart = (place[:, None] - place).square().sum(-1)
        return ((apart <= radius**2) & (apart > 0)).float()


@lru_cache(maxsize=64)
def _bounds(growth: tuple[float, ...], device: torch.device) -> Tensor:
    """The draws below which an apple grows, by the number of apples near."""
    with torch.inference_mode(False):
        return torch.tensor([threshold(p) for p in growth], device=device)
