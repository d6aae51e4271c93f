"""Strategies fitted to choices, and what is made of them: a table, files, and a population for a config."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import tomli_w
from pydantic import ValidationError

from .agents import CATALOGUE
from .agents.automaton import Automaton
from .analysis.arrays import Numbers
from .analysis.behaviour.strategy_frequencies import (
    Frequencies,
    FrequencyDraws,
    alike,
    bootstrap,
    estimate,
    evidence,
)
from .analysis.report.spreadsheet import write_csv
from .choices import CHAIR, Choices
from .envs.errors import DilemmaError
from .envs.matrix_game import PrisonersDilemma
from .written import writing

if TYPE_CHECKING:
    from rich.console import Group

ENDS = (0.025, 0.975)
DIGITS = 4
"""Of shares in a population; those that are 0 then are left out."""


@dataclass(frozen=True, eq=False)
class StrategyFit:
    """The strategies of subjects."""

    strategies: Sequence[str]
    choices: Choices
    found: Frequencies
    draws: FrequencyDraws
    alike: Sequence[tuple[int, int]]
    """Pairs of strategies that the choices can't tell apart."""

    @property
    def table(self) -> pd.DataFrame:
        """A row for each strategy, and one for the tremble: `parameter`, `estimate`, `error`, `low`, `high`.

        Errors are NaN where there is one subject.
        """
        drawn = np.column_stack([self.draws.shares, self.draws.tremble])
        many = len(self.choices.subjects) > 1
        low, high = np.quantile(drawn, ENDS, axis=0)
        columns = {
            "parameter": [*self.strategies, "tremble"],
            "estimate": [*self.found.shares, self.found.tremble],
            "error": drawn.std(axis=0, ddof=1),
            "low": low,
            "high": high,
        }
        table = pd.DataFrame(columns)
        return table if many else table.assign(error=np.nan, low=np.nan, high=np.nan)

    @property
    def subjects(self) -> pd.DataFrame:
        """A row for each subject: its `strategy`, the most likely one, and the probability of each."""
        most = self.found.posterior.argmax(1)
        columns = {"subject": self.choices.subjects, "strategy": [self.strategies[each] for each in most]}
        posterior = dict(zip(self.strategies, self.found.posterior.T, strict=True))
        return pd.DataFrame({**columns, **{f"p_{name}": column for name, column in posterior.items()}})

    @property
    def shares(self) -> dict[str, float]:
        """Rounded shares that add up to 1, by strategy; those of 0 are left out."""
        shares: Numbers = self.found.shares.round(DIGITS)
        shares[shares.argmax()] += 1 - shares.sum()
        return {
            name: round(share, DIGITS)
            for name, share in zip(self.strategies, shares.tolist(), strict=True)
            if share
        }


def strategies_of(names: str) -> dict[str, Automaton]:
    """The automata of names with commas between them, by name. Raises DilemmaError for any that is none."""
    found: dict[str, Automaton] = {}
    game = PrisonersDilemma(rounds=float("inf"))
    for name in (each.strip() for each in names.split(",")):
        if not name:
            raise DilemmaError(f"--strategies: found {names!r}; allowed: names with commas between them")
        if name in found:
            raise DilemmaError(f"--strategies: found {name} twice; allowed: once")
        try:
            _, agent = CATALOGUE.named(name, {}, Path())
        except ValidationError as error:
            key = ".".join(map(str, error.errors()[0]["loc"]))
            raise DilemmaError(
                f"--strategies: {name} needs a value for {key}; allowed: agents that play without, or a class of "
                "yours that sets it (path/to/file.py:Class)"
            ) from None
        except DilemmaError as error:
            raise DilemmaError(f"--strategies: {error}") from None
        automaton = None if agent.refuses(game) else agent.as_automaton(game)
        if automaton is None:
            raise DilemmaError(
                f"--strategies: {name} is no finite automaton of two actions; allowed: one, such as those that "
                "`dilemma agents --where states` lists"
            )
        found[name] = automaton
    return found


