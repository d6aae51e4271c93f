"""What the table of a finite automaton says of its behaviour: size, memory, niceness.

Two states are alike if no sequence of moves tells them apart (Moore 1956).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .automaton import Automaton


def size(automaton: Automaton) -> int:
    """The number of states of the smallest automaton that plays alike, whatever noise does."""
    return len(_reduced(automaton))


def memory(automaton: Automaton) -> float:
    """The number of past rounds, as executed, that decide its move; infinite if no number does.

    n rounds suffice if no n rounds lead two states to states that differ. Noise may change any move: a grudger
    that has defected by error has not been wronged, and needs all of the past.
    """
    following = _reduced(automaton)
    apart = ~np.eye(len(following), dtype=np.bool_)
    rounds = 0
    while apart.any():
        before = apart
        apart = np.zeros_like(before)
        one, other = before.nonzero()
        for to in following.T:
            apart[to[one], to[other]] = True
        np.fill_diagonal(apart, False)
        if (apart == before).all():
            return math.inf
        rounds += 1
    return rounds


def is_nice(automaton: Automaton) -> bool:
    """Whether it is never the first to defect."""
    state, seen = 0, set[int]()
    while state not in seen:
        if automaton.cooperation[state] < 1:
            return False
        seen.add(state)
        state = int(automaton.transitions[state, 0, 0])
    return True


def _reduced(automaton: Automaton) -> NDArray[np.int64]:
    """The classes of reachable states that are alike: the next class after CC, CD, DC, DD [class, outcome]."""
    following, reached = automaton.transitions.reshape(-1, 4), [0]
    for state in reached:  # the list grows in the loop
        reached += sorted(set(following[state].tolist()).difference(reached))
    place = np.zeros(automaton.states, dtype=np.int64)
    place[reached] = np.arange(len(reached))
    following = place[following[reached]]
    alike, count = np.unique(automaton.cooperation[reached], return_inverse=True)[1], 0
    while count < (count := int(alike.max()) + 1):
        then = np.column_stack((alike, alike[following]))
        alike = np.unique(then, axis=0, return_inverse=True)[1].ravel()
    first = np.unique(alike, return_index=True)[1]
    classes: NDArray[np.int64] = alike[following[first]]
    return classes
