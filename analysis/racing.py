"""Racing: which agents' order in the fixed field is still unclear, and so worth more matches."""

from __future__ import annotations

import numpy as np
from scipy import stats

from .cells import Cells, Flags
from .influence import influence
from .payoffs import cell_table
from .rank_sets import holm


def unresolved(cells: Cells, *, level: float = 0.05, margin: float = 0.0) -> Flags:
    """Whether an agent's place among these partners is unclear [agent], in the order of `cells.roster`.

    Two agents are told apart where the difference of their payoffs, over repetitions with the same partners,
    differs from 0 by Student's test and Holm's adjustment over all pairs at `level`; or where it is known to lie
    within `margin`. A difference without sampling error is known. For several looks divide `level` by their number
    (Bonferroni): the order is then right with 1 - level at whatever look the race ends.
    """
    moved = influence(cells, cell_table(cells))
    first, second = np.triu_indices(len(moved.payoff), 1)
    difference = moved.payoff[first] - moved.payoff[second]
    error = np.sqrt(((moved.repetition[first] - moved.repetition[second]) ** 2).sum(1))
    freedom = (np.minimum(moved.repetitions[first], moved.repetitions[second]) - 1).clip(1)
    certain = (error <= 1e-12) & ~(moved.silent[first] | moved.silent[second])
    t = np.abs(difference) / np.where(certain, 1.0, np.maximum(error, 1e-300))
    p = np.where(certain, 0.0, 2 * stats.t.sf(t, freedom))
    apart = np.zeros(len(p), dtype=np.bool_)
    doubtful = ~certain & ~np.isnan(p)
    apart[certain] = True
    apart[doubtful] = holm(p[doubtful]) <= level
    if margin:
        half = stats.t.isf(level / (2 * max(1, len(p))), freedom) * error
        apart |= np.abs(difference) + half <= margin
    open_ = np.zeros(len(moved.payoff), dtype=np.bool_)
    open_[first[~apart]] = open_[second[~apart]] = True
    return open_
