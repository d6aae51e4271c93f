"""Cleanup: apples grow only while some players leave them and clean the river."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from .chance import Chance, threshold
from .environment import Probability
from .foraging import Count, Tensors, VariedForagingGame
from .gridworld import (
    FIRE,
    FIRE_TWO,
    LAYERS,
    Beam,
    Board,
    Colour,
    View,
    index_mask,
    site_numbers,
    sites,
    take_rows,
    targets_hit,
)


class Cleanup(VariedForagingGame):
    """A public good: a player that cleans the river lets apples grow for all, and eats none meanwhile.

    The default rules are those of Melting Pot's clean_up. With d the share of the river that is waste, each
    empty site grows an apple in a round with probability
        growth * clip((depletion - d) / (depletion - restoration), 0, 1),
    and from round `delay` on one random clean place of the river fouls with probability `pollution`. Action 8
    fires the cleaning beam. Each of its rays cleans the first waste that it meets. Only apples pay.

    Observations are planes of 11 x 11 cells: the player, others by heading, walls, apples, the river, waste.
    Cooperation: having cleaned. Measures: `apples`, `timed_apples`, `beams`, `zaps`, `peace`, `efficiency`,
    `cleaned`, and `waste`, which is d.

    `variant` sets the defaults of the other parameters: "melting_pot", "socialjax" or "ssd". The rules in full,
    the variants, and the deviations from the originals: docs/environments.md.
    """

    source: ClassVar[str] = "Hughes et al. 2018; rules of Melting Pot's clean_up, Leibo et al. 2021"
    letters: ClassVar[str] = "#.ASW~"
    view: ClassVar[View] = View(9, 1, 5)
    beam_timers: ClassVar[Mapping[int, str]] = {FIRE: "rest", FIRE_TWO: "cleaning_rest"}
    colours: ClassVar[tuple[Colour, ...]] = ((92, 160, 60), (120, 180, 225), (120, 96, 52))
    map: ClassVar[str] = """\
