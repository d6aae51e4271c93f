"""Labels: the names of agents and environments in tables, which may change while a run is continued.

A file records the identity (`Definition.key`) behind each of its labels. Readers get the labels of the current
config. Rows of agents and environments that are no longer in the config are left out.
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
""""agents" and "environments": from identities to labels, or from labels to identities."""
KINDS: Mapping[str, str] = {
    "environment": "environments",
    "agent": "agents",
    "opponent": "agents",
    "first": "agents",
}
"""The columns that hold labels."""
_META = b"dilemma"


def current(config: Mapping[str, Any]) -> Names:
    """The labels of identities in a run's config."""
    return {
        kind: {entry["known"]["identity"]: entry["label"] for entry in config[kind] if "known" in entry}
        for kind in ("agents", "environments")
    }


def with_identities(table: pa.Table, plan: Plan) -> pa.Table:
    """A table with the identities of its labels in its metadata."""
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
    """A stored table with current labels, without the rows of what has none."""
    marks = identities_of(table.schema)
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


def updated_identities(schema: pa.Schema, now: Names) -> Names | None:
    """A file's identities by current labels; None if they are up to date, or cannot be."""
    marks, new = identities_of(schema), Names()
    for kind, labels in marks.items():
        new[kind] = {now[kind].get(identity, label): identity for label, identity in labels.items()}
        if len(new[kind]) < len(labels):  # an unused label now belongs to another agent or environment
            return None
    return None if new == marks else new


def rewritten(table: pa.Table, now: Names) -> pa.Table:
    """The whole table with current labels, to replace its file."""
    marks, new = identities_of(table.schema), updated_identities(table.schema, now)
    if new is None:
        return table
    for column, kind in KINDS.items():
        if column in table.column_names:
            names = {label: now[kind].get(identity, label) for label, identity in marks[kind].items()}
            table = _renamed(table, column, names)
    return _with(table, new)


def identities_of(schema: pa.Schema) -> Names:
    """The identity of each label in a file."""
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
    """A record with current labels at `keys` (key -> kind); None if one has none.

    Its `known` has, for each key, the identity or the list of identities.
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
