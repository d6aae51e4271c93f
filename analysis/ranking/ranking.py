"""The ranking: mean payoff of each agent over partners, its intervals, and the ranks that the data leave open."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ...columns import RANKING
from ..arrays import Flags, Indices, Numbers
from ..cells import Cells, cells_by_league
from ..game import Game
from ..options import AnalysisOptions
from ..statistics.bootstrap import Interval, bootstrap_payoffs, generator, intervals
from ..statistics.influence_functions import influences, payoff_matrix
from ..statistics.kinds import MIN_KINDS
from .field import FailureRecords, Field, common_field, unranked
from .payoffs import cell_table
from .rank_sets import payoff_contrasts, rank_sets

COLUMNS = RANKING.names
_TYPES = {column.name: column.kind for column in RANKING.columns if column.kind in ("Int64", "int64")}
WORST = 0.1


def rank(
    seats: pd.DataFrame,
    games: Mapping[str, Game],
    options: AnalysisOptions,
    failures: FailureRecords = (),
) -> pd.DataFrame:
    """A row for each environment, league and agent, best payoff first; columns as in `COLUMNS`.

    Ranked are the agents of the common field (`field.py`). Agents that are left out, because of `failures` or
    missing matches, follow without a rank.
    """
    fields = [common_field(cells, failures) for cells in cells_by_league(seats, games)]
    rankings = [
        rank_field(field, None if field.cells is None else cell_table(field.cells), options) for field in fields
    ]
    if not rankings:
        return pd.DataFrame({name: pd.Series(dtype=np.float64) for name in COLUMNS})
    ranking = pd.concat(rankings, ignore_index=True)
    labels = seats["environment"].cat.categories.astype(str)
    ranking["environment"] = pd.Categorical(ranking["environment"], labels)
    ranking["role"] = ranking["role"].astype("category")
    return ranking


def rank_field(field: Field, table: pd.DataFrame | None, options: AnalysisOptions) -> pd.DataFrame:
    """One league's ranking: the agents of its common field, from their `cell_table`, then the unranked ones."""
    parts = [unranked(field)]
    if field.cells is not None and table is not None:
        ranked = rank_cells(field.cells, table, options)
        ranked = ranked[ranked["opponents"] > 0]  # the others are partners only
        names = ranked["agent"].astype(str)
        field_notes = [field.notes.get(name, "") for name in names]
        notes = ["; ".join(filter(None, both)) for both in zip(field_notes, ranked["note"], strict=True)]
        parts.insert(0, ranked.assign(missing=names.map(field.missing), note=notes))
    parts = [part for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True).reindex(columns=list(COLUMNS)).astype(_TYPES)


def rank_cells(cells: Cells, table: pd.DataFrame, options: AnalysisOptions) -> pd.DataFrame:
    """One league's ranking, from its cells and their `cell_table`; docs/analysis.md explains the columns.

    `payoff` is the mean over opponents or companies, with self-play if it was played; cells with one opponent
    share its weight. Equal payoffs share a rank, and `gap` is the difference to the next agent. Intervals hold
    with 95 %, rank sets for all agents simultaneously: `fixed_*` over further repetitions with these opponents,
    the others also over other kinds of opponents. With fewer than five `kinds` the latter are NaN and any rank is
    open. `standard_error` is over repetitions alone, as if opponents shared none. `fixed_p_best`, `p_best` and
    `p_top` are shares of bootstrap draws in which the agent is first, or among the first `options.top`; ties
    share.

    `worst_partner` is the lowest payoff with an opponent, `worst_tenth` the mean over the worst tenth of opponents
    (fractional if a tenth is no whole number). `wins` leaves out self-play; NaN if unknown with some opponent.
    """
    roster, share = cells.roster, cells.share
    size = len(roster)
    index = cells.positions[0]
    alone = cells.self_play

    def mean(column: str, among: Flags) -> Numbers:
        values = table[column].to_numpy(np.float64)
        among = among & ~np.isnan(values)
        weight = np.bincount(index[among], share[among], size)
        total = np.bincount(index[among], (share * values)[among], size)
        return np.where(weight > 0, total / np.where(weight > 0, weight, 1), np.nan)

    all_of_them = np.ones(len(index), dtype=np.bool_)
    wins = mean("wins", ~alone)
    wins[index[~alone & table["wins"].isna().to_numpy()]] = np.nan
    errors = np.bincount(index, (share * table["standard_error"].to_numpy(np.float64)) ** 2, size)
    matrix = payoff_matrix(cells, table)
    influence = influences(cells, table)
    random = generator(cells.environment, options.seed)
    drawn = bootstrap_payoffs(influence, options.draws, random)
    sampled, fixed = intervals(influence, sampled=True), intervals(influence, sampled=False)
    sets = rank_sets(influence, payoff_contrasts(influence), options.draws, random, options.comparisons)
    same = rank_sets(
        influence, payoff_contrasts(influence, sampled=False), options.draws, random, options.comparisons
    )
    payoff, opponents = influence.payoff, influence.partners
    empty = _meaningless(cells, fixed, sampled)
    worst = np.where(np.isnan(matrix), np.inf, matrix)
    worst_names = cells.partners[cells.field[worst.argmin(1)]]
    order = np.argsort(np.where(np.isnan(payoff), np.inf, -payoff.round(12)), kind="stable")
    best_first = payoff[order]
    known = ~np.isnan(payoff)

    def places(ranks: Indices) -> pd.Series[int]:
        return pd.Series(np.where(known, ranks, np.nan)[order]).astype("Int64")

    return pd.DataFrame(
        {
            "environment": cells.environment,
            "role": cells.league,
            "rank": pd.Series(best_first.round(12)).rank(method="min", ascending=False).astype("Int64"),
            "agent": pd.Categorical.from_codes(roster[order], cells.agents),
            "payoff": best_first,
            "low": sampled.low[order],
            "high": sampled.high[order],
            "fixed_low": fixed.low[order],
            "fixed_high": fixed.high[order],
            "fixed_rank_low": places(same.low),
            "fixed_rank_high": places(same.high),
            "fixed_p_best": among_first(drawn.fixed, 1)[order],
            "rank_low": places(sets.low),
            "rank_high": places(sets.high),
            "p_best": among_first(drawn.sampled, 1)[order],
            "p_top": among_first(drawn.sampled, options.top)[order],
            "standard_error": (np.sqrt(errors) / opponents.clip(1))[order],
            "payoff_without_self": mean("payoff", ~alone)[order],
            "gap": np.append(best_first[:-1] - best_first[1:], np.nan),
            "worst_partner": np.where(known, worst.min(1), np.nan)[order],
            "worst_partner_name": np.where(known, np.asarray(worst_names), "")[order],
            "worst_tenth": worst_tenth(matrix)[order],
            "wins": wins[order],
            "cooperation": mean("cooperation", all_of_them)[order],
            "opponents": opponents[order],
            "kinds": influence.kinds[order],
            "matches": np.bincount(index, table["matches"], size).astype(np.int64)[order],
            "note": [
                "; ".join(filter(None, (_note(opponents[i], influence.kinds[i], bool(cells.members)), empty[i])))
                for i in order
            ],
        }
    )


