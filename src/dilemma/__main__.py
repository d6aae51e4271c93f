"""`dilemma` and `python -m dilemma`: the command line, of which Ctrl-C ends the imports too."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs
    from types import FrameType


def main() -> None:
    """The command line."""
    heard, sys.unraisablehook = list[int](), _heed

    def hear(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        signal.default_int_handler(number, frame)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
            signal.signal(number, hear)
    try:
        from .cli import main as command

        command()
    except KeyboardInterrupt:
        _end_at_once_on_ctrl_c()
        sys.exit(130)
    except Exception:
        if not heard:
            raise
        _end_at_once_on_ctrl_c()  # pydantic makes an error of its own of it, while it is imported
        sys.exit(130)
    except SystemExit as end:
        _end_at_once_on_ctrl_c()
        if "dilemma.tournament.chunk" in sys.modules and isinstance(end.code, int | None):
            from .tournament.chunk import LEFT_BEHIND

            if any(thread in LEFT_BEHIND for thread in threading.enumerate()):
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(end.code or 0)
        raise


def _heed(error: UnraisableHookArgs) -> None:
    """Press Ctrl-C again where it came into a destructor, which can raise nothing."""
    if issubclass(error.exc_type, KeyboardInterrupt):
        # At once, it would be raised here; and nothing but a signal to the main thread ends a call that waits.
        main_thread = threading.main_thread().ident
        again = threading.Timer(0.05, signal.pthread_kill, (main_thread, signal.SIGINT))
        again.daemon = True
        again.start()
    else:
        sys.__unraisablehook__(error)


def _end_at_once_on_ctrl_c() -> None:
    """From here on, where all is said and done, Ctrl-C needs to be told of nothing."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if callable(signal.getsignal(number)):
            signal.signal(number, lambda *_: os._exit(130))


if __name__ == "__main__":
    main()
