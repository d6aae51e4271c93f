"""Limits: what a run takes of memory and disk is estimated before anything is written; what can't fit is refused.

Estimates are low rather than high: what is refused would not have fitted. Matches are counted, not made. Chunks of
strategies take memory by their chairs; those of learners, where they could be large, are measured in short plays.
"""

from __future__ import annotations

import os
import resource
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..envs.errors import DilemmaError
from .engine import workers_of
from .how import HOW
from .plan import Plan
from .schedules.schedule import NOTHING_YET, Request
from .shard import Shard
from .tensor_memory import peak
from .work import chunk_size, work

CAST, CHAIR, PROCESS, ROW = 100, 1_000, 250e6, 400
"""Bytes of memory of a cast, of a chair in a chunk of strategies, of a worker, and of a row in a report."""
STORED, POINT = 10, 8
"""Bytes on disk of each row, and of each of its points of a learning curve; at the least."""
LARGE = 50_000
"""Rounds of all chairs and tables of a chunk of learners from which its memory is measured."""
GROUPS = (
    ("/sys/fs/cgroup", "memory.max", "memory.current"),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
)
"""Folders of a control group's limits, and the names of its limit and its use, of both versions."""
MEASURED, PATIENCE = 3, 4.0
"""Casts of learners that are measured in each environment, and seconds of processor time for all of them."""


@dataclass(frozen=True)
class Need:
    """The largest chunk of a kind: its bytes, what it is, and what would make it smaller."""

    bytes: float
    what: str
    lower: str


def refuse_too_much(plan: Plan, folder: Path, done: int, shard: Shard | None = None) -> None:
    """Raises DilemmaError where a run can't fit in memory or on the disk of `folder`, with the numbers.

    `done` is how many matches are there. A shard writes a part of the rows, and no report.
    """
    most = None if plan.schedule.asks_again else plan.schedule.most(plan)
    requests = plan.schedule.ask(plan, NOTHING_YET) if most is None else most
    counts = [_matches(plan, request) for request in requests]
    rows = sum(
        count * plan.settings[request.setting].game.seats for request, count in zip(requests, counts, strict=True)
    )
    left = max(0.0, 1 / (shard.of if shard else 1) - done / max(1, sum(counts)))
    _refuse_disk(left * (rows * STORED + _curve_bytes(plan, requests)), folder)
    free = memory_free()
    casts = CAST * sum(len(request.casts) for request in requests)
    if casts > free:
        raise DilemmaError(
            f"to plan it takes {size(casts)} of memory, of which {size(free)} are free: give fewer agents"
        )
    if shard is None and ROW * rows > free:
        raise DilemmaError(
            f"the report of {rows:,} rows takes about {size(ROW * rows)} of memory, of which {size(free)} are free"
            ": lower schedule.repetitions, give fewer agents, or play it with --shard 1/1, which writes no report"
        )
    if left and not plan.execution.elsewhere:
        _refuse_chunks(plan, requests, counts, free - casts)


def _refuse_chunks(plan: Plan, requests: Sequence[Request], counts: Sequence[int], free: float) -> None:
    needs = list(_needs(plan, requests, counts))
    if not needs:
        return
    largest, workers = max(needs, key=lambda need: need.bytes), workers_of(plan.execution)
    if largest.bytes > free:
        raise DilemmaError(
            f"{largest.what} takes about {size(largest.bytes)} of memory, of which {size(free)} are free: "
            f"lower {largest.lower}"
        )
    if workers > 1 and workers * (PROCESS + largest.bytes) > free:
        allowed = max(1, int(free / (PROCESS + largest.bytes)))
        raise DilemmaError(
            f"{workers} workers take about {size(workers * (PROCESS + largest.bytes))} of memory, of which "
            f"{size(free)} are free: lower execution.jobs to {allowed} or less, or {largest.lower}"
        )


