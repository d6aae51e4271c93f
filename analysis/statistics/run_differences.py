"""Differences between two runs: what agents earn, how often they cooperate, what exploiters earn from them.

An agent's mean in a run is a sum of influences e_t of its repetitions (`influence_functions.py`). Where both runs
share matches of the agent, repetition t is the same draw in both, and the difference has the variance
    sum_t (e'_t - e_t)^2,        with e_t = 0 for a repetition that a run lacks,
on as many degrees of freedom as the fewer repetitions have; else it is the sum of both, with Welch's. Expectations
have no error. Equal rows make an equal mean, whatever is unknown of its error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ..arrays import Numbers
from ..behaviour.exploitability import exploitability
from ..cells import Cells, cells_by_league
from ..finding import Cards, Finding
from ..game import Game
from ..ranking.field import FailureRecords, common_field
from ..ranking.held_out import rivals
from ..ranking.payoffs import cell_table
from .influence_functions import Influences, influences
from .tails import CONFIDENCE, normal_isf, t_isf

COLUMNS = (
    *("environment", "role", "measure", "agent", "value", "other_value", "difference", "low", "high"),
    *("how", "shared_matches"),
)
PAYOFF, SAME_PARTNERS, COOPERATION = "payoff", "payoff with the same partners", "cooperation"
_TAIL = (1 - CONFIDENCE) / 2


@dataclass(frozen=True, eq=False)
class RunTables:
    """The tables of a run that are compared; labels that are alike mean the same in both."""

    seats: pd.DataFrame
    games: Mapping[str, Game]
    failures: FailureRecords = ()
    cards: Cards = ()
    background: tuple[str, ...] = ()


def run_differences(run: RunTables, other: RunTables) -> Finding:
    """A row for each environment, role, measure and agent that both runs have; columns as in `COLUMNS`.

    `difference` is `other` minus `run`, with its 95 % interval over further repetitions with the partners of each.
    If these differ, `payoff with the same partners` is the mean over those that both have. `how` says whether the
    difference is `exact`, of `equal` rows, `paired` or `unpaired`; its ends are NaN where an error is unknown.
    Each interval is for itself.
    """
    ours, theirs = ({(cells.environment, cells.league): cells for cells in _fields(each)} for each in (run, other))
    rows, remarks = list[dict[str, object]](), list[str]()
    for key in ours.keys() & theirs.keys():
        both = (ours[key], theirs[key])
        rows += _rows(*both, PAYOFF)
        fields = [set(cells.partners[cells.field]) for cells in both]
        if fields[0] != fields[1]:
            alike = tuple(_with_partners(cells, fields[0] & fields[1]) for cells in both)
            rows += _rows(alike[0], alike[1], SAME_PARTNERS)
            remarks.append(
                f"{ours[key].label}: the partners differ ({len(fields[0] & fields[1])} are in both of "
                f"{len(fields[0])} and {len(fields[1])}); a difference of payoffs is theirs too."
            )
        rows += _rows(_of_cooperation(both[0]), _of_cooperation(both[1]), COOPERATION)
        if all(cells.square for cells in both):
            rows += _exploiters(both[0], both[1], run.cards, other.cards)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return Finding(table, tuple(remarks))


def _fields(run: RunTables) -> Iterator[Cells]:
    """The cells that the ranking of a run is made of."""
    for cells in cells_by_league(rivals(run.seats, run.background), run.games):
        field = common_field(cells, run.failures).cells
        if field is not None:
            yield field


def _with_partners(cells: Cells, labels: set[str]) -> Cells:
    return cells.among(cells.roster, np.flatnonzero(cells.partners.isin(list(labels))))


def _of_cooperation(cells: Cells) -> Cells:
    """The same cells with cooperation in place of payoffs; none where it is unknown."""
    if "cooperation" not in cells.seats or cells.seats["cooperation"].iloc[cells.rows].isna().any():
        return cells.among(cells.roster[:0], cells.roster[:0])
    unknown = {name: np.nan for name in ("variance", "standard_error") if name in cells.seats}
    seats = cells.seats.assign(payoff=cells.seats["cooperation"], **unknown)
    return replace(cells, seats=seats, extremes=(0.0, 1.0))


@dataclass(frozen=True, eq=False)
class _Mean:
    """An agent's mean in a run, and its errors."""

    value: float
    by_repetition: dict[int, float]
    """The influence of each repetition."""
    of_runs: Numbers
    """The influences of trained runs, if there are any."""
    alone: float
    """The variance of single matches, and of events that were not seen."""
    freedom: float
    unknown: bool
    rows: pd.DataFrame
    """Its rows: match, seat and payoff."""

    @property
    def exact(self) -> bool:
        return not self.by_repetition and not len(self.of_runs) and not self.alone and not self.unknown

    @property
    def variance(self) -> float:
        return float(sum(shift**2 for shift in self.by_repetition.values()) + (self.of_runs**2).sum())


