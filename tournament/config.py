"""Configs: from TOML to a plan, and back."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from ..agents import CATALOGUE as AGENTS
from ..envs import CATALOGUE as ENVIRONMENTS
from ..envs.catalogue import Catalogue, UnknownNameError, nested, one_or_each, whereabouts
from ..envs.errors import DilemmaError
from .config_file import ConfigError, File, Mistake, Place, explain, file_text, override, toml
from .identity import Definition, Known
from .plan import Plan, entrants, problems, settings
from .schedules import CATALOGUE as SCHEDULES
from .schedules import DEFAULT
from .schedules.schedule import Schedule
from .sections import AgentEntry, Execution, Named

T = TypeVar("T", bound=BaseModel)
ObjectFactories: TypeAlias = Mapping[Place, Callable[[], BaseModel]]
"""Functions that return the agents and environments passed as Python objects, by place."""


def load(path: str, changes: Sequence[str] = ()) -> Plan:
    """The plan of the config at `path`, or of the shipped config of that name, with `changes` (KEY=VALUE each).

    Raises DilemmaError if it cannot be read, ConfigError with all its mistakes.
    """
    text = _find(path)
    raw = toml(text, path)
    for change in changes:
        override(raw, change)
    return parse(raw, path, text, Path(path).parent)


def shipped() -> list[str]:
    """The names of the shipped configs."""
    folder = files("dilemma.configs")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def parse(
    raw: Mapping[str, object],
    path: str = "config",
    text: str = "",
    folder: Path | None = None,
    objects: ObjectFactories | None = None,
) -> Plan:
    """A plan from parsed TOML, with `objects` in place of some of its entries.

    Paths in it are relative to `folder`, by default the current one. Raises ConfigError with all its mistakes.
    """
    mistakes: list[Mistake] = []
    file = None
    try:
        file = File.model_validate(raw)
    except ValidationError as error:
        mistakes += explain(error, (), File)
    folder, objects = folder or Path(), objects or {}
    games = list(_build(raw, "environments", ENVIRONMENTS, folder, mistakes, objects))
    agents = list(_build(raw, "agents", AGENTS, folder, mistakes, objects))
    schedule = _schedule(raw.get("schedule", {}), folder, mistakes, objects)
    if file and schedule and not mistakes:
        played, cast = (_known(entries) for entries in (file.environments, file.agents))
        plan = Plan(
            settings(games, played),
            entrants(agents, cast, [entry.roles for entry in file.agents]),
            schedule,
            file.name,
            file.seed,
            file.evaluation,
            file.learning,
            file.analysis,
            _located(file.execution, folder),
        )
        mistakes += _changed(plan, played, cast)
        mistakes += [Mistake(problem.place, problem.sentence) for problem in problems(plan)]
        mistakes += _anchors(plan)
        mistakes += _schelling(plan)
        if not mistakes:
            return plan
    raise ConfigError(path, mistakes, text)


def _located(execution: Execution, folder: Path) -> Execution:
    """With the absolute path of a scheduler file, where it has one."""
    address = execution.address
    if address is None or not address.endswith(".json"):
        return execution
    return execution.model_copy(update={"address": str((folder / address).absolute())})


def _schedule(raw: object, folder: Path, mistakes: list[Mistake], objects: ObjectFactories) -> Schedule | None:
    """The schedule of a config's section; mistakes in it are added to `mistakes`."""
    if ("schedule",) in objects:
        return SCHEDULES.checked("schedule", objects["schedule",]())
    if not isinstance(raw, Mapping):
        return None  # the file's own check has said so
    kind = raw.get("kind", DEFAULT)
    place = ("schedule", "kind")
    if not isinstance(kind, str):
        mistakes.append(Mistake(place, f"found {kind!r}; allowed: a text in quotes"))
        return None
    parameters = {key: value for key, value in raw.items() if key != "kind"}
    try:
        return SCHEDULES.named(kind, parameters, folder)[1]
    except ValidationError as error:
        mistakes += explain(error, ("schedule",), SCHEDULES.model(SCHEDULES.located(kind, folder)) or Schedule)
    except UnknownNameError:
        known = ", ".join(repr(name) for name in sorted(SCHEDULES.names))
        mistakes.append(
            Mistake(place, f"found {kind!r}; allowed: {known}, package.module:Class, or path/to/file.py:Class")
        )
    except DilemmaError as error:
        mistakes.append(Mistake(place, str(error)))
    return None


