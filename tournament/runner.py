"""The runner: cuts a plan into chunks, has them played by joblib workers, hands back what comes of them."""

from __future__ import annotations

import importlib
import math
import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypeAlias

import joblib
import numpy as np
from joblib.parallel import BACKENDS, EXTERNAL_BACKENDS, get_active_backend
from numpy.typing import NDArray

from ..agents import CATALOGUE as AGENTS
from ..envs import CATALOGUE as ENVIRONMENTS
from ..envs.errors import DilemmaError
from .casts import cast_keys, match_keys
from .chunk import Chunk, Failure, Outcome, play_chunk, whole_failure
from .how import HOW, How
from .keys import among, distinct
from .plan import Plan
from .pulse import pulsing
from .recipe import recipe
from .schedules.schedule import Request
from .seating import seated
from .sections import Execution
from .shard import Shard

Indices: TypeAlias = NDArray[np.int64]

NOTHING: Indices = np.empty(0, dtype=np.int64)
SMALLEST, LARGEST, SLOW = 1024, 65_536, 16
"""Matches of a chunk: the fewest worth sending, the most, and with a slow agent in each."""
WATCHED_EVERY = 1.0
"""Seconds between two looks of a worker at its parent."""
MANY_SEATS = 16
"""Games with more seats have fewer matches in a chunk: what counts is the chairs."""


def work(
    plan: Plan, requests: Sequence[Request], done: Indices = NOTHING, shard: Shard | None = None
) -> list[Chunk]:
    """What is asked for, or a shard's share of it, less the matches that are `done`.

    `done` has their identities, in ascending order. Raises DilemmaError where something is asked for that can't be
    played.
    """
    for request in requests:
        _check(plan, request)
    return [
        chunk
        for index in range(len(plan.settings))
        for how in HOW
        for chunk in _cut(plan, index, [each for each in requests if each.setting == index], how, done, shard)
    ]


def carry_out(chunks: Sequence[Chunk], execution: Execution, signs: Path | None = None) -> Iterator[Outcome]:
    """Outcomes as they finish, in any order; meanwhile chunks give signs of life in the folder `signs`.

    A worker that dies takes down the chunks that were under way: they are tried again, each by itself, and
    the one that kills its worker again has failed.
    """
    workers = min(workers_of(execution), len(chunks))
    if workers <= 1:
        for chunk in chunks:
            yield _numbered(0, chunk, execution.timeout, signs)[1]
        return
    pending = dict(enumerate(chunks))
    while pending:
        under_way: set[int] = set()
        try:
            for number, outcome in _in_parallel(pending, under_way, workers, execution, signs):
                del pending[number]
                yield outcome
        except BrokenExecutor:
            for number in sorted(under_way & pending.keys()):
                yield _alone(pending.pop(number), execution, signs)


def lost(chunks: Sequence[Chunk], known: NDArray[np.int64]) -> Iterator[Failure]:
    """The matches of chunks that aren't among the `known`, those with rows or a reason: they count as failures.

    `known` is in ascending order.
    """
    for chunk in chunks:
        missing = ~among(chunk.keys, known) & among(chunk.keys, distinct(chunk.asked))
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
        options = {"initializer": obey, "initargs": (os.getpid(),)} if name == "loky" else {}
        context = joblib.parallel_config(backend=name, **options)
    except (ImportError, ValueError) as error:
        known = ", ".join(sorted({*BACKENDS, *EXTERNAL_BACKENDS, "ray"}))
        reason = str(error).splitlines()[0]
        raise DilemmaError(f"execution.backend: joblib can't use {name!r} ({reason}); it knows {known}") from error
    with context:
        active, _ = get_active_backend()
        yield active.supports_return_generator


def obey(parent: int) -> None:
    """Make this process a worker that leaves Ctrl-C to its parent, and ends with it, however that ends.

    Ctrl-C reaches every process of a terminal: the parent ends its workers, and they need not say so.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCHED_EVERY)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _in_parallel(
    pending: dict[int, Chunk], under_way: set[int], workers: int, execution: Execution, signs: Path | None
) -> Iterator[tuple[int, Outcome]]:
    def calls() -> Iterator[object]:
        for number, chunk in list(pending.items()):
            under_way.add(number)
            yield joblib.delayed(_numbered)(number, chunk, execution.timeout, signs)

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


def _numbered(number: int, chunk: Chunk, timeout: float | None, signs: Path | None) -> tuple[int, Outcome]:
    with pulsing(chunk, signs) as recorders:
        return number, play_chunk(chunk, timeout, recorders)


def _alone(chunk: Chunk, execution: Execution, signs: Path | None) -> Outcome:
    """Try a chunk whose worker died once more, with nothing else under way."""
    try:
        for _, outcome in _in_parallel({0: chunk}, set(), 2, execution, signs):
            return outcome
    except BrokenExecutor:
        pass
    return whole_failure(chunk, "the system killed the worker that played it, twice (out of memory?)")


def _check(plan: Plan, request: Request) -> None:
    """Raises DilemmaError where a request has casts of a wrong size, or agents in roles that they don't take."""
    setting, casts = plan.settings[request.setting], request.casts
    if casts.ndim != 2 or casts.shape[1] != setting.game.seats:
        raise DilemmaError(
            f"the schedule asks for casts of shape {list(casts.shape)} in {setting.label}; allowed: [cast, seat] "
            f"with {setting.game.seats} seats"
        )
    for league in plan.leagues[request.setting]:
        wrong = np.setdiff1d(casts[:, league.seats], league.members)
        if len(wrong):
            role = " or ".join(dict.fromkeys(league.roles))
            known = [plan.entrants[index].label for index in league.members]
            found = plan.entrants[wrong[0]].label if 0 <= wrong[0] < len(plan.entrants) else f"entrant {wrong[0]}"
            raise DilemmaError(
                f"the schedule asks for {found} as {role} in {setting.label}; allowed: {', '.join(known)}"
            )


