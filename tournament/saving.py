"""Long matches of learners are saved between episodes, and go on from there where they were cut short."""

from __future__ import annotations

import hashlib
import os
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from .chunk import Chunk, Outcome


@dataclass
class Saver:
    """Keeps how far the matches of a chunk are in a file, every few seconds."""

    file: Path
    every: float
    _last: float = field(default=0.0, init=False)

    @property
    def due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() - self._last >= self.every

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep tensors and numbers, nested, in the place of those before; a full disk fails no match."""
        aside = self.file.with_suffix(".tmp")
        with suppress(OSError, RuntimeError):
            self.file.parent.mkdir(exist_ok=True)
            torch.save(dict(state), aside)
            os.replace(aside, self.file)
        self._last = time.monotonic()

    def kept(self) -> dict[str, Any] | None:
        """What was kept, which runs no code; None if there is nothing, or nothing whole."""
        self._last = time.monotonic()
        try:
            if not (self.file.is_file() and zipfile.is_zipfile(self.file)):
                return None
            found: dict[str, Any] = torch.load(self.file, weights_only=True)
        except (OSError, RuntimeError, UnpicklingError):
            return None
        return found

    def forget(self) -> None:
        """Delete what was kept."""
        with suppress(OSError):
            self.file.unlink(missing_ok=True)


def saved(chunk: Chunk, folder: Path, every: float | None) -> Chunk:
    """A chunk of learners that saves itself in a folder; others are as they were."""
    if chunk.how != "learned" or every is None or chunk.learning.episodes == 1:
        return chunk
    agents = [(each.name, each.parameters, each.digest) for each in chunk.agents]
    digest = hashlib.blake2b(digest_size=8)
    for part in (chunk.keys.tobytes(), chunk.cast.tobytes(), repr(agents).encode()):
        digest.update(part)
    return replace(chunk, saver=Saver(folder.absolute() / f"{digest.hexdigest()}.pt", every))


class Savers:
    """The savers of the chunks that are under way, by their matches."""

    def __init__(self) -> None:
        self._of = dict[int, Saver]()

    def of(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Chunks as they are; their savers are known from then on."""
        for chunk in chunks:
            if chunk.saver:
                self._of.update(dict.fromkeys(chunk.keys.tolist(), chunk.saver))
            yield chunk

    def forget(self, outcome: Outcome) -> None:
        """Delete what was kept of matches that are over."""
        matches = [rows["match"].tolist() for rows in outcome.rows] + [[each.match for each in outcome.failures]]
        if self._of:
            for match in (match for some in matches for match in some):
                if saver := self._of.pop(match, None):
                    saver.forget()
