"""Spot checks: a few matches of agents from outside this package are played again alone, and must give the same
bits.

A difference means that a match depends on others in its chunk: the agent keeps state between matches (on its class
or module, say), or draws random numbers from elsewhere than its chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .arena import is_builtin
from .chunk import Chunk, Outcome, Rows, only
from .plan import Entrant, Plan

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


def spot_checks(chunks: Sequence[Chunk], plan: Plan) -> list[SpotCheck]:
    """The matches to check: late ones, if possible against an agent of this package.

    Learners are left out, because their whole block would have to be trained again.
    """
    theirs = {index for index, entrant in enumerate(plan.entrants) if _others(entrant)}
    places: dict[int, list[tuple[bool, int, int, int]]] = {index: [] for index in theirs}
    for number, chunk in enumerate(chunks):
        if chunk.how != "played" or not theirs & set(chunk.entrants.tolist()):
            continue
        for row, cast in enumerate(chunk.entrants[chunk.cast].tolist()):
            suspects = theirs & set(cast)
            for index in suspects:
                places[index].append((len(suspects) == 1, number, row, index))
    wanted = set()
    for found in places.values():
        alone = [place for place in found if place[0]] or found
        most = min(MOST, -(-len(found) // SHARE))
        picked = [alone[-1 - len(alone) * turn // most] for turn in range(most)]
        wanted |= {(number, row) for _, number, row, _ in picked}
    checks = []
    for number, row in sorted(wanted):
        chunk = chunks[number].select(np.array([row]))
        suspects = theirs & set(chunk.entrants[chunk.cast[0]].tolist())
        checks.append(SpotCheck(chunk, tuple(sorted(suspects))))
    return checks


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
