"""Arguments of `Tournament` as a config, checked by the same model, with the same messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import numpy as np
from pydantic import BaseModel

from .agents.adapters import agent_of
from .envs.environment import Environment
from .envs.errors import DilemmaError
from .tournament.config import parse
from .tournament.config_file import ConfigError, Mistake, Place
from .tournament.plan import Plan
from .tournament.schedules.schedule import Schedule

SECTIONS = ("schedule", "evaluation", "execution")
"""Sections of a config whose keys are arguments of their own."""


def plan_of(
    environments: object,
    agents: object,
    rest: Mapping[str, object],
    roles: Mapping[str, object] = MappingProxyType({}),
) -> Plan:
    """The plan of a tournament of objects or names, with the `rest` of the config and agents' roles by label.

    Raises ConfigError with all its mistakes.
    """
    objects: dict[Place, Callable[[], BaseModel]] = {}
    raw = {
        **{key: _plain(value) for key, value in rest.items()},
        "environments": _entries("environments", environments, objects),
        "agents": _entries("agents", agents, objects),
    }
    _keep_to(roles, raw["agents"])
    if isinstance(schedule := rest.get("schedule"), Schedule):
        raw["schedule"], objects["schedule",] = {}, lambda: schedule
    try:
        return parse(raw, objects=objects)
    except ConfigError as error:
        mistakes = [replace(mistake, place=_argument(mistake.place)) for mistake in error.mistakes]
        raise ConfigError("Tournament(...)", mistakes) from None


def _keep_to(roles: Mapping[str, object], entries: object) -> None:
    """Add the roles that agents are kept to. Raises ConfigError where there is no agent of that label."""
    found = {entry.get("label", entry["name"]): entry for entry in entries} if isinstance(entries, list) else {}
    for label, only in roles.items():
        if label not in found:
            said = f"there is no agent {label!r}; there is {', '.join(map(str, found))}"
            raise ConfigError("Tournament(...)", [Mistake(("roles",), said)])
        found[label]["roles"] = _plain(only)


def _argument(place: Place) -> Place:
    return place[1:] if len(place) > 1 and place[0] in SECTIONS else place


def _plain(value: object) -> object:
    """A value as TOML gives it: numpy's numbers as Python's, other containers as lists and dicts."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [_plain(item) for item in value]
    return value


def _entries(kind: str, given: object, objects: dict[Place, Callable[[], BaseModel]]) -> object:
    """The entries of a config; Python objects go to `objects`. Anything that is no list is returned as it is."""
    if isinstance(given, Mapping):
        labelled = list(given.items())
    elif isinstance(given, Iterable) and not isinstance(given, str | bytes | BaseModel):
        labelled = [(None, thing) for thing in given]
    else:
        return given
    entries = []
    for index, (label, thing) in enumerate(labelled):
        entry: dict[str, object] = {"name": thing if isinstance(thing, str) else type(thing).__name__}
        if label is not None or (label := _own_label(thing)):
            entry["label"] = _plain(label)
        if not isinstance(thing, str):
            objects[kind, index] = partial(agent_of if kind == "agents" else _environment_of, thing)
        entries.append(entry)
    return entries


def _own_label(thing: object) -> str | None:
    """The default label of a function or class from outside this package."""
    ours = isinstance(thing, type) and issubclass(thing, BaseModel)
    return None if ours or isinstance(thing, BaseModel) else getattr(thing, "__name__", None)


def _environment_of(thing: object) -> Environment:
    """The environment that was passed as an object or as its class."""
    if isinstance(thing, type) and issubclass(thing, Environment):
        return thing.model_validate({})
    if not isinstance(thing, Environment):
        raise DilemmaError(f"found {thing!r:.60}; allowed: an environment, or the name of one")
    return thing
