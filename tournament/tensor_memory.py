"""How much memory the tensors of a chunk of learners take, measured on short plays at few tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from .chunk import Chunk, game_of, play_chunk
from .forecast import rounds_of, shortened

TABLES, TURNS = (2, 4), (4, 8)
"""Of the plays that are measured: memory is linear in tables, and in rounds, so that four plays say all."""
SOON, LATE = 0.5, 2.0
"""Seconds of processor time of a play: where it takes longer, growth with rounds, or any, is not measured."""


class LiveTensors(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within this context `peak` is the largest number of bytes that new tensors have held at once."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._held = 0
        self._live = dict[int, tuple[StorageWeakRef, int]]()

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for each in tree_leaves(result):
            if isinstance(each, Tensor):
                storage = each.untyped_storage()
                known = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
                if known.cdata not in self._live:
                    self._live[known.cdata] = known, storage.nbytes()
                    self._held += storage.nbytes()
        if self._held > self.peak:
            expired = StorageWeakRef.expired
            self._live = {key: held for key, held in self._live.items() if not expired(held[0])}  # type: ignore[no-untyped-call]
            self._held = sum(size for _, size in self._live.values())
            self.peak = max(self.peak, self._held)
        return result


def peak(chunk: Chunk) -> float:
    """The bytes that the tensors of a chunk of learners hold at most, in an episode; rather too few than too many.

    0 where it can't be said, since a short play fails.
    """
    whole, chunk = len(chunk), chunk.select(slice(1))  # matches are alike, and learn apart
    most, turns = rounds_of(chunk), game_of(chunk).horizon / rounds_of(chunk)
    tables = [min(each, chunk.learning.tables) for each in TABLES]
    rounds = [int(min(max(1, each // turns), most)) for each in TURNS]
    began = time.process_time()
    first = _measured(chunk, tables[0], rounds[0])  # which also makes what is cached from then on
    if time.process_time() - began > LATE:
        return whole * first
    began = time.process_time()
    few = [_measured(chunk, table, rounds[0]) for table in tables]
    slow = time.process_time() - began > len(tables) * SOON
    more = few if slow else [_measured(chunk, table, rounds[1]) for table in tables]
    if not all(few + more):
        return 0.0
    at_end = [_at(most, rounds, row) for row in zip(few, more, strict=True)]
    return whole * _at(chunk.learning.tables, tables, at_end)


def _at(number: float, places: Sequence[int], values: Sequence[float]) -> float:
    """The value at a number of the line through two places."""
    slope = (values[1] - values[0]) / max(1, places[1] - places[0])
    return values[1] + max(0.0, slope) * (number - places[1])


def _measured(chunk: Chunk, tables: int, rounds: int) -> float:
    short = shortened(chunk, rounds, 1)
    short = replace(short, learning=replace(short.learning, tables=tables))
    with LiveTensors() as live:
        outcome = play_chunk(short)
    return 0.0 if outcome.failures else float(live.peak)
