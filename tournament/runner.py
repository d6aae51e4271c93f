"""The runner: cuts a plan into chunks, has them played by joblib workers, hands back what comes of them."""

from __future__ import annotations

import importlib
import math
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import replace

import joblib
import numpy as np
from joblib.parallel import BACKENDS, EXTERNAL_BACKENDS, get_active_backend
from numpy.typing import NDArray

from ..envs.environment import Environment
from ..envs.errors import DilemmaError
from .chunk import Chunk, Failure, Outcome, play_chunk, whole_failure
from .config import Config
from .config_file import Execution
from .how import HOW, How
from .plan import Plan
from .recipe import recipes
from .schedule import Cell, match_keys, round_robin
from .seating import order

SMALLEST, LARGEST, SLOW = 1024, 65_536, 16
"""Matches of a chunk: the fewest worth sending, the most, and with a slow agent in each."""


def work(
    config: Config,
    done: NDArray[np.int64] | None = None,
    repetitions: int | None = None,
    wanted: Callable[[Cell], bool] = lambda cell: True,
) -> list[Chunk]:
    """Everything a config asks for, less the matches that are `done` (their identities).

    Or only so many `repetitions` of it, and only the cells that are `wanted`.
    """
    plan, chunks = config.plan, list[Chunk]()
    if repetitions is not None:
        plan = replace(plan, repetitions=min(repetitions, plan.repetitions))
    done = np.empty(0, np.int64) if done is None else done
    for cells in round_robin(plan):
        for index in range(len(plan.settings)):
            for how in HOW:
                chosen = [cell for cell in cells if (cell.setting, cell.how) == (index, how) and wanted(cell)]
                if chosen:
                    chunks += cut(plan, index, chosen, how, done, config.execution)
    return chunks


def carry_out(chunks: Sequence[Chunk], execution: Execution) -> Iterator[Outcome]:
    """Outcomes as they finish, in any order.

    A worker that dies takes down the chunks that were under way: they are tried again, each by itself, and
    the one that kills its worker again has failed.
    """
    workers = min(workers_of(execution), len(chunks))
    if workers <= 1:
        for chunk in chunks:
            yield play_chunk(chunk, execution.timeout)
        return
    pending = dict(enumerate(chunks))
    while pending:
        under_way: set[int] = set()
        try:
            for number, outcome in _in_parallel(pending, under_way, workers, execution):
                del pending[number]
                yield outcome
        except BrokenExecutor:
            for number in sorted(under_way & pending.keys()):
                yield _alone(pending.pop(number), execution)


def lost(chunks: Sequence[Chunk], known: NDArray[np.int64]) -> Iterator[Failure]:
    """The matches of chunks that aren't among the `known`, those with rows or a reason: they count as failures."""
    for chunk in chunks:
        asked = chunk.keys if chunk.wanted is None else np.intersect1d(chunk.keys, chunk.wanted)
        missing = np.isin(chunk.keys, np.setdiff1d(asked, known))
        if missing.any():
            reason = "it was to be played and nothing came of it, neither rows nor a reason"
            yield from whole_failure(chunk.select(missing), reason).failures


def workers_of(execution: Execution) -> int:
    """How many workers `jobs` means. Raises DilemmaError where joblib lacks the backend."""
    if execution.jobs == 1:
        return 1
    with backend(execution):
        return int(joblib.effective_n_jobs(execution.jobs))


@contextmanager
def backend(execution: Execution) -> Iterator[bool]:
    """Make joblib use the backend; says whether it hands results back as they finish."""
    name = execution.backend
    try:
        if name == "ray":
            importlib.import_module("ray.util.joblib").register_ray()
        options = {"initializer": leave_interrupts_to_the_parent} if name == "loky" else {}
        context = joblib.parallel_config(backend=name, **options)
    except (ImportError, ValueError) as error:
        known = ", ".join(sorted({*BACKENDS, *EXTERNAL_BACKENDS, "ray"}))
        reason = str(error).splitlines()[0]
        raise DilemmaError(f"execution.backend: joblib can't use {name!r} ({reason}); it knows {known}") from error
    with context:
        active, _ = get_active_backend()
        yield active.supports_return_generator


