"""Racing: which agents' order in the fixed field is still unclear, and so worth more matches."""

from __future__ import annotations

import numpy as np

from ..cells import Cells, Flags
from ..statistics.influence_functions import influence
from ..statistics.tails import t_isf, t_sf
from ..statistics.unseen import unseen_by_agent
from .payoffs import cell_table
from .rank_sets import holm


def unresolved(cells: Cells, *, level: float = 0.05, margin: float = 0.0) -> Flags:
    """Whether an agent's place among these partners is unclear [agent], in the order of `cells.roster`.

    Two agents are told apart where the difference of their payoffs, over repetitions with the same partners,
    differs from 0 by Student's test and Holm's adjustment over all pairs at `level`; or where it is known to lie
    within `margin`. Matches that were all equal may hide rare events: what those may add (`unseen`, at `level`
    over the number of pairs) counts as error of either payoff. Only a difference of expectations is known, even
    that of 0. For several looks divide `level` by their number (Bonferroni): the order is then right with 1 -
    level at whatever look the race ends. Who has no payoff is not in the race.
    """
    table = cell_table(cells)
    moved = influence(cells, table)
    racing = np.flatnonzero(~np.isnan(moved.payoff))
    first, second = (racing[index] for index in np.triu_indices(len(racing), 1))
    pairs = max(1, len(first))
    difference = moved.payoff[first] - moved.payoff[second]
    seen = ((moved.repetition[first] - moved.repetition[second]) ** 2).sum(1)
    unseen = unseen_by_agent(cells, table, level / pairs) ** 2
    error = np.sqrt(seen + unseen[first] + unseen[second])
    freedom = (np.minimum(moved.repetitions[first], moved.repetitions[second]) - 1).clip(1)
    # What is unseen is a bound, which has no degrees of freedom to lose: Satterthwaite's count of what was seen.
    freedom = np.divide(freedom * error**4, seen**2, out=np.full(len(seen), np.inf), where=seen > 0)
    played = np.zeros(len(cells.roster), dtype=np.bool_)
    played[cells.at[0][~cells.exact]] = True
    certain = ~(played[first] | played[second])
    error[(moved.silent[first] | moved.silent[second])] = np.nan
    p = 2 * t_sf(np.abs(difference) / np.maximum(error, 1e-12), freedom)
    doubtful = ~certain & ~np.isnan(p)
    apart = certain.copy()
    apart[doubtful] = holm(p[doubtful]) <= level
    if margin:
        half = t_isf(level / (2 * pairs), freedom) * error
        apart |= np.abs(difference) + half <= margin
    open_ = np.zeros(len(moved.payoff), dtype=np.bool_)
    open_[first[~apart]] = open_[second[~apart]] = True
    return open_
