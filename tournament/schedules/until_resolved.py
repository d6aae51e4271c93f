"""A budget spent where it matters: casts are repeated only while the order of their agents is unclear."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from .schedule import History, Request

if TYPE_CHECKING:
    from ..plan import Plan

FIRST = 10
"""Matches of each cast before the first look at what is resolved."""
ERROR = 0.05
"""With which a race may end with a wrong order; it is divided among the looks."""


def until_resolved(plan: Plan, requests: Sequence[Request], history: History, at_most: int) -> list[Request]:
    """What of `requests` is to be played, look by look, each with twice the repetitions where it is open.

    A look uses the repetitions of the looks before it alone, so that it comes out the same whenever it is taken.
    """
    looks = looks_of(at_most, plan.learning.block)
    asked = [replace(request, repetitions=looks[0]) for request in requests]
    for before, repetitions in pairwise(looks):
        if not history.settled(asked):
            break
        unclear = history.unresolved(before, ERROR / len(looks))
        more = [
            replace(request, casts=request.casts[chosen], repetitions=repetitions)
            for request in requests
            if (chosen := _open(plan, request, unclear)).any()
        ]
        if not more:
            break
        asked += more
    return asked


def looks_of(at_most: int, block: int) -> list[int]:
    """How many repetitions there are at each look, whole blocks of them."""
    looks = [min(math.ceil(FIRST / block) * block, at_most)]
    while looks[-1] < at_most:
        looks.append(min(2 * looks[-1], at_most))
    return looks


def _open(
    plan: Plan, request: Request, unclear: set[tuple[int, int]]
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which casts have somebody whose place is unclear, and are not exact [cast]."""
    open_ = np.isin(request.casts, [entrant for setting, entrant in unclear if setting == request.setting])
    return np.asarray(open_.any(axis=1) & ~plan.exact(request.setting, request.casts))
