"""Ratios of sums over partners, with intervals over other partners of their kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Numbers
from .tails import CONFIDENCE, t_ppf

NEGLIGIBLE = 1e-6
"""A share of rounds below this is rounding error."""


@dataclass(frozen=True)
class RatioEstimate:
    """A measure of each unit, and the influence of each partner on it."""

    value: Numbers
    """[unit]; NaN if no partner has it."""
    influence: Numbers
    """[unit, partner]; they sum to 0."""
    partners: Numbers
    """Number of partners with a value [unit]."""

    def half_width(self) -> Numbers:
        """Half the width of Student's 95 % interval over partners [unit]; NaN with one partner."""
        count = self.partners
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.sqrt(count / (count - 1) * (self.influence**2).sum(1))
            half = t_ppf((1 + CONFIDENCE) / 2, count - 1) * error
        return np.where(count > 1, half, np.nan)


def ratio(part: Numbers, whole: Numbers) -> RatioEstimate:
    """sum part / sum whole over partners [unit, partner], with the delta method's influences (Cochran 1977)."""
    known = whole > NEGLIGIBLE
    total = np.where(known, whole, 0).sum(1)
    value = np.where(total > 0, np.where(known, part, 0).sum(1) / np.where(total > 0, total, 1), np.nan)
    influence = np.where(known, part - value[:, None] * whole, 0) / np.where(total > 0, total, 1)[:, None]
    influence[np.abs(influence) < NEGLIGIBLE] = 0
    return RatioEstimate(value, influence, known.sum(1).astype(np.float64))


def product_of(one: RatioEstimate, other: RatioEstimate) -> RatioEstimate:
    """The product; 0 if one factor is 0, even if the other is unknown."""
    value = np.where(one.value == 0, 0.0, one.value * other.value)
    influence = one.influence * np.nan_to_num(other.value)[:, None] + one.value[:, None] * other.influence
    return RatioEstimate(
        value, influence, np.where(one.value == 0, one.partners, np.minimum(one.partners, other.partners))
    )
