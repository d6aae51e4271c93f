"""The engine: which of joblib's backends plays the chunks of a tournament, and how many workers it has."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import joblib
from joblib.parallel import BACKENDS, EXTERNAL_BACKENDS, ParallelBackendBase, get_active_backend

from ..envs.errors import DilemmaError
from .sections import ELSEWHERE, Execution
from .worker import obey

SAFE_PATH = "PYTHONSAFEPATH"
KILLED = "the system killed the worker that played it (out of memory?)"
FEW = 8
"""On one machine, more workers than two for each core, or than these, are of no use."""
GENEROUS = 64
"""Calls handed to other machines at once, at the least: workers that join them later find work."""


@dataclass(frozen=True)
class Lost:
    """In the place of a call's result: it took its workers down, and the engine gave it up."""

    arguments: tuple[Any, ...]
    error: Exception

    @staticmethod
    def of(calls: Any, error: Exception) -> list[Lost]:
        """Of each of joblib's calls that were handed over together."""
        return [Lost(arguments, error) for _, arguments, _ in calls.items]


@dataclass(frozen=True)
class Engine:
    """What joblib plays with, within `engine`."""

    workers: int
    streams: bool
    """Whether it hands results back as they finish."""
    elsewhere: bool
    """Whether workers may be on other machines."""

    @property
    def ahead(self) -> int:
        """How many calls it is given before the first is done."""
        return max(4 * self.workers, GENEROUS) if self.elsewhere else 2 * self.workers


def check(execution: Execution) -> None:
    """Raises DilemmaError where nothing could be played: a library is missing, or nobody answers."""
    workers_of(execution)


def workers_of(execution: Execution) -> int:
    """How many workers there are. Raises DilemmaError as `check` does."""
    if execution.jobs == 1 and not execution.elsewhere:
        return 1
    with engine(execution) as found:
        return found.workers


@contextmanager
def engine(execution: Execution) -> Iterator[Engine]:
    """Let joblib play with the backend of a config."""
    with safe_path(), _configured(execution) as backend:
        workers = int(backend.effective_n_jobs(execution.jobs))
        if not execution.elsewhere:
            workers = min(workers, max(FEW, 2 * joblib.cpu_count()))
        yield Engine(workers, backend.supports_return_generator, execution.elsewhere)


@contextmanager
def safe_path() -> Iterator[None]:
    """Processes that start now take no modules from the working folder, such as a random.py."""
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SAFE_PATH]
        else:
            os.environ[SAFE_PATH] = before


@contextmanager
def _configured(execution: Execution) -> Iterator[ParallelBackendBase]:
    name = execution.backend
    if execution.elsewhere:
        try:  # each needs a package of its own
            cluster = importlib.import_module(f".{name}_engine", __package__).cluster
        except ImportError as error:
            raise DilemmaError(
                f"execution.backend: {name} needs a package that is not installed ({error}): "
                f"pip install 'dilemma-tournaments[{name}]'"
            ) from error
        with cluster(execution) as backend, joblib.parallel_config(backend=backend):
            yield backend
        return
    try:
        options = {"initializer": obey, "initargs": (os.getpid(),)} if name == "loky" else {}
        context = joblib.parallel_config(backend=name, **options)
    except (ImportError, ValueError) as error:
        known = ", ".join(sorted({*BACKENDS, *EXTERNAL_BACKENDS, *ELSEWHERE}))
        reason = str(error).splitlines()[0]
        raise DilemmaError(f"execution.backend: joblib can't use {name!r} ({reason}); it knows {known}") from error
    with context:
        active, _ = get_active_backend()
        yield active