def builtin_plan(config: Mapping[str, Any], folder: Path) -> Plan:
    """The part of a run's config that comes with this package: reading it runs no other code, and opens no file.

    Raises ConfigError if that part cannot be played.
    """
    raw: dict[str, Any] = {key: config[key] for key in config if key not in ("analysis", "learning", "schedule")}
    for kind, catalogue in (("environments", ENVIRONMENTS), ("agents", AGENTS)):
        raw[kind] = [entry for entry in config[kind] if _comes_along(catalogue, entry)]
    labels = [entry["label"] for entry in raw["agents"]]
    # Matches are found by their rows, so the schedule does not matter. A single agent may be left.
    raw["schedule"] = {"self_play": True}
    if "learning" in config:
        raw["learning"] = {
            **config["learning"],
            "device": "cpu",
            "keep": [],
            "freeze_after": {
                label: after for label, after in config["learning"]["freeze_after"].items() if label in labels
            },
        }
    return parse(raw, folder=folder)


def _comes_along(catalogue: Catalogue[Any], entry: Mapping[str, Any]) -> bool:
    """Whether all that an entry names is in this package, and nothing in it lies elsewhere."""
    names = list(catalogue.names_in(entry["name"], entry))
    return all(name in catalogue.builtin and not whereabouts(catalogue.model(name) or Named) for name in names)


def _known(entries: Sequence[Named]) -> dict[str, Known]:
    return {entry.label or entry.name: entry.known for entry in entries if entry.known is not None}


def _changed(plan: Plan, played: Mapping[str, Known], cast: Mapping[str, Known]) -> Iterator[Mistake]:
    """Agents and environments whose code is no longer the one recorded in the config."""
    games = [(one.label, one.definition.code) for one in plan.settings]
    agents = [(one.label, one.definition.code) for one in plan.entrants]
    for kind, things, known in (("environments", games, played), ("agents", agents, cast)):
        for index, (label, now) in enumerate(things):
            there = known.get(label)
            before = there and (there.code or there.digest)
            if before and before != now:
                yield Mistake(
                    (kind, index, "known"),
                    f"the code of {label} has changed: its digest is {now or 'none'}, was {before}; "
                    f"`dilemma run CONFIG --out RUN --accept-changes` takes the new one into the run",
                )


def _anchors(plan: Plan) -> Iterator[Mistake]:
    known = [setting.label for setting in plan.settings]
    for label, (low, high) in plan.analysis.anchors.items():
        place = ("analysis", "anchors")
        if label not in known:
            yield Mistake(place, f"there is no environment {label!r}; there is {', '.join(known)}")
        elif not low < high:
            yield Mistake(
                place, f"found {label} = [{low:g}, {high:g}]; allowed: a lower payoff, then a higher one"
            )


def _schelling(plan: Plan) -> Iterator[Mistake]:
    known, place = [entrant.label for entrant in plan.entrants], ("analysis", "schelling")
    for pair in plan.analysis.schelling:
        for label in dict.fromkeys(pair):
            if label not in known:
                yield Mistake(place, f"there is no agent {label!r}; there is {', '.join(known)}")
        if pair[0] == pair[1]:
            yield Mistake(
                place, f"found {pair[0]!r} twice; allowed: a cooperator, then another agent, the defector"
            )


def as_config(plan: Plan, folder: Path | None = None) -> dict[str, Any]:
    """A plan as parsed TOML, with every default filled in; parsing it gives the same plan.

    Paths are relative to `folder`; absolute without one.
    """
    kind = SCHEDULES.name_of(plan.schedule)
    config: dict[str, Any] = {
        "name": plan.name,
        "seed": plan.seed,
        "schedule": {
            "kind": kind if folder is None else SCHEDULES.relative(kind, folder),
            **plan.schedule.model_dump(mode="json", exclude_none=True),
        },
        **{
            section: getattr(plan, section).model_dump(exclude_none=True)
            for section in ("evaluation", "analysis", "execution")
        },
        "environments": [
            _entry(ENVIRONMENTS, each.label, each.definition, each.game, folder) for each in plan.settings
        ],
        "agents": [
            _entry(AGENTS, each.label, each.definition, each.agent, folder)
            | ({} if each.roles is None else {"roles": list(each.roles)})
            for each in plan.entrants
        ],
    }
    if any(entrant.agent.learns for entrant in plan.entrants):
        config["learning"] = plan.learning.model_dump(exclude_none=True)
    return config


