"""The JSON schema of the config file, so that editors complete it: every agent and environment by name."""

from __future__ import annotations

from typing import Any

from ..agents import CATALOGUE as AGENTS
from ..envs import CATALOGUE as ENVIRONMENTS
from ..envs.catalogue import Catalogue
from ..envs.errors import DilemmaError
from .config_file import File


def schema() -> dict[str, Any]:
    """The schema of a config file; names that aren't registered (import paths) may have any parameters."""
    whole = File.model_json_schema()
    definitions = whole["$defs"]
    entry = definitions.pop("Named")
    for key, catalogue in (("environments", ENVIRONMENTS), ("agents", AGENTS)):
        whole["properties"][key]["items"] = {
            "anyOf": [*_entries(catalogue, entry, definitions), _elsewhere(entry)]
        }
    return {**whole, "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "dilemma config"}


def _entries(catalogue: Catalogue, entry: dict[str, Any], definitions: dict[str, Any]) -> list[dict[str, Any]]:
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
        given = {key: entry["properties"][key] for key in ("label", "known")}
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
    return entries


def _elsewhere(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry named by an import path or an adapter's prefix."""
    return {**entry, "properties": {**entry["properties"], "name": {"type": "string", "pattern": ":"}}}
