"""Configs: TOML in, a plan out."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError

from ..agents import CATALOGUE as AGENTS
from ..agents.agent import Agent
from ..envs import CATALOGUE as ENVIRONMENTS
from ..envs.catalogue import Catalogue, seen_from, whereabouts
from ..envs.environment import Environment
from ..envs.errors import DilemmaError
from .arena import Protocol
from .config_file import (
    Analysis,
    ConfigError,
    Execution,
    File,
    Learning,
    Mistake,
    Named,
    Place,
    Schedule,
    explain,
    override,
    text_of,
)
from .identity import Definition, Known
from .plan import Plan, entrants, problems, settings

Handed: TypeAlias = Mapping[Place, Callable[[], BaseModel]]
"""What makes the things that Python hands over as themselves, by their place."""


@dataclass(frozen=True)
class Config:
    """A plan, and how to carry it out."""

    plan: Plan
    execution: Execution = field(default_factory=Execution)
    analysis: Analysis = field(default_factory=Analysis)


def load(path: str, changes: Sequence[str] = ()) -> Config:
    """The config at `path`, or the shipped one of that name, with `changes` (KEY=VALUE each).

    Raises DilemmaError where it can't be read, ConfigError with all the mistakes in it.
    """
    text = _find(path)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DilemmaError(f"{path} is not TOML: {error}") from error
    for change in changes:
        override(raw, change)
    return parse(raw, path, text, Path(path).parent)


def shipped() -> list[str]:
    """The names of the configs that come with the package."""
    folder = files("dilemma.configs")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def parse(
    raw: Mapping[str, object],
    path: str = "config",
    text: str = "",
    folder: Path | None = None,
    handed: Handed | None = None,
) -> Config:
    """A config from what TOML gave, with things of its entries that are at hand already.

    The paths in it are from `folder`, the present one where left out.

    Raises ConfigError with all the mistakes in it.
    """
    mistakes: list[Mistake] = []
    file = None
    try:
        file = File.model_validate(raw)
    except ValidationError as error:
        mistakes += explain(error, (), File)
    folder = folder or Path()
    games = list(_build(raw, "environments", folder, mistakes, handed or {}))
    agents = list(_build(raw, "agents", folder, mistakes, handed or {}))
    if file and not mistakes:
        played, cast = (_known(entries) for entries in (file.environments, file.agents))
        plan = Plan(
            settings(
                [(label, name, game) for label, name, game in games if isinstance(game, Environment)], played
            ),
            entrants([(label, name, agent) for label, name, agent in agents if isinstance(agent, Agent)], cast),
            file.name,
            file.seed,
            file.schedule.at_most if file.schedule.repetitions == "until resolved" else file.schedule.repetitions,
            file.schedule.self_play,
            file.evaluation.mode,
            Protocol(
                file.learning.tables,
                file.learning.episodes,
                file.learning.window,
                tuple(sorted(file.learning.freeze_after.items())),
                tuple(file.learning.keep),
            ),
            file.learning.block,
            file.learning.device,
            file.schedule.kind,
            file.schedule.repetitions == "until resolved",
            tuple(file.schedule.background),
        )
        mistakes += _changed(plan, played, cast)
        mistakes += [Mistake(problem.place, problem.sentence) for problem in problems(plan)]
        mistakes += _anchors(file, plan)
        if not mistakes:
            return Config(plan, file.execution, file.analysis)
    raise ConfigError(path, mistakes, text)


def of_catalogue(asked: Mapping[str, Any], folder: Path) -> Config:
    """The part of a run's config that comes with this package: reading it runs nobody's code, and opens no file.

    Raises ConfigError where nothing can be played by that part.
    """
    raw: dict[str, Any] = {key: value for key, value in asked.items() if key not in ("analysis", "learning")}
    for kind, catalogue in (("environments", ENVIRONMENTS), ("agents", AGENTS)):
        raw[kind] = [
            entry
            for entry in asked[kind]
            if entry["name"] in catalogue.builtin and not whereabouts(catalogue.model(entry["name"]) or Named)
        ]
    labels = [entry["label"] for entry in raw["agents"]]
    schedule = asked["schedule"]
    left = [label for label in schedule.get("background", ()) if label in labels]
    # Who is left may be alone, or all in the background: what else can be shown is no matter of a schedule.
    raw["schedule"] = {**schedule, "background": left if set(left) < set(labels) else []}
    if "learning" in asked:
        raw["learning"] = {
            **asked["learning"],
            "device": "cpu",
            "keep": [],
            "freeze_after": {
                label: after for label, after in asked["learning"]["freeze_after"].items() if label in labels
            },
        }
    return parse(raw, folder=folder)


def _known(entries: Sequence[Named]) -> dict[str, Known]:
    return {entry.label or entry.name: entry.known for entry in entries if entry.known is not None}


def _changed(plan: Plan, played: Mapping[str, Known], cast: Mapping[str, Known]) -> Iterator[Mistake]:
    """What is no longer the code that the config says it is."""
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


def _anchors(file: File, plan: Plan) -> Iterator[Mistake]:
    known = [setting.label for setting in plan.settings]
    for label, (low, high) in file.analysis.anchors.items():
        place = ("analysis", "anchors")
        if label not in known:
            yield Mistake(place, f"there is no environment {label!r}; there is {', '.join(known)}")
        elif not low < high:
            yield Mistake(
                place, f"found {label} = [{low:g}, {high:g}]; allowed: a lower payoff, then a higher one"
            )


def as_asked(config: Config, folder: Path | None = None) -> dict[str, Any]:
    """A config as TOML would give it in `folder`, with every default filled in; parsing it gives the same config.

    Without a folder, paths are in full.
    """
    plan = config.plan
    asked: dict[str, Any] = {
        "name": plan.name,
        "seed": plan.seed,
        "schedule": _schedule(plan).model_dump(),
        "evaluation": {"mode": plan.mode},
        "analysis": config.analysis.model_dump(exclude_none=True),
        "execution": config.execution.model_dump(exclude_none=True),
        "environments": [
            _entry(ENVIRONMENTS, each.label, each.definition, each.game, folder) for each in plan.settings
        ],
        "agents": [_entry(AGENTS, each.label, each.definition, each.agent, folder) for each in plan.entrants],
    }
    if any(entrant.agent.learns for entrant in plan.entrants):
        protocol = plan.learning
        learning = Learning(
            tables=protocol.tables,
            episodes=protocol.episodes,
            window=protocol.window,
            freeze_after=dict(protocol.freeze_after),
            keep=list(protocol.keep),
            block=plan.block,
            device=plan.device,
        )
        asked["learning"] = learning.model_dump(exclude_none=True)
    return asked


def _schedule(plan: Plan) -> Schedule:
    return Schedule(
        kind=plan.kind,
        self_play=plan.self_play,
        repetitions="until resolved" if plan.adaptive else plan.repetitions,
        at_most=plan.repetitions if plan.adaptive else Schedule().at_most,
        background=list(plan.background),
    )


def _entry(
    catalogue: Catalogue, label: str, definition: Definition, thing: BaseModel, folder: Path | None
) -> dict[str, object]:
    parameters = {k: v for k, v in json.loads(definition.parameters).items() if v is not None}
    name = definition.name
    if folder is not None:
        name = catalogue.relative(name, folder)
        for key, mark in whereabouts(type(thing)).items():
            if mark.path and key in parameters:
                parameters[key] = seen_from(parameters[key], folder)
    known = definition.known.model_dump(exclude_defaults=True)
    return {"name": name, "label": label, "known": known, **parameters}


def _find(path: str) -> str:
    """The text of a config file, or of the shipped config of that name."""
    if Path(path).is_file():
        return text_of(Path(path))
    if path in shipped():
        return (files("dilemma.configs") / f"{path}.toml").read_text(encoding="utf-8")
    nearest = difflib.get_close_matches(path, shipped(), n=1)
    hint = f"; did you mean {nearest[0]}?" if nearest else f"; the shipped ones are {', '.join(shipped())}"
    raise DilemmaError(f"there is no config file {path}, nor a shipped config of that name{hint}")


def _build(
    raw: Mapping[str, object], kind: str, folder: Path, mistakes: list[Mistake], handed: Handed
) -> Iterator[tuple[str, str, object]]:
    """(label, name, thing) for each entry of `kind` that is right; the others are explained in `mistakes`."""
    catalogue = ENVIRONMENTS if kind == "environments" else AGENTS
    base = Environment if kind == "environments" else Agent
    entries = raw.get(kind)
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            continue  # the file's own check has said so
        name = entry["name"]
        parameters = {key: value for key, value in entry.items() if key not in Named.model_fields}
        place: Place = (kind, index)
        try:
            if place in handed:
                thing = handed[place]()
                name = full_name = catalogue.name_of(thing)
            else:
                full_name, thing = catalogue.named(name, parameters, folder)
            if not isinstance(thing, base):
                raise DilemmaError(f"{name} is not an {catalogue.kind}")
        except ValidationError as error:
            model = None if place in handed else catalogue.model(catalogue.located(name, folder))
            mistakes += explain(error, place, model or Named)
        except DilemmaError as error:
            mistakes.append(Mistake((*place, "name"), str(error)))
        else:
            yield str(entry.get("label") or name), full_name, thing
