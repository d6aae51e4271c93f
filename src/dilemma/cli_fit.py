"""The commands that fit something to data: strategies, or a clone. Heavy imports are inside commands."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import click

from .exit_codes import speaks_plainly

STRATEGIES = "strategies"


class _StrategiesUnlessNamed(click.Group):
    """A group in which `dilemma fit FILE ...` stands for `dilemma fit strategies FILE ...`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [STRATEGIES, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_StrategiesUnlessNamed)
def fit() -> None:
    """Fit strategies or players to what people, or other players, did.

    `dilemma fit FILE --strategies a,b,c` is short for `dilemma fit strategies FILE --strategies a,b,c`.
    """


@fit.command(STRATEGIES)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--strategies", "names", metavar="NAME,NAME", required=True, help="Finite automata that subjects may play."
)
@click.option(
    "--column",
    "columns",
    metavar="OF=NAME",
    multiple=True,
    help="What a column is called that holds subject, match, round, action, other_action, cooperated or "
    "other_cooperated.",
)
@click.option(
    "--only", metavar="NAME=VALUE", multiple=True, help="Read only rows with this value; may be repeated."
)
@click.option(
    "--draws",
    type=click.IntRange(100, 100_000),
    default=1000,
    show_default=True,
    help="Bootstrap draws of subjects.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the draws.")
@click.option(
    "--out",
    metavar="FILE.toml",
    type=click.Path(path_type=Path),
    help="The population; NAME_population.toml where left out. Tables are written beside it.",
)
@speaks_plainly
def strategies(
    file: Path, names: str, columns: Sequence[str], only: Sequence[str], draws: int, seed: int, out: Path | None
) -> int:
    """Estimate which share of subjects plays which strategy.

    FILE is a CSV with a row for each round that a subject played, of columns subject, match, round, action and
    other_action; or moves.parquet, which `dilemma export RUN --moves` writes; or such a RUN. A mixture of the
    strategies, with a tremble, is fitted by maximum likelihood (Dal Bó and Fréchette 2011); intervals are of
    subjects drawn with replacement.
    The population that is found can be appended to a config, as the background of agents of yours.
    """
    import rich

    from . import choices, strategy_fit
    from .envs.errors import DilemmaError

    out = out or Path(f"{file.resolve().stem}_population.toml")
    if out.suffix != ".toml":
        raise DilemmaError(f"--out: found {out}; allowed: a name that ends in .toml")
    candidates = strategy_fit.strategies_of(names)
    read = choices.read(file, _pairs("--column", columns, choices.COLUMNS), _pairs("--only", only))
    click.echo(read)
    found = strategy_fit.fit(read, candidates, draws, seed)
    rich.print(strategy_fit.shown(found))
    for remark in strategy_fit.remarks(found):
        click.echo(remark, err=True)
    for path in strategy_fit.write(found, file.name or str(file), out):
        click.echo(path)
    return 0


@fit.command("common_pool")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), help="The model; FILE.clone.pt if left out."
)
@click.option(
    "--column",
    "columns",
    metavar="OF=NAME",
    multiple=True,
    help="What a column is called that holds game, round, player, pool, allocated or returned.",
)
@click.option(
    "--only", metavar="NAME=VALUE", multiple=True, help="Read only rows with this value; may be repeated."
)
@click.option("--capacity", type=click.FloatRange(min=0, min_open=True), default=200.0, show_default=True)
@click.option("--units", type=click.IntRange(min=1), default=64, show_default=True, help="Of the recurrent unit.")
@click.option(
    "--epochs", type=click.IntRange(min=1), default=300, show_default=True, help="The most of each model."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split of games, and of the models.")
@speaks_plainly
def common_pool(
    file: Path,
    out: Path | None,
    columns: Sequence[str],
    only: Sequence[str],
    capacity: float,
    units: int,
    epochs: int,
    seed: int,
) -> int:
    """Fit a behavioural clone to what players of a common pool did.

    FILE is a CSV table with a row for each player and round of each game. A recurrent model is fitted, and its
    likelihood in games that are held out is said beside those of simpler models and of a published
    reproduction.
    """
    from . import pool_clone, pool_games

    names = {**{of: of for of in pool_games.COLUMNS}, **_pairs("--column", columns, pool_games.COLUMNS)}
    games = pool_games.read(file, names, _pairs("--only", only), capacity)
    found, model = pool_clone.fit(games, units, epochs, seed, lambda line: click.echo(line, err=True))
    for line in pool_clone.lines(found, games):
        click.echo(line)
    path = out or file.with_suffix(".clone.pt")
    pool_clone.keep(path, model, games)
    click.echo(path)
    return 0


def _pairs(option: str, given: Sequence[str], known: Collection[str] | None = None) -> dict[str, str]:
    """KEY=VALUE options; with `known`, only these keys are allowed."""
    from .envs.errors import DilemmaError

    pairs = dict[str, str]()
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or (known is not None and key not in known):
            keys = "NAME" if known is None else f"one of {', '.join(known)}"
            raise DilemmaError(f"{option}: found {text!r}; allowed: KEY=VALUE, where KEY is {keys}")
        pairs[key] = value
    return pairs
