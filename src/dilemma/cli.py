"""The command line: run, report, exploit, explain, replay, agents, envs, schema; `cli_fit.py` and `cli_runs.py`
have others.

Heavy imports are inside commands.
"""

from __future__ import annotations

import io
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .cli_fit import fit
from .cli_runs import compare, export, merge, rate, runs, status, view
from .exit_codes import FAILED, INTERRUPTED, speaks_plainly
from .version import VERSION

if TYPE_CHECKING:
    from .results import Results
    from .tournament.plan import Plan
    from .tournament.run_folder import RunFolder
    from .tournament.shard import Shard


MANY = 1000
"""Agents of which it takes seconds to count the matches."""
COMMAND = "dilemma.command"
"""The key of what was typed, in the context's `meta`."""


class _AsTyped(click.Group):
    """Keeps what was typed, quoted for a shell."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[COMMAND] = shlex.join(["dilemma", *args])
        return super().parse_args(ctx, args)


@click.group(cls=_AsTyped, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, prog_name="dilemma")
def main() -> None:
    """Tournaments between agents in social dilemmas."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # the console's encoding may lack characters of a label


for command in (compare, export, fit, merge, rate, runs, status, view):
    main.add_command(command)


@main.command()
@click.argument("config")
@click.option("--out", metavar="DIR", help="The run folder; runs/NAME where left out.")
@click.option(
    "--jobs", type=int, metavar="N", help="Worker processes, whatever the config says; -1: one per core."
)
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the config: schedule.repetitions=20"
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only say how many matches there are, about how long all takes, and how much disk.",
)
@click.option(
    "--accept-changes", is_flag=True, help="Go on where the code of an agent has changed, and keep its old rows."
)
@click.option("--fresh", is_flag=True, help="Begin anew: what is in the run folder is moved aside, to NAME.1.")
@click.option(
    "--shard",
    metavar="K/N",
    help="Only the K-th of N shares, into DIR.K-of-N; auto: by Slurm's variables. `dilemma merge` joins them.",
)
@speaks_plainly
def run(
    config: str,
    out: str | None,
    jobs: int | None,
    changes: tuple[str, ...],
    dry_run: bool,
    accept_changes: bool,
    fresh: bool,
    shard: str | None,
) -> int:
    """Play the tournament of CONFIG, a file or the name of a shipped config, and write its report.

    The same command again plays only what is missing. A config with more agents, environments or
    repetitions plays only what it adds; one with less reports on that, and everything stays stored. Paths
    in it are relative to its own folder.

    A config is code: who plays it runs what it names.
    """
    from .file_names import file_name
    from .tournament.config import load
    from .tournament.shard import Shard

    given = changes
    if jobs is not None:
        changes = (*changes, f"execution.jobs={jobs}")
    plan, share = load(config, changes), Shard.read(shard) if shard else None
    whole = Path(out or Path("runs") / file_name(plan.name))
    folder = whole.with_name(f"{whole.name}.{share.in_file_names}") if share else whole
    if dry_run:
        click.echo(_outlook(plan, folder, share, accept_changes, fresh))
        return 0
    from .play import choose_into, evolve_into, exploit_into, play_into, results_of
    from .progress import Meter
    from .provenance import recorded
    from .tournament.engine import workers_of
    from .tournament.limits import refuse_too_much
    from .tournament.store import Store
    from .tournament.writer import only_writer

    workers = workers_of(plan.execution)  # which raises where nothing could be played
    if len(plan.entrants) >= MANY:
        click.echo(f"Counting the matches of {len(plan.entrants):,} agents", err=True)
    refuse_too_much(plan, folder, 0 if fresh else Store(folder).finished().matches, share)
    if fresh and (kept := Store(folder).moved_aside()):
        click.echo(f"The run that was there is now {kept}", err=True)
    again = _command("run", config, out=whole, jobs=jobs, set=given, shard=share)
    if workers < plan.execution.jobs and not plan.execution.elsewhere:
        click.echo(
            f"execution.jobs: found {plan.execution.jobs:,}; {workers} workers are started: more are of no use on "
            "this machine",
            err=True,
        )
    with only_writer(folder):
        store = Store.open(folder, plan, accept_changes=accept_changes)
        for said in store.repair():
            click.echo(said, err=True)
        with _interruptible(store, again), recorded(store, plan, _typed()):
            with Meter(kept=store.finished().matches) as meter:
                play_into(store, plan, meter, meter.hear, share)
            if share is not None:
                return _shard_said(store, share, whole, again)
            if plan.schedule.evolves:
                with Meter("generation") as meter:
                    evolve_into(store, plan, meter)
            choose_into(store, plan)
            wrong = exploit_into(store, plan, (), lambda: Meter("search", "finish"))
    if store.continuation(plan).more:
        click.echo(
            f"{folder} has more than this config asks for, and keeps it: `dilemma report {folder}` is of all",
            err=True,
        )
    return _report(results_of(store, plan), store, again, wrong)


