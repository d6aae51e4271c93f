"""Assessment norms: how what a member did to another changes what is thought of it."""

from __future__ import annotations

from typing import Literal, TypeAlias

GOOD, BAD = 1.0, -1.0

Norm: TypeAlias = Literal["image_scoring", "standing", "stern_judging", "shunning"]

NORMS: dict[Norm, tuple[tuple[float, float], tuple[float, float]]] = {
    "image_scoring": ((GOOD, GOOD), (BAD, BAD)),
    "standing": ((GOOD, GOOD), (BAD, GOOD)),
    "stern_judging": ((GOOD, BAD), (BAD, GOOD)),
    "shunning": ((GOOD, BAD), (BAD, BAD)),
}
"""The new reputation [C or D, towards a good or a bad other].

Nowak and Sigmund 1998; Sugden 1986, in the form of Leimar and Hammerstein 2001; Kandori 1992, named by Pacheco,
Santos and Chalub 2006; Takahashi and Mashima 2006.
"""
