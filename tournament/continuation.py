"""Continuation: whether a config continues a run, and how the run identifies its agents and environments.

A config may add to a run, ask for a part of it, and change labels. The run keeps what it has: its config is the
union of all that was asked for. Agents and environments that are in the run keep their definition: the clone index
that distinguishes them from equal ones, and the digest of the code that they were first played with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import ValidationError

from .config import as_config
from .config_file import ConfigError, RawConfig, explain
from .identity import Definition, Known, told_apart
from .plan import Plan
from .schedules.schedule import Background

EntryKind: TypeAlias = Literal["environments", "agents"]


@dataclass(frozen=True)
class Continuation:
    """A plan with the identities of the run, or the reasons why it does not continue the run."""

    plan: Plan
    union: RawConfig
    """The config of the run from now on: what `plan` asks for and what the run has beyond that."""
    more: bool
    """Whether the run has anything beyond that."""
    differences: tuple[str, ...]
    changed: tuple[str, ...]
    """A sentence for each changed code; not a difference if the change is accepted."""


@dataclass(frozen=True)
class Match:
    """How a run's entries correspond to those of a config."""

    definitions: list[Definition]
    """Definitions of the config's entries, with the identities of the run."""
    labels: Mapping[str, str]
    """The run's label -> the config's label."""
    gone: Sequence[Mapping[str, Any]]
    """The run's entries that the config lacks."""
    differences: tuple[str, ...]
    changed: tuple[str, ...]


def continuation(before: RawConfig, plan: Plan, folder: Path) -> Continuation:
    """How `plan` continues the run in `folder`, whose config was `before`."""
    now = as_config(plan, folder)
    games = _matched("environments", before, now, [(one.label, one.definition) for one in plan.settings])
    cast = _matched("agents", before, now, [(one.label, one.definition) for one in plan.entrants])
    settings = zip(plan.settings, games.definitions, strict=True)
    entrants = zip(plan.entrants, cast.definitions, strict=True)
    plan = replace(
        plan,
        settings=tuple(replace(one, definition=definition) for one, definition in settings),
        entrants=tuple(replace(one, definition=definition) for one, definition in entrants),
    )
    union, more, unlike = _united(before, as_config(plan, folder), plan, games, cast)
    differences = (*_differences(before, now, cast.labels), *unlike, *games.differences, *cast.differences)
    return Continuation(plan, union, more, differences, games.changed + cast.changed)


def _united(
    before: RawConfig, now: RawConfig, plan: Plan, games: Match, cast: Match
) -> tuple[RawConfig, bool, tuple[str, ...]]:
    """`now` with what only `before` asks for; whether there is any; and why it can't be had."""
    kind, earlier = now["schedule"]["kind"], before["schedule"]["kind"]
    if kind != earlier:
        return now, False, (f"schedule.kind is {kind!r}, was {earlier!r}",)
    if lost := tuple(plan.schedule.lost(before["schedule"])):
        return now, False, lost
    gone = {"environments": games.gone, "agents": cast.gone}
    try:
        whole = plan.schedule.united(before["schedule"])
    except ValidationError as error:  # somebody has changed it, or something
        raise ConfigError("the config of the run", explain(error, ("schedule",), type(plan.schedule))) from None
    shared = [name for name in gone if len(gone[name]) < len(before[name])]
    if whole is None or len(shared) < len(gone):  # nothing in common is another tournament
        said = [f"{name}: {entry['label']!r} is gone" for name in gone for entry in gone[name]]
        return now, False, tuple(said)
    left = {entry["label"] for entry in cast.gone}
    section = {"kind": kind, **whole}
    partners = _with_the_gone(section["background"], before["schedule"].get("background", ()), left)
    more = any(gone.values()) or section != now["schedule"]
    union = {
        **now,
        **{name: [*now[name], *gone[name]] for name in gone},
        "schedule": {**section, "background": partners},
    }
    if "learning" in before:
        learning, old = now.get("learning"), before["learning"]
        union["learning"] = old if learning is None else {**learning, **_of_the_gone(learning, old, left)}
    return union, more, ()


def _with_the_gone(
    background: Background, old: Background | tuple[str, ...], gone: Set[str]
) -> list[str] | dict[str, float]:
    """A background with those of the `old` one that are `gone`; without shares unless all have some."""
    left = [label for label in old if label in gone]
    if isinstance(background, dict) and (isinstance(old, dict) or not left):
        return {**background, **({label: old[label] for label in left} if isinstance(old, dict) else {})}
    return [*background, *left]


