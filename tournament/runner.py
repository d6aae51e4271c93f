"""The runner: has chunks played by joblib workers, and hands back what comes of them."""

from __future__ import annotations

import math
import os
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

import joblib
import numpy as np
from joblib.externals.loky import ProcessPoolExecutor

from .arena import Interrupt
from .chunk import Chunk, Outcome, play_chunk, whole_failure
from .engine import KILLED, Lost, engine, safe_path, workers_of
from .patience import NOBODY, Patience
from .pulse import pulsing
from .sections import Execution
from .worker import CUT_OFF, SPOILED, end_if_cut_off, end_spoiled, obey

BEHIND = 4
"""Outcomes for each worker that may wait to be fetched; where workers are faster than this process, they pause."""
TOGETHER = 16
"""Chunks for each worker that are handed at once to a backend that hands nothing back before all are done."""
PIECES = 16
"""A chunk that kills its worker is cut into so many: each death costs the start of a process."""


def carry_out(chunks: Iterable[Chunk], execution: Execution, signs: Path | None = None) -> Iterator[Outcome]:
    """Outcomes as they finish, in any order; meanwhile chunks give signs of life in the folder `signs`.

    A chunk is taken when a worker is about to need it: never are more of them there than are under way.

    A worker that dies takes down the chunks that were under way: they are tried again, each by itself, and one
    that kills its worker again is cut up until its deadly match stands alone. An agent whose matches have failed a
    few times alike, and never went well, has its others fail unplayed.
    """
    hopes = dict[int, Patience]()
    for outcome in _outcomes(chunks, execution, signs, hopes):
        _learn(hopes, outcome)
        yield outcome


def _outcomes(
    chunks: Iterable[Chunk], execution: Execution, signs: Path | None, hopes: dict[int, Patience]
) -> Iterator[Outcome]:
    most, source = workers_of(execution), iter(chunks)
    first = list(islice(source, most))
    workers = len(first)
    risky = most > 1 and any(chunk.has_foreign_code for chunk in first)
    waiting = Waiting(chain(first, source))
    del first
    if workers <= 1 and execution.timeout is None and not risky and not execution.elsewhere:
        for number, chunk in waiting.taken():
            with pulsing(chunk, signs) as recorders:
                yield play_chunk(_told(chunk, hopes), execution.timeout, recorders)
            waiting.finished(number)
    while not waiting.over:
        try:
            parallel = _in_parallel if workers > 1 or execution.elsewhere else _in_one_worker
            for number, outcome in parallel(waiting, workers, execution, signs, hopes):
                chunk = waiting.finished(number)
                if isinstance(outcome, Lost):
                    yield from _alone(chunk, execution, signs, hopes)
                else:
                    yield outcome
        except BrokenExecutor as error:
            dead = waiting.dead()
            why = _of_death(error, execution.timeout) if len(dead) == 1 else None
            for chunk in dead:
                yield from _alone(chunk, execution, signs, hopes, why)


class Waiting:
    """Chunks that wait to be played, and those under way. joblib takes them in threads of its own."""

    def __init__(self, chunks: Iterable[Chunk]):
        self._left = enumerate(chunks)
        self._lock = threading.Lock()
        self._under_way = dict[int, Chunk]()
        self._turn = 0
        self._over = False
        self._error: Exception | None = None

    @property
    def over(self) -> bool:
        """Whether all chunks have been taken. Raises what kept the next one from being made."""
        if self._error is not None:
            raise self._error
        return self._over

    def taken(self, most: float = math.inf) -> Iterator[tuple[int, Chunk]]:
        """Those that wait, with their numbers; no more once some are known to be dead, or `most` are under way."""
        turn = self._turn
        while (found := self._take(turn, most)) is not None:
            yield found

    def _take(self, turn: int, most: float) -> tuple[int, Chunk] | None:
        with self._lock:
            if turn != self._turn or self._over or len(self._under_way) >= most:
                return None
            try:
                number, chunk = next(self._left)
            except StopIteration:
                self._over = True
                return None
            except Exception as error:  # joblib would wait for ever for a thread that raises
                self._over, self._error = True, error
                return None
            self._under_way[number] = chunk
            return number, chunk

    def finished(self, number: int) -> Chunk:
        """That chunk is not under way any more."""
        return self._under_way.pop(number)

    def dead(self) -> list[Chunk]:
        """Those that were under way, and are no more."""
        with self._lock:
            self._turn += 1
            found, self._under_way = self._under_way, {}
        return [found[number] for number in sorted(found)]


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


