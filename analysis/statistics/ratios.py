"""Ratios of sums over partners, and how far other partners of their kind might move them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cells import Numbers
from .tails import LEVEL, t_ppf

NEVER = 1e-6
"""A share of rounds that rounding alone can reach."""


@dataclass(frozen=True)
class RatioEstimate:
    """A measure of each unit, and what each of its partners moves it by."""

    value: Numbers
    """[unit]; NaN where nothing ever told."""
    influence: Numbers
    """[unit, partner]; they add up to 0."""
    partners: Numbers
    """How many told something [unit]."""

    def half_width(self) -> Numbers:
        """Of Student's 95 % interval over partners [unit]; NaN with one partner."""
        count = self.partners
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.sqrt(count / (count - 1) * (self.influence**2).sum(1))
            half = t_ppf((1 + LEVEL) / 2, count - 1) * error
        return np.where(count > 1, half, np.nan)


def ratio(part: Numbers, whole: Numbers) -> RatioEstimate:
    """sum part / sum whole over partners [unit, partner], with the delta method's influences (Cochran 1977)."""
    told = whole > NEVER
    total = np.where(told, whole, 0).sum(1)
    value = np.where(total > 0, np.where(told, part, 0).sum(1) / np.where(total > 0, total, 1), np.nan)
    influence = np.where(told, part - value[:, None] * whole, 0) / np.where(total > 0, total, 1)[:, None]
    influence[np.abs(influence) < NEVER] = 0
    return RatioEstimate(value, influence, told.sum(1).astype(np.float64))


def product_of(one: RatioEstimate, other: RatioEstimate) -> RatioEstimate:
    """0 where one factor is, whether or not the other is known."""
    value = np.where(one.value == 0, 0.0, one.value * other.value)
    moved = one.influence * np.nan_to_num(other.value)[:, None] + one.value[:, None] * other.influence
    return RatioEstimate(
        value, moved, np.where(one.value == 0, one.partners, np.minimum(one.partners, other.partners))
    )
