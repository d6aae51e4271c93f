"""The runner: cuts a plan into chunks, has them played by joblib workers, hands back what comes of them."""

from __future__ import annotations

import importlib
import math
import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypeAlias

import joblib
import numpy as np
from joblib.externals.loky import ProcessPoolExecutor
from joblib.parallel import BACKENDS, EXTERNAL_BACKENDS, ParallelBackendBase, get_active_backend
from numpy.typing import NDArray

from ..agents import CATALOGUE as AGENTS
from ..envs import CATALOGUE as ENVIRONMENTS
from ..envs.errors import DilemmaError
from .casts import cast_keys, match_keys
from .chunk import Chunk, Failure, Outcome, play_chunk, whole_failure
from .deadline import be_expendable
from .how import HOW, How
from .keys import among, distinct
from .patience import NOBODY, Patience
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
SAFE_PATH = "PYTHONSAFEPATH"
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

    A worker that dies takes down the chunks that were under way: they are tried again, each by itself, and one
    that kills its worker again is halved until its deadly match stands alone. An agent whose matches have failed a
    few times alike, and never went well, has its others fail unplayed.
    """
    hopes = dict[int, Patience]()
    for outcome in _outcomes(chunks, execution, signs, hopes):
        _learn(hopes, outcome)
        yield outcome


def _outcomes(
    chunks: Sequence[Chunk], execution: Execution, signs: Path | None, hopes: dict[int, Patience]
) -> Iterator[Outcome]:
    most = workers_of(execution)
    workers = min(most, len(chunks))
    risky = most > 1 and any(chunk.has_foreign_code for chunk in chunks)
    if workers <= 1 and execution.timeout is None and not risky:
        for chunk in chunks:
            yield _numbered(0, _told(chunk, hopes), execution.timeout, signs)[1]
        return
    pending = dict(enumerate(chunks))
    while pending:
        under_way: set[int] = set()
        try:
            parallel = _in_parallel if workers > 1 else _in_one_worker
            for number, outcome in parallel(pending, under_way, execution, signs, hopes):
                del pending[number]
                yield outcome
        except BrokenExecutor as error:
            dead = sorted(under_way & pending.keys())
            why = _of_death(error, execution.timeout) if len(dead) == 1 else None
            for number in dead:
                yield from _alone(pending.pop(number), execution, signs, hopes, why)


def _learn(hopes: dict[int, Patience], outcome: Outcome) -> None:
    """Note who has failed, and who has played well, by environment."""
    for failure in outcome.failures:
        if failure.traceback:  # it was tried
            hope = hopes.setdefault(failure.setting, Patience())
            hope.failed(failure.blamed, failure.cast, failure.reason)
    for rows in outcome.rows:
        for setting in np.unique(rows["setting"]).tolist():
            agents = np.unique(rows["agent"][rows["setting"] == setting]).tolist()
            hopes.setdefault(setting, Patience()).went_well(agents, ())


def _told(chunk: Chunk, hopes: Mapping[int, Patience]) -> Chunk:
    """A chunk that knows whose matches are given up by now."""
    hope = hopes.get(chunk.setting)
    if hope is None or not hope.given_up:
        return chunk
    places = {entrant: place for place, entrant in enumerate(chunk.entrants.tolist())} | {NOBODY: NOBODY}
    given_up = [(places[each], why) for each, why in hope.given_up.items() if each in places]
    return replace(chunk, given_up=tuple(given_up))


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
    with _safe_path(), _configured(name) as active:
        yield active.supports_return_generator


@contextmanager
def _safe_path() -> Iterator[None]:
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
def _configured(name: str) -> Iterator[ParallelBackendBase]:
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
        yield active


def obey(parent: int) -> None:
    """Make this process a worker that leaves Ctrl-C to its parent, and ends with it, however that ends.

    Ctrl-C reaches every process of a terminal: the parent ends its workers, and they need not say so.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    be_expendable()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCHED_EVERY)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _in_parallel(
    pending: dict[int, Chunk],
    under_way: set[int],
    execution: Execution,
    signs: Path | None,
    hopes: Mapping[int, Patience],
) -> Iterator[tuple[int, Outcome]]:
    workers = min(workers_of(execution), len(pending))

    def calls() -> Iterator[object]:
        for number, chunk in list(pending.items()):
            under_way.add(number)
            yield joblib.delayed(_numbered)(number, _told(chunk, hopes), execution.timeout, signs)

    with backend(execution) as streams:
        parallel = joblib.Parallel(
            n_jobs=max(2, workers),  # with one, joblib would play here
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


def _in_one_worker(
    pending: dict[int, Chunk],
    under_way: set[int],
    execution: Execution,
    signs: Path | None,
    hopes: Mapping[int, Patience],
) -> Iterator[tuple[int, Outcome]]:
    """One chunk after the other, in another process than this."""
    with _safe_path():
        executor = ProcessPoolExecutor(1, initializer=obey, initargs=(os.getpid(),))
        try:
            for number, chunk in list(pending.items()):
                under_way.add(number)
                told = _told(chunk, hopes)
                yield executor.submit(_numbered, number, told, execution.timeout, signs).result()
        finally:
            executor.shutdown(wait=False, kill_workers=True)


def _numbered(number: int, chunk: Chunk, timeout: float | None, signs: Path | None) -> tuple[int, Outcome]:
    with pulsing(chunk, signs) as recorders:
        return number, play_chunk(chunk, timeout, recorders)


def _alone(
    chunk: Chunk, execution: Execution, signs: Path | None, hopes: dict[int, Patience], why: str | None = None
) -> Iterator[Outcome]:
    """Try a chunk whose worker died once more, with nothing else under way; not where `why` it dies is known."""
    hope = hopes.setdefault(chunk.setting, Patience())
    if tired := hope.tired(chunk.casts):
        for place, (_, reason) in tired.items():
            yield whole_failure(chunk.select(np.array([place])), reason)
        chunk = chunk.without(tired)
        if not len(chunk):
            return
    if why is None:
        try:
            for _, outcome in _in_one_worker({0: chunk}, set(), execution, signs, hopes):
                yield outcome
        except BrokenExecutor as error:
            why = _of_death(error, execution.timeout)
        else:
            return
    if len(chunk) > 1 and chunk.how != "learned":
        for half in np.array_split(np.arange(len(chunk)), 2):
            yield from _alone(chunk.select(half), execution, signs, hopes)
        return
    cast = np.unique(chunk.entrants[chunk.cast]).tolist()
    hope.failed(hope.suspects(cast), int(chunk.casts[0]), why)
    yield whole_failure(chunk, why)


def _of_death(error: BrokenExecutor, timeout: float | None) -> str:
    """Why a worker died, with nothing else under way."""
    if timeout is not None and "EXIT(1)" in str(error):  # as the watch of a deadline ends it
        return f"took longer than the time limit of {timeout:g} s, and did not heed it: its worker was ended"
    return "the system killed the worker that played it (out of memory?)"


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
