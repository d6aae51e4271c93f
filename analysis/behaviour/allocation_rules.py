"""Rules that explain a mechanism: how much of its allocations an interpolation accounts for, and a small tree.

A sample is what a mechanism saw and did at one moment: the pool R as a share of the capacity, what each player got
and returned in the round before, and the share of the pool that each got next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...chapter_columns import ALLOCATIONS
from ..arrays import Numbers
from ..finding import Finding
from ..report.chapters import Chapter, WrittenChapter

Groups: TypeAlias = NDArray[np.int64]

EXPONENTS = np.geomspace(1e-2, 1e3, 600)
"""Where exponents are searched; the best is refined between its neighbours."""
LEAVES = 8
"""The most leaves of a tree."""
POOLS = (0.0, 0.25, 0.5, 0.75, 0.9, 0.97, 1.0)
"""Bounds of the levels of the pool that are shown one by one, as shares of the capacity."""
BINS = 10
"""Bins of a player's share of all that was returned."""
FEATURES = {
    "contribution_share": "its share of all that was returned",
    "return_rate": "the share of its allocation that it returned",
    "others_return_rate": "that of the others, their mean",
    "last_share": "what it got in the round before, as a share of the capacity",
    "pool": "the pool, as a share of the capacity",
}
"""What a tree may ask of a player."""


@dataclass(frozen=True)
class Exponent:
    """The exponent of the interpolating rule that comes nearest to allocations, with its interval."""

    best: float
    low: float
    high: float
    """Of 95 %, over matches and, if there are several, trained runs."""
    by_run: tuple[float, ...]
    """That of each trained run alone; empty where there is one."""
    explained: float
    """The share of the variance of players' shares that the rule with this exponent accounts for."""


@dataclass(frozen=True)
class Tree:
    """A small regression tree for a player's share of the pool."""

    text: str
    explained: float
    """The share of the variance that it accounts for in matches that it wasn't fitted to."""
    leaves: int


def contribution_shares(returned: Numbers) -> Numbers:
    """Each player's share of all that was returned [sample, player]; equal where nobody returned anything."""
    total = returned.sum(1, keepdims=True)
    shares: Numbers = np.where(total > 0, returned / np.where(total > 0, total, 1.0), 1 / returned.shape[1])
    return shares


def interpolated(pool: Numbers, contribution: Numbers, exponent: float) -> Numbers:
    """The interpolating rule's shares of the pool  w / N + (1 - w) c_i / sum c,  w = R^exponent."""
    equal = (pool**exponent)[:, None]
    shares: Numbers = equal / contribution.shape[1] + (1 - equal) * contribution
    return shares


def fit_exponent(
    pool: Numbers, contribution: Numbers, shares: Numbers, match: Groups, run: Groups, *, draws: int, seed: int
) -> Exponent:
    """Least squares over the shares of what is handed out; the interval is a bootstrap's.

    Matches are drawn with replacement, within trained runs that are drawn first where there are several. Raises
    ValueError if nothing was ever handed out, or all returned the same throughout: all exponents are alike then.
    """
    says = shares.sum(1) > 1e-6
    unequal = contribution[says] - 1 / contribution.shape[1]
    if not len(unequal) or np.abs(unequal).max() < 1e-9:
        raise ValueError("all players returned the same in all samples: every exponent allocates alike")
    given = shares[says] / shares[says].sum(1, keepdims=True)
    off = given - 1 / contribution.shape[1]
    # |(1 - R^k) u - o|^2 summed over players: three sums for each match and exponent.
    uu, uo = (unequal * unequal).sum(1), (unequal * off).sum(1)
    names, number = np.unique(match[says], return_inverse=True)
    proportional = (1 - pool[says] ** exponent for exponent in EXPONENTS)
    rows = [np.bincount(number, part * (part * uu - 2 * uo), len(names)) for part in proportional]
    error = np.stack(rows, 1)
    first = np.unique(number, return_index=True)[1]
    of_match = run[says][first]
    runs = [np.flatnonzero(of_match == each) for each in np.unique(of_match)]
    best = _lowest(error.sum(0))
    generator = np.random.default_rng(seed)
    drawn = [_lowest(error[_resampled(runs, generator)].sum(0)) for _ in range(draws)]
    low, high = np.quantile(drawn, (0.025, 0.975)) if draws else (np.nan, np.nan)
    by_run = tuple(_lowest(error[rows].sum(0)) for rows in runs) if len(runs) > 1 else ()
    fitted = interpolated(pool[says], contribution[says], best)
    return Exponent(best, float(low), float(high), by_run, explained(given, fitted))


