"""Runs: which trained run of an algorithm sat where, as the unit of its agent's chance.

A checkpoint's matches draw among the runs that were kept. Matches that drew the same run are not independent draws
of the algorithm, however many there are: their effects are summed by run, for the agent's own runs and for its
partners'. Single matches, which both hold, count once (multiway clusters: Cameron, Gelbach and Miller 2011).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..cells import Cells, Flags, Indices, Numbers


@dataclass(frozen=True)
class Units:
    """What units of chance do to payoffs: repetitions, and each run of each agent that has several."""

    effect: Numbers
    """[cell, unit], repetitions first; the sum of squares over units is the squared standard error of the cell."""
    trained: Flags
    """Whether the cell's agent has several runs: then these are its units, not repetitions [cell]."""
    freedom: Numbers
    """Degrees of freedom over units [agent], in the order of `Cells.roster`."""


@dataclass(frozen=True)
class _Sat:
    """Who sat in the matches of the cells; a unit is a run of an agent."""

    owner: Indices
    """Whose run it is, in the order of `Cells.roster`, then of the agents of other leagues [unit]."""
    own: sparse.csr_array
    """The share of the agent's seats that each of its runs had [match, unit]."""
    other: sparse.csr_array
    """1 for the runs of other agents [match, unit]."""


def units(cells: Cells, moved: Numbers, freedom: Numbers) -> Units:
    """The effects of all units, given those `moved` by repetitions [cell, repetition], with `freedom` [agent].

    A run moves a cell by the sum of e_m = share (P_m - r W_m) / sum W over its matches m. Were an agent's own runs
    all the chance there is, with u_k for run k and p_jk its share of cell j of n, the payoff would be off by
    sum_k q_k u_k, q being the mean of p over cells, and the effects would be B u, with B = diag(q) - p'p / n: they
    are widened by sqrt(q'q / tr B'B), and have (tr B'B)^2 / tr (B'B)^2 degrees of freedom (Bell and McCaffrey
    2002). So are those of a partner's runs, by cell. These are then scaled down, for the squares of single matches
    are among the agent's own effects already; but not so far that both together would be less than these alone.
    Degrees of freedom of the sum are Satterthwaite's, and no more than those of the agent's own runs. Where no
    cell saw two of an agent's runs, it is taken to have none.
    """
    trained = np.zeros(len(cells.agent), dtype=np.bool_)
    sat = _sat(cells)
    if sat is None:
        return Units(moved, trained, freedom)
    size = len(cells.roster)
    agent, partner = cells.at
    cell: Indices = np.repeat(np.arange(len(agent)), cells.matches)
    rows = cells.weights()
    weight = cells.per_match(rows)
    total = cells.per_cell(weight)
    paid = cells.per_match(cells.column("payoff") * rows)
    residual = paid - (cells.per_cell(paid) / total)[cell] * weight
    residual[np.abs(residual) < 1e-12 * np.abs(paid)] = 0.0
    residual *= (cells.share / total)[cell]
    own, other = (_by_cell(cell, residual, of.sign()) for of in (sat.own, sat.other))
    own_share, other_share = (_by_cell(cell, weight / total[cell], of) for of in (sat.own, sat.other))

    count = np.bincount(agent, cells.share, size)
    freedom = freedom.copy()
    own_freedom = np.full(size, np.inf)
    for which in np.unique(sat.owner[sat.owner < size]):
        mine = agent == which
        wide, free = _of_runs(own_share[np.ix_(mine, sat.owner == which)], cells.share[mine] / count[which])
        trained |= mine & (wide > 0)
        own[mine] *= wide
        if wide > 0:
            freedom[which] = own_freedom[which] = free
    own[~trained] = 0.0
    moved = np.where(trained[:, None], 0.0, moved)

    widened, freed = np.zeros(len(agent)), np.full(len(agent), np.inf)
    for at in np.flatnonzero((other_share > 0).sum(1) > 1):
        met = other_share[at, other_share[at] > 0]
        widened[at], freed[at] = _of_runs(met[None] / met.sum(), np.ones(1))
    other *= widened[:, None]
    alone = cells.per_cell(residual**2) * (cells.matches / (cells.matches - 1).clip(1)) * (widened > 0)

    # [agent, owner]: the squares of what each partner's runs do.
    by_agent = _summed(agent, other, size)
    squares = np.stack(
        [(by_agent[:, sat.owner == of] ** 2).sum(1) for of in range(max(size, sat.owner.max() + 1))], 1
    )
    fewest = np.full(squares.shape, np.inf)
    if cells.square:
        np.minimum.at(fewest, (agent, partner), freed)
    else:
        np.minimum.at(fewest, agent, freed[:, None])
    theirs = squares.sum(1)
    ours = (_summed(agent, np.hstack((moved, own)), size) ** 2).sum(1)
    twice = np.minimum(np.bincount(agent, alone, size), ours)
    scale = np.divide((theirs - twice).clip(0), theirs, out=np.zeros(size), where=theirs > 0)
    other *= np.sqrt(scale)[agent][:, None]

    spread = ours**2 / freedom.clip(1) + (scale[:, None] ** 2 * squares**2 / fewest).sum(1)
    both = (ours + scale * theirs) ** 2
    freedom = np.where(scale > 0, np.divide(both, spread, out=freedom.copy(), where=spread > 0), freedom)
    return Units(np.hstack((moved, own + other)), trained, np.minimum(freedom, own_freedom))


