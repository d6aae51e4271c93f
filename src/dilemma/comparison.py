"""Runs side by side: their tables under the same labels, and what is only in one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from rich.console import Group, JustifyMethod
from rich.table import Table
from rich.text import Text

from .analysis.report.comparison_page import ComparedMeasure, ComparedRuns, comparison_html
from .analysis.report.difference_figures import difference_svg
from .analysis.report.tables import decimals, fixed, markdown, one_line
from .analysis.statistics.run_differences import RunTables, run_differences
from .results import game_of, stored
from .tournament.config_file import RawConfig
from .tournament.run_folder import Part as RunPart
from .tournament.run_folder import RunFolder

WIDTH, RUN = 24, 10
"""Columns of a terminal for an agent, and for the name of a run."""
HEADINGS = ("Agent", "Difference", "95 % interval", "How")
"""Columns of a table beside those of the two runs."""


@dataclass(frozen=True)
class ComparedRun:
    """What a run is, in a few words."""

    name: str
    """Of its folder."""
    title: str
    """Of its config."""
    seed: int
    agents: int
    environments: int
    matches: int
    """Exact payoffs among them."""
    failed: int

    @property
    def text(self) -> dict[str, str]:
        """A row of a table."""
        counts = (self.agents, self.environments, self.matches, self.failed, self.seed)
        numbers = zip(("Agents", "Environments", "Matches", "Failed", "Seed"), counts, strict=True)
        return {"Run": self.name, "Name": self.title, **{name: f"{count}" for name, count in numbers}}


@dataclass(frozen=True, eq=False)
class Comparison:
    """A run beside the first one."""

    runs: tuple[ComparedRun, ComparedRun]
    table: pd.DataFrame
    """`run_differences`."""
    remarks: tuple[str, ...]

    @property
    def first(self) -> str:
        """The name of the first run."""
        return self.runs[0].name

    @property
    def other(self) -> str:
        """The name of the other."""
        return self.runs[1].name

    def parts(self) -> Iterator[Part]:
        """Each environment and measure."""
        roles = self.table.groupby("environment", sort=False)["role"].nunique().to_dict()
        for (environment, role, measure), part in self.table.groupby(
            ["environment", "role", "measure"], sort=False
        ):
            name = f"{environment}: {role}" if roles[environment] > 1 else str(environment)
            digits = min(4, decimals(pd.concat([part["value"], part["other_value"]])))
            ends = zip(fixed(part["low"], digits), fixed(part["high"], digits), strict=True)
            yield Part(
                f"{name}, {measure}",
                part,
                pd.DataFrame(
                    {
                        "Agent": part["agent"].to_list(),
                        self.first: fixed(part["value"], digits),
                        self.other: fixed(part["other_value"], digits),
                        "Difference": [f"{value:+.{digits}f}" for value in part["difference"].round(digits) + 0.0],
                        "95 % interval": [f"[{low}, {high}]" if low else "unknown" for low, high in ends],
                        "How": part["how"].to_list(),
                    },
                    dtype=str,
                ),
            )


@dataclass(frozen=True, eq=False)
class Part:
    """One environment and measure of a comparison."""

    title: str
    table: pd.DataFrame
    """Its rows of `run_differences`."""
    text: pd.DataFrame
    """The same for readers."""


def compare(folders: Sequence[Path]) -> list[Comparison]:
    """Every further run beside the first. Raises DilemmaError if a folder is no run."""
    first, *others = (RunFolder.existing(folder) for folder in folders)
    names = _names([store.path for store in (first, *others)])
    config = first.asked()
    tables = _tables(first, config)
    run = _described(names[0], config, tables)
    found = []
    for name, store in zip(names[1:], others, strict=True):
        renamed, remarks = _renamed(config, store.asked(), names[0], name)
        theirs = _tables(store, renamed)
        differences = run_differences(tables, theirs)
        said = (*remarks, *differences.remarks)
        found.append(Comparison((run, _described(name, renamed, theirs)), differences.table, said))
    return found


def _described(name: str, config: RawConfig, tables: RunTables) -> ComparedRun:
    return ComparedRun(
        name,
        one_line(config["name"]),
        config["seed"],
        len(config["agents"]),
        len(config["environments"]),
        int(tables.seats["match"].nunique()),
        len(tables.failures),
    )


def _names(paths: Sequence[Path]) -> list[str]:
    """The names of folders; with numbers where they are alike, and told apart from other columns."""
    found = [one_line(path.resolve().name) for path in paths]
    names = [f"run {name}" if name in HEADINGS else name for name in found]
    return [
        name if names.count(name) == 1 else f"{name} ({names[: place + 1].count(name)})"
        for place, name in enumerate(names)
    ]


def _tables(store: RunFolder, config: RawConfig) -> RunTables:
    """The tables of a run under the labels of `config`."""
    old = {entry["known"]["identity"]: entry["label"] for entry in store.asked()["environments"]}
    labels = {entry["label"]: old[entry["known"]["identity"]] for entry in config["environments"]}
    found = stored(RunFolder(store.path, RunPart(config, store.done())))
    described = store.manifest()["games"]
    games = {label: game_of(described[name]) for label, name in labels.items() if name in described}
    background = tuple(found.options.background)
    return RunTables(found.rows, games, found.failures, found.exploits, background)


def _renamed(first: RawConfig, other: RawConfig, name: str, other_name: str) -> tuple[RawConfig, list[str]]:
    """The config of another run with the labels of the first: entries are matched by label, then by definition."""
    remarks, labels = list[str](), dict[str, dict[str, str]]()
    config = dict(other)
    kinds: tuple[Literal["agents", "environments"], ...] = ("environments", "agents")
    for kind in kinds:
        ours, theirs = (_identities(entries[kind]) for entries in (first, other))
        by_identity = {identity: label for label, identity in ours.items() if label not in theirs}
        labels[kind] = {
            label: by_identity.pop(identity, label) if label not in ours else label
            for label, identity in theirs.items()
        }
        for label, ours_is in labels[kind].items():
            if label != ours_is:
                remarks.append(f"{label} of {other_name} is {ours_is} of {name}.")
            elif label in ours and ours[label] != theirs[label]:
                remarks.append(f"{label} is not defined alike in {name} and {other_name}.")
        config[kind] = [{**entry, "label": labels[kind][entry["label"]]} for entry in other[kind]]
        for run, only in (
            (name, ours.keys() - {*labels[kind].values()}),
            (other_name, {*labels[kind].values()} - ours.keys()),
        ):
            if only:
                remarks.append(f"Only in {run}: {kind} {', '.join(sorted(only))}.")
    section = other["schedule"]
    there = section.get("background", ())
    background: list[str] | dict[str, float] = [labels["agents"][label] for label in there]
    if isinstance(there, dict):
        background = dict(zip(background, there.values(), strict=True))
    return {**config, "schedule": {**section, "background": background}}, remarks


def _identities(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {entry["label"]: entry["known"]["identity"] for entry in entries}


def shown(comparison: Comparison, rows: int = 25) -> Group:
    """For `rich.print`: a table for each environment and measure."""
    parts: list[Table | Text] = []
    for part in comparison.parts():
        text, title = part.text, Text(one_line(part.title), style="bold")
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for name in text:
            words = name in ("Agent", "How")
            most = WIDTH if name == "Agent" else RUN if name in (comparison.first, comparison.other) else None
            justify: JustifyMethod = "left" if words else "right"
            least = None if name == "Agent" else min(max(map(len, [name, *text[name]])), most or WIDTH)
            table.add_column(Text(str(name)), justify=justify, no_wrap=True, min_width=least, max_width=most)
        for row in text.head(rows).itertuples(index=False):
            table.add_row(*(Text(one_line(str(value))) for value in row))
        parts.append(table)
        if len(text) > rows:
            parts.append(Text(f"... and {len(text) - rows} more", style="dim"))
        parts.append(Text(""))
    parts += [Text(one_line(remark)) for remark in comparison.remarks]
    return Group(*(parts or [Text("Nothing to compare.")]))


def as_table(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """All comparisons in one table, with the names of both runs."""
    return pd.concat(
        [each.table.assign(run=each.first, other=each.other) for each in comparisons], ignore_index=True
    )


def as_markdown(comparisons: Sequence[Comparison]) -> str:
    parts = []
    for each in comparisons:
        parts.append(f"# {each.other} beside {each.first}\n")
        plain = {name: escape(name.replace("|", "/"), quote=False) for name in (each.first, each.other)}
        parts += [
            f"## {one_line(part.title)}\n\n{markdown(part.text.rename(columns=plain))}" for part in each.parts()
        ]
        parts += [f"- {one_line(remark)}" for remark in each.remarks]
    return "\n".join(parts) + "\n"


def as_html(comparisons: Sequence[Comparison]) -> str:
    """One page of all comparisons."""
    first = comparisons[0].runs[0]
    runs = [first, *(each.runs[1] for each in comparisons)]
    title = f"{', '.join(run.name for run in runs[:-1])} and {runs[-1].name} compared"
    compared = [
        ComparedRuns(f"{each.other} beside {each.first}", each.remarks, list(_measures(each, number)))
        for number, each in enumerate(comparisons, 1)
    ]
    return comparison_html(title, pd.DataFrame([run.text for run in runs], dtype=str), compared)


def _measures(comparison: Comparison, place: int) -> Iterator[ComparedMeasure]:
    """The tables of a comparison, with a figure where anything differs."""
    label = f"{comparison.other} less {comparison.first}, with 95 % intervals"
    for number, part in enumerate(comparison.parts(), 1):
        figure = None
        if part.table[["difference", "low", "high"]].ne(0).any(axis=None):
            named = f"difference-{place}-{number}"
            figure = difference_svg(part.table, label, named, f"Differences in {one_line(part.title)}")
        yield ComparedMeasure(part.title, part.text, figure)
