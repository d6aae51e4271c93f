"""Populations that were played out: their shares over the generations, and who took them over.

Replicates are what is independent: intervals are over them. A population that is fixed stays as it is, and counts
so in every later generation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..arrays import Indices, Numbers
from ..finding import Finding
from ..report.chapters import Chapter, WrittenChapter, with_interval
from ..statistics.tails import CONFIDENCE, t_isf

HALF = 0.5 - 1e-9
"""A share from which an agent is half of the population, or more."""


def agents_of(rows: pd.DataFrame) -> list[str]:
    """The agents that are in these rows, in the run's order."""
    return [str(label) for label in rows["agent"].cat.remove_unused_categories().cat.categories]


def share_curves(generations: pd.DataFrame) -> pd.DataFrame:
    """The mean share over replicates of each agent in each generation of one environment, with its 95 % interval.

    `generation`, `agent`, `share`, `low` and `high` (NaN of a single replicate), `payoff` and `cooperation`, which
    are means over individuals of populations that go on.
    """
    rows = generations[generations["generation"].isin(grid := _grid(generations))]
    agents, kinds = generations["agent"].cat, len(generations["agent"].cat.categories)
    replicates = generations["replicate"].nunique()
    place = np.searchsorted(grid, rows["generation"].to_numpy()) * kinds + rows["agent"].cat.codes.to_numpy()
    ends = _ends(generations)
    after = np.searchsorted(grid, ends["generation"].to_numpy(), side="right") * kinds
    after += ends["agent"].cat.codes.to_numpy()

    def total(here: Numbers, afterwards: Numbers) -> Numbers:
        """Sums over replicates [generation, agent], of fixed ones too."""
        length = len(grid) * kinds
        later = np.bincount(after, afterwards, length + kinds)[:length].reshape(-1, kinds)
        own = np.bincount(place, here, length).reshape(-1, kinds)
        sums: Numbers = (own + np.cumsum(later, axis=0)).astype(np.float64)
        return sums

    share, end = rows["share"].to_numpy(np.float64), ends["share"].to_numpy(np.float64)
    mean = total(share, end) / replicates
    square = total(share**2, end**2) / replicates
    half = _half_width(square - mean**2, replicates)
    found = {"share": mean, "low": np.clip(mean - half, 0, 1), "high": np.clip(mean + half, 0, 1)}
    present = np.bincount(place, share, len(grid) * kinds).reshape(-1, kinds)
    for name in ("payoff", "cooperation"):
        sums = np.bincount(place, share * rows[name].to_numpy(np.float64), len(grid) * kinds).reshape(-1, kinds)
        found[name] = np.divide(sums, present, out=np.full(sums.shape, np.nan), where=present > 0)
    seen = np.unique(agents.codes)
    return pd.DataFrame(
        {
            "generation": np.repeat(grid, len(seen)),
            "agent": pd.Categorical.from_codes(np.tile(seen, len(grid)), agents.categories),
            **{name: values[:, seen].ravel() for name, values in found.items()},
        }
    )


def paths(generations: pd.DataFrame, agents: Sequence[str], most: int = 3) -> list[Numbers]:
    """Shares [time, agent] of the first populations; none where others than these agents were in any."""
    first = np.unique(generations["replicate"])[:most]
    mine = generations[generations["replicate"].isin(first)]
    if not set(mine["agent"].astype(str)) <= set(agents):
        return []
    wide = mine.astype({"agent": str}).pivot(index=["replicate", "generation"], columns="agent", values="share")
    wide = wide.reindex(columns=list(agents)).fillna(0.0)
    return [part.to_numpy(np.float64) for _, part in wide.groupby("replicate")]