def among_first(drawn: Numbers, top: int) -> Numbers:
    """The share of draws [agent, draw] in which each agent is among the first `top`; ties share."""
    known = ~np.isnan(drawn).any(1)
    share = np.where(known, 1.0, np.nan)
    size = int(known.sum())
    if size <= top:
        return share
    values = drawn[known].round(12)
    last = np.partition(values, size - top, axis=0)[size - top]
    above, equal = values > last, values == last
    places = (top - above.sum(0)) / equal.sum(0)
    share[known] = (above + equal * places).mean(1) if drawn.shape[1] else np.nan
    return share


def worst_tenth(matrix: Numbers) -> Numbers:
    """The mean payoff over the worst tenth of partners: conditional value at risk of [agent, partner]."""
    ordered = np.sort(matrix, axis=1)  # NaN comes last
    count = (~np.isnan(matrix)).sum(1)[:, None]
    tail = WORST * count
    weight = np.minimum(np.maximum(tail, 1) - np.arange(matrix.shape[1]), 1).clip(0)
    weight = np.where(np.arange(matrix.shape[1]) < count, weight, 0)
    total = (weight * np.where(np.isnan(ordered), 0, ordered)).sum(1)
    return np.where(count[:, 0] > 0, total / np.where(count[:, 0] > 0, weight.sum(1), 1), np.nan)


def _meaningless(cells: Cells, fixed: Interval, sampled: Interval) -> list[str]:
    """A note on each agent whose intervals are wider than the payoffs of the game."""
    low, high = cells.extremes if cells.declared else (-np.inf, np.inf)
    game = f"wider than all payoffs of the game, {low:g} to {high:g}, and means nothing"
    wide, elsewhere = (each.high - each.low > high - low for each in (fixed, sampled))
    return [
        f"its interval is {game}" if own else f"with other partners its interval is {game}" if others else ""
        for own, others in zip(wide, elsewhere, strict=True)
    ]


def _note(opponents: int, kinds: int, companies: bool) -> str:
    """The note on an agent's row."""
    notes = []
    if companies:
        least = f"with {kinds} agent{'s' if kinds != 1 else ''} in a role of its companies"
        return f"{least} nothing is known of others: {MIN_KINDS} are the least" if 0 < kinds < MIN_KINDS else ""
    if kinds < opponents:
        notes.append(f"{opponents} opponents of {kinds} kind{'s' if kinds != 1 else ''}")
    if 0 < kinds < MIN_KINDS:
        few = ("kind" if kinds < opponents else "opponent") + ("s" if kinds != 1 else "")
        notes.append(f"with {kinds} {few} nothing is known of others: {MIN_KINDS} are the least")
    return "; ".join(notes)
