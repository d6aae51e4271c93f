"""`dilemma` and `python -m dilemma`: the command line, of which Ctrl-C ends the imports too."""

import sys


def main() -> None:
    """The command line."""
    try:
        from .cli import main as command

        command()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
