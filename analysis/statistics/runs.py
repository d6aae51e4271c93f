"""Trained runs as units of randomness: which run of an algorithm was seated in which match.

The matches of a checkpoint draw among the kept runs. Matches with the same run are not independent draws of the
algorithm: their effects are summed by run, for the agent's own runs and for its partners' runs. Single matches
belong to both sums and are counted once (multiway clusters: Cameron, Gelbach and Miller 2011).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..arrays import Flags, Indices, Numbers
from ..cells import Cells


@dataclass(frozen=True)
class UnitEffects:
    """The effects of units on payoffs: of repetitions, and of each run of each agent that has several."""

    effect: Numbers
    """[cell, unit], repetitions first; the sum of squares over units is the squared standard error of the cell."""
    trained: Flags
    """Whether the cell's agent has several runs, which are then its units in place of repetitions [cell]."""
    freedom: Numbers
    """Degrees of freedom over units [agent], in the order of `Cells.roster`."""


@dataclass(frozen=True)
class _Seating:
    """The runs seated in the matches of the cells; a unit is a run of an agent."""

    owner: Indices
    """The agent of each run, in the order of `Cells.roster`, then of agents of other leagues [unit]."""
    own: sparse.csr_array
    """The share of the agent's seats taken by each of its runs [match, unit]."""
    other: sparse.csr_array
    """1 for the runs of other agents [match, unit]."""


def unit_effects(cells: Cells, by_repetition: Numbers, freedom: Numbers) -> UnitEffects:
    """The effects of all units, from those of repetitions [cell, repetition] and their degrees of freedom [agent].

    A run shifts a cell by the sum of e_m = share (P_m - r W_m) / sum W over its matches m. Suppose an agent's own
    runs were the only randomness, with u_k for run k and p_jk its share of cell j of n. Then the payoff would be
    off by sum_k q_k u_k, with q the mean of p over cells, and the effects would be B u, with B = diag(q) - p'p /
    n. They are widened by sqrt(q'q / tr B'B), and have (tr B'B)^2 / tr (B'B)^2 degrees of freedom (Bell and
    McCaffrey 2002). The effects of a partner's runs are treated alike, by cell. They are then scaled down, because
    the agent's own effects already include the squares of single matches, but not below what they would be alone.
    Degrees of freedom of the sum are Satterthwaite's, at most those of the agent's own runs. An agent counts as
    having no runs if no cell has two of them.
    """
    trained = np.zeros(len(cells.agent), dtype=np.bool_)
    seating = _seating(cells)
    if seating is None:
        return UnitEffects(by_repetition, trained, freedom)
    size = len(cells.roster)
    agent, partner = cells.positions
    cell: Indices = np.repeat(np.arange(len(agent)), cells.matches)
    rows = cells.weights()
    weight = cells.per_match(rows)
    total = cells.per_cell(weight)
    paid = cells.per_match(cells.column("payoff") * rows)
    residual = paid - (cells.per_cell(paid) / total)[cell] * weight
    residual[np.abs(residual) < 1e-12 * np.abs(paid)] = 0.0
    residual *= (cells.share / total)[cell]
    own, other = (_by_cell(cell, residual, of.sign()) for of in (seating.own, seating.other))
    own_share, other_share = (_by_cell(cell, weight / total[cell], of) for of in (seating.own, seating.other))

    count = np.bincount(agent, cells.share, size)
    freedom = freedom.copy()
    own_freedom = np.full(size, np.inf)
    for which in np.unique(seating.owner[seating.owner < size]):
        mine = agent == which
        wide, free = _of_runs(own_share[np.ix_(mine, seating.owner == which)], cells.share[mine] / count[which])
        trained |= mine & (wide > 0)
        own[mine] *= wide
        if wide > 0:
            freedom[which] = own_freedom[which] = free
    own[~trained] = 0.0
    by_repetition = np.where(trained[:, None], 0.0, by_repetition)

    widened, freed = np.zeros(len(agent)), np.full(len(agent), np.inf)
    for at in np.flatnonzero((other_share > 0).sum(1) > 1):
        met = other_share[at, other_share[at] > 0]
        widened[at], freed[at] = _of_runs(met[None] / met.sum(), np.ones(1))
    other *= widened[:, None]
    alone = cells.per_cell(residual**2) * (cells.matches / (cells.matches - 1).clip(1)) * (widened > 0)

    # [agent, owner]: the squared effects of each partner's runs.
    by_agent = _summed(agent, other, size)
    squares = np.stack(
        [(by_agent[:, seating.owner == of] ** 2).sum(1) for of in range(max(size, seating.owner.max() + 1))], 1
    )
    fewest = np.full(squares.shape, np.inf)
    if cells.square:
        np.minimum.at(fewest, (agent, partner), freed)
    else:
        np.minimum.at(fewest, agent, freed[:, None])
    theirs = squares.sum(1)
    ours = (_summed(agent, np.hstack((by_repetition, own)), size) ** 2).sum(1)
    twice = np.minimum(np.bincount(agent, alone, size), ours)
    scale = np.divide((theirs - twice).clip(0), theirs, out=np.zeros(size), where=theirs > 0)
    other *= np.sqrt(scale)[agent][:, None]

    spread = ours**2 / freedom.clip(1) + (scale[:, None] ** 2 * squares**2 / fewest).sum(1)
    both = (ours + scale * theirs) ** 2
    freedom = np.where(scale > 0, np.divide(both, spread, out=freedom.copy(), where=spread > 0), freedom)
    return UnitEffects(np.hstack((by_repetition, own + other)), trained, np.minimum(freedom, own_freedom))


