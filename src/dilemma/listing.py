"""Listings of agents and environments: by group, narrowed down, or one of them with all its parameters."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from .envs.catalogue import Catalogue
from .envs.errors import DilemmaError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .properties import Properties

T = TypeVar("T", bound="BaseModel")
PLUGINS = "plugins"
"""The group of what other packages add."""
SUMMED_UP = 50
"""The most names that a plain listing has summaries for."""
Groups: TypeAlias = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Wanted:
    """What a listing is narrowed down to."""

    search: str = ""
    """In name, summary or source, in any case."""
    kind: str | None = None
    """The group."""
    where: Sequence[str] = ()
    """Conditions on an agent's properties."""


def listing(catalogue: Catalogue[T], groups: Groups, wanted: Wanted, width: int) -> str:
    """The names of a catalogue by group, wrapped; with summaries where they are few, narrowed down, or plugins'.

    Raises DilemmaError if there is no such group or property.
    """
    groups = {**groups, PLUGINS: dict.fromkeys(catalogue.plugins, "")}
    kinds = [kind for kind, names in groups.items() if names]
    if wanted.kind not in (None, *kinds):
        raise DilemmaError(f"--kind: found {wanted.kind!r}; allowed: {', '.join(kinds)}")
    fulfilled = _fulfilled(catalogue, wanted.where)
    found = {
        kind: [name for name in groups[kind] if _mentions(catalogue, name, wanted.search) and fulfilled(name)]
        for kind in kinds
        if wanted.kind in (None, kind)
    }
    narrowed = wanted != Wanted()
    parts = list[str]()
    for kind, names in found.items():
        if names and (narrowed or kind == PLUGINS or len(catalogue.names) <= SUMMED_UP):
            said = {name: _documented(catalogue, name).summary for name in names}
            parts += [kind, *_summaries(said, width)]
        elif names:
            parts += [kind, textwrap.fill("  ".join(names), width, initial_indent="  ", subsequent_indent="  ")]
    if not narrowed:
        parts += ["your own", *_summaries(_adapters(catalogue), width)]
    return "\n".join(parts or ["Nothing fits."])


def _summaries(said: Mapping[str, str], width: int) -> Iterator[str]:
    """Names and what is said of them, in two columns."""
    column = max(map(len, said))
    for name, text in said.items():
        first, further = f"  {name:{column}}  ", " " * (column + 4)
        yield textwrap.fill(text, width, initial_indent=first, subsequent_indent=further, break_on_hyphens=False)


def _adapters(catalogue: Catalogue[T]) -> dict[str, str]:
    return {
        f"{prefix}:NAME" if prefix else "FILE.py:NAME": _read(path.partition(":")[0])[""].summary
        for prefix, path in catalogue.adapters.items()
    }


def _mentions(catalogue: Catalogue[T], name: str, text: str) -> bool:
    if not text:
        return True
    documented = _documented(catalogue, name)
    return text.casefold() in f"{name}\n{documented.summary}\n{documented.source}".casefold()


def _properties(catalogue: Catalogue[T], name: str) -> Properties | None:
    """The properties of an agent with its defaults or the first of its examples; None if it can't be made so."""
    from .properties import shipped

    if name in catalogue.builtin:
        return shipped()[name].properties if name in shipped() else None
    from .classification import example, properties  # which bring what plays along

    agent = example(catalogue.model(name))
    return None if agent is None else properties(agent)


def _fulfilled(catalogue: Catalogue[T], where: Sequence[str]) -> Callable[[str], bool]:
    """Whether the agent of a name fulfils all conditions."""
    if not where:
        return lambda name: True
    from .properties import condition

    conditions = [condition(text) for text in where]

    def fulfilled(name: str) -> bool:
        found = _properties(catalogue, name)
        return found is not None and all(holds(found) for holds in conditions)

    return fulfilled


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
    if catalogue.kind == "agent" and (known := _properties(catalogue, name)):
        required = [(name, field.examples) for name, field in found.model_fields.items() if field.is_required()]
        given = [f"{name} = {examples[0]}" for name, examples in required if examples]
        of = f" with {', '.join(given)}" if given else ""
        parts += ["", *textwrap.wrap(f"Properties{of}: {known}", 100)]
    parts += ["", "Parameters:"] if found.model_fields else ["", "No parameters."]
    schema = found.model_json_schema()
    properties = schema.get("properties", {})
    by_default = defaults(found)
    for key, field in found.model_fields.items():
        default = f"default {_value(by_default[key])}" if key in by_default else "required"
        parts.append(f"  {key}  ({type_in_words(properties[key])}; {default})")
        for said in (field.description or "", *_kinds(properties[key], schema)):
            parts += textwrap.wrap(said, 96, initial_indent="      ", subsequent_indent="      ")
    return "\n".join(parts)


