"""Rank correlation: how far two scores order the same things alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Numbers


def kendall(one: ArrayLike, other: ArrayLike) -> Numbers:
    """Kendall's tau-b [...] of scores [..., item], over the items that both have; NaN if one makes no difference.

    Over pairs of items, with a_ij and b_ij the signs of their differences:
    tau = sum a b / sqrt(sum a^2 sum b^2) (Kendall 1945).
    """
    scores = np.broadcast_arrays(np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64))
    first, second = np.triu_indices(scores[0].shape[-1], 1)
    a, b = (np.sign(score[..., first] - score[..., second]) for score in scores)
    known = ~np.isnan(a + b)
    a, b = np.where(known, a, 0.0), np.where(known, b, 0.0)
    with np.errstate(invalid="ignore"):
        tau: Numbers = (a * b).sum(-1) / np.sqrt((a**2).sum(-1) * (b**2).sum(-1))
    return tau
