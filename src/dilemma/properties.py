"""Properties of agents: what is known of them, and conditions on it. Nothing that plays is imported.

properties.csv has those of the shipped agents, with their defaults or the first of their examples;
`python -m dilemma.classification > src/dilemma/properties.csv` writes it.
"""

from __future__ import annotations

import csv
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from .envs.errors import DilemmaError

_CONDITION = re.compile(r"(\w+)(?:(<=|>=|=)(.+))?")
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge, "=": operator.eq}


@dataclass(frozen=True)
class Properties:
    """Properties of an agent; None where one is unknown, or means nothing."""

    learns: bool
    """Whether it learns from episode to episode."""
    game: bool
    """Whether it reads the rules of the game."""
    memory: float
    """Past rounds that may decide a move; infinite where it counts, learns, or looks back without bound."""
    stochastic: bool | None = None
    """Whether it draws its moves."""
    nice: bool | None = None
    """Whether it is never the first to defect."""
    states: int | None = None
    """States of the smallest finite automaton that plays alike."""
    year: int | None = None
    """The first year that its source names."""

    @property
    def words(self) -> dict[str, str]:
        """Those that are known, in words."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _word(value) for name, value in known.items() if value is not None}

    def __str__(self) -> str:
        return ", ".join(f"{name}={word}" for name, word in self.words.items())

    @staticmethod
    def of(words: Mapping[str, str]) -> Properties:
        """The properties that have these `words`; empty ones are unknown."""
        known: dict[str, float] = {name: _value(word) for name, word in words.items() if word}
        return Properties(**known)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Shipped:
    """A shipped agent with its defaults, or the first of its examples."""

    identity: str
    """The key of its definition."""
    properties: Properties


@cache
def shipped() -> Mapping[str, Shipped]:
    """Properties of the shipped agents, by name; those without defaults or examples are missing."""
    with Path(__file__).with_name("properties.csv").open(encoding="utf-8", newline="") as file:
        return {row.pop("name"): Shipped(row.pop("identity"), Properties.of(row)) for row in csv.DictReader(file)}


def condition(text: str) -> Callable[[Properties], bool]:
    """Whether properties fulfil `nice`, `learns=no`, `memory<=2` or the like. Raises DilemmaError for others."""
    names = [field.name for field in fields(Properties)]
    parts = _CONDITION.fullmatch(text.replace(" ", ""))
    wanted = parts and _number(parts[3] or "yes")
    if parts is None or parts[1] not in names or wanted is None:
        raise DilemmaError(
            f"--where: found {text!r}; allowed: {', '.join(names)}, alone or with =, <= or >= and a number, "
            "yes or no"
        )
    name, compare = parts[1], _COMPARISONS[parts[2] or "="]

    def fulfilled(found: Properties) -> bool:
        value = getattr(found, name)
        return value is not None and compare(value, wanted)

    return fulfilled


def _number(word: str) -> float | None:
    try:
        return {"yes": 1.0, "no": 0.0}.get(word) if word in ("yes", "no") else float(word)
    except ValueError:
        return None


def _word(value: float) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else f"{value:g}"


def _value(word: str) -> float:
    return word == "yes" if word in ("yes", "no") else math.inf if word == "inf" else int(word)
