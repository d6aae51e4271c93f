"""Spot checks: a few matches of agents from outside this package are played again alone, and must give the same
bits.

A difference means that a match depends on others in its chunk: the agent keeps state between matches (on its class
or module, say), or draws random numbers from elsewhere than its chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .arena import is_builtin
from .chunk import Chunk, Outcome, Rows, only
from .plan import Entrant, Plan
from .work import Grid, Work

Indices: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

MOST, SHARE = 3, 10
"""At most this many matches of an agent are checked, and at most one in SHARE of those that it played."""


@dataclass(frozen=True)
class SpotCheck:
    """A match to be played again alone."""

    chunk: Chunk
    suspects: tuple[int, ...]
    """Indices of the plan's entrants in it whose code is outside this package."""

    @property
    def match(self) -> int:
        return int(self.chunk.keys[0])


def spot_checks(left: Work, plan: Plan) -> list[SpotCheck]:
    """The matches to check: late ones, if possible against an agent of this package.

    Learners are left out, because their whole block would have to be trained again.
    """
    theirs = [index for index, entrant in enumerate(plan.entrants) if _others(entrant)]
    grids = [grid for grid in left.grids if grid.how == "played"] if theirs else []
    missing = [grid.missing for grid in grids]
    wanted: list[set[int]] = [set() for _ in grids]
    single = [_with_one_of(grid.casts, theirs) for grid in grids]
    for index in theirs:
        here = [(grid.casts == index).any(axis=1) for grid in grids]
        alone = [one & own for one, own in zip(single, here, strict=True)]
        found = _matches(here, missing)
        chosen, among = (alone, _matches(alone, missing)) if any(_matches(alone, missing)) else (here, found)
        most = min(MOST, -(-sum(found) // SHARE))
        for turn in range(most):
            number = sum(among) - 1 - sum(among) * turn // most
            for grid, casts, own, count, picked in zip(grids, chosen, missing, among, wanted, strict=True):
                if 0 <= number < count:
                    picked.add(_numbered(grid, casts, own, number))
                number -= count
    return [
        SpotCheck(chunk, tuple(index for index in theirs if index in chunk.entrants))
        for grid, picked in zip(grids, wanted, strict=True)
        for number in sorted(picked)
        for chunk in [grid.alone(number)]
        if chunk is not None
    ]


def _with_one_of(casts: Indices, agents: Sequence[int]) -> Flags:
    """Whether just one of the agents is there, on however many seats [cast]."""
    theirs = np.isin(ordered := np.sort(casts, axis=1), agents)
    theirs[:, 1:] &= ordered[:, 1:] != ordered[:, :-1]
    return np.asarray(theirs.sum(axis=1) == 1)


def _matches(casts: Sequence[Flags], missing: Sequence[Indices]) -> list[int]:
    """How many matches some casts of each grid have."""
    return [int(own[chosen].sum()) for chosen, own in zip(casts, missing, strict=True)]


def _numbered(grid: Grid, casts: Flags, missing: Indices, number: int) -> int:
    """The number among all missing matches of a grid of the one that has this number among those of some casts."""
    before = np.cumsum(missing[casts])
    which = int(np.searchsorted(before, number, side="right"))
    cast = np.flatnonzero(casts)[which]
    return int(missing[:cast].sum() + number - (before[which] - missing[cast]))


def _others(entrant: Entrant) -> bool:
    return not is_builtin(entrant.agent) or entrant.agent.slow


def rows_of(outcome: Outcome, checks: Sequence[SpotCheck]) -> dict[int, Rows]:
    """The rows of the matches that will be checked, by match."""
    return {
        check.match: only(rows, np.array([check.match]))
        for rows in outcome.rows
        for check in checks
        if check.match in rows["match"]
    }


def faults(
    checks: Sequence[SpotCheck], first: dict[int, Rows], again: dict[int, Rows], plan: Plan
) -> Iterator[tuple[str, str]]:
    """(label, sentence) for each agent in a match whose second play failed or gave another result."""
    for check in checks:
        before, now = first[check.match], again.get(check.match)
        if now is not None and all(np.array_equal(before[name], now[name], equal_nan=True) for name in before):
            continue
        labels = [plan.entrants[index].label for index in check.suspects]
        setting = plan.settings[check.chunk.setting].label
        did = "failed" if now is None else f"paid {_numbers(now)} where it had paid {_numbers(before)}"
        sentence = (
            f"{' or '.join(labels)}: match {check.match} in {setting}, played again alone, {did}. What it does "
            "depends on what was played before: it keeps something between matches, or draws from elsewhere than "
            "its chance"
        )
        yield from ((label, sentence) for label in labels)


def _numbers(rows: Rows) -> str:
    return " and ".join(f"{payoff:.6g}" for payoff in rows["payoff"].tolist())
