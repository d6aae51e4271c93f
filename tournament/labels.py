"""Labels: what tables call agents and environments, which may change while a run goes on.

A file says by what the run knows those whose labels it has (their identities: `Definition.key`). Whoever reads it
gets the labels that the config gives them now. Rows of what is in the config no more are left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from .plan import Plan

Names: TypeAlias = dict[str, dict[str, str]]
""""agents" and "environments": identities, or labels, and what they lead to."""
KINDS: Mapping[str, str] = {"environment": "environments", "agent": "agents", "opponent": "agents"}
"""Of the columns that hold labels."""
_META = b"dilemma"


def current(asked: Mapping[str, Any]) -> Names:
    """The labels that a run's config gives to identities."""
    return {
        kind: {entry["known"]["identity"]: entry["label"] for entry in asked[kind] if "known" in entry}
        for kind in ("agents", "environments")
    }


def with_marks(table: pa.Table, plan: Plan) -> pa.Table:
    """A table that says by what the run knows those whose labels it has."""
    every = {
        "agents": {each.label: each.definition.key for each in plan.entrants},
        "environments": {each.label: each.definition.key for each in plan.settings},
    }
    used: Names = {"agents": {}, "environments": {}}
    for column, kind in KINDS.items():
        if column in table.column_names:
            labels = table[column].chunk(0).dictionary.to_pylist()
            used[kind] |= {label: every[kind][label] for label in labels}
    return _with(table, used)


def relabelled(table: pa.Table, now: Names) -> pa.Table:
    """A table of a file with today's labels, without the rows of what has none."""
    marks = marks_of(table.schema)
    for column, kind in KINDS.items():
        if column not in table.column_names:
            continue
        names = {label: now[kind].get(identity) for label, identity in marks[kind].items()}
        if all(label == name for label, name in names.items()):
            continue
        gone = [label for label, name in names.items() if name is None]
        if gone:
            table = table.filter(pc.invert(pc.is_in(table[column].cast(pa.string()), pa.array(gone, pa.string()))))
        table = _renamed(table, column, {label: name or label for label, name in names.items()})
    return table


def as_today(schema: pa.Schema, now: Names) -> Names | None:
    """What a file's marks would be with today's labels; None where they are, or can't be."""
    marks, new = marks_of(schema), Names()
    for kind, labels in marks.items():
        new[kind] = {now[kind].get(identity, label): identity for label, identity in labels.items()}
        if len(new[kind]) < len(labels):  # a label that is gone has become another's
            return None
    return None if new == marks else new


def rewritten(table: pa.Table, now: Names) -> pa.Table:
    """The whole table with today's labels, to be kept in its file's place."""
    marks, new = marks_of(table.schema), as_today(table.schema, now)
    if new is None:
        return table
    for column, kind in KINDS.items():
        if column in table.column_names:
            names = {label: now[kind].get(identity, label) for label, identity in marks[kind].items()}
            table = _renamed(table, column, names)
    return _with(table, new)


def marks_of(schema: pa.Schema) -> Names:
    """By what the run knows those whose labels are in a file."""
    found = (schema.metadata or {}).get(_META)
    marks: Names = json.loads(found) if found else {"agents": {}, "environments": {}}
    return marks


def _with(table: pa.Table, marks: Names) -> pa.Table:
    return table.replace_schema_metadata({**(table.schema.metadata or {}), _META: json.dumps(marks).encode()})


def _renamed(table: pa.Table, column: str, names: Mapping[str, str]) -> pa.Table:
    codes = table[column].cast(pa.string()).combine_chunks().dictionary_encode()
    labels = pa.array([names.get(label, label) for label in codes.dictionary.to_pylist()], pa.string())
    renamed = pa.DictionaryArray.from_arrays(codes.indices, labels)
    return table.set_column(table.column_names.index(column), column, renamed)


def of_record(record: Mapping[str, Any], now: Names, keys: Mapping[str, str]) -> dict[str, Any] | None:
    """A record with today's labels at `keys`, each of a kind; None where one has none.

    Its `known` says, for each key, the identity or the list of identities.
    """
    renamed = dict(record)
    known = renamed.pop("known", {})
    for key, kind in keys.items():
        identities = known.get(key)
        if identities is None:
            continue
        whose: Sequence[str] = [identities] if isinstance(identities, str) else identities
        names = [now[kind].get(identity) for identity in whose]
        if None in names:
            return None
        renamed[key] = names[0] if isinstance(identities, str) else names
    return renamed
