"""Updates of lattices: who does best takes over, or who does better is imitated by the Fermi rule.

Each changes `state` [row, column] and `counts` [step, type]. A site's payoff is summed over `played`, and it
learns from `models`, both offsets [neighbour, 2]; the lattice is a torus if `periodic`, else nobody is beyond its
edges.
"""

from __future__ import annotations

import numpy as np

from ...compiled import compiled
from ..arrays import Numbers
from .structured import Counts, Types


@compiled
def beyond(state: Types, row: int, column: int) -> bool:
    return row < 0 or row >= state.shape[0] or column < 0 or column >= state.shape[1]


@compiled
def earned_at(state: Types, row: int, column: int, payoffs: Numbers, played: Counts, periodic: bool) -> float:
    rows, columns = state.shape
    own = state[row, column]
    total = 0.0
    for n in range(len(played)):
        r, c = row + played[n, 0], column + played[n, 1]
        if beyond(state, r, c):
            if not periodic:
                continue
            r, c = r % rows, c % columns
        total += payoffs[own, state[r, c]]
    return total


@compiled
def earned_by_all(state: Types, payoffs: Numbers, played: Counts, periodic: bool) -> Numbers:
    """Payoffs [row, column]."""
    earned = np.empty(state.shape)
    for row in range(state.shape[0]):
        for column in range(state.shape[1]):
            earned[row, column] = earned_at(state, row, column, payoffs, played, periodic)
    return earned


@compiled
def best_takes_over(
    state: Types, counts: Counts, payoffs: Numbers, played: Counts, models: Counts, periodic: bool, tie: float
) -> None:
    """Each site takes the type of the best of its models and itself; payoffs within `tie` are equal."""
    rows, columns = state.shape
    for step in range(1, len(counts)):
        before = state.copy()
        earned = earned_by_all(before, payoffs, played, periodic)
        for row in range(rows):
            for column in range(columns):
                own = before[row, column]
                best, winner = earned[row, column], own
                for n in range(len(models)):
                    r, c = row + models[n, 0], column + models[n, 1]
                    if beyond(state, r, c):
                        if not periodic:
                            continue
                        r, c = r % rows, c % columns
                    its = before[r, c]
                    if earned[r, c] > best + tie:
                        best, winner = earned[r, c], its
                    elif earned[r, c] > best - tie and winner != own and (its == own or its < winner):
                        winner = its
                state[row, column] = winner
                counts[step, winner] += 1


@compiled
def imitates(worse: float, random: np.random.Generator) -> bool:
    """Whether a site that earns `worse` times the noise more than its model takes the model's type."""
    return bool(random.random() * (1 + np.exp(worse)) < 1)


@compiled
def fermi_sequential(
    state: Types,
    counts: Counts,
    payoffs: Numbers,
    played: Counts,
    models: Counts,
    periodic: bool,
    noise: float,
    random: np.random.Generator,
) -> None:
    """Random sequential: a step is as many updates as there are sites, each of a site drawn anew.

    Site x, drawn uniformly, compares itself with one of its models y, drawn uniformly, and takes y's type with
        1 / (1 + exp((P_x - P_y) / noise)),
    where P are payoffs by the types at that moment. Szabó and Tőke 1998.
    """
    rows, columns = state.shape
    sites = rows * columns
    for step in range(1, len(counts)):
        counts[step] = counts[step - 1]
        for _ in range(sites):
            drawn = random.random() * sites
            site = int(drawn)
            row, column = site // columns, site % columns
            # What is left of the number behind the point is still uniform, and fine enough for a few neighbours.
            model = int((drawn - site) * len(models))
            r, c = row + models[model, 0], column + models[model, 1]
            while not periodic and beyond(state, r, c):
                model = int(random.random() * len(models))
                r, c = row + models[model, 0], column + models[model, 1]
            r, c = r % rows, c % columns
            old, new = state[row, column], state[r, c]
            if old == new:
                continue
            own = earned_at(state, row, column, payoffs, played, periodic)
            if imitates((own - earned_at(state, r, c, payoffs, played, periodic)) / noise, random):
                state[row, column] = new
                counts[step, old] -= 1
                counts[step, new] += 1


@compiled
def fermi_synchronous(
    state: Types,
    counts: Counts,
    payoffs: Numbers,
    played: Counts,
    models: Counts,
    periodic: bool,
    noise: float,
    random: np.random.Generator,
) -> None:
    """The same rule for all sites at once: a step is one update of each, by the types before the step."""
    rows, columns = state.shape
    for step in range(1, len(counts)):
        before = state.copy()
        earned = earned_by_all(before, payoffs, played, periodic)
        counts[step] = counts[step - 1]
        for row in range(rows):
            for column in range(columns):
                while True:
                    model = int(random.random() * len(models))
                    r, c = row + models[model, 0], column + models[model, 1]
                    if periodic or not beyond(state, r, c):
                        break
                r, c = r % rows, c % columns
                old, new = before[row, column], before[r, c]
                if old != new and imitates((earned[row, column] - earned[r, c]) / noise, random):
                    state[row, column] = new
                    counts[step, old] -= 1
                    counts[step, new] += 1