def _shard_said(store: RunFolder, shard: Shard, whole: Path, again: str) -> int:
    """Say what a shard has, and what comes next."""
    failed = len(store.failures())
    click.echo(f"Shard {shard}: {store.finished().matches:,} matches in {store.path}")
    if failed:
        click.echo(f"{failed:,} failed: {store.failures_path}. To play them again: {again}", err=True)
    click.echo(f"When all are done: dilemma merge {whole}.*-of-{shard.of} --out {whole}", err=True)
    return FAILED if failed else 0


@main.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change [analysis]: analysis.top=5")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="The report's folder; RUN/report where left out."
)
@speaks_plainly
def report(run: Path, changes: tuple[str, ...], out: Path | None) -> int:
    """Write the report of a run folder again, from its stored tables.

    It changes nothing else in the folder, and runs only code of this package: only its agents and
    environments are played again, for pictures.
    """
    from .results import stored
    from .tournament.run_folder import RunFolder

    store = RunFolder.existing(run)
    return _report(stored(store, changes), store, f"dilemma run CONFIG --out {run}", out=out, changes=changes)


@main.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--agent", "labels", metavar="LABEL", multiple=True, help="Only this agent; may be given again.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(["population", "exact", "inferred", "learned", "dynamic"]),
    help="Only this kind; those of the run's config where left out.",
)
@click.option("--jobs", type=int, metavar="N", help="Worker processes; -1: one per core.")
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the config: analysis.budget=20000"
)
@speaks_plainly
def exploit(
    run: Path, labels: tuple[str, ...], kinds: tuple[str, ...], jobs: int | None, changes: tuple[str, ...]
) -> int:
    """Look for exploiters of the agents of a run folder, and write its report again.

    What was found before is kept; the same command again looks only for what is missing. It runs the
    code that the folder's config names.
    """
    from .envs.errors import DilemmaError
    from .play import exploit_into, results_of
    from .progress import Meter
    from .provenance import recorded
    from .tournament.config import load
    from .tournament.engine import check
    from .tournament.store import Store
    from .tournament.writer import only_writer

    store, given = Store.existing(run), changes
    if kinds:
        changes = (*changes, f"analysis.exploitability={list(kinds)}")
    if jobs is not None:
        changes = (*changes, f"execution.jobs={jobs}")
    plan = load(str(store.config_path), changes)
    known = [entrant.label for entrant in plan.entrants]
    for label in labels:
        if label not in known:
            raise DilemmaError(f"--agent: {run} has no agent {label!r}; it has {', '.join(known)}")
    check(plan.execution)
    again = _command("exploit", run, agent=labels, kind=kinds, jobs=jobs, set=given)
    with only_writer(run), _interruptible(store, again), recorded(store, plan, _typed()):
        wrong = exploit_into(store, plan, labels, lambda: Meter("search", "finish"))
    return _report(results_of(store, plan), store, again, wrong, show_exploits=True)


@main.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("agent", metavar="LABEL")
@click.option("--env", "environment", metavar="LABEL", help="The environment, where it played in several.")
@speaks_plainly
def explain(run: Path, agent: str, environment: str | None) -> int:
    """Fit rules to what a mechanism of a run folder allocated, and write its report again with them.

    LABEL is an agent that shared out a common pool, a planner say. The rules are the interpolation between
    equal and proportional shares that comes nearest, and a small regression tree. Its matches are played
    again for this, with the code that the folder's config names. It needs scikit-learn (the extra explain).
    """
    from .explain import explained, keep, lines
    from .results import stored
    from .tournament.run_folder import RunFolder
    from .tournament.writer import only_writer

    store = RunFolder.existing(run)
    with only_writer(run):
        explanation = explained(store, agent, environment, lambda failure: click.echo(failure, err=True))
        keep(store, explanation)
    for line in lines(explanation):
        click.echo(line)
    click.echo(stored(store).report(store.report_path))
    return 0


