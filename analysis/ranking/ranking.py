"""The ranking: each agent's mean payoff over partners, how sure it is, and which ranks the data leave open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from ..cells import Cells, Flags, Game, Indices, Numbers, cells_by_league
from ..judgement import Judgement
from ..statistics.bootstrap import drawn_payoffs, generator, intervals
from ..statistics.influence_functions import influence, payoff_matrix
from ..statistics.kinds import FEW
from .field import FailureRecords, Field, common_field, unranked
from .payoffs import cell_table
from .rank_sets import payoff_contrasts, rank_sets

COLUMNS = (
    *("environment", "role", "rank", "agent", "payoff", "low", "high", "fixed_low", "fixed_high"),
    *("fixed_rank_low", "fixed_rank_high", "fixed_p_best", "rank_low", "rank_high", "p_best", "p_top"),
    *("standard_error", "payoff_without_self", "gap", "worst_partner", "worst_partner_name", "worst_tenth"),
    *("wins", "cooperation", "opponents", "kinds", "missing", "matches", "note"),
)
_TYPES: dict[str, Literal["Int64", "int64"]] = {
    **dict.fromkeys(("rank", "rank_low", "rank_high", "fixed_rank_low", "fixed_rank_high", "kinds"), "Int64"),
    **{"opponents": "int64", "missing": "int64", "matches": "int64"},
}
WORST = 0.1


def rank(
    seats: pd.DataFrame,
    games: Mapping[str, Game],
    asked: Judgement,
    failures: FailureRecords = (),
) -> pd.DataFrame:
    """A row for each environment, league and agent, best payoff first; columns as in `COLUMNS`.

    Ranked are the agents of the common field (`field.py`); those left out, for `failures` or for matches that they
    lack, stand below, without a rank.
    """
    fields = [common_field(cells, failures) for cells in cells_by_league(seats, games)]
    rankings = [
        rank_field(field, None if field.cells is None else cell_table(field.cells), asked) for field in fields
    ]
    if not rankings:
        return pd.DataFrame({name: pd.Series(dtype=np.float64) for name in COLUMNS})
    ranking = pd.concat(rankings, ignore_index=True)
    labels = seats["environment"].cat.categories.astype(str)
    ranking["environment"] = pd.Categorical(ranking["environment"], labels)
    ranking["role"] = ranking["role"].astype("category")
    return ranking


def rank_field(field: Field, table: pd.DataFrame | None, asked: Judgement) -> pd.DataFrame:
    """One league's ranking: its common field, whose `cell_table` is given, then those left out, unranked."""
    parts = [unranked(field)]
    if field.cells is not None and table is not None:
        ranked = rank_cells(field.cells, table, asked)
        ranked = ranked[ranked["opponents"] > 0]  # the others are partners alone
        names = ranked["agent"].astype(str)
        told = [field.notes.get(name, "") for name in names]
        notes = ["; ".join(filter(None, both)) for both in zip(told, ranked["note"], strict=True)]
        parts.insert(0, ranked.assign(missing=names.map(field.missing), note=notes))
    parts = [part for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True).reindex(columns=list(COLUMNS)).astype(_TYPES)


def rank_cells(cells: Cells, table: pd.DataFrame, asked: Judgement) -> pd.DataFrame:
    """One league's ranking, from its cells and their `cell_table`.

    An agent's payoff is the mean over its opponents, or companies, itself as one of them where self-play was
    played; several cells with one opponent (both seats, each k) share that opponent's weight. Equal payoffs share
    a place, and `gap` is to the next one.

    `fixed_low` and `fixed_high` hold the payoff over further repetitions with these opponents in 95 % of cases,
    `low` and `high` that over other kinds of opponents as well; `standard_error` is over repetitions alone,
    as if they shared no chance. `fixed_rank_low` to `fixed_rank_high` and `rank_low` to `rank_high` hold the rank,
    for all agents at once with 95 %. `fixed_p_best`, `p_best` and `p_top` are shares of the bootstrap's draws in
    which the agent is first, and among the first `asked.top`; who ties shares. `kinds` counts how many kinds the
    opponents are of; below five nothing is said of others: `low`, `high`, `p_best` and `p_top` are NaN, and any
    rank is left open.

    `worst_partner` is the payoff with the opponent named beside it, `worst_tenth` the mean over the worst tenth
    of opponents (a part of one where a tenth is no whole number). `wins` leaves self-play out, and is unknown
    where it is unknown with somebody.
    """
    roster, share = cells.roster, cells.share
    size = len(roster)
    index = cells.at[0]
    alone = cells.alone

    def mean(column: str, among: Flags) -> Numbers:
        values = table[column].to_numpy(np.float64)
        among = among & ~np.isnan(values)
        weight = np.bincount(index[among], share[among], size)
        total = np.bincount(index[among], (share * values)[among], size)
        return np.where(weight > 0, total / np.where(weight > 0, weight, 1), np.nan)

    everybody = np.ones(len(index), dtype=np.bool_)
    wins = mean("wins", ~alone)
    wins[index[~alone & table["wins"].isna().to_numpy()]] = np.nan
    errors = np.bincount(index, (share * table["standard_error"].to_numpy(np.float64)) ** 2, size)
    matrix = payoff_matrix(cells, table)
    moved = influence(cells, table)
    random = generator(cells.environment, asked.seed)
    drawn = drawn_payoffs(moved, asked.draws, random)
    sampled, fixed = intervals(moved, sampled=True), intervals(moved, sampled=False)
    sets = rank_sets(moved, payoff_contrasts(moved), asked.draws, random, asked.comparisons)
    same = rank_sets(moved, payoff_contrasts(moved, sampled=False), asked.draws, random, asked.comparisons)
    payoff, opponents = moved.payoff, moved.partners
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
            "p_top": among_first(drawn.sampled, asked.top)[order],
            "standard_error": (np.sqrt(errors) / opponents.clip(1))[order],
            "payoff_without_self": mean("payoff", ~alone)[order],
            "gap": np.append(best_first[:-1] - best_first[1:], np.nan),
            "worst_partner": np.where(known, worst.min(1), np.nan)[order],
            "worst_partner_name": np.where(known, np.asarray(worst_names), "")[order],
            "worst_tenth": worst_tenth(matrix)[order],
            "wins": wins[order],
            "cooperation": mean("cooperation", everybody)[order],
            "opponents": opponents[order],
            "kinds": moved.kinds[order],
            "matches": np.bincount(index, table["matches"], size).astype(np.int64)[order],
            "note": [_note(opponents[i], moved.kinds[i], bool(cells.members)) for i in order],
        }
    )


def among_first(drawn: Numbers, top: int) -> Numbers:
    """The share of draws [agent, draw] in which each agent is among the first `top`; who ties there shares."""
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


def _note(opponents: int, kinds: int, companies: bool) -> str:
    """What the reader of an agent's row must know."""
    notes = []
    if companies:
        least = f"with {kinds} agent{'s' if kinds != 1 else ''} in a role of its companies"
        return f"{least} nothing is known of others: {FEW} are the least" if 0 < kinds < FEW else ""
    if kinds < opponents:
        notes.append(f"{opponents} opponents of {kinds} kind{'s' if kinds != 1 else ''}")
    if 0 < kinds < FEW:
        few = ("kind" if kinds < opponents else "opponent") + ("s" if kinds != 1 else "")
        notes.append(f"with {kinds} {few} nothing is known of others: {FEW} are the least")
    return "; ".join(notes)
