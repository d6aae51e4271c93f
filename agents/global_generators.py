"""The process's global random generators (`random`, numpy, torch). Built-in agents don't use them; others may.

Draws from them depend on earlier draws elsewhere. So after a chunk is played, the arena checks whether their state
changed. If so, the chunk is played again with `watching`: plain Python functions are called with generators
seeded from the match's chance, and agents that play many chairs at once are refused.
"""

from __future__ import annotations

import importlib.util
import pickle
import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

_WATCHED: ContextVar[bool] = ContextVar("watched", default=False)
_START = 0x5EED
_ONE_AT_A_TIME = threading.RLock()
LIBRARIES = ("dask", "distributed", "tornado")
"""They have threads beside the one that plays, which draw from `random`."""


def watched() -> bool:
    """Whether play is inside `watching`."""
    return _WATCHED.get()


@contextmanager
def watching() -> Iterator[None]:
    """Inside, `watched` is true."""
    token = _WATCHED.set(True)
    try:
        yield
    finally:
        _WATCHED.reset(token)


def seed(number: int) -> None:
    """Seed all generators with 64 bits."""
    number %= 2**64
    random.seed(number)
    np.random.seed(number >> 32)
    torch.default_generator.manual_seed(number % 2**32)


@dataclass(frozen=True, eq=False)
class Generators:
    """A snapshot of the generators' states."""

    python: tuple[Any, ...]
    arrays: dict[str, Any]
    tensors: Tensor

    @staticmethod
    def now() -> Generators:
        return Generators(
            random.getstate(), np.random.get_state(legacy=False), torch.default_generator.get_state()
        )

    def restore(self) -> None:
        random.setstate(self.python)
        np.random.set_state(self.arrays)
        torch.default_generator.set_state(self.tensors)

    def moved(self) -> list[str]:
        """The names of the generators whose state has changed since."""
        now = Generators.now()
        same = {
            "random's global generator": now.python == self.python,
            "numpy's global generator": pickle.dumps(now.arrays) == pickle.dumps(self.arrays),
            "torch's global generator": torch.equal(now.tensors, self.tensors),
        }
        return [name for name, equal in same.items() if not equal]


@cache
def _leave_to_agents() -> None:
    """Give libraries that draw in other threads at any time a copy of `random`: their draws are no agent's."""
    spec = importlib.util.find_spec("random")
    assert spec is not None
    assert spec.loader is not None
    own = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(own)
    for module in [module for name, module in sys.modules.items() if name.partition(".")[0] in LIBRARIES]:
        for name, value in list(vars(module).items()):
            if value is random:
                setattr(module, name, own)
            elif value is not None and value is vars(random).get(name) and not isinstance(value, type):
                setattr(module, name, getattr(own, name))


@contextmanager
def generators_kept() -> Iterator[Generators]:
    """Set a fixed state inside, which it yields; restore the previous one afterwards. One thread at a time."""
    if "distributed" in sys.modules:
        _leave_to_agents()
    with _ONE_AT_A_TIME:
        before = Generators.now()
        try:
            seed(_START)
            yield Generators.now()
        finally:
            before.restore()
