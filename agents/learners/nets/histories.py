"""Which tables of a chair have seen the same so far: a recurrent network computes their common past once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

WORTHWHILE = 0.75
"""The most histories for each table; from the round with more on, every table is a history of its own."""


@dataclass(frozen=True)
class Histories:
    """The distinct histories [chair, history] up to a round; chairs with fewer have unused ones at the end."""

    state: Tensor
    """The state that each ends with, int64 [chair, history]."""
    parent: Tensor | None
    """The one of the round before that each continues, int64 [chair, history]; None: that of its own number."""
    of_table: Tensor | None
    """The history of each table, int64 [chair, table]; None: its own, of the table's number."""


def histories(states: Tensor, count: int) -> list[Histories]:
    """The histories of each round, for states [round, chair, table] among `count`."""
    _, chairs, tables = states.shape
    found: list[Histories] = []
    before: Tensor | None = states.new_zeros(chairs, tables)
    known = 1
    for state in states:
        if before is None:
            found.append(Histories(state, None, None))
            continue
        key = (before * count).add_(state)
        present = torch.zeros(chairs, known * count, dtype=torch.bool, device=states.device).scatter_(1, key, True)
        number = present.cumsum(1)
        known = int(number[:, -1].max())
        if known > WORTHWHILE * tables:
            found.append(Histories(state, before, None))
            before = None
            continue
        of_table = number.gather(1, key) - 1
        unused = states.new_zeros(chairs, known)
        found.append(Histories(unused.scatter(1, of_table, state), unused.scatter(1, of_table, before), of_table))
        before = of_table
    return found
