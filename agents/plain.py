"""Plain Python agents: `def act(history) -> int`, without tensors; slow, as each match is played separately."""

from __future__ import annotations

import copy
import inspect
import operator
import random
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Protocol, SupportsIndex, TypeAlias, TypeVar

import numpy as np
import torch
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, PlainSerializer
from torch import Tensor

from ..envs.catalogue import import_path, load_object, reaches_workers
from ..envs.chance import Purpose
from ..envs.environment import Discrete, Environment
from ..envs.errors import DilemmaError
from . import global_generators
from .agent import Agent, Chairs, Observation, Player, Round

T = TypeVar("T")


class Single(Protocol):
    """A player on one chair at one table, for one episode."""

    def act(self) -> int:
        """The next action."""

    def observe(self, own: int, others: Sequence[int]) -> None:
        """A round has been played: its executed action and the others' as observed, the next seat first."""


class SinglesPlayer(Player):
    """A new `Single` on every chair and table, made by `open(seat, seed)` with a 64-bit seed from chance.

    While the process's global generators are watched, they are seeded for each call from the chance of its chair,
    table and round, so that draws don't depend on other code.
    """

    def __init__(self, chairs: Chairs, open: Callable[[int, int], Single]):
        self._chairs = chairs
        self._open = open
        self._singles: list[list[Single]] = []
        self._watched = global_generators.watched()
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
        if round.degree is not None:
            degrees = round.degree.tolist()
            others = [[saw[:degree] for saw in chair] for chair, degree in zip(others, degrees, strict=True)]
        calls = [
            [partial(single.observe, did, saw) for single, did, saw in zip(*chair, strict=True)]
            for chair in zip(self._singles, round.own.tolist(), others, strict=True)
        ]
        self._each(calls, -self._round - 2)

    def _each(self, calls: Sequence[Sequence[Callable[[], T]]], address: int) -> list[list[T]]:
        """The results of calls [chair, table]; `address` distinguishes those of an episode."""
        if not self._watched:
            return [[call() for call in chair] for chair in calls]
        seeds = self._chairs.chance.bits(Purpose.GENERATOR, self._episode, address).tolist()
        return [
            [_seeded(call, seed) for call, seed in zip(chair, own, strict=True)]
            for chair, own in zip(calls, seeds, strict=True)
        ]


def _seeded(call: Callable[[], T], seed: int) -> T:
    global_generators.seed(seed)
    return call()


def _as_pairs(given: object) -> object:
    """A mapping as sorted pairs, with tuples for lists, which are hashable."""
    if not isinstance(given, Mapping):
        return given
    return tuple((name, _frozen(name, given[name])) for name in sorted(given))