def fit(choices: Choices, strategies: dict[str, Automaton], draws: int, seed: int) -> StrategyFit:
    """Shares of the strategies and the tremble, with bootstrap draws."""
    data = evidence(choices.histories, list(strategies.values()))
    found = estimate(data)
    return StrategyFit(list(strategies), choices, found, bootstrap(data, found, draws, seed), alike(data))


def shown(fit: StrategyFit) -> Group:
    """For `rich.print`: the table, and how well it explains the choices."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("Strategy", no_wrap=True, max_width=40)
    for heading in ("Share", "Error", "95 % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in fit.table.to_dict("records"):
        known = row["error"] == row["error"]
        error = f"{row['error']:.3f}" if known else ""
        interval = f"[{row['low']:.3f}, {row['high']:.3f}]" if known else ""
        table.add_row(Text(str(row["parameter"])), f"{row['estimate']:.3f}", error, Text(interval))
    decisions = int(fit.choices.histories.rounds.sum())
    found = fit.found
    said = (
        f"Log likelihood {found.log_likelihood:,.2f}, {np.exp(found.log_likelihood / decisions):.3f} a decision "
        f"(chance: 0.500); BIC {found.bic:,.2f} with {found.parameters} free "
        f"parameter{'' if found.parameters == 1 else 's'}"
    )
    return Group(table, Text(said))


def remarks(fit: StrategyFit) -> Iterator[str]:
    """What is to be kept in mind."""
    for first, second in fit.alike:
        yield (
            f"{fit.strategies[first]} and {fit.strategies[second]} would have done alike in all of these matches: "
            "only the sum of their shares means anything"
        )
    if len(fit.choices.subjects) == 1:
        yield (
            "There is one subject, and so no error of the shares; in moves of a run, --column subject="
            f"{CHAIR} takes each seat of each match for a subject"
        )
    if fit.found.tremble == 0.5:
        yield "The tremble is 0.5: none of these strategies explains what was done better than chance"


def write(fit: StrategyFit, source: str, out: Path) -> Iterator[Path]:
    """Write the population as a part of a config, and beside it the shares and subjects as CSV."""
    for name, table in (("shares", fit.table), ("subjects", fit.subjects)):
        path = out.with_name(f"{out.stem}_{name}.csv")
        with writing(path) as file:
            write_csv(table, file)
        yield path
    with writing(out) as file:
        file.write(population(fit, source, out.name).encode("utf-8"))
    yield out


def population(fit: StrategyFit, source: str, file_name: str) -> str:
    """The population as TOML to append to a config: trembling agents, and their shares of the background."""
    rate = min(round(2 * fit.found.tremble, 6), 1.0)  # a random action is the other one in half of all cases
    labels = {name: f"fitted_{name.rpartition(':')[2]}" for name in fit.shares}
    agents = [
        f"[[agents]]\n{tomli_w.dumps({'name': 'tremble', 'label': label, 'rate': rate})}"
        f"of = {{ {tomli_w.dumps({'name': name}).strip()} }}\n"
        for name, label in labels.items()
    ]
    shares = {labels[name]: share for name, share in fit.shares.items()}
    said = [
        f"What {len(fit.choices.subjects):,} subjects of {source!r} play, by `dilemma fit`.",
        f"Tremble {fit.found.tremble:.4f}, log likelihood {fit.found.log_likelihood:.2f}.",
        "",
        f"    cat my.toml {file_name} > with_people.toml && dilemma run with_people.toml",
        "",
        "has the agents of my.toml meet them: held_out.csv of the report has the mean payoff by these shares.",
        "For a population that evolves, call the last table [schedule.population].",
    ]
    comment = "\n".join(f"# {line}".rstrip() for line in said)
    return "\n".join([f"{comment}\n", *agents, tomli_w.dumps({"schedule": {"background": shares}})])
