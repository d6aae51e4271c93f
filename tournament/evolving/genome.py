"""Genomes: the parameters of an agent that may evolve, as numbers with bounds, read from what it declares.

Numbers evolve between the bounds of their field, tuples of numbers item by item, and choices (literals, truth
values, the moves of a sequence "CCD", the rows "2: 1D 3C" of a finite state machine) by their place among what is
allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from scipy.special import ndtri

from ...agents.agent import Agent
from ...agents.finite_state_machine import ROW
from ...envs.errors import DilemmaError

Numbers: TypeAlias = NDArray[np.float64]
Bounds: TypeAlias = Mapping[str, tuple[float, float]]
Distribution: TypeAlias = Literal["uniform", "u_shaped"]

_MOVES = ("C", "D")


@dataclass(frozen=True)
class Gene:
    """A number that evolves, from `low` to `high`."""

    name: str
    """Its parameter, with the place in it: `p[0]`."""
    low: float
    high: float
    whole: bool = False
    options: tuple[object, ...] = ()
    """What its whole numbers stand for; empty where they are numbers."""

    def meaning(self, value: float) -> Any:
        """A value of the gene as the agent takes it."""
        if self.options:
            return self.options[round(value)]
        return round(value) if self.whole else float(value)

    def value(self, meaning: Any) -> float:
        return float(self.options.index(meaning) if self.options else meaning)


@dataclass(frozen=True)
class Genome:
    """The parameters of an agent that evolve; the others stay as they are."""

    agent: Agent
    genes: tuple[Gene, ...]
    parameters: tuple[str, ...]

    def agent_of(self, values: Numbers) -> Agent:
        """The agent with these values [gene]. Raises DilemmaError if it doesn't take them."""
        left = iter([gene.meaning(value) for gene, value in zip(self.genes, values.tolist(), strict=True)])
        given = {name: getattr(self.agent, name) for name in type(self.agent).model_fields}
        given |= {name: _filled(given[name], left) for name in self.parameters}
        try:
            return type(self.agent).model_validate(given)
        except ValidationError as error:
            found = ", ".join(f"{name} = {given[name]}" for name in self.parameters)
            said = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise DilemmaError(
                f"evolution came to {found}, which {type(self.agent).__name__} doesn't take ({said}); keep it "
                "from there by schedule.bounds, or evolve other schedule.parameters"
            ) from error

    def values_of(self, agent: Agent) -> Numbers:
        """The values of another agent of this type [gene], within bounds."""
        found = [leaf for name in self.parameters for leaf in _leaves(getattr(agent, name))]
        return self.clipped(np.array([gene.value(leaf) for gene, leaf in zip(self.genes, found, strict=True)]))

    @cached_property
    def low(self) -> Numbers:
        return np.array([gene.low for gene in self.genes])

    @cached_property
    def high(self) -> Numbers:
        return np.array([gene.high for gene in self.genes])

    @cached_property
    def whole(self) -> NDArray[np.bool_]:
        return np.array([gene.whole for gene in self.genes])

    @cached_property
    def chosen(self) -> NDArray[np.bool_]:
        """Which genes have no order: choices."""
        return np.array([bool(gene.options) for gene in self.genes])

    def clipped(self, values: Numbers) -> Numbers:
        """The nearest values within bounds."""
        return np.asarray(np.clip(np.where(self.whole, np.rint(values), values), self.low, self.high), np.float64)

    def drawn(self, uniform: Numbers, distribution: Distribution = "uniform") -> Numbers:
        """Values drawn by uniform numbers [..., gene].

        "u_shaped" has the density 1 / (pi sqrt(x (1 - x))) between the bounds of real numbers (Nowak and Sigmund
        1993): x = sin^2(pi u / 2).
        """
        spread = np.sin(np.pi / 2 * uniform) ** 2 if distribution == "u_shaped" else uniform
        counted = np.floor(uniform * (self.high - self.low + 1))
        return self.clipped(self.low + np.where(self.whole, counted, spread * (self.high - self.low)))

    def mutated(self, values: Numbers, hit: Numbers, drawn: Numbers, rate: float, size: float | None) -> Numbers:
        """Values of which some have changed, by two uniform numbers for each [..., gene].

        A gene changes with probability `rate`: by a normal step of `size` times the distance of its bounds, whole
        numbers by one at least; anew between its bounds without `size`, and where it is a choice.
        """
        anew = self.drawn(drawn)
        if size is not None:
            step = size * (self.high - self.low) * ndtri(np.clip(drawn, 2.0**-33, 1 - 2.0**-33))
            step = np.where(self.whole, np.copysign(np.maximum(np.abs(step), 1), step), step)
            anew = np.where(self.chosen, anew, self.clipped(values + step))
        return np.where(hit < rate, anew, values)

    def crossed(self, mother: Numbers, father: Numbers, uniform: Numbers) -> Numbers:
        """Each gene from either parent, as likely; all [..., gene]."""
        return np.where(uniform < 0.5, mother, father)


