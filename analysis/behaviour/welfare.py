"""Welfare: the total payoff of a match, its equality, and an agent's effect on the payoff of others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..arrays import Flags, Indices, Numbers
from ..cells import Cells
from ..finding import Finding
from ..game import ANY_SEAT
from ..report.chapters import Chapter, Evidence
from ..statistics.influence_functions import payoff_matrix
from ..statistics.shares import shares
from ..statistics.tails import CONFIDENCE, t_ppf

_CERTAIN = 1e-15
"""Variances of matches' payoffs below this are rounding errors."""
CAST_COLUMNS = (
    *("environment", "agent", "opponent", "seat", "k", "welfare", "welfare_share", "equality"),
    *("matches", "how"),
)


def welfare(
    cells: Cells,
    table: pd.DataFrame,
    *,
    optimum: float | None = None,
    declared: Mapping[str, Sequence[str]] | None = None,
) -> Finding:
    """A row for each agent of one environment, from its cells and their `cell_table`.

    `welfare`, `equality` and `welfare_share` are means over partners, self-play included, as in `welfare_by_cast`.
    The `declared` shares of the environment follow, as in `shares`. The remaining columns leave out self-play:
    `payoff` is what the agent earns per round, `others` what the others earn in its matches (Melting Pot's focal
    and background per-capita return; Agapiou et al. 2022), and `others_elsewhere` what they earn in matches
    without it, each averaged over its own other partners, itself included. `effect` is the difference of the last
    two: below 0, the agent reduces the payoff of others. Its 95 % interval is Student's, over partners; NaN with
    fewer than two.
    """
    matrix = payoff_matrix(cells, table)
    size = len(matrix)
    at = cells.positions[0]
    columns: dict[str, object] = {
        "environment": cells.environment,
        "agent": pd.Categorical.from_codes(cells.roster, cells.agents),
    }
    for name, values in _by_cell(cells, optimum).items():
        known = ~np.isnan(values)
        share = np.where(known, cells.share, 0)
        weight = np.bincount(at, share, size)
        total = np.bincount(at, share * np.where(known, values, 0), size)
        mean = np.where(weight > 0, total / np.where(weight > 0, weight, 1), np.nan)
        if name == "equality":  # over some partners only it would not be comparable
            mean[at[~known]] = np.nan
        columns[name] = mean
    columns |= shares(cells, declared or {})
    away = matrix.copy()
    np.fill_diagonal(away, np.nan)
    met = ~np.isnan(matrix)
    earned, partners = np.where(met, matrix, 0).sum(1), met.sum(1)
    with_me, left = away.T, partners - met.T
    elsewhere = np.where(left > 0, (earned - np.nan_to_num(matrix.T)) / left.clip(1), np.nan)
    elsewhere[np.isnan(with_me)] = np.nan
    effect = with_me - elsewhere
    effect[np.abs(effect) < 1e-12] = 0.0
    columns |= {"payoff": _mean(away), "others": _mean(with_me), "others_elsewhere": _mean(elsewhere)}
    counted, mean = (~np.isnan(effect)).sum(1), _mean(effect)
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = np.where(np.isnan(effect), 0, effect - mean[:, None]) ** 2
        error = np.sqrt(squares.sum(1) / (counted - 1) / counted)
        half = np.where(counted > 1, t_ppf((1 + CONFIDENCE) / 2, counted - 1) * error, np.nan)
    columns |= {"effect": mean, "effect_low": mean - half, "effect_high": mean + half, "partners": counted}
    found = pd.DataFrame(columns)
    return Finding(found, (*_remarks(found), *_explained(found, declared or {})))


def welfare_by_cast(cells: Cells, *, optimum: float | None = None) -> Finding:
    """A row for each cast of one environment: agent, opponent, and the agent's seat (or number of seats k).

    `welfare` is the sum of payoffs per round over all seats, `welfare_share` its share of `optimum`, the largest
    possible sum. `equality` is 1 - G, averaged over matches, with Gini's G = sum_i sum_j |r_i - r_j| / (2 N sum_i
    r_i) over the N seats of a match (Perolat et al. 2017). It ranges from 1 / N, if one seat has everything, to 1.
    It is NaN if a payoff is negative, and in exact cells whose matches differ, because the equality of expected
    payoffs is not the mean equality. Raises ValueError for an optimum that is not positive.
    """
    once: Flags = (cells.agent < cells.partner) | (cells.self_play & (cells.seat <= 0))
    if (cells.seat != ANY_SEAT).any():
        once = cells.seat == 0
    columns = {
        "environment": cells.environment,
        "agent": pd.Categorical.from_codes(cells.agent, cells.agents),
        "opponent": pd.Categorical.from_codes(cells.partner, cells.partners),
        "seat": cells.seat_names,
        "k": cells.k,
        **_by_cell(cells, optimum),
        "matches": np.where(cells.exact, 0, cells.matches),
        "how": cells.how,
    }
    found = pd.DataFrame(columns)[once].reset_index(drop=True)
    return Finding(found[list(CAST_COLUMNS)], tuple(_remarks(found)))


