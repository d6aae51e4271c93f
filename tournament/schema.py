"""The JSON schema of the config file, so that editors complete it: every agent and environment by name."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel

from ..agents import CATALOGUE as AGENTS
from ..envs import CATALOGUE as ENVIRONMENTS
from ..envs.catalogue import Catalogue
from ..envs.errors import DilemmaError
from .config_file import File
from .schedules import CATALOGUE as SCHEDULES
from .schedules import DEFAULT

T = TypeVar("T", bound=BaseModel)


def schema() -> dict[str, Any]:
    """The schema of a config file; unregistered names (import paths) may have any parameters."""
    whole = File.model_json_schema()
    definitions = whole["$defs"]
    whole["properties"]["environments"]["items"] = _entries(ENVIRONMENTS, definitions.pop("Named"), definitions)
    whole["properties"]["agents"]["items"] = _entries(AGENTS, definitions.pop("AgentEntry"), definitions)
    whole["properties"]["schedule"] = {"anyOf": [_schedule(name, definitions) for name in SCHEDULES.names]}
    return {**whole, "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "dilemma config"}


def _schedule(name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """The section of a kind of schedule; `kind` may be omitted for the default."""
    model = SCHEDULES.model(name)
    own = model.model_json_schema() if model else {}
    definitions |= own.pop("$defs", {})
    properties = {"kind": {"const": name}, **own.get("properties", {})}
    required = own.get("required", []) + ([] if name == DEFAULT else ["kind"])
    return {**own, "title": name, "properties": properties, "required": required}


def _entries(catalogue: Catalogue[T], entry: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of a list of entries."""
    entries = []
    for name in catalogue.names:
        try:
            model = catalogue.model(name)
        except DilemmaError:
            continue  # a plugin that fails to import
        if model is None:
            continue
        own = model.model_json_schema()
        definitions |= own.pop("$defs", {})
        given = {key: entry["properties"][key] for key in entry["properties"] if key != "name"}
        properties = {"name": {"const": name}, **given, **own.get("properties", {})}
        entries.append(
            {
                "title": name,
                "description": own.get("description", ""),
                "type": "object",
                "properties": properties,
                "required": ["name", *own.get("required", [])],
                "additionalProperties": False,
            }
        )
    return {"anyOf": [*entries, _elsewhere(entry)]}


def _elsewhere(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry named by an import path or an adapter's prefix."""
    return {**entry, "properties": {**entry["properties"], "name": {"type": "string", "pattern": ":"}}}
