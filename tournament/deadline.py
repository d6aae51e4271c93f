"""Time limits: a signal asks whatever is played to stop, and where nothing heeds it, its process ends."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .arena import TimeUp
from .worker import is_expendable

LENIENT, GRACE = 1.5, 1.0
"""A worker ends after so many times its limit, and so many seconds: the signal is sent every second meanwhile."""


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise TimeUp after `seconds`. Needs the main thread of a process on a Unix system.

    In a worker that does not heed it, because it is in native code or an agent catches everything, the process
    ends: a watch of faulthandler needs neither Python's lock nor signals.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def up(*_: object) -> None:
        raise TimeUp

    before = signal.signal(signal.SIGALRM, up)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)  # repeated each second: an agent may catch the first
    with _ended_after(LENIENT * seconds + GRACE):
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


@contextmanager
def _ended_after(seconds: float) -> Iterator[None]:
    if not is_expendable():
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
