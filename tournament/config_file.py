"""The config file, and a sentence with its place for every mistake in it.

The config of a run folder is read by this module alone, without importing its agents and environments.
"""

from __future__ import annotations

import codecs
import difflib
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeGuard, get_args

from pydantic import BaseModel, Field, ValidationError

from ..envs.errors import DilemmaError
from .sections import AgentEntry, Analysis, Evaluation, Execution, Learning, Named, Section

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

RawConfig: TypeAlias = dict[str, Any]
"""A config as parsed TOML, with every default filled in."""
Place: TypeAlias = tuple[str | int, ...]
LONGEST = 64 * 2**20
"""Bytes of a text that is read: some paths, such as /dev/zero, never end."""


class File(Section):
    """A config file."""

    name: str = Field("tournament", min_length=1, description="names the run folder and the report")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(0, description="the seed of everything that is random")
    environments: list[Named] = Field(min_length=1, description="the games")
    agents: list[AgentEntry] = Field(min_length=1, description="the players")
    schedule: dict[str, Any] = Field({}, description="who meets whom, and how often; `kind` says by which rule")
    evaluation: Evaluation = Evaluation()
    learning: Learning = Learning()
    analysis: Analysis = Analysis()
    execution: Execution = Execution()


@dataclass(frozen=True)
class Mistake:
    """A mistake in a config file: its place, and a sentence."""

    place: Place
    sentence: str


class ConfigError(DilemmaError):
    """All mistakes of a config file."""

    def __init__(self, path: str, mistakes: Sequence[Mistake], text: str = ""):
        self.mistakes = tuple(mistakes)
        lines = line_numbers(text)
        mistakes = sorted(mistakes, key=lambda mistake: _line(mistake.place, lines))
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        said = [f"  {_where(mistake.place, lines)}: {mistake.sentence}" for mistake in mistakes]
        super().__init__("\n".join([f"{path} has {count}:", *said]))


def file_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without a byte order mark. Raises DilemmaError if it is none."""
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
    except OSError as error:
        raise DilemmaError(f"{path} can't be read: {error}") from error
    if len(content) > LONGEST:
        raise DilemmaError(f"{path} is longer than {LONGEST >> 20} MiB; allowed: a text of at most so much")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DilemmaError(f"{path} is text in UTF-16; allowed: UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DilemmaError(f"{path} is not text in UTF-8, in line {line}; allowed: UTF-8") from None


def toml(text: str, path: Path | str) -> dict[str, Any]:
    """What a TOML text says, which was read from `path`. Raises DilemmaError if it is none."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DilemmaError(f"{path} is not TOML: {error}") from error
    except RecursionError:
        raise DilemmaError(f"{path} has lists or tables within each other, too deep to be read") from None
    except ValueError:
        most = sys.get_int_max_str_digits()
        raise DilemmaError(
            f"{path} has a number of more than {most:,} digits, which is too long to be read"
        ) from None


def analysis_of(config: Mapping[str, object], path: str, changes: Sequence[str] = ()) -> Analysis:
    """The [analysis] section of a run's config, which is parsed TOML read from `path`.

    `changes` (KEY=VALUE each) are applied to it, and blamed for mistakes that only occur with them.
    """
    raw: dict[str, Any] = {"analysis": dict(config.get("analysis") or {})}  # type: ignore[call-overload]
    for change in changes:
        if not change.startswith("analysis."):
            raise DilemmaError(f"--set {change}: a report can only change keys of [analysis]")
        override(raw, change)
    try:
        return Analysis.model_validate(raw["analysis"])
    except ValidationError as error:
        mistakes = explain(error, ("analysis",), Analysis)
    if changes:
        analysis_of(config, path)
    raise ConfigError("--set" if changes else path, mistakes)


def override(raw: dict[str, Any], setting: str) -> None:
    """Apply KEY=VALUE, where KEY is like `schedule.repetitions` or `environments.0.noise`."""
    key, equals, value = setting.partition("=")
    if not equals or not key.strip():
        raise DilemmaError(f"--set takes KEY=VALUE, such as schedule.repetitions=20; found {setting!r}")
    try:
        new = tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        new = value  # a bare word is a string
    *path, last = key.strip().split(".")
    target: Any = raw
    try:
        for part in path:
            target = target[int(part)] if isinstance(target, list) else target.setdefault(part, {})
        target[int(last) if isinstance(target, list) else last] = new
    except (IndexError, ValueError, TypeError, AttributeError):
        raise DilemmaError(f"--set {setting}: the config has nothing at {key.strip()}") from None


