"""The distinct histories of many tables: what is a function of all that was seen is computed once for each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ....compiled import compiled

Integers = NDArray[np.int64]


class Histories(NamedTuple):
    """The distinct sequences of states of each chair's tables, as trees: by chair, and within it by round.

    A history of the first round has no parent; its number stands for it there.
    """

    first: Integers
    """The first history of each round [chair, round + 1]; the last is the chair's end."""
    state: Integers
    """The state that each ends with [history]."""
    parent: Integers
    """The history that each continues by a round [history]."""
    of_table: Integers
    """The history of each table [round, chair, table], or of whatever else outputs are asked for."""


def histories(states: Tensor, count: int) -> Histories:
    """The histories of states int64 [round, chair, table] among `count`, on the CPU."""
    rounds, chairs, _ = states.shape
    first, of_table = np.empty((chairs, rounds + 1), np.int64), np.empty(states.shape, np.int64)
    state, parent = np.empty(states.numel(), np.int64), np.empty(states.numel(), np.int64)
    found = Histories(first, state, parent, of_table)
    last = _grow(states.contiguous().numpy(), count, found)
    return found._replace(state=state[:last], parent=parent[:last])


@compiled
def _grow(states: Integers, count: int, histories: Histories) -> int:
    """Fill in the histories; returns how many there are."""
    first, state, parent, of_table = histories
    rounds, chairs, tables = states.shape
    known = np.empty(tables * count, np.int64)  # by parent, from the first of its round, and state
    last = 0
    for chair in range(chairs):
        first[chair, 0] = last
        for t in range(rounds):
            begin = first[chair, t - 1] if t else last
            first[chair, t] = last
            known[: (last - begin if t else 1) * count] = -1
            for table in range(tables):
                before = of_table[t - 1, chair, table] if t else last
                at = (before - begin if t else 0) * count + states[t, chair, table]
                if known[at] < 0:
                    known[at] = last
                    state[last] = states[t, chair, table]
                    parent[last] = before if t else last
                    last += 1
                of_table[t, chair, table] = known[at]
        first[chair, rounds] = last
    return last