##############################
#............................#
#.................~~~WWWW~~..#
#W~~.........WW~~~WWWW~~~WWW~#
#~WWWW~~~WWW~~~WWWW~~~WWW~~~W#
#WW~~~WWW~~~WWWW~~~WWW~~~WWWW#
#~~WWW~~~WWWW~~~WWW~~~WWWW~~~#
#WW~~~WWWW~~~WWW~~.W...~...WW#
#..WWWW~~~WWW..~...........~.#
#......W...~.................#
#.S..S..S..S..S..S..S..S..S..#
#S..S..S..S..S..S..S..S..S..S#
#.....A.....A....A.....A.....#
#A.AA.A.AA.A.AA.A.AA.A.AA.A.A#
#AA.A.AA.A.AA.A.AA.A.AA.A.AA.#
#.A.AA.A.AA.A.AA.A.AA.A.AA.A.#
#.AA.A.AA.A.AA.A.AA.A.AA.A.AA#
#A.A.AA.A.AA.A.AA.A.AA.A.AA.A#
#A.AA.A.AA.A.AA.A.AA.A.AA.A.A#
#AA.A.AA.A.AA.A.AA.A.AA.A.AA.#
##############################"""

    variants: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "socialjax": {
            "zap_cells": ((0, 1), (0, 2), (-1, 1), (1, 1)),
            "zap_cooldown": 0,
            "cleaning_cooldown": 0,
            "away": 0,
            "respawn": True,
            "stream": 20,
            "delay": 51,
            "moves": "absolute",
            "growth_first": True,
            "growth_under_players": False,
        },
        "ssd": {
            "players": 5,
            "zap_length": 5,
            "zap_cooldown": 0,
            "cleaning_cooldown": 0,
            "zap_cost": 1.0,
            "zap_fine": 50.0,
            "away": 0,
            "shields": True,
            "pollution": 1.0,
            "saturation": 0.4,
            "delay": 0,
            "growth_under_players": False,
        },
    }
    ssd_map: ClassVar[str] = """\
##################
#.W~~WWW~~~~WWW~~#
#~~WWW~~~~WWW~~W~#
#WWW~~W~WWW~~~~WW#
#W~~~~WWW~~~~WWW~#
#~~~W~W~~~WWWW~~~#
#WWWW~~~~WWWW~~~W#
#.WW~~~WWW~~~~WW.#
#..~~WW..~~~W.W~.#
#................#
#.S..S..S..S..S..#
#................#
#S..S..S..S..S..S#
#................#
#A..A.AA.AA.AA.AA#
#AA.AA.AA.AA.AA.A#
#.AA.AA.A..AA.AA.#
#A.AA.AA.AA.AA.AA#
#AA.AA.AA.AA.AA..#
#.AA.AA.AA.AA.AA.#
#A.AA.AA.AA.AA.AA#
#AA.AA..A.AA.AA.A#
#.AA.AA.AA.AA.AA.#
#A.AA.AA.AA.AA.AA#
##################"""

    growth: Probability = Field(0.05, description="probability that an apple grows at a site, by a clean river")
    depletion: Probability = Field(0.4, description="share of waste in the river at which nothing grows any more")
    restoration: Probability = Field(
        0.0, description="share of waste up to which growth is full; below `depletion`"
    )
    pollution: Probability = Field(0.5, description="probability that a clean place of the river fouls in a round")
    saturation: Probability = Field(1.0, description="share of waste at which nothing more fouls")
    delay: Count = Field(50, description="rounds before anything fouls")
    stream: Count = Field(
        0, description="places of the river off the map, which never foul, in the share of waste"
    )
    shields: bool = Field(False, description="whether players stop the rays that clean")
    cleaning_cooldown: Count = Field(2, description="rounds that must pass between two uses of the cleaning beam")

    @model_validator(mode="after")
    def _has_a_river(self) -> Self:
        if not set("~W") & set(self.terrain):
            raise ValueError("the map does not fit: it needs a river, '~' or 'W'")
        if self.restoration >= self.depletion:
            raise ValueError(
                f"restoration must lie below depletion {self.depletion:g}, found {self.restoration:g}"
            )
        return self

    @property
    def inflow(self) -> float:
        return self.terrain.count("A") * self.growth

    @property
    def growth_draws(self) -> int:
        return super().growth_draws + 2

    def cooldown(self, fire: int) -> int:
        return self.cleaning_cooldown if fire == FIRE_TWO else self.zap_cooldown

    def initial_resources(self, ground: Board, chance: Chance) -> Tensors:
        """No apples, and the waste that the map shows."""
        shape = (*chance.keys.shape, -1)
        river = sites(ground, "~W")
        foul = (river[:, None] == sites(ground, "W")).any(-1)
        return {
            "apple": torch.zeros_like(sites(ground, "A"), dtype=torch.bool).expand(shape),
            "waste": foul.expand(shape),
        }

    def clean(self, now: Tensors, action: Tensor, zap: Beam, ground: Board) -> tuple[Tensors, Tensor | None]:
        waste = now["waste"]
        number = take_rows(site_numbers(ground, "~W"), zap.cells)
        none = torch.zeros_like(waste[..., :1])
        foul = torch.cat((waste, none), -1).gather(-1, number.flatten(2)).view(number.shape)
        targets = foul
        if self.shields:
            targets = foul | (zap.cells[..., None] == now["cell"][..., None, None, None, :]).any(-1)
        cleans = targets_hit(zap, action == FIRE_TWO, targets) & foul
        where = torch.where(cleans, number, waste.shape[-1])
        return {"waste": waste & ~index_mask(where, waste.shape[-1])}, cleans.flatten(3).sum(-1)

    def grow(self, now: Tensors, drawn: Tensor, round: int, ground: Board) -> Tensors:
        waste = now["waste"]
        if round >= self.delay:
            clean = ~waste
            count = clean.sum(-1, keepdim=True)
            which = ((drawn[..., -1:] + 2**31) * count >> 32) + 1
            fouls = (drawn[..., -2:-1] < threshold(self.pollution)) & (count > 0)
            if self.saturation < 1:
                fouls = fouls & (self._foul(waste) < self.saturation)
            waste = waste | clean & (clean.cumsum(-1, dtype=torch.int32) == which) & fouls
        share = self._foul(
            now["waste"] if self.growth_first else waste
        )  # SocialJax's apples grow, then waste comes
        rate = (self.depletion - share) / (self.depletion - self.restoration)
        grows = drawn[..., :-2] < threshold(self.growth * rate.clamp(0, 1))
        return {"apple": now["apple"] | grows, "waste": waste}

    def state_measures(self, now: Tensors, ground: Board) -> Tensors:
        return {"waste": self._foul(now["waste"])[..., 0]}

    def cell_codes(self, now: Tensors, ground: Board) -> Tensor:
        river = LAYERS[1] + now["waste"] * ground.code.new_tensor(LAYERS[2])
        return super().cell_codes(now, ground).index_copy_(-1, sites(ground, "~W"), river)

    def _foul(self, waste: Tensor) -> Tensor:
        """The share of the river that is waste, float64 [match, table, 1]."""
        return waste.sum(-1, keepdim=True).double() / (waste.shape[-1] + self.stream)