_ALLOWED = {
    "bool_type": "true or false",
    "float_type": "a number",
    "int_type": "a whole number",
    "string_type": "a text in quotes",
    "string_too_short": "a text that is not empty",
    "string_too_long": "a text of at most {max_length} characters",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "union_tag_not_found": "a table with a `kind`",
}


Innermost: TypeAlias = Callable[[Place], tuple[Place, type[BaseModel]]]
"""Of a place the part of it that lies in the innermost entry there, and that entry's model."""


def explain(
    error: ValidationError, place: Place, model: type[BaseModel], innermost: Innermost | None = None
) -> list[Mistake]:
    """Pydantic's errors as sentences: what was found, what is allowed, and which keys exist.

    `innermost` is asked where entries may be nested in one another.
    """
    mistakes = []
    for details in error.errors():
        if not _follows(details):
            within, of = innermost(details["loc"]) if innermost else (details["loc"], model)
            mistakes.append(Mistake((*place, *details["loc"]), _sentence(details, within, of)))
    return mistakes


def _follows(details: ErrorDetails) -> bool:
    """Whether an error only follows from another one."""
    if details["type"] == "too_short":  # pydantic counts the valid items
        return bool(len(details["input"]) >= details["ctx"]["min_length"])
    return details["type"] == "default_factory_not_called"


def _sentence(details: ErrorDetails, place: Place, model: type[BaseModel]) -> str:
    *path, key = place or ("",)
    kind, found = details["type"], details["input"]
    said = details["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    allowed = _ALLOWED.get(kind, "").format(**details.get("ctx", {})) or said
    if kind == "extra_forbidden":
        of_entry = not path and not issubclass(model, Section)  # whose name and label stand beside its parameters
        beside = set(Named.model_fields) if of_entry else set()
        if len(place) < len(details["loc"]):  # an entry within another has no label
            beside -= {"label"}
        keys = sorted(_keys(model, path) | beside)
        nearest = difflib.get_close_matches(str(key), keys, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        return f"there is no key {key!r} here; allowed: {', '.join(keys)}{hint}"
    if kind == "list_type" and isinstance(found, dict):
        allowed = f"a list of tables, [[{key}]]"
    if kind == "too_short" and not found:
        return "found an empty list; allowed: one or more"
    if kind == "missing" and isinstance(key, int):
        return f"found {_short(found)}; allowed: a longer list, its item {key} is missing"
    if kind == "missing":
        return f"{key!r} is missing"
    if kind == "union_tag_invalid":
        found, allowed = details["ctx"]["tag"], f"{key}.kind {details['ctx']['expected_tags']}"
    if kind in ("literal_error", "union_tag_invalid"):
        nearest = difflib.get_close_matches(str(found), re.findall(r"'([^']*)'", allowed), n=1)
        allowed += f"; did you mean {nearest[0]!r}?" if nearest else ""
    return f"found {_short(found)}; allowed: {allowed}"


def _keys(model: type[BaseModel], path: Sequence[str | int]) -> set[str]:
    """The keys of `model` at `path`."""
    kinds: dict[object, type[BaseModel]] = {}  # for a table of several kinds: the path says which one
    for part in path:
        if part in kinds:
            model = kinds[part]
        elif isinstance(part, str) and part in model.model_fields:
            models = list(_models(model.model_fields[part].annotation))
            kinds = {each.model_fields["kind"].default: each for each in models if "kind" in each.model_fields}
            model = models[0] if len(models) == 1 else Named
    return set(model.model_fields)


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """The tables that an annotation allows, however deep in it."""
    if _is_model(annotation):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _is_model(annotation: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _short(value: object) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a hexadecimal number of thousands of digits; lists in lists in lists
        return "something too long to be shown"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _where(place: Place, lines: Mapping[Place, int]) -> str:
    """A place as `line 12, agents[2].p[0]`."""
    dotted = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
    line = _line(place, lines)
    return f"line {line}, {dotted}" if line else dotted or "the file"


def _line(place: Place, lines: Mapping[Place, int]) -> int:
    """The line of the innermost part of a place that is in the file; 0 if none is."""
    return next((lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in lines), 0)


def line_numbers(text: str) -> dict[Place, int]:
    """The line of every table header and key that starts a line of a TOML text."""
    lines: dict[Place, int] = {}
    table: Place = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\[\s*([\w-]+)\s*\]\]", line):
            index = sum(1 for place in lines if len(place) == 2 and place[0] == header[1])
            table = (header[1], index)
            lines[table] = number
        elif header := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            table = tuple(header[1].split("."))
            lines[table] = number
        elif key := re.match(r"\s*([\w-]+)\s*=", line):
            lines[(*table, key[1])] = number
    return lines
