"""Elo's scale, from Bradley-Terry strengths: no order of matches, no step size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..arrays import Numbers
from .bradley_terry import Strengths

POINTS = 400 / math.log(10)
"""A unit of log odds: 400 points are odds of ten to one (Elo 1978)."""


@dataclass(frozen=True)
class Elo:
    """Ratings and their standard errors, in Elo points."""

    rating: Numbers
    standard_error: Numbers


def elo(strengths: Strengths, mean: float = 1500.0) -> Elo:
    """mean + 400 / log(10) times the strength: the limit of Elo updates, on average over orders of matches."""
    return Elo(mean + POINTS * strengths.strength, POINTS * np.asarray(strengths.standard_error))
