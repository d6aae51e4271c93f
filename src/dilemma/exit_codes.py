"""Exit codes of the command line, and mistakes as one sentence without traceback."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import click

P = ParamSpec("P")
FAILED, MISTAKE, INTERRUPTED = 1, 2, 130
"""Some matches failed; the user's mistake; Ctrl-C, and whatever else asks a process to end."""


def speaks_plainly(command: Callable[P, int]) -> Callable[P, None]:
    """Run a command: a DilemmaError or Ctrl-C is told without traceback; the result is the exit code."""

    @wraps(command)
    def plain(*args: P.args, **kwargs: P.kwargs) -> None:
        from .envs.errors import DilemmaError

        for ends in (signal.SIGTERM, signal.SIGHUP):  # of a batch system, and of a terminal that is closed
            if signal.getsignal(ends) == signal.SIG_DFL:
                signal.signal(ends, signal.default_int_handler)
        try:
            code = command(*args, **kwargs)
        except DilemmaError as error:
            click.echo(f"Error: {error}", err=True)
            code = MISTAKE
        except BrokenPipeError:  # whoever read the output has gone
            raise
        except OSError as error:  # a full disk, a name that is too long, ...
            click.echo(f"Error: {error.filename or 'a file'}: {error.strerror or error}", err=True)
            code = MISTAKE
        except KeyboardInterrupt:
            click.echo("\nInterrupted. What was finished before is kept; the same command goes on.", err=True)
            code = INTERRUPTED
        sys.exit(code)

    return plain
