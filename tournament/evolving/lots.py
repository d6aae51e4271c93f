"""Lots: the uniform numbers that evolution draws, each addressed by replicate, generation and kind."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from ...envs.chance import Chance, Purpose, derive

Numbers: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int64]


class Lot(IntEnum):
    """What a number is drawn for."""

    START = 0
    HIT = 1
    VALUE = 2
    FIXATION = 3
    PARENTS = 4
    CROSSOVER = 5
    GENES = 6


@dataclass(frozen=True, eq=False)
class Lots:
    """The uniform numbers of populations that evolve side by side."""

    keys: torch.Tensor
    """[replicate]."""

    def uniform(self, lot: Lot, generation: int, *shape: int) -> Numbers:
        """From 0 to 1 [replicate, *shape]."""
        chance = Chance.at_tables(self.keys, math.prod(shape))
        drawn: Numbers = chance.uniform(Purpose.SELECTION, generation, lot).numpy().reshape(-1, *shape)
        return drawn

    def seeds(self, generation: int) -> Indices:
        """A seed of 32 bits for another generator [replicate]."""
        seeds: Indices = derive(self.keys, generation).numpy() & 0xFFFFFFFF
        return seeds