def _needs(plan: Plan, requests: Sequence[Request], counts: Sequence[int]) -> Iterator[Need]:
    """The largest chunks."""
    learned, until = HOW.index("learned"), time.process_time() + PATIENCE
    blocks = list[tuple[float, Request]]()
    for request, count in zip(requests, counts, strict=True):
        setting = plan.settings[request.setting]
        ways = plan.ways(request.setting)[request.casts].max(axis=1, initial=0)
        if count and (ways != learned).any():
            matches = min(count, plan.execution.chunk or chunk_size(plan, request.setting, count))
            what = f"a chunk of {matches:,} matches in {setting.label}"
            yield Need(CHAIR * matches * setting.game.seats, what, "execution.chunk")
        casts, block = request.casts[ways == learned], plan.learning.block
        size = block * setting.game.seats * plan.learning.tables * min(setting.game.horizon, 1e18)
        if len(casts) and plan.learning.device == "cpu" and size >= LARGE:
            few = casts[np.linspace(0, len(casts) - 1, min(MEASURED, len(casts))).astype(int)]
            blocks += [(size, Request(request.setting, cast[None], block)) for cast in few]
    for _, request in sorted(blocks, key=lambda block: -block[0]):
        if time.process_time() < until:
            yield _of_learners(plan, request)


def _of_learners(plan: Plan, request: Request) -> Need:
    """What a block of learners takes."""
    setting, learning = plan.settings[request.setting], plan.learning
    [block] = work(plan, [request])
    rounds, episodes = min(setting.game.horizon, 1e18), learning.episodes
    chairs = len(block) * setting.game.seats * learning.tables
    points = rounds if setting.game.curve == "round" and episodes == 1 else episodes
    curve = POINT * points * len(block) * setting.game.seats
    among = " against ".join(dict.fromkeys(plan.entrants[index].label for index in request.casts[0].tolist()))
    what = f"a match of {among} in {setting.label} at {learning.tables:,} tables"
    if len(block) > 1:
        what = f"{len(block):,} repetitions of {what}, side by side,"
    larger = "the environment's rounds or learning.episodes" if curve > 1e9 else "learning.tables"
    return Need(curve + max(peak(block), 8.0 * chairs), what, larger)


def _matches(plan: Plan, request: Request) -> int:
    """How many matches are asked for."""
    exact = int(plan.exact(request.setting, request.casts).sum())
    return exact + (len(request.casts) - exact) * request.repetitions


def _curve_bytes(plan: Plan, requests: Sequence[Request]) -> float:
    """The least that learning curves take on disk."""
    learners, total = [entrant.agent.learns for entrant in plan.entrants], 0.0
    for request in requests if any(learners) else ():
        game = plan.settings[request.setting].game
        matches = int(np.array(learners)[request.casts].any(axis=1).sum()) * request.repetitions
        one = game.curve == "round" and plan.learning.episodes == 1
        points = min(game.horizon, 1e18) if one else plan.learning.episodes
        total += POINT * points * matches * game.seats
    return total


def _refuse_disk(needed: float, folder: Path) -> None:
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if os.path.exists(place))
    free = shutil.disk_usage(there).free
    if needed > free:
        raise DilemmaError(
            f"its rows take at least {size(needed)} on disk, of which {size(free)} are free at {there}: lower "
            "schedule.repetitions or learning.episodes, give fewer agents, or choose another disk with --out"
        )


def memory_free() -> float:
    """The bytes of memory that may still be taken: by the machine, its control group and the process's limit."""
    free = [_of_machine(), *_of_group()]
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        free.append(limit)
    return max(0.0, min(free))


def _of_machine() -> float:
    found = _fields(Path("/proc/meminfo")).get("MemAvailable:")
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return float(pages if found is None else found * 1024)


def _of_group() -> Iterator[float]:
    """What the control group of a container leaves, where it sets a limit."""
    for folder, most, now in GROUPS:
        try:
            limit, used = (int((Path(folder) / name).read_text()) for name in (most, now))
        except (OSError, ValueError):  # there is none, or it is "max"
            continue
        # What it has cached of files is given back when it is needed.
        yield limit - used + _fields(Path(folder) / "memory.stat").get("inactive_file", 0)


def _fields(file: Path) -> dict[str, int]:
    """The numbers that lines of a file of the system begin with, by their names."""
    try:
        lines = [line.split() for line in file.read_text().splitlines()]
    except OSError:
        return {}
    return {words[0]: int(words[1]) for words in lines if len(words) > 1 and words[1].isdigit()}


def size(number: float) -> str:
    """Bytes in words."""
    for unit, name in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB")):
        if number >= 0.9995 * unit:  # which has three digits then
            return f"{number / unit:,.3g} {name}"
    return f"{number / 1e6:,.3g} MB"