def leave_interrupts_to_the_parent() -> None:
    """Ctrl-C reaches every process of a terminal: the parent ends its workers, and they need not say so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _in_parallel(
    pending: dict[int, Chunk], under_way: set[int], workers: int, execution: Execution
) -> Iterator[tuple[int, Outcome]]:
    def calls() -> Iterator[object]:
        for number, chunk in list(pending.items()):
            under_way.add(number)
            yield joblib.delayed(_numbered)(number, chunk, execution.timeout)

    with backend(execution) as streams:
        parallel = joblib.Parallel(
            n_jobs=workers,
            return_as="generator_unordered" if streams else "list",
            pre_dispatch=2 * workers,
            batch_size=1,
        )
        results = parallel(calls())
        try:
            for result in results:  # noqa: UP028 (`yield from` would close it, and warn, by itself)
                yield result
        finally:
            if streams:
                with warnings.catch_warnings():  # joblib's, of work cut short: whoever does that knows
                    warnings.simplefilter("ignore", UserWarning)
                    results.close()


def _numbered(number: int, chunk: Chunk, timeout: float | None) -> tuple[int, Outcome]:
    return number, play_chunk(chunk, timeout)


def _alone(chunk: Chunk, execution: Execution) -> Outcome:
    """Try a chunk whose worker died once more, with nothing else under way."""
    try:
        for _, outcome in _in_parallel({0: chunk}, set(), 2, execution):
            return outcome
    except BrokenExecutor:
        pass
    return whole_failure(chunk, "the system killed the worker that played it, twice (out of memory?)")


def cut(
    plan: Plan, index: int, cells: Sequence[Cell], how: How, done: NDArray[np.int64], execution: Execution
) -> Iterator[Chunk]:
    """The chunks of some cells of one environment whose payoffs are known in one way."""
    keys = np.array([cell.key for cell in cells], dtype=np.int64)
    which = np.arange(len(cells))
    repetition = np.full(len(cells), -1)
    if how != "exact":
        which = np.repeat(which, plan.repetitions)
        repetition = np.tile(np.arange(plan.repetitions), len(cells))
        keys = match_keys(keys[which], repetition)
    missing = ~np.isin(keys, done)
    cast = _seated(plan.settings[index].game, np.array([cell.cast for cell in cells])[which], repetition)
    if how == "learned":
        yield from _blocks(plan, index, cast, repetition, keys, missing)
        return
    keys, cast, repetition = keys[missing], cast[missing], repetition[missing]
    slow_agents = [i for i, entrant in enumerate(plan.entrants) if entrant.agent.slow]
    slow = np.asarray(np.isin(cast, slow_agents).any(axis=1)) | plan.settings[index].game.slow
    for selected, is_slow in ((~slow, False), (slow, True)):
        members = selected.nonzero()[0]
        if not len(members):
            continue
        size = execution.chunk or (SLOW if is_slow else chunk_size(plan, index, len(members), execution))
        for part in np.array_split(members, math.ceil(len(members) / size)):
            yield _chunk(plan, index, cast[part], repetition[part], keys[part], how)


def _seated(game: Environment, cast: NDArray[np.int64], repetition: NDArray[np.int64]) -> NDArray[np.int64]:
    """Casts [match, seat] in the order of their repetitions [match]; alike seats are left to chance."""
    if game.seats == 2 or game.symmetric:
        return cast
    known, which = np.unique(repetition, return_inverse=True)
    orders = np.stack([order(game.seats, number) for number in known.tolist()])
    return np.take_along_axis(cast, orders[which], axis=1)


def _blocks(
    plan: Plan,
    index: int,
    cast: NDArray[np.int64],
    repetition: NDArray[np.int64],
    keys: NDArray[np.int64],
    missing: NDArray[np.bool_],
) -> Iterator[Chunk]:
    """Every block in which a match is missing, whole: in other company, its learners would give other bits."""
    for start in range(0, len(keys), plan.block):
        block = slice(start, start + plan.block)
        if missing[block].any():
            chunk = _chunk(plan, index, cast[block], repetition[block], keys[block], "learned")
            labels = tuple(plan.entrants[i].label for i in chunk.entrants)
            yield replace(
                chunk,
                learning=plan.learning,
                labels=labels,
                device=plan.device,
                wanted=keys[block][missing[block]],
            )


def chunk_size(plan: Plan, index: int, matches: int, execution: Execution) -> int:
    """Large enough that many chairs share the calls a round costs, small enough for caches and workers."""
    game = plan.settings[index].game
    called = sum(entrant.agent.as_automaton(game) is None for entrant in plan.entrants)
    most = min(16_384 + 512 * called, LARGEST)
    return int(np.clip(math.ceil(matches / workers_of(execution)), SMALLEST, most))


def _chunk(
    plan: Plan,
    index: int,
    cast: NDArray[np.int64],
    repetition: NDArray[np.int64],
    keys: NDArray[np.int64],
    how: How,
) -> Chunk:
    present, local = np.unique(cast, return_inverse=True)
    setting = plan.settings[index]
    [game] = recipes([(setting.definition, setting.game)])
    members = [plan.entrants[i] for i in present]
    agents = recipes([(entrant.definition, entrant.agent) for entrant in members])
    return Chunk(game, tuple(agents), index, present, local.reshape(cast.shape), repetition, keys, how)
