"""Signs of life from long work, of learners and searches: small files that a worker writes and its parent reads.

They are in a folder of the run while it plays, which works with any backend of joblib; nothing else reads them.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from torch import Tensor

from .chunk import Chunk, game_of
from .recorders import PlayedRound

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

EVERY = 2.0
"""Seconds between two signs of a worker."""


class Sign(Protocol):
    """How far a worker is; it says so as text."""

    @property
    def done(self) -> float:
        """Of what the meter counts, what this worker has done since it last gave a result."""

    @property
    def left(self) -> float | None:
        """Seconds until the step that it tells of is over, if it knows."""


@dataclass(frozen=True)
class Pulse:
    """How far the matches of a chunk are."""

    agents: tuple[str, ...]
    """Labels of those who play."""
    rewards: tuple[float, ...]
    """Mean reward of the rounds since the last sign, by agent."""
    matches: int
    point: int
    """The episode that is played, from 1; of a single long episode its round."""
    points: int
    unit: str
    """What is counted: episode or round."""
    share: float
    """Of its rounds that have been played."""
    rate: float
    """Episodes or rounds in a second."""
    left: None = None

    @property
    def done(self) -> float:
        """Matches."""
        return self.share * self.matches

    @staticmethod
    def read(found: Mapping[str, Any]) -> Pulse:
        """What was written as JSON."""
        return Pulse(**{**found, "agents": tuple(found["agents"]), "rewards": tuple(found["rewards"])})

    def __str__(self) -> str:
        rewards = " and ".join(f"{reward:.3g}" for reward in self.rewards)
        rate = f"{self.rate:.3g} {self.unit}s/s" if self.rate >= 1 else f"{1 / self.rate:.3g} s per {self.unit}"
        playing = " against ".join(self.agents)
        return f"{playing}, {self.unit} {self.point:,} of {self.points:,}: reward {rewards}, {rate}"


Hear: TypeAlias = Callable[[Sequence[Sign]], None]
"""Told from time to time how far all that is under way is."""


def give_sign(file: Path, sign: DataclassInstance) -> None:
    """Write a sign of life, in the place of the one before."""
    with suppress(OSError):  # a worker elsewhere may not see the run folder, and a full disk fails no match
        file.parent.mkdir(exist_ok=True)
        aside = file.with_suffix(".tmp")
        aside.write_text(json.dumps(asdict(sign)), encoding="utf-8")
        os.replace(aside, file)


class PulseRecorder:
    """A recorder that writes a sign of life of its chunk to a file every few seconds."""

    def __init__(self, chunk: Chunk, file: Path):
        self._file, self._cast, self._labels = file, chunk.cast, chunk.labels
        self._horizon, self._episodes = game_of(chunk).horizon, chunk.learning.episodes
        self._start = self._last = time.monotonic()
        self._before: float | None = None  # the share that was played when it was cut short
        self._earned: Tensor | float = 0.0  # since the last sign, as those of learners come between episodes
        self._rounds = 0

    def record(self, played: PlayedRound) -> None:
        now = time.monotonic()
        self._earned = self._earned + played.step.reward.mean(2)  # [match, seat]
        self._rounds += 1
        if self._before is None:
            self._before = played.before.episode / self._episodes
        if now - self._last < EVERY:
            return
        self._last = now
        give_sign(self._file, self._pulse(played, now - self._start))

    def _pulse(self, played: PlayedRound, seconds: float) -> Pulse:
        assert isinstance(self._earned, Tensor)
        reward = (self._earned / self._rounds).cpu().numpy()
        self._earned, self._rounds = 0.0, 0
        present = np.unique(self._cast).tolist()
        episode, round = played.before.episode, played.before.round + 1
        share = (episode + round / self._horizon) / self._episodes
        single = self._episodes == 1
        points = int(self._horizon) if single else self._episodes
        return Pulse(
            tuple(self._labels[agent] for agent in present),
            tuple(float(reward[self._cast == agent].mean()) for agent in present),
            len(self._cast),
            round if single else episode + 1,
            points,
            "round" if single else "episode",
            share,
            (share - (self._before or 0.0)) * points / seconds,
        )


@contextmanager
def pulsing(chunk: Chunk, folder: Path | None) -> Iterator[Sequence[PulseRecorder]]:
    """The recorders with which a chunk gives signs of life in a folder: where somebody learns there is one."""
    if folder is None or chunk.how != "learned":
        yield ()
        return
    file = folder / f"{chunk.keys[0]}.json"
    try:
        yield (PulseRecorder(chunk, file),)
    finally:
        with suppress(OSError):
            file.unlink()


@contextmanager
def listening(
    folder: Path, hear: Hear | None, read: Callable[[Mapping[str, Any]], Sign] = Pulse.read
) -> Iterator[Path | None]:
    """The folder for signs of life, which `hear` is told of from another thread; None if nobody hears them.

    `read` makes a sign of what was written.
    """
    if hear is None:
        yield None
        return
    over, folder = threading.Event(), folder.absolute()  # an agent may change the process's own folder

    def listen() -> None:
        while not over.wait(EVERY / 2):
            if found := list(_signs(folder, read)):
                hear(found)

    thread = threading.Thread(target=listen, daemon=True)
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    thread.start()
    try:
        yield folder
    finally:
        over.set()
        thread.join()
        shutil.rmtree(folder, ignore_errors=True)


def _signs(folder: Path, read: Callable[[Mapping[str, Any]], Sign]) -> Iterator[Sign]:
    """The latest sign of life of each worker that gives signs in a folder."""
    for file in sorted(folder.glob("*.json")):
        with suppress(
            OSError, ValueError, KeyError, TypeError
        ):  # its chunk has just ended, or it is another's file
            yield read(json.loads(file.read_text(encoding="utf-8")))