def _means(cells: Cells) -> dict[str, _Mean]:
    if not len(cells.agent):
        return {}
    influence = influences(cells, cell_table(cells))
    played = ~np.repeat(cells.exact, cells.matches)
    repetitions = np.unique(cells.seats["repetition"].to_numpy()[cells.rows[cells.match_starts]][played])
    rows = cells.seats[["match", "seat", "payoff", "agent"]].iloc[cells.rows]
    of_agent = dict(iter(rows.groupby(rows["agent"].astype(str))))
    return {
        label: _mean(influence, place, repetitions.tolist(), of_agent[label])
        for place, label in enumerate(cells.agents[cells.roster])
        if label in of_agent and not np.isnan(influence.payoff[place])
    }


def _mean(influence: Influences, place: int, repetitions: list[int], rows: pd.DataFrame) -> _Mean:
    shifts = influence.repetition[place]
    several = influence.repetitions[place] > 0
    return _Mean(
        value=float(influence.payoff[place]),
        by_repetition=dict(zip(repetitions, shifts.tolist(), strict=False)) if several else {},
        of_runs=shifts[len(repetitions) :] if repetitions else shifts[:0],
        alone=float(influence.unreplicated[place]),
        freedom=max(1.0, float(influence.repetitions[place]) - 1),
        unknown=bool(influence.error_unknown[place]),
        rows=rows,
    )


def _rows(cells: Cells, other: Cells, measure: str) -> Iterator[dict[str, object]]:
    means, others = _means(cells), _means(other)
    for agent in sorted(means.keys() & others.keys(), key=lambda agent: -means[agent].value):
        yield {
            "environment": cells.environment,
            "role": cells.league,
            "measure": measure,
            "agent": agent,
            "value": means[agent].value,
            "other_value": others[agent].value,
            **_difference(means[agent], others[agent]),
        }


def _difference(mean: _Mean, other: _Mean) -> dict[str, object]:
    """The difference of two means, its interval, and how it is known."""
    both = mean.rows.merge(other.rows, on=["match", "seat"])
    shared = both["match"].nunique()
    difference, how = other.value - mean.value, "unpaired"
    if len(both) == len(mean.rows) == len(other.rows) and (both["payoff_x"] == both["payoff_y"]).all():
        difference, half, how = 0.0, 0.0, "equal"
    elif mean.exact and other.exact:
        half, how = 0.0, "exact"
    elif mean.unknown or other.unknown:
        half = np.nan
    else:
        if shared and not len(mean.of_runs) and not len(other.of_runs):
            how = "paired"
            known = mean.by_repetition.keys() | other.by_repetition.keys()
            shifts = [other.by_repetition.get(t, 0.0) - mean.by_repetition.get(t, 0.0) for t in known]
            variance = float(np.square(shifts).sum())
            freedom = min((each.freedom for each in (mean, other) if each.by_repetition), default=1.0)
        else:
            parts = [each.variance for each in (mean, other)]
            variance = sum(parts)
            square = sum(part**2 / each.freedom for part, each in zip(parts, (mean, other), strict=True))
            freedom = variance**2 / square if square else 1.0
        alone = normal_isf(_TAIL) ** 2 * (mean.alone + other.alone)
        half = float(np.sqrt(t_isf(_TAIL, freedom) ** 2 * variance + alone))
    return {
        "difference": difference,
        "low": difference - half,
        "high": difference + half,
        "how": how,
        "shared_matches": shared,
    }


def _exploiters(cells: Cells, other: Cells, cards: Cards, other_cards: Cards) -> Iterator[dict[str, object]]:
    """What the best exploiter of each kind earns from an agent; two estimates count as independent."""
    found = []
    for each, own in ((cells, cards), (other, other_cards)):
        order = [str(label) for label in each.agents[each.roster]]
        table = exploitability(each.environment, order, own, each).table
        found.append(table.drop_duplicates(["agent", "kind"]).set_index(["kind", "agent"]))
    first, second = found
    for kind, agent in first.index.intersection(second.index, sort=False):
        one, two = (table.loc[(kind, agent)] for table in found)
        paid = [float(each["best_response_payoff"]) for each in (one, two)]
        halves = [0.0 if kind == "exact" else float(each["high"] - each["low"]) / 2 for each in (one, two)]
        half = math.hypot(*halves)
        yield {
            "environment": cells.environment,
            "role": cells.league,
            "measure": f"exploiter's payoff ({kind})",
            "agent": agent,
            "value": paid[0],
            "other_value": paid[1],
            "difference": paid[1] - paid[0],
            "low": paid[1] - paid[0] - half,
            "high": paid[1] - paid[0] + half,
            "how": "unpaired" if any(halves) else "exact",
            "shared_matches": 0,
        }