def _sat(cells: Cells) -> _Sat | None:
    """None where no run is told, or none but one of each agent."""
    seats = cells.seats
    if "run" not in seats or not (seats["run"].to_numpy() >= 0).any():
        return None
    match, run = seats["match"].to_numpy(), seats["run"].to_numpy().astype(np.int64)
    code = seats["agent"].cat.codes.to_numpy().astype(np.int64)
    of_cells = match[cells.rows[cells.match_starts]]
    matches = np.unique(of_cells)
    here = np.flatnonzero(np.isin(match, matches) & np.isin(code, np.unique(code[run >= 0])))
    # A match from before runs were told is of a run that isn't known.
    radix = int(run.max()) + 2
    known, unit = np.unique(code[here] * radix + run[here] + 1, return_inverse=True)
    sitting = np.append(cells.roster, np.setdiff1d(known // radix, cells.roster))
    order = np.argsort(sitting)
    owner = order[np.searchsorted(sitting, known // radix, sorter=order)]
    if not len(known) or np.bincount(owner).max() < 2:
        return None
    shape = (len(matches), len(known))
    chairs = sparse.csr_array((np.ones(len(here)), (np.searchsorted(matches, match[here]), unit)), shape=shape)
    told = chairs[np.searchsorted(matches, of_cells)].tocoo()
    agent = np.repeat(cells.at[0], cells.matches)
    mine = owner[told.col] == agent[told.row]
    own, other = (
        sparse.csr_array((told.data[of], (told.row[of], told.col[of])), shape=told.shape) for of in (mine, ~mine)
    )
    return _Sat(owner, sparse.csr_array(own.multiply(1 / cells.seats_held[:, None])), other.sign())


def _by_cell(cell: Indices, value: Numbers, of: sparse.csr_array) -> Numbers:
    """Sums over the matches of each cell of a value [match] for each unit [cell, unit]."""
    sums = sparse.csr_array((value, (cell, np.arange(len(cell)))), shape=(int(cell[-1]) + 1, len(cell)))
    return np.asarray((sums @ of).toarray(), dtype=np.float64)


def _summed(agent: Indices, effect: Numbers, size: int) -> Numbers:
    """Sums over the cells of each agent [agent, unit]."""
    total = np.zeros((size, effect.shape[1]))
    np.add.at(total, agent, effect)
    return total


def _of_runs(share: Numbers, weight: Numbers) -> tuple[float, float]:
    """What widens the effects of runs, and their degrees of freedom; (0, 1) where no cell has two.

    The runs have these `share`s of cells [cell, run], and cells these `weight`s, which add up to 1.
    """
    q = weight @ share
    b = np.diag(q) - share.T @ (share * weight[:, None])
    square = b.T @ b
    trace = float(np.trace(square))
    if not trace > 1e-12 * float(q @ q):
        return 0.0, 1.0
    return float(np.sqrt(q @ q / trace)), trace**2 / float((square**2).sum())