def mean_of_others(cells: Cells, values: Numbers) -> Numbers:
    """The mean of values [row] over the other seats of each match [match]; the own mean if there are none."""
    which = _match_of(cells)
    size = np.diff(cells.match_starts, append=len(cells.rows))
    first = which[cells.match_starts]
    left = np.bincount(which)[first] - size
    own = np.add.reduceat(values, cells.match_starts)
    rest = np.bincount(which, values)[first] - own
    mean: Numbers = np.where(left > 0, rest, own) / np.where(left > 0, left, size)
    return mean


def seat_count(cells: Cells) -> int:
    """The number of seats of a match."""
    return int(np.bincount(_match_of(cells)).max())


def _match_of(cells: Cells) -> Indices:
    """The number of each row's match [row]; two cells share one."""
    match = cells.seats["match"].to_numpy()[cells.rows]
    which: Indices = np.unique(match, return_inverse=True)[1].astype(np.int64)
    return which


def equality(payoffs: NDArray[np.float64]) -> Numbers:
    """1 - Gini of payoffs [..., seat]; 1 if all are 0, NaN if one is negative or unknown."""
    apart = np.abs(payoffs[..., :, None] - payoffs[..., None, :]).sum((-1, -2))
    total = payoffs.sum(-1)
    gini = np.where(total > 0, apart / np.where(total > 0, 2 * payoffs.shape[-1] * total, 1), 0.0)
    return np.where((payoffs >= 0).all(-1), 1 - gini, np.nan)


def _by_cell(cells: Cells, optimum: float | None) -> dict[str, Numbers]:
    """Welfare, its share of the optimum and equality of the matches of each cell."""
    if optimum is not None and not 0 < optimum < np.inf:
        raise ValueError(f"optimum is {optimum}: it must be a positive number, the most that all seats can earn")
    which, seats = _match_of(cells), seat_count(cells)
    order = np.argsort(which, kind="stable")
    starts = np.flatnonzero(np.diff(which[order], prepend=-1))
    place = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))

    def of_seats(name: str) -> Numbers:
        """A column, by all the seats of each match [match, seat]."""
        values = np.full((which.max() + 1) * seats, np.nan)
        values[which[order] * seats + place] = cells.column(name)[order]
        every: Numbers = values.reshape(-1, seats)[which[cells.match_starts]]
        return every

    payoffs = of_seats("payoff")
    even = equality(payoffs)
    certain = (of_seats("variance") <= _CERTAIN * (1 + payoffs**2)).all(1)
    even[np.repeat(cells.exact, cells.matches) & ~certain] = np.nan
    weights = cells.per_match(cells.weights())
    total_weight = cells.per_cell(weights)
    total = cells.per_cell(weights * payoffs.sum(1)) / total_weight
    return {
        "welfare": total,
        "welfare_share": total / (np.nan if optimum is None else optimum),
        "equality": cells.per_cell(even) / cells.matches,
    }


def _mean(values: Numbers) -> Numbers:
    """Means over the known values of each row."""
    known = ~np.isnan(values)
    count = known.sum(1)
    return np.where(count > 0, np.where(known, values, 0).sum(1) / count.clip(1), np.nan)


def _remarks(found: pd.DataFrame) -> list[str]:
    remarks = []
    if found["equality"].isna().any():
        remarks.append(
            "Equality is unknown where somebody earns less than 0, for Gini's index has no meaning there, and "
            "where only the expectation of matches that differ is known: it is a mean over matches as played."
        )
    if "effect" in found and found["effect"].isna().any():
        who = ", ".join(found["agent"][found["effect"].isna()].astype(str))
        remarks.append(f"Who pays can't be said of {who}: no partner of theirs was seen with anybody else.")
    return remarks


def _explained(found: pd.DataFrame, declared: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for name, (part, whole) in declared.items():
        if found[name].notna().any():
            title = name.replace("_", " ").capitalize()
            yield f"{title} is {part} / {whole} of the agent's own seats, with its 95 % interval over partners."


def _compute(evidence: Evidence) -> Finding:
    optimum = evidence.game.get("optimum")
    most = None if optimum is None else optimum * evidence.game["seats"]
    declared = evidence.game.get("shares")
    return welfare(evidence.all_cells, evidence.all_table, optimum=most, declared=declared)


CHAPTERS = (
    Chapter(
        "welfare",
        "Who pays for the score",
        "Welfare is the sum of all seats' payoffs in an agent's matches, equality 1 less Gini's coefficient. "
        "Others' payoff in its matches stands beside what the same others earn without it: the effect is what it "
        "does to them.",
        _compute,
        square=True,
    ),
)
