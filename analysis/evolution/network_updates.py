"""What happens to a population on a network, event by event."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from ...compiled import compiled
from ..arrays import Numbers
from .structured import Counts, Types

SEQUENTIAL = ("birth_death", "death_birth", "imitation", "pairwise_comparison")
"""The rules of `one_by_one`, by number."""


class Lists(NamedTuple):
    """For each vertex the others that edges lead to."""

    first: Counts
    """[vertex + 1]: where the edges of a vertex start."""
    end: Counts
    """[edge]."""
    weight: Numbers
    """[edge]."""


class Edges(NamedTuple):
    played: Lists
    """From a vertex to whom it plays against."""
    players: Lists
    """From a vertex to who plays against it."""
    offspring: Lists
    """From a parent to whom it can replace."""
    parents: Lists
    """From a vertex to who can replace it."""


def lists(weights: csr_array) -> Lists:
    return Lists(
        weights.indptr.astype(np.int64), weights.indices.astype(np.int64), weights.data.astype(np.float64)
    )


@compiled
def santos_pacheco(
    states: Types,
    counts: Counts,
    payoffs: Numbers,
    edges: Edges,
    strength: Numbers,
    averaged: bool,
    spread: float,
    random: np.random.Generator,
) -> None:
    """A step is one update of each vertex by the types before it; `spread` is the D of `network_game`."""
    populations, n = states.shape
    played, _, _, parents = edges
    earned = np.empty(n)
    running = np.empty(len(parents.end))
    for x in range(n):
        total = 0.0
        for e in range(parents.first[x], parents.first[x + 1]):
            total += parents.weight[e]
            running[e] = total
    for population in range(populations):
        state, count = states[population], counts[population]
        for step in range(1, len(count)):
            count[step] = count[step - 1]
            if count[step, state[0]] == n:
                continue
            before = state.copy()
            for x in range(n):
                total = 0.0
                for e in range(played.first[x], played.first[x + 1]):
                    total += played.weight[e] * payoffs[before[x], before[played.end[e]]]
                earned[x] = total / strength[x] if averaged else total
            for x in range(n):
                low, high = parents.first[x], parents.first[x + 1]
                drawn = random.random() * running[high - 1]
                y = parents.end[min(low + np.searchsorted(running[low:high], drawn, side="right"), high - 1)]
                old, new = before[x], before[y]
                if old == new or earned[y] <= earned[x]:
                    continue
                scale = spread if averaged else spread * max(strength[x], strength[y])
                if random.random() * scale < earned[y] - earned[x]:
                    state[x] = new
                    count[step, old] -= 1
                    count[step, new] += 1


@compiled
def one_by_one(
    states: Types,
    counts: Counts,
    payoffs: Numbers,
    edges: Edges,
    strength: Numbers,
    averaged: bool,
    rule: int,
    linear: bool,
    selection: float,
    random: np.random.Generator,
) -> None:
    """A step is as many events as vertices, each by the `rule` of that number in `SEQUENTIAL`.

    Changes `states` [population, vertex] and `counts` [population, step, type]; all alike, it stays as it is.
    """
    populations, n = states.shape
    played, players, offspring, parents = edges
    leaves = 1
    while leaves < n:
        leaves *= 2
    # A tree of sums, the root at 1: a birth is drawn by fitness, and a change followed, in log n.
    tree = np.zeros(2 * leaves if rule == 0 else 2)
    value = np.empty(n)  # fitness, or the payoff under pairwise comparison
    even = np.ones(n)

    def valued(state: Types, x: int) -> float:
        total = 0.0
        for e in range(played.first[x], played.first[x + 1]):
            total += played.weight[e] * payoffs[state[x], state[played.end[e]]]
        if averaged:
            total /= strength[x]
        if rule == 3:
            return total
        return 1 - selection + selection * total if linear else np.exp(selection * total)

    def weighed(others: Lists, x: int, worth: Numbers) -> float:
        total = 0.0
        for e in range(others.first[x], others.first[x + 1]):
            total += others.weight[e] * worth[others.end[e]]
        return total

    def found(others: Lists, x: int, worth: Numbers, drawn: float) -> int:
        """Who holds the point `drawn` of what all others weigh."""
        e, last = others.first[x], others.first[x + 1] - 1
        while e < last and drawn >= others.weight[e] * worth[others.end[e]]:
            drawn -= others.weight[e] * worth[others.end[e]]
            e += 1
        return others.end[e]  # type: ignore[no-any-return]

    for population in range(populations):
        state, count = states[population], counts[population]
        for x in range(n):
            value[x] = valued(state, x)
        if rule == 0:
            for x in range(n):
                tree[leaves + x] = value[x]
            for node in range(leaves - 1, 0, -1):
                tree[node] = tree[2 * node] + tree[2 * node + 1]
        fixed = count[0, state[0]] == n
        for step in range(1, len(count)):
            count[step] = count[step - 1]
            if fixed:
                continue
            for _ in range(n):
                if rule == 0:
                    node, drawn = 1, random.random() * tree[1]
                    while node < leaves:
                        node *= 2
                        if drawn >= tree[node] and tree[node + 1] > 0:
                            drawn -= tree[node]
                            node += 1
                    parent = node - leaves
                    x = found(offspring, parent, even, random.random() * weighed(offspring, parent, even))
                else:
                    x = int(random.random() * n)
                    worth = even if rule == 3 else value
                    own = value[x] if rule == 2 else 0.0
                    drawn = random.random() * (own + weighed(parents, x, worth)) - own
                    if drawn < 0:
                        continue
                    parent = found(parents, x, worth, drawn)
                old, new = state[x], state[parent]
                if old == new:
                    continue
                if rule == 3 and random.random() * (1 + np.exp(selection * (value[x] - value[parent]))) >= 1:
                    continue
                state[x] = new
                count[step, old] -= 1
                count[step, new] += 1
                if count[step, new] == n:
                    fixed = True
                    break
                value[x] = valued(state, x)
                for e in range(players.first[x], players.first[x + 1]):
                    value[players.end[e]] = valued(state, players.end[e])
                if rule == 0:
                    for e in range(players.first[x] - 1, players.first[x + 1]):
                        changed = x if e < players.first[x] else players.end[e]
                        node = leaves + changed
                        tree[node] = value[changed]
                        while node > 1:
                            node //= 2
                            tree[node] = tree[2 * node] + tree[2 * node + 1]