def _frozen(name: str, value: object) -> object:
    """A hashable copy of a TOML value that is no table."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return tuple(_frozen(name, item) for item in value)
    if isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"numbers, texts, true or false, and lists of them; {name} has {value!r}")


Parameters: TypeAlias = Annotated[
    tuple[tuple[str, object], ...], BeforeValidator(_as_pairs), PlainSerializer(dict)
]
"""Keyword arguments of user code, given as a mapping of TOML values."""


def _by_name(function: str | Callable[..., object]) -> str | Callable[..., object]:
    """The import path, if every process can import it, so that path and object give equal agents."""
    if isinstance(function, str):
        return function
    path = import_path(function)
    if reaches_workers(path):
        return path
    # A callable dataclass may have no hash; its bound method has one.
    return function if isinstance(function, Hashable) else function.__call__


def _importable(function: str | Callable[..., object]) -> str:
    if isinstance(function, str):
        return function
    raise ValueError(f"{function!r} has no import string: define it in a module, not in a script or function")


Function: TypeAlias = Annotated[
    str | Callable[..., object], AfterValidator(_by_name), PlainSerializer(_importable, when_used="json")
]
"""A function or a class: its import path, or the object if a script, notebook or function defines it."""


class PlainAgent(Agent):
    """A function or a class in plain Python, with one object for each match.

    A function is called as `act(history)`; a class is constructed for each match and its `act(history)` is called.
    `history` is a list with a tuple for each past round: the agent's action, then the observed actions of the
    others (on a graph, of its neighbours), the next seat first; 0 is C and 1 is D. Each call gets a new copy. It
    returns an action as an integer, a bool, or one of numpy's. If it has a keyword parameter `rng`, it gets a
    `random.Random` for the match. The global generators of `random`, `numpy.random` and torch are seeded from the
    match and round at each call. A method or a callable object is copied for each match.

    >>> def grudger(history):
    ...     return int(any(other for own, other in history))
    >>> PlainAgent(function=grudger).slow
    True

    Playing raises DilemmaError if it can't be found or returns something that is no action.
    """

    model_config = ConfigDict(ser_json_inf_nan="constants")  # a parameter may be infinite

    source: ClassVar[str] = "the user"
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions"})
    slow: ClassVar[bool] = True

    function: Function = Field(
        description="`path/to/file.py:name`; from Python also `package.module:name` or the object itself"
    )
    parameters: Parameters = Field((), description="keyword arguments of the function or the class")

    @property
    def adapted_name(self) -> str:
        """The import path."""
        return self.function if isinstance(self.function, str) else import_path(self.function)

    @property
    def foreign_code(self) -> object:
        """The function or the class."""
        return load_object(self.function) if isinstance(self.function, str) else self.function

    def refuses(self, game: Environment) -> str | None:
        if not all(isinstance(game.actions(seat), Discrete) for seat in range(game.seats)):
            return "chooses among numbered actions"
        return None

    def sit(self, chairs: Chairs) -> Player:
        function = self.foreign_code
        name = Path(self.adapted_name.removeprefix("<").removesuffix(">")).name
        if not callable(function):
            raise DilemmaError(f"{name} is neither a function nor a class")
        given = dict(self.parameters)

        def open(seat: int, seed: int) -> Single:
            act = _method(function(**given), name) if isinstance(function, type) else _copy(function, given)
            space = chairs.spec.actions(seat)
            assert isinstance(space, Discrete)
            return _PlainSingle(act, space.n, seed, name)

        return SinglesPlayer(chairs, open)


def _method(made: object, name: str) -> Callable[..., object]:
    act: Callable[..., object] | None = getattr(made, "act", None)
    if act is None:
        raise DilemmaError(f"{name} has no method act(history)")
    return act


def _copy(function: Callable[..., object], given: Mapping[str, object]) -> Callable[..., object]:
    """A function as it is; a copy of a callable object."""
    own = copy.deepcopy(function)
    return partial(own, **given) if given else own


def why_not_called(act: Callable[..., object]) -> str | None:
    """Why it can't be called as act(history), as the end of a sentence; None if it can."""
    if signature := _signature(act):
        try:
            signature.bind([], **{"rng": None} if _takes_rng(act) else {})
        except TypeError as error:
            return f"can't be called as act(history): {error}"
    return None


def _takes_rng(act: Callable[..., object]) -> bool:
    signature = _signature(act)
    return signature is not None and "rng" in signature.parameters


def _signature(act: Callable[..., object]) -> inspect.Signature | None:
    """Its signature; None for functions in C without one."""
    try:
        return inspect.signature(act)
    except ValueError:
        return None


def _action(given: object) -> int | None:
    """The value as an integer; None if it is none."""
    if isinstance(given, np.generic | np.ndarray):
        return int(given) if given.ndim == 0 and given.dtype.kind in "biu" else None
    try:
        return operator.index(given) if isinstance(given, SupportsIndex) else None
    except TypeError:  # a tensor with several elements
        return None


class _PlainSingle:
    def __init__(self, act: Callable[..., object], actions: int, seed: int, name: str):
        if reason := why_not_called(act):
            raise DilemmaError(f"{name} {reason}")
        self._act = partial(act, rng=random.Random(seed)) if _takes_rng(act) else act
        self._actions = actions
        self._name = name
        self._history: list[tuple[int, ...]] = []

    def act(self) -> int:
        given = self._act(self._history.copy())
        action = _action(given)
        if action is None or not 0 <= action < self._actions:
            whole = "" if isinstance(given, int) else ", as whole numbers"
            raise DilemmaError(
                f"{self._name} returned {given!r} in round {len(self._history) + 1}; "
                f"allowed are the actions 0 to {self._actions - 1}{whole}"
            )
        return action

    def observe(self, own: int, others: Sequence[int]) -> None:
        self._history.append((own, *others))