def evolvable(agent: Agent, parameters: Sequence[str] = (), bounds: Bounds | None = None) -> Genome:
    """The genome of an agent: `parameters`, or all that have bounds, which `bounds` may narrow or give.

    Raises ValueError, with what is allowed, where a parameter isn't there or can't evolve, or none can.
    """
    bounds = bounds or {}
    fields = type(agent).model_fields
    for name in (*parameters, *bounds):
        if name not in fields:
            raise ValueError(f"found {name!r}; allowed: {', '.join(fields) or 'nothing, it has no parameters'}")
    genes, taken = list[Gene](), list[str]()
    for name in parameters or fields:
        info = fields[name]
        try:
            found = list(_genes(name, info.annotation, info.metadata, getattr(agent, name), bounds.get(name)))
        except FixedError as why:
            if parameters or name in bounds:
                raise ValueError(f"found {name!r}, which can't evolve: {why}") from None
            continue
        genes += found
        taken.append(name)
    if not genes:
        raise ValueError(
            f"{type(agent).__name__} has no parameter that can evolve; allowed: numbers and choices within bounds"
        )
    return Genome(agent, tuple(genes), tuple(taken))


class FixedError(Exception):
    """Why a parameter can't evolve."""


def _genes(
    name: str, kind: Any, metadata: Sequence[object], value: Any, bounds: tuple[float, float] | None
) -> Iterator[Gene]:
    """The genes of a parameter whose value is of this type."""
    if get_origin(kind) is Annotated:
        kind, *more = get_args(kind)
        metadata = [*metadata, *(part for each in more for part in _metadata(each))]
        yield from _genes(name, kind, metadata, value, bounds)
    elif get_origin(kind) in (Union, UnionType):
        if value is None:
            raise FixedError("it has no value to start from; give one")
        kinds = [each for each in get_args(kind) if each is not type(None)]
        yield from _genes(name, kinds[0], metadata, value, bounds)
    elif get_origin(kind) is Literal:
        yield _choice(name, get_args(kind))
    elif kind is bool:
        yield _choice(name, (False, True))
    elif kind in (int, float):
        yield _number(name, kind is int, metadata, bounds)
    elif isinstance(value, tuple) and value and all(isinstance(row, str) and ROW.fullmatch(row) for row in value):
        states = tuple(row.partition(":")[0] for row in value)
        for row in states:
            for move in _MOVES:
                yield _choice(f"{name}[{row}] next after {move}", states)
                yield _choice(f"{name}[{row}] move after {move}", _MOVES)
    elif isinstance(value, tuple) and value:
        items = get_args(kind)
        items = items[:1] * len(value) if items[1:] == (...,) else items
        for place, (item, each) in enumerate(zip(items, value, strict=True)):
            yield from _genes(f"{name}[{place}]", item, (), each, bounds)
    elif isinstance(value, str) and value and set(value) <= set(_MOVES):
        for place in range(len(value)):
            yield _choice(f"{name}[{place}]" if len(value) > 1 else name, _MOVES)
    else:
        raise FixedError("it is neither a number nor a choice, nor made of these")


def _metadata(mark: object) -> Sequence[object]:
    return mark.metadata if isinstance(mark, FieldInfo) else (mark,)


def _choice(name: str, options: tuple[object, ...]) -> Gene:
    return Gene(name, 0, len(options) - 1, True, options)


def _number(name: str, whole: bool, metadata: Sequence[object], bounds: tuple[float, float] | None) -> Gene:
    """A number between the bounds of its field, or narrower ones."""
    low, high = -np.inf, np.inf
    for mark in metadata:
        for side, way in (("ge", 0), ("gt", 1), ("le", 0), ("lt", -1)):
            limit = getattr(mark, side, None)
            if limit is None:
                continue
            if way:  # the number next to it
                limit = limit + way if whole else np.nextafter(limit, way * np.inf)
            low, high = (max(low, limit), high) if side[0] == "g" else (low, min(high, limit))
    if bounds is not None:
        if not low <= bounds[0] < bounds[1] <= high:
            raise ValueError(
                f"found {name} from {bounds[0]:g} to {bounds[1]:g}; allowed: within {low:g} to {high:g}"
            )
        low, high = bounds
    if not np.isfinite([low, high]).all():
        raise FixedError("it has no bounds; give them in schedule.bounds")
    return Gene(name, float(low), float(high), whole)


def _leaves(value: Any) -> Iterator[Any]:
    """The values that genes stand for, in their order."""
    if isinstance(value, tuple):
        for each in value:
            yield from _leaves(each)
    elif isinstance(value, str) and (row := ROW.fullmatch(value)):
        yield from row.groups()[1:]
    elif isinstance(value, str) and value and set(value) <= set(_MOVES):
        yield from value
    else:
        yield value


def _filled(value: Any, left: Iterator[Any]) -> Any:
    """A value of the same form, with other leaves."""
    if isinstance(value, tuple):
        return tuple(_filled(each, left) for each in value)
    if isinstance(value, str) and (row := ROW.fullmatch(value)):
        return f"{row[1]}: {next(left)}{next(left)} {next(left)}{next(left)}"
    if isinstance(value, str) and value and set(value) <= set(_MOVES):
        return "".join(next(left) for _ in value)
    return next(left)