@dataclass(frozen=True)
class Documented:
    """The first line of a docstring, and the source that a class names."""

    summary: str
    source: str = ""


def _documented(catalogue: Catalogue[T], name: str) -> Documented:
    """What a class says of itself; for failed imports, the reason."""
    if path := catalogue.builtin.get(name):
        module, _, cls = path.partition(":")
        return _read(module)[cls]
    try:
        found = catalogue.find(name)
    except DilemmaError as error:
        return Documented(f"! {error}")
    return Documented((inspect.getdoc(found) or "").partition("\n")[0], getattr(found, "source", ""))


@cache
def _read(module: str) -> dict[str, Documented]:
    """What a builtin module ("") and its classes say of themselves, read from the text without importing it."""
    package, _, name = module.rpartition(".")
    spec = find_spec(package)
    assert spec
    assert spec.submodule_search_locations
    text = Path(spec.submodule_search_locations[0], f"{name}.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    documented: dict[str, ast.Module | ast.ClassDef] = {"": tree}
    documented |= {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    return {
        name: Documented((ast.get_docstring(node) or "").partition("\n")[0], _source(node))
        for name, node in documented.items()
    }


def _source(node: ast.Module | ast.ClassDef) -> str:
    """The expression that a class has for its source."""
    values = (
        part.value
        for part in node.body
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and part.target.id == "source"
    )
    return next((ast.unparse(value) for value in values if value), "")


def _kinds(schema: dict[str, Any], root: dict[str, Any]) -> Iterator[str]:
    """The kinds of a table: a line for each, with its keys."""
    mark = schema.get("discriminator", {})
    for kind, reference in mark.get("mapping", {}).items():
        fields = dict(root["$defs"][reference.rpartition("/")[2]]["properties"])
        meaning = fields.pop(mark["propertyName"]).get("description", "")
        yield f'{mark["propertyName"]} = "{kind}": {"; ".join(filter(None, (meaning, ", ".join(fields))))}'


def defaults(model: type[BaseModel]) -> dict[str, object]:
    """The default of each parameter that has one; where it depends on others, with their defaults."""
    found: dict[str, object] = {}
    for key, field in model.model_fields.items():
        if not field.is_required():
            found[key] = field.get_default(call_default_factory=True, validated_data=found)
    return found


def _value(value: object) -> str:
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        return f"{{ {', '.join(f'{key} = {_value(each)}' for key, each in value)} }}"
    return f"{value:g}" if isinstance(value, float) else repr(value)


def type_in_words(schema: dict[str, object]) -> str:
    """A JSON schema's type in a few words, with its bounds."""
    if "discriminator" in schema:
        return "table"
    options = schema.get("anyOf")
    if isinstance(options, list):
        return " or ".join(dict.fromkeys(type_in_words(option) for option in options))
    kind = {
        "number": "number",
        "integer": "whole number",
        "boolean": "true or false",
        "array": "list",
        "object": "table",
    }.get(str(schema.get("type")), str(schema.get("type", "any")))
    if "enum" in schema:
        kind = f"one of {schema['enum']}"
    if schema.get("type") == "array" and "minItems" in schema and schema.get("minItems") == schema.get("maxItems"):
        kind = f"list of {schema['minItems']}"
    bounds = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    said = [f"{word} {schema[key]:g}" for key, word in bounds.items() if isinstance(schema.get(key), int | float)]
    return " ".join([kind, *said])
