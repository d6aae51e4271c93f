"""Paths: whom a chooser meets, match by match, as it stays or leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from ...envs.chance import Purpose, derive
from .meetings import Indices, Meetings, Numbers
from .rules import Flags

Decide: TypeAlias = Callable[[Indices, Indices, Indices, int], Flags]
"""Whether a chooser stays, of (paths among all, their partners, their numbers, match): bool [path]."""
Rows: TypeAlias = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, eq=False)
class Alone:
    """Payoffs alone [path, match]; NaN where nothing was played."""

    chooser: Numbers
    candidates: Sequence[Numbers]


def by_table(keeps: Sequence[Flags]) -> Decide:
    """The decisions of a rule, which has judged each match with each candidate, bool [path, match]."""
    table = np.stack(list(keeps))
    return lambda which, partner, path, match: np.asarray(table[partner, path, match])


def walked(met: Sequence[Meetings], decide: Decide, alone: Alone, *, rematched: bool) -> Rows:
    """The choices of one chooser with all candidates: a row for each path and match that was followed by a choice.

    Every path begins with a candidate. A chooser that leaves plays alone to the end of the path; if it is
    `rematched` instead, the next match is with another candidate, each with the same probability.
    """
    payoff, other = np.stack([each.own["payoff"] for each in met]), np.stack([each.partner_payoff for each in met])
    left = np.stack(list(alone.candidates))
    key, run = np.stack([each.key for each in met]), np.stack([each.run for each in met])
    entrant = np.array([each.candidate for each in met])
    count, paths, matches = payoff.shape
    first, path = (each.ravel() for each in np.indices((count, paths)))
    partner, going = first.copy(), np.ones(count * paths, dtype=np.bool_)
    parts = list[Rows]()
    for match in range(matches - 1):
        going &= np.isfinite(payoff[partner, path, match])
        which = np.flatnonzero(going)
        now, row = partner[which], path[which]
        kept = decide(which, now, row, match)
        after = np.where(kept, now, _another(now, count, key[now, row, match])) if rematched else now
        together = kept | rematched
        next_payoff = np.where(together, payoff[after, row, match + 1], alone.chooser[row, match + 1])
        next_other = np.where(kept, other[now, row, match + 1], left[now, row, match + 1])
        parts.append(
            {
                "agent": np.full(len(which), met[0].chooser),
                "opponent": entrant[now],
                "first": entrant[first[which]],
                "repetition": row,
                "encounter": np.full(len(which), match),
                "match": key[now, row, match],
                "run": run[now, row, match],
                "payoff": payoff[now, row, match],
                "partner_payoff": other[now, row, match],
                "kept": kept,
                "alone_payoff": alone.chooser[row, match + 1],
                "next_payoff": next_payoff,
                "partner_next_payoff": np.where(kept | (not rematched), next_other, np.nan),
            }
        )
        partner[which] = after
        if not rematched:
            going[which] = kept
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _another(partner: Indices, count: int, key: Indices) -> Indices:
    """Another of `count` candidates, drawn by the chance of the match that was left."""
    draw = derive(torch.from_numpy(key), Purpose.SEATS + 2**17).numpy()
    step = 1 + (draw >> 33).astype(np.int64) % max(count - 1, 1)  # 31 bits: the bias is below count / 2**31
    another: Indices = (partner + step) % count
    return another