def _seating(cells: Cells) -> _Seating | None:
    """None if no run is recorded, or only one for each agent."""
    seats = cells.seats
    if "run" not in seats or not (seats["run"].to_numpy() >= 0).any():
        return None
    match, run = seats["match"].to_numpy(), seats["run"].to_numpy().astype(np.int64)
    code = seats["agent"].cat.codes.to_numpy().astype(np.int64)
    of_cells = match[cells.rows[cells.match_starts]]
    matches = np.unique(of_cells)
    here = np.flatnonzero(np.isin(match, matches) & np.isin(code, np.unique(code[run >= 0])))
    # Matches from before runs were recorded form a run of their own.
    radix = int(run.max()) + 2
    known, unit = np.unique(code[here] * radix + run[here] + 1, return_inverse=True)
    sitting = np.append(cells.roster, np.setdiff1d(known // radix, cells.roster))
    order = np.argsort(sitting)
    owner = order[np.searchsorted(sitting, known // radix, sorter=order)]
    if not len(known) or np.bincount(owner).max() < 2:
        return None
    shape = (len(matches), len(known))
    chairs = sparse.csr_array((np.ones(len(here)), (np.searchsorted(matches, match[here]), unit)), shape=shape)
    chairs_of = chairs[np.searchsorted(matches, of_cells)].tocoo()
    agent = np.repeat(cells.positions[0], cells.matches)
    mine = owner[chairs_of.col] == agent[chairs_of.row]
    own, other = (
        sparse.csr_array((chairs_of.data[of], (chairs_of.row[of], chairs_of.col[of])), shape=chairs_of.shape)
        for of in (mine, ~mine)
    )
    return _Seating(owner, sparse.csr_array(own.multiply(1 / cells.seats_held[:, None])), other.sign())


def _by_cell(cell: Indices, value: Numbers, of: sparse.csr_array) -> Numbers:
    """Sums of a value [match] over the matches of each cell, for each unit [cell, unit]."""
    sums = sparse.csr_array((value, (cell, np.arange(len(cell)))), shape=(int(cell[-1]) + 1, len(cell)))
    return np.asarray((sums @ of).toarray(), dtype=np.float64)


def _summed(agent: Indices, effect: Numbers, size: int) -> Numbers:
    """Sums over the cells of each agent [agent, unit]."""
    total = np.zeros((size, effect.shape[1]))
    np.add.at(total, agent, effect)
    return total


def _of_runs(share: Numbers, weight: Numbers) -> tuple[float, float]:
    """The widening of the effects of runs, and their degrees of freedom; (0, 1) if no cell has two runs.

    The runs have these `share`s of cells [cell, run], and cells have these `weight`s, which sum to 1.
    """
    q = weight @ share
    b = np.diag(q) - share.T @ (share * weight[:, None])
    square = b.T @ b
    trace = float(np.trace(square))
    if not trace > 1e-12 * float(q @ q):
        return 0.0, 1.0
    return float(np.sqrt(q @ q / trace)), trace**2 / float((square**2).sum())