@main.command(context_settings={"ignore_unknown_options": True})  # keys may be negative numbers
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("match")
@click.option("--env", "environment", metavar="LABEL", help="The environment, where there are several.")
@click.option("--table", type=int, default=0, metavar="N", help="Which of the learners' tables, from 0.")
@click.option(
    "--episode", type=int, metavar="N", help="Which episode of learners, from 0; the last where left out."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="An animation .gif, a strip .svg, or moves .txt.",
)
@speaks_plainly
def replay(
    run: Path, match: str, environment: str | None, table: int, episode: int | None, out: Path | None
) -> int:
    """Play a match of a run folder again, and show it: its moves, or its board where there is one.

    MATCH is its key in the seats table, or LABEL:LABEL[:REPETITION]. It runs the code that the folder's
    config names. Moves are printed; boards go to replays/ in the folder, where --out names no file.

    Or MATCH is the word population: what became of the first population on a graph, from its stored
    snapshots; nothing is played. (An agent may have that label: with it a match has a colon.)
    """
    from .envs.errors import DilemmaError
    from .replay import encoded, replayed, text
    from .tournament.run_folder import RunFolder

    if match == "population":
        return _replay_population(RunFolder.existing(run), environment, out)

    if out is not None and out.suffix not in (".gif", ".svg", ".txt"):
        raise DilemmaError(f"--out: found {out}; allowed: a name that ends in .gif, .svg or .txt")
    record, stored = replayed(RunFolder.existing(run), match, environment, table, episode)
    if record.how == "exact":
        payoffs = ", ".join(f"{payoff:.6g}" for payoff in stored)
        click.echo(f"Its payoffs are exact ({payoffs}); this is one match of the cast.", err=True)
    paid = None if record.how == "exact" else record.payoff
    differs = paid is not None and list(paid) != stored
    if differs:
        click.echo(
            f"This is not the match that was played, which paid {stored}; now it pays {paid}. "
            "Versions differ, or an environment or an agent draws from more than its seed.",
            err=True,
        )
    if out is None and not record.pictures:
        click.echo(text(record), nl=False)
        return FAILED if differs else 0
    out = out or run / "replays" / f"{record.match}.gif"
    _write(out, encoded(record, out.suffix))
    return FAILED if differs else 0


@main.command()
@click.argument("name", required=False)
@click.option("--search", default="", metavar="TEXT", help="Only those with TEXT in name, summary or source.")
@click.option("--kind", metavar="GROUP", help="Only this group.")
@click.option(
    "--where",
    multiple=True,
    metavar="PROPERTY",
    help="Only those with a property, such as nice, stochastic=no, memory<=1, year>=2010; may be given again.",
)
@speaks_plainly
def agents(name: str | None, search: str, kind: str | None, where: tuple[str, ...]) -> int:
    """List the agents, or tell all about the one called NAME."""
    from .agents import CATALOGUE, GROUPS
    from .listing import Wanted, describe, listing

    click.echo(
        describe(CATALOGUE, name) if name else listing(CATALOGUE, GROUPS, Wanted(search, kind, where), _width())
    )
    return 0


@main.command()
@click.argument("name", required=False)
@click.option("--search", default="", metavar="TEXT", help="Only those with TEXT in name or summary.")
@click.option("--kind", metavar="GROUP", help="Only this group.")
@speaks_plainly
def envs(name: str | None, search: str, kind: str | None) -> int:
    """List the environments, or tell all about the one called NAME."""
    from .envs import CATALOGUE, GROUPS
    from .listing import Wanted, describe, listing

    click.echo(describe(CATALOGUE, name) if name else listing(CATALOGUE, GROUPS, Wanted(search, kind), _width()))
    return 0


@main.command()
@speaks_plainly
def schema() -> int:
    """Print the JSON schema of config files, for editors."""
    import json

    from .tournament.schema import schema

    click.echo(json.dumps(schema(), indent=2))
    return 0


def _typed() -> str:
    """The command line of this call."""
    typed: str = click.get_current_context().meta[COMMAND]
    return typed


def _width() -> int:
    """The columns of the terminal; 80 where there is none."""
    return shutil.get_terminal_size().columns


def _replay_population(store: RunFolder, wanted: str | None, out: Path | None) -> int:
    """Show the snapshots of a population."""
    from .envs.errors import DilemmaError
    from .file_names import file_name
    from .population_replay import environment_with_snapshots, population_gif, population_svg

    if out is not None and out.suffix not in (".gif", ".svg"):
        raise DilemmaError(f"--out: found {out}; allowed for a population: a name that ends in .gif or .svg")
    environment = environment_with_snapshots(store, wanted)
    out = out or store.path / "replays" / f"population-{file_name(environment)}.gif"
    svg = out.suffix == ".svg"
    _write(out, population_svg(store, environment).encode() if svg else population_gif(store, environment))
    return 0


def _write(out: Path, content: bytes) -> None:
    """Write a file that was asked for, and say where it is."""
    from .written import writing

    with writing(out) as file:
        file.write(content)
    click.echo(out)


