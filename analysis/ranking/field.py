"""The common field: agents and partners that all met each other, over which alone mean payoffs can be ranked.

A mean over the partners that happened to survive is no agent's payoff: who crashes whenever somebody defects would
be judged by cooperators alone. Whoever failed in its matches is left out, as an agent and as a partner. While
matches are still missing, whoever lacks most partners is left out too; or, where as many agents lack a partner,
that partner's column, for all of them. Of companies everybody keeps its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..cells import Cells, Flags
from ..statistics.influence_functions import payoff_matrix
from .payoffs import cell_table

FailureRecords = Sequence[Mapping[str, object]]
"""What a run says of its failures: `setting`, `cast`, and `blamed`, where known: labels of agents at fault."""


@dataclass(frozen=True)
class Field:
    """One league's common field, and who is not in it."""

    everybody: Cells
    cells: Cells | None
    """Of the agents that can be ranked, with their common partners; None where there are none."""
    ranked: Flags
    """Who can be ranked, in the order of `everybody.roster`."""
    missing: Mapping[str, int]
    """With how many agents each agent lacks matches."""
    notes: Mapping[str, str]
    """What must be said of an agent beside its name."""


def common_field(everybody: Cells, failures: FailureRecords = ()) -> Field:
    """Who of a league can be ranked, on which partners; `failures` may be those of a whole run."""
    roster, names = everybody.roster, everybody.agents[everybody.roster].to_list()
    blamed, touched = _failed(everybody.environment, failures)
    lacking = lacking_pairs(everybody)
    ranked = np.array([name not in blamed for name in names])
    if everybody.square:
        partner = ranked.copy()
    else:
        names_of = [{label for _, label in company} for company in everybody.members]
        names_of = names_of or [{str(label)} for label in everybody.partners]
        partner = np.array([names_of[index].isdisjoint(blamed) for index in everybody.field])
    able = int(partner.sum())
    while (open_ := lacking & ranked[:, None] & partner).any():
        agents, columns = open_.sum(1), open_.sum(0)
        # All that lack most go together: among equals no order may decide.
        if columns.max() >= agents.max():
            partner &= columns < columns.max()
        else:
            ranked &= agents < agents.max()
            if everybody.square:
                partner &= ranked
    kept = everybody.among(roster[ranked], everybody.field[partner])
    met = np.isin(roster, kept.agent)
    shared = f"ranked on the {int(partner.sum())} of {len(partner)} agents that all have met"
    most = int((ranked & met).sum()) if everybody.square else able
    notes = dict[str, str]()
    for name, lacks, can, has in zip(names, lacking.sum(1).tolist(), ranked, met, strict=True):
        told = list[str]()
        if name in blamed:
            told = [f"not ranked: it failed in {_count(blamed[name], 'match')}"]
        elif not can:
            told = [f"not ranked: it lacks matches with {_count(lacks, 'agent')}"]
        elif not has:
            told = ["not ranked: it met none of the common partners"]
        else:
            told += [f"it lacks matches with {_count(lacks, 'agent')}"] if lacks else []
            told += [shared] if partner.sum() < most else []
            told += (
                [f"{_count(touched[name], 'match')} failed, the mean is of the others"] if touched[name] else []
            )
        notes[name] = "; ".join(told)
    missing = dict(zip(names, lacking.sum(1).tolist(), strict=True))
    return Field(everybody, kept if len(kept.agent) else None, ranked & met, missing, notes)


def _count(number: int, thing: str) -> str:
    plural = "" if number == 1 else "es" if thing.endswith("ch") else "s"
    return f"{number} {thing}{plural}"


def _failed(environment: str, failures: FailureRecords) -> tuple[Counter[str], Counter[str]]:
    """In how many failed matches each agent was at fault, and in how many it sat where nobody is known to be."""
    blamed, touched = Counter[str](), Counter[str]()
    for failure in failures:
        if failure.get("setting") == environment:
            guilty, cast = failure.get("blamed"), failure.get("cast")
            if isinstance(guilty, Sequence) and guilty:
                blamed.update(dict.fromkeys(guilty, 1))
            elif isinstance(cast, Sequence):
                touched.update(dict.fromkeys(cast, 1))
    return blamed, touched


def lacking_pairs(cells: Cells) -> Flags:
    """Whether an agent lacks a match with a partner, in some role or share of the seats [agent, partner].

    What there should be is what some other pair has; for self-play, what some other agent has. In a square league
    both sides of a pair lack it. Nobody need have met a company.
    """
    size, others = cells.shape
    if cells.members:
        return np.zeros((size, others), dtype=np.bool_)
    agent, opponent = cells.at
    held = np.bincount(agent * others + opponent, minlength=size * others).reshape(size, others)
    alone = np.eye(size, others, dtype=np.bool_) & cells.square
    expected = np.where(alone, held[alone].max(initial=0), held[~alone].max(initial=0))
    lacking: Flags = held < expected
    return lacking | lacking.T if cells.square else lacking


def unranked(field: Field) -> pd.DataFrame:
    """A row for each agent that can't be ranked, with its mean over the partners that it met."""
    cells = field.everybody
    table = cell_table(cells)
    out = np.flatnonzero(~field.ranked)
    matrix = payoff_matrix(cells, table)[out]
    met = ~np.isnan(matrix)
    opponents = met.sum(1)
    matches = np.bincount(cells.at[0], table["matches"], len(cells.roster))
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
