"""The process's global generators: of `random`, of numpy and of torch. Ours never use them; others' code may.

What is drawn from them depends on who drew before. So play looks afterwards whether they moved; if they did, it is
played again `watched`: functions in plain Python find them seeded from the match's chance at each call, and
agents that play many chairs at once are refused.
"""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

_WATCHED: ContextVar[bool] = ContextVar("watched", default=False)
_START = 0x5EED


def watched() -> bool:
    """Whether the global generators are in question."""
    return _WATCHED.get()


@contextmanager
def watching() -> Iterator[None]:
    """Inside, they are."""
    token = _WATCHED.set(True)
    try:
        yield
    finally:
        _WATCHED.reset(token)


def seed(number: int) -> None:
    """Seed all of them with 64 bits."""
    number %= 2**64
    random.seed(number)
    np.random.seed(number >> 32)
    torch.default_generator.manual_seed(number % 2**32)


@dataclass(frozen=True, eq=False)
class Generators:
    """Their states at some time."""

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
        """The names of those that are in another state now."""
        now = Generators.now()
        same = {
            "random's global generator": now.python == self.python,
            "numpy's global generator": pickle.dumps(now.arrays) == pickle.dumps(self.arrays),
            "torch's global generator": torch.equal(now.tensors, self.tensors),
        }
        return [name for name, equal in same.items() if not equal]


@contextmanager
def generators_kept() -> Iterator[Generators]:
    """Inside they begin from one same state, which it tells; afterwards they are as they were."""
    before = Generators.now()
    try:
        seed(_START)
        yield Generators.now()
    finally:
        before.restore()
