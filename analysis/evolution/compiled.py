"""Loops that are turned into machine code when they are first called: what happens one event after another."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, TypeVar, cast

Loop = TypeVar("Loop", bound=Callable[..., object])


def compiled(loop: Loop) -> Loop:
    """The same loop over numpy arrays, compiled by numba at its first call and kept on disk for the next process.

    It may call numpy and functions of its own, but no other function of ours. Numba is imported by the call alone.
    """

    @cache
    def machine_code() -> Callable[..., Any]:
        from numba import njit

        try:
            return cast(Callable[..., Any], njit(cache=True)(loop))
        except RuntimeError:  # neither this folder nor the user's can be written to
            return cast(Callable[..., Any], njit(loop))

    @wraps(loop)
    def call(*arguments: object) -> object:
        return machine_code()(*arguments)

    return cast(Loop, call)