def _of_the_gone(learning: Mapping[str, Any], old: Mapping[str, Any], gone: Set[str]) -> dict[str, object]:
    """What a section says of learners, with what the `old` one said of those that are `gone`."""
    frozen = {label: after for label, after in old["freeze_after"].items() if label in gone}
    return {
        "freeze_after": {**learning["freeze_after"], **frozen},
        "keep": [*learning["keep"], *(label for label in old["keep"] if label in gone)],
    }


def _matched(
    kind: EntryKind, before: RawConfig, now: RawConfig, things: Sequence[tuple[str, Definition]]
) -> Match:
    there = {entry["label"]: Known(**entry["known"]) for entry in before[kind] if "known" in entry}
    left, found, changed = dict(there), dict[int, Known](), list[str]()
    labels: dict[str, str] = {}
    for index, (label, definition) in enumerate(things):  # with the same label
        known = there.get(label)
        if known is not None and definition.is_known(known):
            found[index] = left.pop(label)
            labels[label] = label
            was = known.code or known.digest
            if was != definition.code:
                changed.append(
                    f"the code of {label!r} has changed ({definition.name}): its digest is {definition.code}, "
                    f"was {was}"
                )
    identities = {known.identity: old for old, known in left.items()}
    kinds = {(known.clone, known.digest, known.code): known for known in left.values()}
    for index, (label, definition) in enumerate(things):  # with another label
        for known in kinds.values() if index not in found else ():
            old = identities.get(definition.as_known(known).key)
            if old is not None and old in left and definition.code == (known.code or known.digest):
                found[index] = left.pop(old)
                labels[old] = label
                break
    new = [definition for index, (_, definition) in enumerate(things) if index not in found]
    # An entry is not gone if a new one differs only in label and code: the old rows stay.
    gone = [label for label, known in left.items() if not any(one.is_known(known) for one in new)]
    entries = {entry["label"]: entry for entry in before[kind]}
    present = {entry["label"]: entry for entry in now[kind]}
    lacking = (*gone, *(entries.keys() - there.keys()))
    differences = [
        sentence
        for label in lacking
        if label in present
        for sentence in _difference(kind, label, entries[label], present[label])
    ]
    definitions = [
        definition.as_known(found[index]) if index in found else definition
        for index, (_, definition) in enumerate(things)
    ]
    clones = [found[index].clone if index in found else None for index in range(len(things))]
    left_out = [entry for label, entry in entries.items() if label in lacking and label not in present]
    return Match(told_apart(definitions, clones), labels, left_out, tuple(differences), tuple(changed))


def _difference(
    kind: EntryKind, label: str, old: Mapping[str, object], new: Mapping[str, object]
) -> Iterator[str]:
    """How the current entry with this label differs from the old one."""
    keys = [key for key in sorted({*old, *new} - {"known", "label"}) if old.get(key) != new.get(key)]
    if not keys:
        yield f"{kind}: {label!r} is gone"
    for key in keys:
        yield f"{kind}: {label!r} has {key} = {_said(new.get(key))}, was {_said(old.get(key))}"


def _said(value: object) -> str:
    """A value as a config has it: 200 for rounds that are stored as 200.0."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else repr(value)


def _differences(before: RawConfig, now: RawConfig, labels: Mapping[str, str]) -> Iterator[str]:
    """Why `now` does not continue `before`, other than agents and environments."""
    for section, key in [("", "seed"), ("evaluation", "mode")]:
        old, new = (config[section][key] if section else config[key] for config in (before, now))
        if old != new:
            yield f"{section}{'.' if section else ''}{key} is {new!r}, was {old!r}"
    learning = ("tables", "episodes", "window", "freeze_after", "block")
    for key in learning if "learning" in before and "learning" in now else ():
        old, new = (config["learning"].get(key) for config in (before, now))
        if key == "freeze_after":
            old = {labels[label]: after for label, after in (old or {}).items() if label in labels}
            new = {label: after for label, after in (new or {}).items() if label in labels.values()}
        if old != new:
            yield f"learning.{key} is {new!r}, was {old!r}"


def known_identities(config: RawConfig) -> Iterator[tuple[str, str]]:
    """Label and identity of each environment and agent in a run's config."""
    for entry in (*config["environments"], *config["agents"]):
        if "known" in entry:
            yield entry["label"], entry["known"]["identity"]
