"""Racing: which agents still have an unclear rank in the fixed field, and so need more matches."""

from __future__ import annotations

import numpy as np

from ..arrays import Flags
from ..cells import Cells
from ..statistics.influence_functions import influences
from ..statistics.tails import t_isf, t_sf
from ..statistics.unseen import unseen_by_agent
from .payoffs import cell_table
from .rank_sets import holm


def unresolved(cells: Cells, *, level: float = 0.05, margin: float = 0.0) -> Flags:
    """Whether the rank of an agent among these partners is unclear [agent], in the order of `cells.roster`.

    The order of two agents is clear if the difference of their payoffs, over repetitions with the same partners,
    differs from 0 by Student's test with Holm's adjustment over all pairs at `level`, or if it is known to lie
    within `margin`. Matches that are all equal may hide rare events: the error that these may add (`unseen`, at
    `level` over the number of pairs) is included for both payoffs. The difference of two expectations is always
    clear, even if it is 0.

    For several looks divide `level` by their number (Bonferroni): the order is then right with probability 1 -
    level at whichever look the race ends. Agents without a payoff are not in the race.
    """
    table = cell_table(cells)
    influence = influences(cells, table)
    racing = np.flatnonzero(~np.isnan(influence.payoff))
    first, second = (racing[index] for index in np.triu_indices(len(racing), 1))
    pairs = max(1, len(first))
    difference = influence.payoff[first] - influence.payoff[second]
    seen = ((influence.repetition[first] - influence.repetition[second]) ** 2).sum(1)
    unseen = unseen_by_agent(cells, table, level / pairs) ** 2
    error = np.sqrt(seen + unseen[first] + unseen[second])
    freedom = (np.minimum(influence.repetitions[first], influence.repetitions[second]) - 1).clip(1)
    # The unseen part is a bound without sampling error: Satterthwaite's degrees are those of the seen part.
    freedom = np.divide(freedom * error**4, seen**2, out=np.full(len(seen), np.inf), where=seen > 0)
    played = np.zeros(len(cells.roster), dtype=np.bool_)
    played[cells.positions[0][~cells.exact]] = True
    certain = ~(played[first] | played[second])
    error[(influence.error_unknown[first] | influence.error_unknown[second])] = np.nan
    p = 2 * t_sf(np.abs(difference) / np.maximum(error, 1e-12), freedom)
    doubtful = ~certain & ~np.isnan(p)
    apart = certain.copy()
    apart[doubtful] = holm(p[doubtful]) <= level
    if margin:
        half = t_isf(level / (2 * pairs), freedom) * error
        apart |= np.abs(difference) + half <= margin
    open_ = np.zeros(len(influence.payoff), dtype=np.bool_)
    open_[first[~apart]] = open_[second[~apart]] = True
    return open_
