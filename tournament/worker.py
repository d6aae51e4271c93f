"""Processes of workers: they leave Ctrl-C to their parent, and end with it, however that ends.

Nothing of ours is imported here, so that a new process watches its parent before it imports the rest.
"""

from __future__ import annotations

import os
import signal
import stat
import threading
import time

WATCHED_EVERY = 1.0
"""Seconds between two looks of a worker at its parent."""
CUT_OFF, SPOILED = 77, 78
"""Exit codes of a worker whose way to its parent was closed, and of one in which our own code fails."""


class _Process:
    """This process."""

    expendable = False
    pipes: frozenset[tuple[int, int]] = frozenset()
    """Those to its parent: descriptor and inode."""


def is_expendable() -> bool:
    """Whether this process is a worker, whose end its parent notices."""
    return _Process.expendable


def obey(parent: int) -> None:
    """Make this process a worker.

    Ctrl-C reaches every process of a terminal: the parent ends its workers, and they need not say so.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _Process.expendable, _Process.pipes = True, _pipes()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCHED_EVERY)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def dask_setup(worker: object) -> None:
    """What Dask calls in a new worker that has this module preloaded: it leaves Ctrl-C to its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def end_if_cut_off() -> None:
    """End this worker where an agent has closed its way to the parent, who would hear of it as a traceback."""
    if not _Process.pipes <= _pipes():
        os._exit(CUT_OFF)


def end_spoiled() -> None:
    """End this process if it is a worker: an agent has changed what our own code needs."""
    if _Process.expendable:
        os._exit(SPOILED)


def _pipes() -> frozenset[tuple[int, int]]:
    found = list[tuple[int, int]]()
    for name in os.listdir("/dev/fd"):
        try:
            status = os.fstat(int(name))
        except OSError:  # that which listed them
            continue
        if int(name) > 2 and stat.S_ISFIFO(status.st_mode):
            found.append((int(name), status.st_ino))
    return frozenset(found)
