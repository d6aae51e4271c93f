"""`dilemma` and `python -m dilemma`: the command line, of which Ctrl-C ends the imports too."""

import os
import sys
import threading


def main() -> None:
    """The command line."""
    try:
        from .cli import main as command

        command()
    except KeyboardInterrupt:
        sys.exit(130)
    except SystemExit as end:
        if "dilemma.tournament.chunk" in sys.modules and isinstance(end.code, int | None):
            from .tournament.chunk import LEFT_BEHIND

            if any(thread in LEFT_BEHIND for thread in threading.enumerate()):
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(end.code or 0)
        raise


if __name__ == "__main__":
    main()
