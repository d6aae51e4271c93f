"""The common field: agents and partners that have all met each other. Only means over it can be ranked.

A mean over the partners that happen to be left is no fair payoff: an agent that crashes against every defector
would be compared on cooperators alone. Agents that failed in a match are left out, both as agents and as partners.
While matches are still missing, the agents that lack most partners are left out too; if as many agents lack one
partner, that partner is left out for everybody. With companies, each agent keeps its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..arrays import Flags
from ..cells import Cells
from ..statistics.influence_functions import payoff_matrix
from .payoffs import cell_table

FailureRecords = Sequence[Mapping[str, object]]
"""Failures of a run: `setting`, `cast`, and if known `blamed`, the labels of the agents at fault."""


@dataclass(frozen=True)
class Field:
    """One league's common field, and the agents outside it."""

    all_cells: Cells
    cells: Cells | None
    """Cells of the agents that can be ranked, with their common partners; None if there are none."""
    ranked: Flags
    """Which agents can be ranked, in the order of `all_cells.roster`."""
    missing: Mapping[str, int]
    """With how many agents each agent lacks matches."""
    notes: Mapping[str, str]
    """A note on each agent, for the ranking."""


def common_field(all_cells: Cells, failures: FailureRecords = ()) -> Field:
    """The agents of a league that can be ranked, and on which partners; `failures` may be those of a whole run."""
    roster, names = all_cells.roster, all_cells.agents[all_cells.roster].to_list()
    blamed, touched = _failed(all_cells.environment, failures)
    lacking = missing_pairs(all_cells)
    ranked = np.array([name not in blamed for name in names])
    if all_cells.square:
        partner = ranked.copy()
    else:
        names_of = [{label for _, label in company} for company in all_cells.members]
        names_of = names_of or [{str(label)} for label in all_cells.partners]
        partner = np.array([names_of[index].isdisjoint(blamed) for index in all_cells.field])
    able = int(partner.sum())
    while (open_ := lacking & ranked[:, None] & partner).any():
        agents, columns = open_.sum(1), open_.sum(0)
        # All agents that lack most are dropped together, so that the result does not depend on their order.
        if columns.max() >= agents.max():
            partner &= columns < columns.max()
        else:
            ranked &= agents < agents.max()
            if all_cells.square:
                partner &= ranked
    kept = all_cells.among(roster[ranked], all_cells.field[partner])
    met = np.isin(roster, kept.agent)
    shared = f"ranked on the {int(partner.sum())} of {len(partner)} agents that all have met"
    most = int((ranked & met).sum()) if all_cells.square else able
    notes = dict[str, str]()
    for name, lacks, can, has in zip(names, lacking.sum(1).tolist(), ranked, met, strict=True):
        own = list[str]()
        if name in blamed:
            own = [f"not ranked: it failed in {_count(blamed[name], 'match')}"]
        elif not can:
            own = [f"not ranked: it lacks matches with {_count(lacks, 'agent')}"]
        elif not has:
            own = ["not ranked: it met none of the common partners"]
        else:
            own += [f"it lacks matches with {_count(lacks, 'agent')}"] if lacks else []
            own += [shared] if partner.sum() < most else []
            own += [f"{_count(touched[name], 'match')} failed, the mean is of the others"] if touched[name] else []
        notes[name] = "; ".join(own)
    missing = dict(zip(names, lacking.sum(1).tolist(), strict=True))
    return Field(all_cells, kept if len(kept.agent) else None, ranked & met, missing, notes)


def _count(number: int, thing: str) -> str:
    plural = "" if number == 1 else "es" if thing.endswith("ch") else "s"
    return f"{number} {thing}{plural}"


def _failed(environment: str, failures: FailureRecords) -> tuple[Counter[str], Counter[str]]:
    """Number of failed matches in which each agent was at fault, and in which it sat without known fault."""
    blamed, touched = Counter[str](), Counter[str]()
    for failure in failures:
        if failure.get("setting") == environment:
            guilty, cast = failure.get("blamed"), failure.get("cast")
            if isinstance(guilty, Sequence) and guilty:
                blamed.update(dict.fromkeys(guilty, 1))
            elif isinstance(cast, Sequence):
                touched.update(dict.fromkeys(cast, 1))
    return blamed, touched


def missing_pairs(cells: Cells) -> Flags:
    """Whether an agent lacks a match with a partner, in some role or number of seats [agent, partner].

    The expected number of cells is the largest of any pair; for self-play, the largest of any agent. In a square
    league both sides of a pair lack it. Companies are never missing.
    """
    size, others = cells.shape
    if cells.members:
        return np.zeros((size, others), dtype=np.bool_)
    agent, opponent = cells.positions
    held = np.bincount(agent * others + opponent, minlength=size * others).reshape(size, others)
    alone = np.eye(size, others, dtype=np.bool_) & cells.square
    expected = np.where(alone, held[alone].max(initial=0), held[~alone].max(initial=0))
    lacking: Flags = held < expected
    return lacking | lacking.T if cells.square else lacking


def unranked(field: Field) -> pd.DataFrame:
    """A row for each agent that cannot be ranked, with its mean over the partners that it met."""
    cells = field.all_cells
    table = cell_table(cells)
    out = np.flatnonzero(~field.ranked)
    matrix = payoff_matrix(cells, table)[out]
    met = ~np.isnan(matrix)
    opponents = met.sum(1)
    matches = np.bincount(cells.positions[0], table["matches"], len(cells.roster))
    names = cells.agents[cells.roster[out]].to_list()
    frame = {
        "environment": cells.environment,
        "role": cells.league,
        "agent": pd.Categorical.from_codes(cells.roster[out], cells.agents),
        "payoff": np.where(met, matrix, 0.0).sum(1) / np.where(opponents > 0, opponents, np.nan),
        "opponents": opponents,
        "missing": [field.missing[name] for name in names],
        "matches": matches[out].astype(np.int64),
        "note": [field.notes[name] for name in names],
    }
    return pd.DataFrame(frame).sort_values("agent", kind="stable")
