"""Where results come from: command, machine, versions, commit and duration of the calls that added to a run.

A match's identity and its rows depend on none of this.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from .analysis.report.facts import Call, Machine
from .tournament.engine import workers_of
from .tournament.plan import Plan
from .tournament.store import Store
from .tournament.versions import versions


@contextmanager
def recorded(store: Store, plan: Plan, command: str | None = None) -> Iterator[None]:
    """Keep this call in the run folder, with its duration; a call that adds nothing leaves no trace.

    The duration of a call that was killed is unknown, and stays None.
    """
    before, held = store.calls(), store.extent()
    call = Call(
        command=command,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=None,
        workers=workers_of(plan.execution),
        machine=machine(plan.learning.device),
        versions=versions(),
        commit=commit(Path(__file__).resolve().parents[2]),
    )
    store.write_calls([*before, call])
    began = time.monotonic()
    try:
        yield
    finally:
        seconds = round(time.monotonic() - began, 3)
        done = Call({**call, "seconds": seconds, "versions": versions()})
        with suppress(OSError):  # what went wrong before matters more
            store.write_calls([*before, done] if store.extent() != held else before)


def machine(device: str = "cpu") -> Machine:
    """The machine that this process runs on; with the accelerator if learners are on one."""
    found = Machine(processor=_processor(), cores=os.cpu_count() or 1, system=_system())
    with suppress(AttributeError, ValueError, OSError):
        found["memory"] = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if device != "cpu":
        import torch

        found["accelerator"] = torch.cuda.get_device_name(device)
    return found


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _system() -> str:
    return f"{platform.system()} {platform.release()}, {platform.machine()}"


def commit(folder: Path) -> str | None:
    """The commit that is checked out in `folder`, read from git's files; None if it is no checkout.

    Changes since are not looked for.
    """
    try:
        git = folder / ".git"
        if git.is_file():  # of a worktree or a submodule
            git = folder / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return head
        reference, shared = head.removeprefix("ref: "), git
        if (git / "commondir").is_file():
            shared = git / (git / "commondir").read_text(encoding="utf-8").strip()
        for place in (git, shared):
            if (place / reference).is_file():
                return (place / reference).read_text(encoding="utf-8").strip()
        for line in (shared / "packed-refs").read_text(encoding="utf-8").splitlines():
            known, _, name = line.partition(" ")
            if name == reference:
                return known
    except (OSError, UnicodeDecodeError):
        pass
    return None
