"""Commands across runs: compare, runs, view, rate, export. Heavy imports are inside commands."""

from __future__ import annotations

from pathlib import Path

import click

from .exit_codes import speaks_plainly


@click.command()
@click.argument("folder", metavar="[DIR]", default="runs", type=click.Path(path_type=Path))
@speaks_plainly
def runs(folder: Path) -> int:
    """List the runs in DIR (runs/ where left out): state, matches, size, start, and who leads.

    `failed` stands for matches that could not be played, `interrupted` for a run that nobody plays any
    more: its command goes on with it. Who leads is read from the last report.
    """
    from .run_summary import lines, summaries

    for line in lines(summaries(folder)):
        click.echo(line)
    return 0


@click.command()
@click.argument("folder", metavar="[DIR]", default="runs", type=click.Path(path_type=Path))
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8021, show_default=True, help="0: any that is free."
)
@speaks_plainly
def view(folder: Path, port: int) -> int:
    """Show the runs in DIR (runs/ where left out) in a browser on this machine, also while they play.

    It serves their reports and files on 127.0.0.1, for reading, until Ctrl-C.
    """
    from .run_server import RunServer

    with RunServer(folder, port) as server:
        try:
            click.echo(f"Ctrl-C ends it: {server.url}")
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo()
    return 0
