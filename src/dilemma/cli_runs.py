"""Commands across runs: compare, runs, status, merge, view, rate, export. Heavy imports are inside commands."""

from __future__ import annotations

import os
from pathlib import Path

import click

from .exit_codes import FAILED, speaks_plainly

MOST_FAILED = 10
"""Matches that are named one by one."""


@click.command()
@click.argument("folders", metavar="RUN RUN ...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write compare.html, .csv and .md there, too.",
)
@speaks_plainly
def compare(folders: tuple[Path, ...], out: Path | None) -> int:
    """Show the tables of runs side by side, and how each differs from the first.

    Differences of payoffs, cooperation and exploiters' payoffs have 95 % intervals over further repetitions,
    paired where both runs share matches. Agents are matched by label, then by definition.
    """
    import rich

    from .analysis.report.spreadsheet import write_csv
    from .comparison import as_html, as_markdown, as_table, shown
    from .comparison import compare as compared
    from .envs.errors import DilemmaError
    from .written import writing

    if len(folders) < 2:
        raise DilemmaError(f"found one run, {folders[0]}; allowed: two or more")
    found = compared(folders)
    for each in found:
        rich.print(shown(each))
    if out is not None:
        table = as_table(found)
        with writing(out / "compare.csv") as file:
            write_csv(table, file)
        with writing(out / "compare.md") as file:
            file.write(as_markdown(found).encode())
        with writing(out / "compare.html") as file:
            file.write(as_html(found).encode())
        click.echo(out / "compare.html")
    return 0


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
@click.argument("folders", metavar="RUN ...", nargs=-1, required=True, type=click.Path(path_type=Path))
@speaks_plainly
def status(folders: tuple[Path, ...]) -> int:
    """Say how far runs are: matches done and failed, who plays them and where, how fast, and the time left.

    Any machine that sees the folders may ask. Of several runs, such as shards, the last line is of all.
    """
    from .run_status import lines

    for line in lines(folders):
        click.echo(line)
    return 0


@click.command()
@click.argument("folders", metavar="RUN RUN ...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="RUN", required=True, help="New, or a run to add them to."
)
@speaks_plainly
def merge(folders: tuple[Path, ...], out: Path) -> int:
    """Put runs together in one run folder: shards, or runs of configs that agree where they overlap.

    Matches that several of them have must have the same payoffs, and are kept once. The runs stay as they
    are. `dilemma run CONFIG --out RUN` then plays what is missing, looks for exploiters, and writes the
    report. It runs the code that the folders' configs name.
    """
    from .merging import merge as merged

    store = merged(folders, out)
    click.echo(f"{out}: {store.finished().matches:,} matches, {len(store.failures()):,} failed")
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
    from .analysis.report.spreadsheet import write_csv
    from .analysis.report.terminal import ratings_tables
    from .envs.errors import DilemmaError
    from .tournament.config_file import file_text
    from .written import writing

    out = out or Path(f"{file.stem}_ratings.csv")
    if os.path.realpath(out) == os.path.realpath(file):
        raise DilemmaError(f"--out: found {out}, the table itself; allowed: another file")
    try:
        cells = cells_of(file_text(file))
    except ValueError as error:
        raise DilemmaError(f"{file}: {error}") from error
    found = rate_cells(cells, cell_table(cells))
    rich.print(ratings_tables(found.table))
    for remark in found.remarks:
        click.echo(remark, err=True)
    with writing(out) as written:
        write_csv(found.table, written)
    click.echo(out)
    return 0


@click.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--moves", is_flag=True, help="Write all moves of automata and strategies, by playing them again.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="RUN/export where left out.")
@speaks_plainly
def export(run: Path, moves: bool, out: Path | None) -> int:
    """Write a run for other tools: payoff matrices (Nashpy, OpenSpiel, EGTtools), or with --moves all moves.

    Matrices are written as CSV with labels and as .npz with A, B, rows and columns; moves as moves.parquet,
    and for the Axelrod library as interactions CSV. --moves runs the code that the folder's config names.
    """
    from .envs.errors import DilemmaError
    from .tournament.run_folder import RunFolder

    store, folder, code = RunFolder.existing(run), out or run / "export", 0
    if moves:
        from .export_moves import MovesExport

        exported = MovesExport(store)
        for remark in exported.remarks:
            click.echo(remark, err=True)
        for path in exported.write(folder):
            click.echo(path)
        if exported.differing:
            click.echo(
                f"{exported.differing:,} matches earn other payoffs than the stored ones: versions differ, or an "
                "environment or an agent draws from more than its seed",
                err=True,
            )
            code = FAILED
        if exported.failed:
            for said in exported.failed[:MOST_FAILED]:
                click.echo(said, err=True)
            if (more := len(exported.failed) - MOST_FAILED) > 0:
                click.echo(f"... and {more:,} more", err=True)
            click.echo(f"{len(exported.failed):,} matches are left out, the others are written", err=True)
            code = FAILED
    else:
        from .export_matrices import export_matrices
        from .results import stored

        results = stored(store)
        written = list(export_matrices(results, folder))
        for label, game in results.games.items():
            if game["seats"] != 2:
                click.echo(
                    f"{label} has {game['seats']} seats, and no matrix: report/payoffs.csv has it", err=True
                )
        if not written:
            raise DilemmaError(f"{run} has no payoffs of two players to export")
        for path in written:
            click.echo(path)
    return code
