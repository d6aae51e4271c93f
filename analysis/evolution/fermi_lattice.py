"""Imitation by the Fermi rule on lattices: of one site after the other, or of all at once."""

from __future__ import annotations

import numpy as np

from ..arrays import Numbers
from .compiled import compiled
from .structured import Counts, Types


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

    Site x, drawn uniformly, compares itself with one of its neighbours y, drawn uniformly, and takes y's type with
        1 / (1 + exp((P_x - P_y) / noise)),
    where P sums the payoffs against all of `played`, as types are at that moment. Szabó and Tőke 1998.
    Changes `state` [row, column] and `counts` [step, type]. `played` and `models` are offsets [neighbour, 2].
    """
    rows, columns = state.shape
    sites = rows * columns

    def earned(row: int, column: int) -> float:
        own = state[row, column]
        total = 0.0
        for n in range(len(played)):
            r, c = row + played[n, 0], column + played[n, 1]
            if r < 0 or r >= rows or c < 0 or c >= columns:
                if not periodic:
                    continue
                r, c = r % rows, c % columns
            total += payoffs[own, state[r, c]]
        return total

    for step in range(1, len(counts)):
        counts[step] = counts[step - 1]
        for _ in range(sites):
            drawn = random.random() * sites
            site = int(drawn)
            row, column = site // columns, site % columns
            # What is left of the number behind the point is still uniform, and fine enough for a few neighbours.
            model = int((drawn - site) * len(models))
            r, c = row + models[model, 0], column + models[model, 1]
            while not periodic and (r < 0 or r >= rows or c < 0 or c >= columns):
                model = int(random.random() * len(models))
                r, c = row + models[model, 0], column + models[model, 1]
            r, c = r % rows, c % columns
            old, new = state[row, column], state[r, c]
            if old == new:
                continue
            worse = (earned(row, column) - earned(r, c)) / noise
            if random.random() * (1 + np.exp(worse)) < 1:
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
    earned = np.empty(state.shape)
    for step in range(1, len(counts)):
        before = state.copy()
        for row in range(rows):
            for column in range(columns):
                own = before[row, column]
                total = 0.0
                for n in range(len(played)):
                    r, c = row + played[n, 0], column + played[n, 1]
                    if r < 0 or r >= rows or c < 0 or c >= columns:
                        if not periodic:
                            continue
                        r, c = r % rows, c % columns
                    total += payoffs[own, before[r, c]]
                earned[row, column] = total
        counts[step] = counts[step - 1]
        for row in range(rows):
            for column in range(columns):
                while True:
                    model = int(random.random() * len(models))
                    r, c = row + models[model, 0], column + models[model, 1]
                    if periodic or (0 <= r < rows and 0 <= c < columns):
                        break
                r, c = r % rows, c % columns
                old, new = before[row, column], before[r, c]
                if old == new:
                    continue
                worse = (earned[row, column] - earned[r, c]) / noise
                if random.random() * (1 + np.exp(worse)) < 1:
                    state[row, column] = new
                    counts[step, old] -= 1
                    counts[step, new] += 1