def _resampled(runs: Sequence[NDArray[np.intp]], generator: np.random.Generator) -> NDArray[np.intp]:
    chosen = [runs[index] for index in generator.integers(len(runs), size=len(runs))]
    return np.concatenate([rows[generator.integers(len(rows), size=len(rows))] for rows in chosen])


def _lowest(error: Numbers) -> float:
    """The exponent of the lowest error, by a parabola through the best three."""
    at = int(error.argmin())
    logs = np.log(EXPONENTS)
    if not 0 < at < len(error) - 1:
        return float(EXPONENTS[at])
    before, here, after = error[at - 1 : at + 2]
    bend = before - 2 * here + after
    shift = 0.0 if bend <= 0 else (before - after) / (2 * bend)
    return float(np.exp(logs[at] + shift * (logs[1] - logs[0])))


def explained(values: Numbers, fitted: Numbers) -> float:
    """The share of the variance of `values` that `fitted` accounts for (R^2); NaN where they don't vary."""
    spread = ((values - values.mean()) ** 2).sum()
    return float(1 - ((values - fitted) ** 2).sum() / spread) if spread > 0 else float("nan")


def fit_tree(features: Mapping[str, Numbers], shares: Numbers, match: Groups) -> Tree:
    """A regression tree of at most `LEAVES` leaves from `FEATURES` to shares [sample, player].

    What it explains is of each half of the matches by the tree of the other half. Needs scikit-learn.
    """
    from sklearn.tree import DecisionTreeRegressor, export_text

    columns = np.stack([features[name].ravel() for name in FEATURES], 1)
    target, players = shares.ravel(), shares.shape[1]
    half = np.repeat(np.unique(match, return_inverse=True)[1] % 2, players)

    def grown(rows: NDArray[np.bool_]) -> DecisionTreeRegressor:
        tree = DecisionTreeRegressor(max_leaf_nodes=LEAVES, min_samples_leaf=0.01, random_state=0)
        return tree.fit(columns[rows], target[rows])

    held_out = np.full(len(target), np.nan)
    if half.any():
        for part in (0, 1):
            held_out[half == part] = grown(half != part).predict(columns[half == part])
    tree = grown(np.ones(len(target), dtype=np.bool_))
    text = export_text(tree, feature_names=list(FEATURES), decimals=3)
    return Tree(text.rstrip(), explained(target, held_out), int(tree.get_n_leaves()))


def player_features(pool: Numbers, got: Numbers, returned: Numbers) -> dict[str, Numbers]:
    """`FEATURES` of each player [sample, player]."""
    rate = np.where(got > 0, returned / np.where(got > 0, got, 1.0), 0.0)
    others = (rate.sum(1, keepdims=True) - rate) / max(rate.shape[1] - 1, 1)
    level = np.broadcast_to(pool[:, None], rate.shape)
    values = (contribution_shares(returned), rate, others, got, level)
    return dict(zip(FEATURES, values, strict=True))


