"""Eigenmorality: who cooperates with those who themselves cooperate with the good, and so on, without end.

Goodness is an eigenvector of the table of who cooperates with whom (Aaronson 2014, "Eigenmorality"; Singer-Clark
2014, "Morality metrics on iterated prisoner's dilemma players").
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm

from ..cells import Cells, Numbers
from ..ratings.league import largest_complete
from .welfare import seats_of

_DOUBLINGS = 24
_SETTLED = 1e-5


def eigenjesus(cooperation: Numbers) -> Numbers:
    """Goodness [agent] with v = C v / lambda: cooperating is good, more so with the good; defecting is nothing.

    `cooperation` is C, the share of cooperation [agent, opponent] from 0 to 1. NaN where no vector stands out.
    """
    return principal_vector(cooperation)


def eigenmoses(cooperation: Numbers) -> Numbers:
    """Goodness [agent] likewise, with 2 C - 1 in place of C: to defect against the bad is good, too."""
    return principal_vector(2 * cooperation - 1)


def principal_vector(matrix: Numbers) -> Numbers:
    """The eigenvector of the largest eigenvalue, of length 1, from equal goodness of all; NaN where there is none.

    It is the direction that dv/dt = M v tends to from v = (1, ..., 1): that decides its sign, and the vector where
    several belong to the largest eigenvalue. There is none where that isn't positive, or has an imaginary part. An
    entry that is NaN counts for nothing. (Power iteration tends to the eigenvalue of largest modulus instead, and
    to no vector where that is negative: defectors' goodness would then change its sign with every step.)
    """
    known, nothing = np.nan_to_num(matrix), np.full(len(matrix), np.nan)
    scale = np.abs(known).sum(1).max(initial=0)
    if not scale:
        return nothing
    known = known / scale
    long_after = expm(known)
    for _ in range(_DOUBLINGS):
        long_after = long_after @ long_after
        long_after /= np.abs(long_after).max()
    found: Numbers = long_after.sum(1)
    length = np.linalg.norm(found)
    if length < _SETTLED:
        return nothing
    found /= length
    value = found @ known @ found
    settled = np.linalg.norm(known @ found - value * found) < _SETTLED
    return found if settled and value > _SETTLED else nothing


def goodness(cells: Cells, cooperation: Numbers) -> tuple[dict[str, Numbers], list[str]]:
    """Eigenjesus and eigenmoses [agent] from cooperation [agent, opponent], and what must be said of them.

    Only of agents that have all met, in games of two seats: with more, nobody cooperates with one other alone.
    """
    found = {name: np.full(len(cooperation), np.nan) for name in ("eigenjesus", "eigenmoses")}
    if np.isnan(cooperation).all() or seats_of(cells) > 2:
        return found, []
    try:
        league = largest_complete(cooperation)
    except ValueError as error:
        return found, [f"No eigenjesus, no eigenmoses. {error}"]
    kept, said = league.agents, []
    names = np.asarray(cells.agents[cells.roster], dtype=object)
    if len(kept) < len(names):
        left_out = ", ".join(np.delete(names, kept))
        said.append(f"Eigenjesus and eigenmoses leave out, because some pair did not meet: {left_out}.")
    if len(league.no_self_play):
        said.append("Eigenjesus and eigenmoses count nobody's conduct towards itself where it was not played.")
    for name, rating in (("eigenjesus", eigenjesus), ("eigenmoses", eigenmoses)):
        found[name][kept] = rating(cooperation[np.ix_(kept, kept)])
        if np.isnan(found[name]).all():
            said.append(
                f"There is no {name}: the table of who cooperates with whom has no positive main direction."
            )
    return found, said