def fixation(generations: pd.DataFrame) -> Finding | None:
    """In which share of populations each agent took over, with Wilson's 95 % interval; None where none was fixed.

    `neutral` is the share at first: the probability if nobody had an advantage. `verdict`: "favoured" where an
    interval is above that, "opposed" where it is below even if the agent takes all that is still mixed, else
    "open"; these intervals are so wide that all verdicts of the table hold together with 95 % (Bonferroni). `time`
    is the mean number of steps (births, comparisons; generations where all are replaced at once) of those
    populations, idle steps included. Populations that began otherwise have rows of their own, of mutants alone.
    """
    from statsmodels.stats.proportion import proportion_confint

    if not generations["fixed"].any():
        return None
    rows, said = list[pd.DataFrame](), list[str]()
    groups = beginnings(generations)
    starts = [_start(group) for group in groups]
    asked = [start[2 * start < start.sum()] if len(groups) > 1 else start for start in starts]
    joint = (1 - CONFIDENCE) / sum(map(len, asked))
    for group, start, own in zip(groups, starts, asked, strict=True):
        ends, replicates, size = _ends(group), int(group["replicate"].nunique()), int(start.sum())
        fixed = ends[ends["fixed"]]
        took = fixed["agent"].value_counts().reindex(own.index).to_numpy(np.int64)
        low, high = proportion_confint(took, replicates, 1 - CONFIDENCE, method="wilson")
        residents = [", ".join(str(label) for label in start.index if label != agent) for agent in own.index]
        table = pd.DataFrame(
            {
                "process": group["process"].iloc[0],
                "resident": residents,
                "mutant": own.index.astype(str),
                "start": own.to_numpy(np.int64),
                "size": size,
                "fixed": took,
                "replicates": replicates,
                "neutral": own.to_numpy() / size,
                "probability": took / replicates,
                "low": low,
                "high": high,
                "time": fixed.groupby("agent", observed=False)["step"].mean().reindex(own.index).to_numpy(),
            }
        )
        mixed = replicates - len(fixed)
        least, _ = proportion_confint(took, replicates, joint, method="wilson")
        _, most = proportion_confint(took + mixed, replicates, joint, method="wilson")
        table["verdict"] = against_chance(least, most, table["neutral"].to_numpy())
        rows.append(table)
        where = f"Among {residents[0]}: " if len(groups) > 1 else ""
        said += [where + sentence for sentence in _said(table, replicates, len(fixed))]
    return Finding(pd.concat(rows, ignore_index=True), tuple(said))


def _start(group: pd.DataFrame) -> pd.Series[Any]:
    """How many there are at first of each agent."""
    first = group[group["generation"] == 0]
    counts: pd.Series[Any] = first[first["replicate"] == first["replicate"].iloc[0]].set_index("agent")["count"]
    return counts


def beginnings(generations: pd.DataFrame) -> list[pd.DataFrame]:
    """The populations by what they consisted of at first."""
    replicate, place = np.unique(generations["replicate"], return_inverse=True)
    first = (generations["generation"] == 0).to_numpy()
    start = np.zeros((len(replicate), len(generations["agent"].cat.categories)))
    start[place[first], generations["agent"].cat.codes.to_numpy()[first]] = generations["share"].to_numpy()[first]
    kinds, kind = np.unique(start, axis=0, return_inverse=True)
    return [generations[kind.ravel()[place] == index] for index in range(len(kinds))]


def against_chance(low: Numbers, high: Numbers, neutral: Numbers) -> list[str]:
    """What intervals of probabilities of fixation say beside what chance alone gives."""
    verdicts: list[str] = np.select([low > neutral, high < neutral], ["favoured", "opposed"], "open").tolist()
    return verdicts


def _said(table: pd.DataFrame, replicates: int, fixed: int) -> Iterator[str]:
    """What can be said of who takes over, and what can't."""
    if fixed < replicates:
        yield (
            f"{replicates - fixed:,} of {replicates:,} populations were not fixed when evolution ended; they "
            "count as taken over by nobody, so probabilities are of being fixed by then, and nobody is called "
            "opposed who might yet take them."
        )
    for verdict, what in (
        ("favoured", "Selection favours (fixed more often than by chance alone; 95 % for all together)"),
        ("opposed", "Selection opposes (fixed less often than by chance alone; 95 % for all together)"),
        ("open", f"Open with {replicates:,} populations, whether favoured or opposed"),
    ):
        if (which := table["verdict"] == verdict).any():
            yield f"{what}: {', '.join(table.loc[which, 'mutant'])}."


def first_passage(generations: pd.DataFrame) -> Finding | None:
    """In which share of populations an agent with less than half at first came to half, with Wilson's interval.

    `generation` and `time` (steps) are means over those populations, of the first row with half or more; None
    where nobody has less at first, and of invasions.
    """
    from statsmodels.stats.proportion import proportion_confint

    if len(beginnings(generations)) > 1:
        return None
    replicates = int(generations["replicate"].nunique())
    first = generations[generations["generation"] == 0]
    start = first.groupby("agent", observed=True)["share"].sum() / replicates
    half = generations[generations["share"] >= HALF]
    passages = half.groupby(["agent", "replicate"], observed=True)[["generation", "step"]].min()
    rows = []
    for agent in agents_of(generations):
        if (begins := start.get(agent, 0.0)) >= HALF:
            continue
        mine = passages[passages.index.get_level_values("agent") == agent]
        low, high = proportion_confint(len(mine), replicates, 1 - CONFIDENCE, method="wilson")
        rows.append(
            {
                "process": generations["process"].iloc[0],
                "agent": agent,
                "start": begins,
                "reached": len(mine),
                "replicates": replicates,
                "probability": len(mine) / replicates,
                "low": low,
                "high": high,
                "generation": mine["generation"].mean(),
                "time": mine["step"].mean(),
            }
        )
    return Finding(pd.DataFrame(rows)) if rows else None


