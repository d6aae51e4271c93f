"""Confidence bands around the mean of curves: at each point alone, and around the whole curve at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Flags, Indices, Numbers
from .tails import CONFIDENCE, t_ppf


@dataclass(frozen=True)
class Bands:
    """Means of curves and their bands [measure, point]; NaN with fewer than two known matches."""

    mean: Numbers
    low: Numbers
    high: Numbers
    band_low: Numbers
    """With `band_high`: around the whole curve of a measure."""
    band_high: Numbers
    matches: Indices
    """Number of matches that have the measure at this point."""


def bands(values: Numbers, random: np.random.Generator, draws: int) -> Bands:
    """The bands of curves [measure, match, point], whose matches are independent; NaN is unknown.

    At one point with n matches, mean m and standard deviation s, the band is Student's m -+ t s / sqrt(n). For a
    whole curve t is replaced by a quantile of the largest deviation max_p |D_p|, with
        D_p = sum_i g_i (x_ip - m_p) / (s_p sqrt(n - 1)) / sqrt(c / (n - 1)),
    where a draw gives each match a multiplier g_i ~ N(0, 1) and the curve one c ~ chi2(n - 1). This is a
    multiplier bootstrap (Chernozhukov, Chetverikov and Kato 2013) in which each D_p alone has Student's
    distribution.

    With eight matches of normal curves the pointwise band covers the mean in 95 of 100 cases (a percentile
    bootstrap in 88). The band of the whole curve covers 77 to 88 of 100 curves with eight matches, fewer the
    rougher they are, and 89 to 94 with twenty.
    """
    known = ~np.isnan(values)
    matches = known.sum(1)
    several = matches > 1
    count = matches.clip(1)
    mean = np.where(matches > 0, np.where(known, values, 0).sum(1) / count, np.nan)
    residual = np.where(known, values - mean[:, None], 0.0)
    freedom = count.clip(2) - 1
    spread = np.sqrt((residual**2).sum(1) / freedom)
    error = np.where(several, spread / np.sqrt(count), np.nan)
    alone = t_ppf((1 + CONFIDENCE) / 2, freedom)
    together = np.maximum(alone, _largest(residual, spread, freedom, several, random, draws)[:, None])
    return Bands(
        mean, mean - alone * error, mean + alone * error, mean - together * error, mean + together * error, matches
    )


def _largest(
    residual: Numbers, spread: Numbers, freedom: Indices, several: Flags, random: np.random.Generator, draws: int
) -> Numbers:
    """The quantile of the largest deviation along each curve [measure]."""
    measures, matches = residual.shape[:2]
    if matches < 2 or not several.any():
        return np.zeros(measures)
    varies = several & (spread > 1e-12)
    scale = np.where(varies, np.sqrt(freedom) * np.where(varies, spread, 1.0), np.inf)
    standard = (residual / scale[:, None]).astype(np.float32)
    multipliers = random.standard_normal((draws, matches), dtype=np.float32)
    chi = np.sqrt(random.chisquare(matches - 1, draws) / (matches - 1))
    largest = [np.abs(multipliers @ curve).max(1) / chi for curve in standard]
    quantile: Numbers = np.quantile(largest, CONFIDENCE, axis=1)
    return quantile
