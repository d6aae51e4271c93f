"""Listings of agents and environments: one line each, or one of them with all its parameters."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from .envs.catalogue import Catalogue
from .envs.errors import DilemmaError

T = TypeVar("T", bound=BaseModel)


def lines(catalogue: Catalogue[T]) -> str:
    """Name and first line of the docstring of everything in a catalogue; for failed imports, the reason."""
    said = {name: _first_line(catalogue, name) for name in catalogue.names}
    for prefix, path in catalogue.adapters.items():
        said[f"{prefix}:NAME" if prefix else "FILE.py:NAME"] = _read(path.partition(":")[0])[""]
    width = max(map(len, said))
    return "\n".join(f"{name:{width}}  {line}" for name, line in said.items())


def describe(catalogue: Catalogue[T], name: str) -> str:
    """The full description of one: docstring, source, and parameters with types, defaults and meaning.

    Raises DilemmaError if there is no such name.
    """
    found = catalogue.model(name)
    if found is None:
        made = catalogue.build(name, {})
        return f"{name}\n\n{inspect.getdoc(type(made))}"
    parts = [name, "", inspect.getdoc(found) or ""]
    source: str = getattr(found, "source", "")
    if source:
        parts += ["", *textwrap.wrap(f"Source: {source}", 100)]
    parts += ["", "Parameters:"] if found.model_fields else ["", "No parameters."]
    schema = found.model_json_schema()
    properties = schema.get("properties", {})
    for key, field in found.model_fields.items():
        default = "required" if field.is_required() else f"default {_value(field.default)}"
        parts.append(f"  {key}  ({_type(properties[key])}; {default})")
        for said in (field.description or "", *_kinds(properties[key], schema)):
            parts += textwrap.wrap(said, 96, initial_indent="      ", subsequent_indent="      ")
    return "\n".join(parts)


def _first_line(catalogue: Catalogue[T], name: str) -> str:
    if path := catalogue.builtin.get(name):
        module, _, cls = path.partition(":")
        return _read(module)[cls]
    try:
        found = catalogue.find(name)
    except DilemmaError as error:
        return f"! {error}"
    return (inspect.getdoc(found) or "").partition("\n")[0]


@cache
def _read(module: str) -> dict[str, str]:
    """The first docstring lines of a builtin module ("") and its classes, from the source without importing it."""
    package, _, name = module.rpartition(".")
    spec = find_spec(package)
    assert spec
    assert spec.submodule_search_locations
    tree = ast.parse(Path(spec.submodule_search_locations[0], f"{name}.py").read_text(encoding="utf-8"))
    documented: dict[str, ast.Module | ast.ClassDef] = {"": tree}
    documented |= {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    return {name: (ast.get_docstring(node) or "").partition("\n")[0] for name, node in documented.items()}


def _kinds(schema: dict[str, Any], root: dict[str, Any]) -> Iterator[str]:
    """The kinds of a table: a line for each, with its keys."""
    mark = schema.get("discriminator", {})
    for kind, reference in mark.get("mapping", {}).items():
        fields = dict(root["$defs"][reference.rpartition("/")[2]]["properties"])
        meaning = fields.pop(mark["propertyName"]).get("description", "")
        yield f'{mark["propertyName"]} = "{kind}": {"; ".join(filter(None, (meaning, ", ".join(fields))))}'


def _value(value: object) -> str:
    if isinstance(value, BaseModel):
        return f"{{ {', '.join(f'{key} = {_value(each)}' for key, each in value)} }}"
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _type(schema: dict[str, object]) -> str:
    """A JSON schema's type in a few words, with its bounds."""
    if "discriminator" in schema:
        return "table"
    options = schema.get("anyOf")
    if isinstance(options, list):
        return " or ".join(dict.fromkeys(_type(option) for option in options))
    kind = {"number": "number", "integer": "whole number", "boolean": "true or false", "array": "list"}.get(
        str(schema.get("type")), str(schema.get("type", "any"))
    )
    if "enum" in schema:
        kind = f"one of {schema['enum']}"
    if schema.get("type") == "array" and "minItems" in schema and schema.get("minItems") == schema.get("maxItems"):
        kind = f"list of {schema['minItems']}"
    bounds = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    said = [f"{word} {schema[key]:g}" for key, word in bounds.items() if isinstance(schema.get(key), int | float)]
    return " ".join([kind, *said])
