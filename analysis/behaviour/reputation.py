"""Populations with reputations: what they come to, what becomes of each type, and who chooses whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ...chapter_columns import COURSE, POPULATION, SELECTED, TYPES
from ..arrays import Indices, Numbers
from ..finding import Finding
from ..report.chapters import Chapter, WrittenChapter
from ..statistics.ratios import ratio
from .population_measures import COUNTS, LEARNED, SHARES, of_population

MARK = "reputation_spread"
"""The measure by which an environment with reputations is known."""
LONGEST = 48
"""Letters of a list of types; a longer one is counted."""
DRAWN = 4
"""Populations of an environment that are drawn; a round robin has as many as pairs."""
SHOWN = 7
"""Points of a course in the page."""
OF_TYPES = {
    "net": ("net", None),
    "gross": ("gross", None),
    "chosen": ("picked", None),
    "punished": ("punished", None),
    "just_punishment": ("just", "defections_judged"),
    "unjust_punishment": ("unjust", "cooperations_judged"),
    "cooperation": ("cooperation", None),
    "reputation": ("reputation", None),
    **{name: (name, None) for name in LEARNED},
}
"""What is said of a type: a column of its seats, and of what it is a share."""


@dataclass(frozen=True, eq=False)
class Population:
    """The matches of one cast."""

    cast: int
    label: str
    """Different for each."""
    agents: NDArray[np.str_]
    """Who sits where [match, seat]."""
    match: Indices
    repetition: Indices
    """Of each match."""
    values: Mapping[str, Numbers]
    """Measures of seats [match, seat], or by point of the learning curve [match, point, seat]."""
    points: Numbers
    """The points of the curve."""

    @property
    def types(self) -> list[str]:
        """The types, by what they earn, the best first."""
        net = {str(agent): float(self.values["net"][self.agents == agent].mean()) for agent in set(self.agents[0])}
        return sorted(net, key=lambda agent: (-net[agent], agent))

    def at(self, points: slice) -> dict[str, Numbers]:
        """Means over these points [match, seat]."""
        return {name: values[:, points].mean(1) for name, values in self.values.items()}


@dataclass(frozen=True, eq=False)
class Populations:
    """What is stored of an environment with reputations."""

    seats: pd.DataFrame
    curves: pd.DataFrame | None
    selections: pd.DataFrame | None
    learning: Mapping[str, object]
    """The section of the config."""
    parameters: Mapping[str, object]
    """Of the environment."""

    @property
    def all_meet(self) -> bool:
        """Whether every member can choose every other."""
        return self.parameters.get("graph") is None

    @cached_property
    def played(self) -> list[Population]:
        """By cast, over the rounds that form the result."""
        found, times = list(_by_cast(self.seats, [])), Counter[str]()
        for place, each in enumerate(found):
            times[each.label] += 1
            if times[each.label] > 1:  # a long list of types is counted, and so may be another
                found[place] = replace(each, label=f"{each.label} ({times[each.label]})")
        return found

    @cached_property
    def learned(self) -> list[Population]:
        """By cast, along the curve."""
        labels = {each.cast: each.label for each in self.played}
        found = [] if self.curves is None else _by_cast(self.curves, ["point"])
        return [replace(each, label=labels.get(each.cast, each.label)) for each in found]

    @cached_property
    def _curves(self) -> dict[str, Population]:
        return {each.label: each for each in self.learned}

    def curve(self, population: Population) -> Population | None:
        """The same along the curve; None where nobody learned."""
        return self._curves.get(population.label)

    def result(self, population: Population) -> dict[str, Numbers]:
        """What a population came to [match, seat]; what was learned is that of the last point."""
        curve = self.curve(population)
        last = {} if curve is None else curve.at(slice(-1, None))
        return {**population.values, **{name: last[name] for name in LEARNED if name in last}}

    def measures(self, label: str, values: Mapping[str, Numbers]) -> dict[str, tuple[Numbers, Numbers]]:
        """The measures of a population that its columns `values` allow: without choices nobody is chosen."""
        found = of_population(values)
        return {name: each for name, each in found.items() if name != "chosen_gini" or label in self.chosen}

    @property
    def frozen_at(self) -> float | None:
        """The point from which on somebody learns no more; None if all go on."""
        found = self.learning.get("freeze_after")
        return float(min(found.values())) if isinstance(found, Mapping) and found else None

    @property
    def before(self) -> slice | None:
        """As many points before the first learner is frozen as form the result; None if there are none."""
        window = self.learning.get("window")
        if self.frozen_at is None or not self.learned or not isinstance(window, int):
            return None
        end = int(self.frozen_at)
        return slice(max(0, end - window), end) if end else None

    @cached_property
    def chosen(self) -> dict[str, pd.DataFrame]:
        """The choices of each population in which members choose, by its label."""
        if self.selections is None:
            return {}
        found = {each.label: self.selections[self.selections["match"].isin(each.match)] for each in self.played}
        return {label: mine for label, mine in found.items() if len(mine)}

    def network(self, population: Population) -> tuple[int, Numbers]:
        """The place of the first repetition in a population, and how often each seat chose each other in it."""
        first = int(population.repetition.argmin())
        mine = self.chosen[population.label]
        mine = mine[mine["match"] == population.match[first]]
        count = np.zeros((population.agents.shape[1],) * 2)
        count[mine["seat"].to_numpy(), mine["chosen_seat"].to_numpy()] = mine["count"]
        return first, count


def populations_of(
    environment: str,
    seats: pd.DataFrame,
    curves: pd.DataFrame | None,
    selections: pd.DataFrame | None,
    learning: Mapping[str, object],
    parameters: Mapping[str, object],
) -> Populations | None:
    """The rows of an environment; None if it has no reputations."""

    def here(table: pd.DataFrame | None) -> pd.DataFrame | None:
        mine = None if table is None else table[table["environment"] == environment]
        return mine if mine is not None and len(mine) else None

    own = here(seats)
    if own is None or MARK not in own or "picked" not in own or own[MARK].isna().all():
        return None
    return Populations(own, here(curves), here(selections), learning, parameters)


def _by_cast(table: pd.DataFrame, points: list[str]) -> Iterator[Population]:
    """The populations in a table with a row for each match, point (if it has those) and seat."""
    for cast, rows in table.groupby("cast", sort=False):
        rows = rows.sort_values(["match", *points, "seat"], kind="stable")
        match, times = np.unique(rows["match"].to_numpy(), return_counts=True)
        seats = int(rows["seat"].max()) + 1
        number = times[0] // seats
        if (times != times[0]).any() or number * seats != times[0]:
            continue  # a part of it can't be read
        shape = (len(match), number, seats) if points else (len(match), seats)
        floats = [str(name) for name, kind in rows.dtypes.items() if kind.kind == "f" and name not in points]
        values = {name: rows[name].to_numpy(np.float64).reshape(shape) for name in floats}
        agents = rows["agent"].astype(str).to_numpy(dtype=np.str_).reshape(len(match), -1)[:, :seats]
        yield Population(
            int(str(cast)),
            _label(agents[0].tolist()),
            agents,
            match,
            rows["repetition"].to_numpy(np.int64)[:: times[0]],
            {name: each for name, each in values.items() if not np.isnan(each).all()},
            rows["point"].to_numpy(np.float64)[: number * seats : seats] if points else np.empty(0),
        )


def _label(agents: Sequence[str]) -> str:
    """Who a population consists of."""
    count = Counter(agents)
    named = ", ".join(f"{number} {agent}" for agent, number in sorted(count.items(), key=lambda each: -each[1]))
    return named if len(named) <= LONGEST else f"{len(agents)} members of {len(count)} types"


def _known(name: str, part: Numbers, whole: Numbers) -> dict[str, float]:
    """A measure of matches [match] with its interval over them."""
    estimate = ratio(np.nan_to_num(part)[None], np.nan_to_num(whole)[None])
    value, half = float(estimate.value[0]), float(estimate.half_width()[0])
    low, high = _bounded(name, value - half, value + half)
    return {name: value, f"{name}_low": float(low), f"{name}_high": float(high)}


def _bounded(name: str, low: ArrayLike, high: ArrayLike) -> tuple[Numbers, Numbers]:
    """The ends of an interval, within the range of its measure."""
    least, most = (0.0 if name in SHARES | COUNTS else -np.inf), (1.0 if name in SHARES else np.inf)
    return np.maximum(low, least), np.minimum(high, most)


def population(evidence: Populations) -> Finding:
    """A row for each population and phase: its measures, with Student's intervals over repetitions.

    `learning` is the time before learners are frozen, in which they explore; `result` the rounds that form the
    result. What they have learned is of learners, at the end.
    """
    rows = list[dict[str, object]]()
    for each in evidence.played:
        curve, phases = evidence.curve(each), dict[str, Mapping[str, Numbers]]()
        if curve is not None and evidence.before is not None:
            phases["learning"] = curve.at(evidence.before)
        phases["result"] = evidence.result(each)
        for phase, values in phases.items():
            row: dict[str, object] = {"population": each.label, "phase": phase, "matches": len(each.match)}
            for name, (part, whole) in evidence.measures(each.label, values).items():
                row |= _known(name, part, whole)
            rows.append(row)
    table = pd.DataFrame(rows).reindex(columns=list(POPULATION.without("environment")))
    drawn = f"Figures are of the first {DRAWN} populations."
    return Finding(table, (*_remarks(table), *([drawn] if len(evidence.played) > DRAWN else [])))


def _remarks(table: pd.DataFrame) -> Iterator[str]:
    result = table[table["phase"] == "result"]
    lost = result[result["gini"].isna() & result["gini_gross"].notna()]
    if len(lost):
        names = ", ".join(lost["population"])
        yield f"No Gini's coefficient of net payoffs, since sanctions leave somebody with less than 0: {names}."
    if (result["matches"] < 2).any():
        yield "Populations of one match have no intervals."


def course(evidence: Populations) -> Finding | None:
    """A row for each population that learns, measure and point of the curve, with intervals over repetitions."""
    tables = list[pd.DataFrame]()
    for each in evidence.learned:
        for name, (part, whole) in evidence.measures(each.label, each.values).items():
            estimate = ratio(np.nan_to_num(part.T), np.nan_to_num(whole.T))
            half = estimate.half_width()
            low, high = _bounded(name, estimate.value - half, estimate.value + half)
            row = {"population": each.label, "measure": name, "point": each.points}
            tables.append(pd.DataFrame({**row, "mean": estimate.value, "low": low, "high": high}))
    if not tables:
        return None
    table = pd.concat(tables, ignore_index=True).dropna(subset="mean").reset_index(drop=True)
    return Finding(table[list(COURSE.without("environment"))])


def types(evidence: Populations) -> Finding:
    """A row for each population and type: what it earns, how often it is chosen and punished, and what it does.

    Means over its members, with Student's intervals over repetitions; rates are ratios of sums. What they have
    learned is of learners at the end.
    """
    rows = list[dict[str, object]]()
    for each in evidence.played:
        values = evidence.result(each)
        for agent in each.types:
            own = each.agents == agent
            row: dict[str, object] = {
                "population": each.label,
                "agent": agent,
                "members": int(own[0].sum()),
                "matches": len(own),
            }
            for name, (part, whole) in OF_TYPES.items():
                if part in values:
                    there = own & ~np.isnan(values[part])
                    of = there.astype(np.float64) if whole is None else values[whole]
                    row |= _known(name, *(np.where(there, one, 0).sum(1) for one in (values[part], of)))
            rows.append(row)
    return Finding(pd.DataFrame(rows).reindex(columns=list(TYPES.without("environment"))))


def selections(evidence: Populations) -> Finding | None:
    """A row for each two types of a population: the share of the one's choices that the other gets.

    `by_lot` is that share where all members are chosen equally often, in populations in which all can meet;
    `times` how many times that it is.
    """
    rows = list[dict[str, object]]()
    for each in evidence.played:
        chosen = evidence.chosen.get(each.label)
        if chosen is None or len(each.types) < 2:
            continue
        members, seats = Counter(each.agents[0].tolist()), each.agents.shape[1]
        count = chosen.pivot_table("count", "match", ["agent", "opponent"], "sum", fill_value=0.0, observed=True)
        for agent in each.types:
            own = pd.DataFrame(count[agent]).reindex(columns=each.types, fill_value=0.0).to_numpy(np.float64)
            for column, opponent in enumerate(each.types):
                row: dict[str, object] = {"population": each.label, "agent": agent, "opponent": opponent}
                row |= _known("share", own[:, column], own.sum(1))
                others = members[opponent] - (agent == opponent)
                by_lot = others / (seats - 1) if evidence.all_meet else np.nan
                if by_lot != 0:  # a single member can't choose its own type
                    rows.append({**row, "by_lot": by_lot, "times": float(str(row["share"])) / by_lot})
    return Finding(pd.DataFrame(rows)[list(SELECTED.without("environment"))]) if rows else None


def _by_measure(table: pd.DataFrame) -> pd.DataFrame:
    """A population and phase a column, a measure a row."""
    both = table["population"].nunique() > 1
    heads = [f"{row.population}: {row.phase}" if both else str(row.phase) for row in table.itertuples()]
    measures = [str(name) for name in table if f"{name}_low" in table]
    found: dict[str, object] = {"measure": [name.replace("_", " ") for name in measures]}
    for head, (_, row) in zip(heads, table.iterrows(), strict=True):
        for end in ("", "_low", "_high"):
            found[f"{head}{end}"] = [row[f"{name}{end}"] for name in measures]
    shown = pd.DataFrame(found)
    return shown[shown[heads].notna().any(axis=1)]


def _few_points(table: pd.DataFrame) -> pd.DataFrame:
    """Means at some points of the curve."""
    points = np.unique(table["point"])
    some = points[np.unique(np.linspace(0, len(points) - 1, min(SHOWN, len(points))).round().astype(int))]
    wide = table[table["point"].isin(some)].pivot(index=["population", "measure"], columns="point", values="mean")
    wide = wide.reindex(list(dict.fromkeys(zip(table["population"], table["measure"], strict=True))))
    wide = wide.rename(columns=lambda point: f"{point:g}").reset_index()
    return _without_alike(wide.assign(measure=wide["measure"].str.replace("_", " ")))


def _without_alike(table: pd.DataFrame) -> pd.DataFrame:
    """Without what is alike in every row."""
    alike = [name for name in ("population", "matches") if name in table and table[name].nunique() == 1]
    return table.drop(columns=alike)


CHAPTERS: tuple[Chapter[Populations], ...] = (
    Chapter(
        "population",
        "What the population comes to",
        "Cooperation, welfare before and after sanctions, punishment, reputations and inequality, with 95 % "
        "intervals over repetitions: while learners explore, in the last episodes before they are frozen, and in "
        "the rounds that form the result.",
        population,
        shown=_by_measure,
    ),
    Chapter(
        "course",
        "How it comes to that",
        "Means over repetitions at some points of the learning curve; the files have all points, and intervals.",
        course,
        shown=_few_points,
    ),
    Chapter(
        "types",
        "Who earns, who is chosen, who is punished",
        "Members of each type, with 95 % intervals over repetitions: what they earn per round of the game, net "
        "and gross of sanctions; of how many others each is the partner at a time, 1 on average; how often "
        "it is punished a round; and the shares of defections and of cooperations that it punishes.",
        types,
        shown=_without_alike,
    ),
    Chapter(
        "selected",
        "Who chooses whom",
        "The share of a type's choices of a partner that go to each other type, with 95 % intervals over "
        "repetitions, and how many times as much that is as if partners were drawn by lot.",
        selections,
        shown=_without_alike,
    ),
)


def reputation_chapters(evidence: Populations, label: str) -> Iterator[WrittenChapter]:
    """The chapters of the populations in one environment."""
    for chapter in CHAPTERS:
        yield from chapter.write(evidence, label, environment=label)
