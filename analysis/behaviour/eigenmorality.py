"""Eigenmorality: an agent is good if it cooperates with good agents.

Goodness is an eigenvector of the table of who cooperates with whom (Aaronson 2014, "Eigenmorality"; Singer-Clark
2014, "Morality metrics on iterated prisoner's dilemma players").
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm

from ..arrays import Numbers
from ..cells import Cells
from ..ratings.league import largest_complete
from .welfare import seat_count

_DOUBLINGS = 24
_SETTLED = 1e-5


def eigenjesus(cooperation: Numbers) -> Numbers:
    """Goodness [agent] with v = C v / lambda: cooperation is good, more so with good agents; defection counts 0.

    `cooperation` is C, the share of cooperation [agent, opponent] from 0 to 1. NaN if there is no dominant vector.
    """
    return principal_vector(cooperation)


def eigenmoses(cooperation: Numbers) -> Numbers:
    """Goodness [agent] likewise, with 2 C - 1 in place of C: defection against bad agents is good as well."""
    return principal_vector(2 * cooperation - 1)


def principal_vector(matrix: Numbers) -> Numbers:
    """The eigenvector of the largest eigenvalue, with length 1, starting from equal goodness of all; NaN if there
    is none.

    It is the direction to which dv/dt = M v converges from v = (1, ..., 1), which fixes its sign, and selects a
    vector if several belong to the largest eigenvalue. There is none if that eigenvalue is not positive or has an
    imaginary part. NaN entries count as 0. (Power iteration converges to the eigenvalue of largest modulus
    instead. If that is negative, it does not converge: the sign of defectors' goodness changes with every step.)
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
    """Eigenjesus and eigenmoses [agent] from cooperation [agent, opponent], and remarks on them.

    Only for agents that have all met, in games of two seats: with more seats no cooperation is directed at one
    agent.
    """
    found = {name: np.full(len(cooperation), np.nan) for name in ("eigenjesus", "eigenmoses")}
    if np.isnan(cooperation).all() or seat_count(cells) > 2:
        return found, []
    try:
        league = largest_complete(cooperation)
    except ValueError as error:
        return found, [f"No eigenjesus, no eigenmoses. {error}"]
    kept, remarks = league.agents, []
    names = np.asarray(cells.agents[cells.roster], dtype=object)
    if len(kept) < len(names):
        left_out = ", ".join(np.delete(names, kept))
        remarks.append(f"Eigenjesus and eigenmoses leave out, because some pair did not meet: {left_out}.")
    if len(league.no_self_play):
        remarks.append("Eigenjesus and eigenmoses leave out self-play where it was not played.")
    for name, rating in (("eigenjesus", eigenjesus), ("eigenmoses", eigenmoses)):
        found[name][kept] = rating(cooperation[np.ix_(kept, kept)])
        if np.isnan(found[name]).all():
            remarks.append(
                f"There is no {name}: the table of who cooperates with whom has no positive main direction."
            )
    return found, remarks