def by_level(pool: Numbers, contribution: Numbers, shares: Numbers, exponent: float) -> pd.DataFrame:
    """Mean allocations by the level of the pool and the player's share of all that was returned.

    `rule` is what the interpolating rule with this exponent gives in the same samples.
    """
    rule = interpolated(pool, contribution, exponent).ravel()
    level = np.repeat(np.clip(np.searchsorted(POOLS, pool, "right") - 1, 0, len(POOLS) - 2), shares.shape[1])
    part = np.minimum((contribution.ravel() * BINS).astype(np.int64), BINS - 1)
    rows = pd.DataFrame({"level": level, "bin": part, "allocated": shares.ravel(), "rule": rule})
    grouped = rows.groupby(["level", "bin"])
    table = grouped[["allocated", "rule"]].mean().assign(samples=grouped.size()).reset_index()
    bounds = np.array(POOLS)
    table.insert(0, "pool_from", bounds[table["level"]])
    table.insert(1, "pool_to", bounds[table["level"] + 1])
    table.insert(2, "contribution_share", (table["bin"] + 0.5) / BINS)
    return table.drop(columns=["level", "bin"])


@dataclass(frozen=True)
class Explanation:
    """What explains a mechanism in one environment."""

    agent: str
    environment: str
    exponent: Exponent
    tree: Tree
    kept: float
    """The mean share of the pool that it leaves there."""
    samples: int
    matches: int
    levels: pd.DataFrame
    """`by_level`."""

    def as_json(self) -> dict[str, object]:
        """As plain values, `levels` by column."""
        return {**asdict(self), "levels": self.levels.to_dict("list")}


def explain(
    agent: str,
    environment: str,
    *,
    pool: Numbers,
    got: Numbers,
    returned: Numbers,
    shares: Numbers,
    match: Groups,
    run: Groups,
    draws: int = 1000,
    seed: int = 0,
) -> Explanation:
    """Fit both rules to a mechanism's allocations [sample, player]. Raises ValueError where there is no fit."""
    contribution = contribution_shares(returned)
    exponent = fit_exponent(pool, contribution, shares, match, run, draws=draws, seed=seed)
    tree = fit_tree(player_features(pool, got, returned), shares, match)
    levels = by_level(pool, contribution, shares, exponent.best)
    kept = max(float(1 - shares.sum(1).mean()), 0.0)
    return Explanation(agent, environment, exponent, tree, kept, len(pool), len(np.unique(match)), levels)


def finding(explanation: Mapping[str, Any]) -> Finding:
    """`by_level` of a stored explanation, and in words what explains the mechanism."""
    table = pd.DataFrame(explanation["levels"])
    columns = list(ALLOCATIONS.without("environment", "agent"))
    return Finding(table[columns], tuple(_said(explanation)))


def _said(explanation: Mapping[str, Any]) -> Iterator[str]:
    exponent, tree = explanation["exponent"], explanation["tree"]
    yield (
        f"{explanation['samples']:,} allocations in {explanation['matches']:,} matches; "
        f"{explanation['kept']:.1%} of the pool is left there on average."
    )
    yield (
        f"The interpolating rule w / N + (1 - w) c_i / sum c with w = (R / capacity)^k comes nearest with "
        f"k = {exponent['best']:.3g} (95 %: {exponent['low']:.3g} to {exponent['high']:.3g}), and accounts for "
        f"{exponent['explained']:.1%} of the variance of players' shares of what is handed out."
    )
    if exponent["by_run"]:
        yield f"By trained run, k = {', '.join(f'{each:.3g}' for each in exponent['by_run'])}."
    yield (
        f"A regression tree of {tree['leaves']} leaves accounts for {tree['explained']:.1%} of the variance of "
        "shares of the pool in matches that it wasn't fitted to."
    )


CHAPTER = Chapter(
    "allocations",
    "What explains the mechanism",
    "Shares of the pool that the mechanism allocates, by the level of the pool and a player's share of all that "
    "was returned in the round before; `rule` is the interpolating rule that comes nearest.",
    finding,
)


def explained_chapters(explanation: Mapping[str, Any]) -> Iterator[WrittenChapter]:
    """The chapter of one mechanism in one environment."""
    agent, environment = str(explanation["agent"]), str(explanation["environment"])
    label = f"{agent}, {environment}"
    for chapter in CHAPTER.write(explanation, label, environment=environment, agent=agent):
        yield replace(chapter, title=f"{CHAPTER.title}: {label}")