def _outlook(plan: Plan, folder: Path, share: Shard | None, accept_changes: bool, fresh: bool) -> str:
    """The work of a run, its estimated time, and disk space. Raises DilemmaError where it can't fit."""
    import time

    from .analysis.report.effort import effort
    from .progress import duration
    from .tournament.engine import workers_of
    from .tournament.forecast import forecast
    from .tournament.limits import refuse_too_much

    done = None
    if folder.exists() and not fresh:
        from .tournament.store import Store

        store = Store(folder)
        plan, done = store.continued(plan, accept_changes=accept_changes), store.finished()
    refuse_too_much(plan, folder, 0 if done is None else done.matches, share)
    analysis = plan.analysis
    # A run, and each worker, needs the start-up time again.
    started = (1.5 + (workers_of(plan.execution) > 1)) * time.process_time()
    ahead = forecast(plan, done)
    report = effort(len(plan.entrants), len(plan.settings), analysis.ratings)
    play = started + ahead.seconds
    most = ("at most " if ahead.all else "at first ") if plan.schedule.asks_again else ""
    hunted = [kind for kind in analysis.exploitability if kind not in ("population", "exact")]
    unknown = f"; {' and '.join(hunted)} exploiters come on top" if hunted else ""
    unknown += "; evolution comes on top" if plan.schedule.evolves else ""
    return (
        f"{most}{ahead.played:,} matches to play and {ahead.exact:,} payoffs to compute: "
        f"{duration(play + report.seconds)}, of which the report {duration(report.seconds)}; "
        f"about {max(1, (ahead.bytes + report.bytes) / 1e6):,.0f} MB on disk{unknown}"
    )


def _command(name: str, argument: object, **options: object) -> str:
    """A command of ours as it is typed; options that are not given are left out."""
    words = ["dilemma", name, str(argument)]
    for option, value in options.items():
        for each in value if isinstance(value, tuple) else [] if value is None else [value]:
            words += [f"--{option}", str(each)]
    return shlex.join(words)


@contextmanager
def _interruptible(store: RunFolder, again: str) -> Iterator[None]:
    """On Ctrl-C, say what is kept, and how to continue."""
    try:
        yield
    except KeyboardInterrupt:
        searches = sum(record["kind"] != "exact" for record in store.exploits().values())  # those take no time
        found = f" and the results of {searches:,} searches" if searches else ""
        click.echo(
            f"\nInterrupted. {store.finished().matches:,} finished matches{found} are kept; to go on: {again}",
            err=True,
        )
        sys.exit(INTERRUPTED)


def _report(
    results: Results,
    store: RunFolder,
    again: str,
    wrong: Sequence[str] = (),
    *,
    out: Path | None = None,
    changes: tuple[str, ...] = (),
    show_exploits: bool = False,
) -> int:
    """Write the report, print the ranking and failures."""
    import rich

    from .analysis.report.terminal import (
        evolved_tables,
        exploits_table,
        failures_text,
        population_tables,
        ranking_tables,
    )
    from .progress import Steps

    folder, gaps = out or store.report_path, list[str]()
    with (
        _interruptible(store, _command("report", store.path, out=out, set=changes)),
        Steps() as progress,
    ):
        page = results.report(folder, progress, gaps.append)
    if results.histories is not None:
        rich.print(evolved_tables(results.histories))
    elif results.generations is not None:
        rich.print(population_tables(results.generations))
    elif len(results.rows) or not results.exploits:
        rich.print(ranking_tables(results.ranking, results.exploitability))
    for said in results.facts.get("damaged", ()):
        click.echo(f"Left out: {said}. `{again}` plays its matches again.", err=True)
    for gap in gaps:
        click.echo(f"Not worked out: {gap}", err=True)
    if left := results.facts.get("left", 0):
        click.echo(f"{left:,} matches are still to be played: what stands here may change.", err=True)
    if show_exploits or not (len(results.rows) or results.histories is not None):
        rich.print(exploits_table(results.exploits))
    if results.failures:
        click.echo(
            f"{failures_text(results.failures, results.ranking, results.options.background)}\n"
            f"Each with its traceback: {store.failures_path}. To play them again: {again}",
            err=True,
        )
    for fault in results.faults:
        click.echo(f"Fault of an agent: {fault}.", err=True)
    if wrong:
        click.echo(
            f"{len(wrong)} searches for an exploiter failed; the first: {wrong[0]}.\n"
            f"Tracebacks: {store.exploits_path}. To try again: {again}",
            err=True,
        )
    click.echo(page)
    return FAILED if results.failures or results.faults or wrong else 0
