"""Loops that are turned into machine code when they are first called: what happens one event after another."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from types import FunctionType
from typing import Any, TypeVar, cast

Loop = TypeVar("Loop", bound=Callable[..., object])


def compiled(loop: Loop) -> Loop:
    """The same loop over numpy arrays, compiled by numba at its first call and kept on disk for the next process.

    It may call numpy, functions of its own, and compiled ones of the same file: numba compiles again when a loop's
    own file changes, not another's. What is divided by zero is infinite or no number, as in numpy. The call alone
    imports numba.
    """
    return _in_machine_code(loop, {"error_model": "numpy"})


def compiled_fused(loop: Loop) -> Loop:
    """`compiled`, where a product and a sum may be rounded as one: faster, and not the same on every machine."""
    return _in_machine_code(loop, {"error_model": "numpy", "fastmath": {"contract"}})


def _in_machine_code(loop: Loop, options: dict[str, Any]) -> Loop:
    @cache
    def machine_code() -> Callable[..., Any]:
        from numba import njit

        called = {
            name: getattr(loop.__globals__.get(name), "machine_code", None) for name in loop.__code__.co_names
        }
        helpers = {name: compile_it() for name, compile_it in called.items() if compile_it}
        own = FunctionType(loop.__code__, {**loop.__globals__, **helpers}, loop.__name__)
        own.__qualname__ = loop.__qualname__
        try:
            return cast(Callable[..., Any], njit(cache=True, inline="always", **options)(own))
        except RuntimeError:  # neither this folder nor the user's can be written to
            return cast(Callable[..., Any], njit(inline="always", **options)(own))

    @wraps(loop)
    def call(*arguments: object) -> object:
        return machine_code()(*arguments)

    call.machine_code = machine_code  # type: ignore[attr-defined]
    return cast(Loop, call)