def _entry(
    catalogue: Catalogue[T], label: str, definition: Definition, thing: BaseModel, folder: Path | None
) -> dict[str, object]:
    name, parameters = definition.name, json.loads(definition.parameters)
    if folder is not None:
        name = catalogue.relative(name, folder)
        parameters = catalogue.relative_parameters(thing, parameters, folder)
    parameters = {key: value for key, value in parameters.items() if value is not None}
    known = definition.known.model_dump(exclude_defaults=True)
    return {"name": name, "label": label, "known": known, **parameters}


def _find(path: str) -> str:
    """The text of a config file, or of the shipped config of that name."""
    if Path(path).is_file():
        return file_text(Path(path))
    if path in shipped():
        return (files("dilemma.configs") / f"{path}.toml").read_text(encoding="utf-8")
    nearest = difflib.get_close_matches(path, shipped(), n=1)
    hint = f"; did you mean {nearest[0]}?" if nearest else f"; the shipped ones are {', '.join(shipped())}"
    raise DilemmaError(f"there is no config file {path}, nor a shipped config of that name{hint}")


def _build(
    raw: Mapping[str, object],
    kind: str,
    catalogue: Catalogue[T],
    folder: Path,
    mistakes: list[Mistake],
    objects: ObjectFactories,
) -> Iterator[tuple[str, str, T]]:
    """(label, name, object) of each valid entry of `kind`; mistakes in others are added to `mistakes`."""
    given = raw.get(kind)
    entries = given if isinstance(given, list) else []
    for index, entry in enumerate(entries):
        if (name := _name(entry)) is None:
            continue  # the file's own check has said so
        place: Place = (kind, index)
        parameters: Mapping[str, object] = {}
        try:
            if place in objects:
                thing = catalogue.checked(name, objects[place]())
                name = full_name = catalogue.name_of(thing)
            else:
                parameters = _parameters(entries, index, kind, catalogue, objects)
                full_name, thing = catalogue.named(name, parameters, folder)
        except ValidationError as error:
            model = (None if place in objects else catalogue.model(catalogue.located(name, folder))) or Named
            innermost = partial(_innermost, catalogue, folder, model, parameters)
            mistakes += explain(error, place, model, innermost)
        except DilemmaError as error:
            mistakes.append(Mistake((*place, "name"), str(error)))
        else:
            yield str(entry.get("label") or name), full_name, thing


def _innermost(
    catalogue: Catalogue[T], folder: Path, model: type[BaseModel], entry: Mapping[str, object], place: Place
) -> tuple[Place, type[BaseModel]]:
    """The part of a place in an entry that lies in the innermost entry there, and the model of that one."""
    if not place or place[0] not in nested(model):
        return place, model
    inner, rest = entry.get(str(place[0])), place[1:]
    if isinstance(inner, list | tuple) and rest:
        inner, rest = inner[int(rest[0])], rest[1:]
    name = _name(inner)
    found = catalogue.model(catalogue.located(name, folder)) if name and rest else None
    if found is None or not isinstance(inner, Mapping):
        return place, model
    return _innermost(catalogue, folder, found, inner, rest)


def _parameters(
    entries: Sequence[Any],
    index: int,
    kind: str,
    catalogue: Catalogue[T],
    objects: ObjectFactories,
    above: frozenset[int] = frozenset(),
) -> dict[str, object]:
    """The parameters of an entry; where one of them is the label of another entry, it is that entry.

    `above` are the entries in which this one is nested.
    """
    entry, section = entries[index], AgentEntry if kind == "agents" else Named
    found = {key: value for key, value in entry.items() if key not in section.model_fields}
    model = catalogue.model(entry["name"]) if entry["name"] in catalogue.names else None
    labels: dict[str, tuple[int, str]] = {}
    for other, each in enumerate(entries):
        name = _name(each)
        if name is not None and other not in above | {index}:
            labels.setdefault(each.get("label") or name, (other, name))

    def meant(given: object) -> object:
        if not isinstance(given, str) or given not in labels:
            return given
        other, name = labels[given]
        if (kind, other) in objects:
            return objects[kind, other]()
        return {"name": name, **_parameters(entries, other, kind, catalogue, objects, above | {index})}

    for key in nested(model) if model else ():
        if key in found:
            found[key] = one_or_each(found[key], meant)
    return found


def _name(entry: object) -> str | None:
    """The name in an entry; None where it has none."""
    name = entry.get("name") if isinstance(entry, Mapping) else None
    return name if isinstance(name, str) else None
