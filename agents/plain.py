"""Plain Python agents: `def act(history) -> int`, with no tensors; one match at a time, and slowly."""

from __future__ import annotations

import inspect
import operator
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, ClassVar, Protocol, SupportsIndex, TypeAlias, TypeVar

import torch
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer
from torch import Tensor

from ..envs.catalogue import load
from ..envs.chance import Purpose
from ..envs.environment import Discrete, Environment
from ..envs.errors import DilemmaError
from . import ambient
from .agent import Agent, Chairs, Observation, Player, Round

T = TypeVar("T")


class Single(Protocol):
    """A player on one chair at one table, for one episode."""

    def act(self) -> int:
        """The next action."""

    def observe(self, own: int, others: Sequence[int]) -> None:
        """A round has been played: what it did, and what it saw the others do, the next seat first."""


class SinglesPlayer(Player):
    """Seats a fresh `Single` on every chair and table: `open(seat, seed)`, with 64 bits of chance as seed.

    Where the process's global generators are watched, they are seeded for each call from the chance of its chair,
    table and round: what a single draws from them is its own, whoever else draws or seeds.
    """

    def __init__(self, chairs: Chairs, open: Callable[[int, int], Single]):
        self._chairs = chairs
        self._open = open
        self._singles: list[list[Single]] = []
        self._watched = ambient.watched()
        self._episode = self._round = 0

    def begin(self) -> None:
        self._singles = []

    def act(self, observation: Observation) -> Tensor:
        self._episode, self._round = observation.episode, observation.round
        if not self._singles:
            seeds = self._chairs.chance.bits(Purpose.GENERATOR, self._episode, 0).tolist()
            self._singles = self._each(
                [
                    [partial(self._open, seat, seed % 2**64) for seed in chair]
                    for seat, chair in zip(self._chairs.seat.tolist(), seeds, strict=True)
                ],
                -1,
            )
        actions = self._each([[single.act for single in chair] for chair in self._singles], self._round + 1)
        return torch.tensor(actions, device=self._chairs.device)

    def observe(self, round: Round) -> None:
        others = round.others.transpose(1, 2).tolist()
        told = [
            [partial(single.observe, did, saw) for single, did, saw in zip(*chair, strict=True)]
            for chair in zip(self._singles, round.own.tolist(), others, strict=True)
        ]
        self._each(told, -self._round - 2)

    def _each(self, calls: Sequence[Sequence[Callable[[], T]]], address: int) -> list[list[T]]:
        """What calls [chair, table] give; `address` tells those of an episode apart."""
        if not self._watched:
            return [[call() for call in chair] for chair in calls]
        seeds = self._chairs.chance.bits(Purpose.GENERATOR, self._episode, address).tolist()
        return [
            [_seeded(call, seed) for call, seed in zip(chair, own, strict=True)]
            for chair, own in zip(calls, seeds, strict=True)
        ]


def _seeded(call: Callable[[], T], seed: int) -> T:
    ambient.seed(seed)
    return call()


Value: TypeAlias = bool | int | float | str | tuple[bool | int | float | str, ...]


def _as_pairs(given: object) -> object:
    """A mapping as sorted pairs, with tuples for lists: they hash."""
    if not isinstance(given, Mapping):
        return given
    values = ((name, tuple(value) if isinstance(value, list) else value) for name, value in given.items())
    return tuple(sorted(values, key=operator.itemgetter(0)))


Parameters: TypeAlias = Annotated[tuple[tuple[str, Value], ...], BeforeValidator(_as_pairs), PlainSerializer(dict)]
"""Keyword arguments of something that is not ours: given as a mapping."""


def _by_name(function: str | Callable[..., object]) -> str | Callable[..., object]:
    """The import string of what has one, so that it is the same agent either way."""
    if isinstance(function, str):
        return function
    module, name = str(getattr(function, "__module__", "")), getattr(function, "__qualname__", "")
    found: object = sys.modules.get(module) if module != "__main__" else None
    for part in name.split("."):
        found = getattr(found, part, None)
    return f"{module}:{name}" if found is function else function


def _importable(function: str | Callable[..., object]) -> str:
    if isinstance(function, str):
        return function
    raise ValueError(f"{function!r} has no import string: define it in a module, not in a script or function")


Function: TypeAlias = Annotated[
    str | Callable[..., object], AfterValidator(_by_name), PlainSerializer(_importable, when_used="json")
]


class PlainAgent(Agent):
    """A function or a class in plain Python, one object for every match.

    A function is called as `act(history)`; a class is constructed for every match and its `act(history)` is
    called. `history` is a list with a tuple for each round played: what the agent did, then what it saw the
    others do, the next seat first; 0 is C and 1 is D. It returns an action. If it takes a keyword `rng`, it
    is given a `random.Random` of its own for the match. What it draws from `random`, `numpy.random` or torch's
    global generator follows from the match and the round as well: they are seeded for it at each call.

    >>> def grudger(history):
    ...     return int(any(other for own, other in history))
    >>> PlainAgent(function=grudger).slow
    True

    Playing raises DilemmaError where it can't be found, or returns what is no action.
    """

    source: ClassVar[str] = "the user"
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions"})
    slow: ClassVar[bool] = True

    function: Function = Field(
        description="`package.module:name` or `path/to/file.py:name`; from Python also the object itself"
    )
    parameters: Parameters = Field((), description="keyword arguments of the function or the class")

    def refuses(self, game: Environment) -> str | None:
        if not all(isinstance(game.actions(seat), Discrete) for seat in range(game.seats)):
            return "chooses among numbered actions"
        return None

    def sit(self, chairs: Chairs) -> Player:
        function = load(self.function) if isinstance(self.function, str) else self.function
        if not callable(function):
            raise DilemmaError(f"{self.function} is neither a function nor a class")
        make = partial(function, **dict(self.parameters))

        def open(seat: int, seed: int) -> Single:
            act = _method(make(), self.function) if isinstance(function, type) else make
            space = chairs.game.actions(seat)
            assert isinstance(space, Discrete)
            return _PlainSingle(act, space.n, seed, self.function)

        return SinglesPlayer(chairs, open)


def _method(made: object, name: object) -> Callable[..., object]:
    act: Callable[..., object] | None = getattr(made, "act", None)
    if act is None:
        raise DilemmaError(f"{name} has no method act(history)")
    return act


class _PlainSingle:
    def __init__(self, act: Callable[..., object], actions: int, seed: int, name: object):
        takes_rng = "rng" in inspect.signature(act).parameters
        self._act = partial(act, rng=random.Random(seed)) if takes_rng else act
        self._actions = actions
        self._name = name
        self._history: list[tuple[int, ...]] = []

    def act(self) -> int:
        given = self._act(self._history)
        if not isinstance(given, SupportsIndex) or not 0 <= operator.index(given) < self._actions:
            raise DilemmaError(
                f"{self._name} returned {given!r} in round {len(self._history) + 1}; "
                f"allowed are the actions 0 to {self._actions - 1}"
            )
        return operator.index(given)

    def observe(self, own: int, others: Sequence[int]) -> None:
        self._history.append((own, *others))


def from_name(name: str, parameters: Mapping[str, object]) -> PlainAgent:
    """The agent at an import string, as a config names it."""
    return PlainAgent.model_validate({"function": name, "parameters": parameters})