def final_shares(generations: pd.DataFrame) -> Finding | None:
    """The share of each agent at first, at the end, and over the second half of the generations.

    Intervals of 95 % are Student's, over replicates. `alone` counts the finite populations that consist of it
    alone at the end. None of invasions, which have no mean.
    """
    if len(beginnings(generations)) > 1:
        return None
    grid = _grid(generations)
    late = grid[len(grid) // 2 :]
    agents = generations["agent"].cat.categories
    _, replicate = np.unique(generations["replicate"], return_inverse=True)
    count, kinds = int(replicate.max()) + 1, len(agents)
    code = replicate * kinds + generations["agent"].cat.codes.to_numpy()
    when, share = generations["generation"].to_numpy(), generations["share"].to_numpy(np.float64)
    last = when == pd.Series(when).groupby(replicate).transform("max").to_numpy()

    def each(values: Numbers) -> Numbers:
        sums: Numbers = np.bincount(code, values, count * kinds).reshape(count, kinds).astype(np.float64)
        return sums

    start, end = each(share * (when == 0)), each(share * last)
    afterwards = len(late) - np.searchsorted(late, when, side="right")
    mean = each(share * (np.isin(when, late) + last * afterwards)) / len(late)
    table = {"process": generations["process"].iloc[0], "agent": agents.astype(str), "start": start.mean(axis=0)}
    for name, values in (("end", end), ("second_half", mean)):
        half = _half_width(values.var(axis=0), count)
        table[name] = values.mean(axis=0)
        table[f"{name}_low"], table[f"{name}_high"] = (
            np.clip(table[name] + side * half, 0, 1) for side in (-1, 1)
        )
    remarks = [
        f"{count:,} population{'s' if count > 1 else ''}, {grid[-1]:,} generation{'s' if grid[-1] > 1 else ''}."
    ]
    if count == 1:
        remarks.append("One population has no interval: another could have ended otherwise.")
    if generations["count"].notna().all():
        table["alone"] = np.bincount(generations["agent"].cat.codes[last & (share == 1)], minlength=kinds)
        remarks.append(_alone(dict(zip(agents, table["alone"].tolist(), strict=True)), count))
    found = pd.DataFrame(table)
    seen = np.isin(agents, agents_of(generations))
    return Finding(
        found[seen].sort_values("end", ascending=False, ignore_index=True, kind="stable"),
        tuple(remarks),
    )


def _alone(populations: Mapping[str, int], count: int) -> str:
    """Of whom populations consist at the end."""
    pure = [f"{number:,} of {agent} alone" for agent, number in populations.items() if number]
    mixed = count - sum(populations.values())
    return f"At the end: {', '.join(pure)}{', ' if pure else ''}{mixed:,} still mixed."


CHAPTERS: tuple[Chapter[pd.DataFrame], ...] = (
    Chapter(
        "evolution",
        "Evolution, played out",
        "Shares of the population at first, at the end, and over the second half of all generations; and how "
        "many populations consist of an agent alone at the end.",
        final_shares,
    ),
    Chapter(
        "fixation",
        "Fixation, played out",
        "In which share of the populations an agent took over, whoever else was there at first; with Wilson's "
        "interval of 95 %, and the mean number of steps that it took.",
        fixation,
        shown=with_interval("probability"),
    ),
    Chapter(
        "first_passage",
        "First passage, played out",
        "In which share of the populations an agent that was less than half at first came to half, with Wilson's "
        "interval of 95 %; and in which generation, after how many steps, on average of those populations. What "
        "did not come to pass by the end is not in these means.",
        first_passage,
        shown=with_interval("probability"),
    ),
)


def generation_chapters(generations: pd.DataFrame, label: str) -> Iterator[WrittenChapter]:
    """The chapters of one environment's populations."""
    for chapter in CHAPTERS:
        yield from chapter.write(generations, label, environment=label)


def _ends(generations: pd.DataFrame) -> pd.DataFrame:
    """The last rows of each replicate."""
    when = generations["generation"]
    return generations[when == when.groupby(generations["replicate"]).transform("max")]


def _grid(generations: pd.DataFrame) -> Indices:
    """The generations in which every population was looked at that was not fixed before."""
    when, replicate = (generations[name].to_numpy(np.int64) for name in ("generation", "replicate"))
    return np.unique(when[replicate == replicate[when.argmax()]])


def _half_width(variance: Numbers, count: int) -> Numbers:
    """Of Student's interval of a mean of so many values with this (biased) variance; NaN of one."""
    if count < 2:
        return np.full(np.shape(variance), np.nan)
    half: Numbers = t_isf((1 - CONFIDENCE) / 2, count - 1) * np.sqrt(np.maximum(variance, 0) / (count - 1))
    return half