def _in_parallel(
    waiting: Waiting, workers: int, execution: Execution, signs: Path | None, hopes: Mapping[int, Patience]
) -> Iterator[tuple[int, Outcome | Lost]]:
    with engine(execution) as playing:
        ahead = max(playing.ahead, 2 * workers)
        while not waiting.over:
            # joblib hands out more whenever a call is done, however many results nobody has fetched yet.
            taken = waiting.taken(ahead + BEHIND * workers if playing.streams else TOGETHER * workers)
            calls = (
                joblib.delayed(_numbered)(number, _told(chunk, hopes), execution.timeout, signs)
                for number, chunk in taken
            )
            parallel = joblib.Parallel(
                n_jobs=max(2, workers),  # with one, joblib would play here
                return_as="generator_unordered" if playing.streams else "list",
                pre_dispatch=ahead,
                batch_size=1,
            )
            results = parallel(calls)
            try:
                for result in results:
                    yield (result.arguments[0], result) if isinstance(result, Lost) else result
            finally:
                if playing.streams:
                    with warnings.catch_warnings():  # joblib's, of work cut short: whoever does that knows
                        warnings.simplefilter("ignore", UserWarning)
                        results.close()


def _in_one_worker(
    waiting: Waiting, workers: int, execution: Execution, signs: Path | None, hopes: Mapping[int, Patience]
) -> Iterator[tuple[int, Outcome]]:
    """One chunk after the other, in another process than this."""
    with safe_path():
        executor = ProcessPoolExecutor(1, initializer=obey, initargs=(os.getpid(),))
        try:
            for number, chunk in waiting.taken():
                told = _told(chunk, hopes)
                yield executor.submit(_numbered, number, told, execution.timeout, signs).result()
        finally:
            executor.shutdown(wait=False, kill_workers=True)


def _numbered(number: int, chunk: Chunk, timeout: float | None, signs: Path | None) -> tuple[int, Outcome | Lost]:
    try:
        with pulsing(chunk, signs) as recorders:
            outcome = play_chunk(chunk, timeout, recorders)
    except Interrupt:
        raise
    except Exception as error:  # failures of agents are part of an outcome: this process is not what it was
        if not chunk.has_foreign_code:
            raise
        end_spoiled()
        return number, Lost((number,), error)
    end_if_cut_off()
    return number, outcome


def _alone(
    chunk: Chunk, execution: Execution, signs: Path | None, hopes: dict[int, Patience], why: str | None = None
) -> Iterator[Outcome]:
    """Try a chunk whose worker died once more, piece by piece, with nothing else under way.

    What can't be cut is not tried where it is known `why` it dies.
    """
    if len(chunk) > 1 and chunk.how != "learned":
        places = np.array_split(np.arange(len(chunk)), min(PIECES, len(chunk)))
        yield from _one_by_one([chunk.select(piece) for piece in places], execution, signs, hopes)
    elif why is None:
        yield from _one_by_one([chunk], execution, signs, hopes)
    else:
        cast = np.unique(chunk.entrants[chunk.cast]).tolist()
        hope = hopes.setdefault(chunk.setting, Patience())
        hope.failed(hope.suspects(cast), int(chunk.casts[0]), why)
        yield whole_failure(chunk, why)


def _one_by_one(
    chunks: Sequence[Chunk], execution: Execution, signs: Path | None, hopes: dict[int, Patience]
) -> Iterator[Outcome]:
    """Chunks one after the other in a worker, another one after each death; without casts that are given up."""
    unplayed = list[Outcome]()

    def hopeful() -> Iterator[Chunk]:
        for chunk in chunks:
            tired = hopes.setdefault(chunk.setting, Patience()).tired(chunk.casts)
            unplayed.extend(whole_failure(chunk.select(np.array([at])), why) for at, (_, why) in tired.items())
            if len(tired) < len(chunk):
                yield chunk.without(tired)

    waiting = Waiting(hopeful())
    while not waiting.over:
        try:
            for number, outcome in _in_one_worker(waiting, 1, execution, signs, hopes):
                waiting.finished(number)
                yield outcome
        except BrokenExecutor as error:
            for chunk in waiting.dead():
                yield from _alone(chunk, execution, signs, hopes, _of_death(error, execution.timeout))
    yield from unplayed


def _of_death(error: BrokenExecutor, timeout: float | None) -> str:
    """Why a worker died, with nothing else under way."""
    if timeout is not None and "EXIT(1)" in str(error):  # as the watch of a deadline ends it
        return f"took longer than the time limit of {timeout:g} s, and did not heed it: its worker was ended"
    if f"EXIT({SPOILED})" in str(error):
        return "changed the process that played it, which could play no more"
    if f"EXIT({CUT_OFF})" in str(error):
        return "closed the files of the worker that played it"
    return KILLED
