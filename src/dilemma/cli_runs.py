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


@click.command()
@click.argument("file", metavar="FILE.csv", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="The ratings; NAME_ratings.csv where left out."
)
@speaks_plainly
def rate(file: Path, out: Path | None) -> int:
    """Rate the agents of a payoff table of your own, by every rating, with intervals where it has repetitions.

    FILE.csv is a square matrix with labels (row: own, column: other; empty cells: never met), or has the
    columns agent, opponent, payoff and, where matches were repeated, repetition.
    """
    import rich

    from .analysis.ranking.payoffs import cell_table
    from .analysis.ratings.own_table import cells_of
    from .analysis.ratings.ratings import rate_cells
    from .analysis.report.terminal import ratings_tables
    from .envs.errors import DilemmaError
    from .tournament.config_file import file_text

    out = out or Path(f"{file.stem}_ratings.csv")
    if out.resolve() == file.resolve():
        raise DilemmaError(f"--out: found {out}, the table itself; allowed: another file")
    try:
        cells = cells_of(file_text(file))
    except ValueError as error:
        raise DilemmaError(f"{file}: {error}") from error
    found = rate_cells(cells, cell_table(cells))
    rich.print(ratings_tables(found.table))
    for remark in found.remarks:
        click.echo(remark, err=True)
    _written(out, found.table.to_csv(index=False))
    click.echo(out)
    return 0


def _written(path: Path, text: str) -> None:
    """Write a file, whole or not at all. Raises DilemmaError if it cannot be written."""
    import os

    from .envs.errors import DilemmaError

    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, path)
    except OSError as error:
        raise DilemmaError(f"{path} can't be written ({error.strerror or error}): choose another --out") from error