def _cut(
    plan: Plan, index: int, requests: Sequence[Request], how: How, done: Indices, shard: Shard | None
) -> Iterator[Chunk]:
    """The chunks of what is asked for in one environment, and is known in one way."""
    matches = _matches(plan, requests, how)
    if matches is None:
        return
    missing = ~among(matches.keys, done) & matches.wanted
    if shard is not None:
        missing &= shard.has(matches.keys if how != "learned" else _first_of_blocks(matches.keys, plan))
    if how == "learned":
        yield from _blocks(plan, index, matches, missing)
        return
    yield from cut(plan, index, matches.select(missing), how)


def cut(plan: Plan, index: int, matches: Matches, how: How) -> Iterator[Chunk]:
    """Matches without learners as chunks; those with a slow agent in smaller ones."""
    slow_agents = [i for i, entrant in enumerate(plan.entrants) if entrant.agent.slow]
    slow = np.asarray(np.isin(matches.cast, slow_agents).any(axis=1)) | plan.settings[index].game.slow
    for selected, is_slow in ((~slow, False), (slow, True)):
        members = selected.nonzero()[0]
        if not len(members):
            continue
        size = plan.execution.chunk or (SLOW if is_slow else chunk_size(plan, index, len(members)))
        for part in np.array_split(members, math.ceil(len(members) / size)):
            yield _chunk(plan, index, matches.select(part), how)


@dataclass(frozen=True, eq=False)
class Matches:
    """Repetitions of casts."""

    cast: Indices
    """Which of the plan's entrants sits where [match, seat]."""
    casts: Indices
    """The keys of the casts [match]."""
    repetition: Indices
    """-1 for exact payoffs [match]."""
    keys: Indices
    """[match]."""
    wanted: NDArray[np.bool_]
    """Whether it is asked for, or only keeps others of its block company [match]."""

    def select(self, which: Indices | NDArray[np.bool_] | slice) -> Matches:
        return Matches(*(getattr(self, field.name)[which] for field in fields(self)))


def _matches(plan: Plan, requests: Sequence[Request], how: How) -> Matches | None:
    """The matches of requests for one environment that are known in this way, cast by cast; None for none."""
    found = []
    for request in requests:
        cast = request.casts[plan.ways(request.setting)[request.casts].max(axis=1, initial=0) == HOW.index(how)]
        if not len(cast):
            continue
        casts = cast_keys(plan, request.setting, cast, how)
        which, repetition = np.arange(len(cast)), np.full(len(cast), -1)
        if how != "exact":
            block = plan.learning.block if how == "learned" else 1
            repetitions = math.ceil(request.repetitions / block) * block
            which = np.repeat(which, repetitions)
            repetition = np.tile(np.arange(repetitions), len(cast))
        cast, casts = cast[which], casts[which]
        keys = match_keys(casts, repetition)
        game = plan.settings[request.setting].game
        sitting = seated(cast, keys, repetition, game.roles, game.seating)
        found.append(Matches(sitting, casts, repetition, keys, repetition < request.repetitions))
    if not found:
        return None
    return Matches(*(np.concatenate([getattr(each, field.name) for each in found]) for field in fields(Matches)))


def _blocks(plan: Plan, index: int, matches: Matches, missing: NDArray[np.bool_]) -> Iterator[Chunk]:
    """Every block in which a match is missing, whole: in other company, its learners would give other bits."""
    learning = plan.learning
    for start in range(0, len(missing), learning.block):
        block = slice(start, start + learning.block)
        if missing[block].any():
            chunk = _chunk(plan, index, matches.select(block), "learned")
            yield replace(
                chunk,
                learning=learning.protocol,
                labels=tuple(plan.entrants[i].label for i in chunk.entrants),
                device=learning.device,
                wanted=matches.keys[block][missing[block]],
            )


def _first_of_blocks(keys: Indices, plan: Plan) -> Indices:
    """The key of the first match of the block that each match is in [match]."""
    block = plan.learning.block
    return np.repeat(keys[::block], block)[: len(keys)]


def chunk_size(plan: Plan, index: int, matches: int) -> int:
    """Large enough that many chairs share the calls a round costs, small enough for caches and workers."""
    game = plan.settings[index].game
    called = sum(entrant.agent.as_automaton(game) is None for entrant in plan.entrants)
    most = min(16_384 + 512 * called, LARGEST)
    size = int(np.clip(math.ceil(matches / workers_of(plan.execution)), SMALLEST, most))
    return max(1, size * 2 // game.seats) if game.seats > MANY_SEATS else size


def _chunk(plan: Plan, index: int, matches: Matches, how: How) -> Chunk:
    present, local = np.unique(matches.cast, return_inverse=True)
    setting = plan.settings[index]
    members = [plan.entrants[i] for i in present]
    return Chunk(
        recipe(ENVIRONMENTS, setting.definition, setting.game),
        tuple(recipe(AGENTS, entrant.definition, entrant.agent) for entrant in members),
        index,
        present,
        local.reshape(matches.cast.shape),
        matches.casts,
        matches.repetition,
        matches.keys,
        how,
    )
