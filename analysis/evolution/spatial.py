"""Games on square lattices: who does best takes over, or who does better is imitated."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .lattice_updates import best_takes_over, fermi_sequential, fermi_synchronous
from .structured import (
    StructuredRun,
    checked_generator,
    checked_steps,
    checked_types,
    one_game,
)

Update: TypeAlias = Literal["best", "fermi", "fermi_synchronous"]
Neighbours: TypeAlias = Literal["moore", "von_neumann"]
Edges: TypeAlias = Literal["periodic", "fixed"]

_NEIGHBOURS = {
    "von_neumann": ((-1, 0), (0, -1), (0, 1), (1, 0)),
    "moore": ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)),
}


def spatial_game(
    payoffs: ArrayLike,
    start: ArrayLike,
    steps: int,
    neighbours: Neighbours = "moore",
    self_interaction: bool = True,
    update: Update = "best",
    *,
    edges: Edges = "periodic",
    noise: float = 0.1,
    random: np.random.Generator | None = None,
) -> StructuredRun:
    """Play A[own type, other type] on a lattice for some steps, from the types `start` [row, column].

    A site's payoff is the sum over its neighbours, and over itself with `self_interaction`. With update "best",
    all sites at once take the type of whoever earned most among themselves and their neighbours; who ties with
    the best keeps its type, and of others that tie the first row of A wins. Nowak and May 1992. "fermi" and
    "fermi_synchronous" imitate a random neighbour with probability 1 / (1 + exp((P_own - P_its) / noise)), one
    drawn site after the other (a step is as many updates as sites) or all at once. On "periodic" edges the
    lattice is a torus; on "fixed" ones there is nobody beyond. `noise` and `random` are of the Fermi rules alone.
    """
    table = one_game(payoffs)
    state = checked_types(start, len(table))
    if state.ndim != 2:
        raise ValueError(f"A lattice's start is [row, column]; this one has {state.ndim} axes.")
    if neighbours not in _NEIGHBOURS:
        raise ValueError(f'Neighbours are "moore" or "von_neumann", not {neighbours!r}.')
    if edges not in ("periodic", "fixed"):
        raise ValueError(f'Edges are "periodic" or "fixed", not {edges!r}.')
    if min(state.shape) < 3 and edges == "periodic":
        raise ValueError(
            f"A lattice with periodic edges has 3 rows and columns or more; this one is {state.shape}."
        )
    if state.size < 2:
        raise ValueError("A lattice has two sites or more; this one has one, without a neighbour.")
    others = np.array(_NEIGHBOURS[neighbours])
    played = np.concatenate((others, [[0, 0]])) if self_interaction else others
    counts = np.zeros((checked_steps(steps) + 1, len(table)), dtype=np.int64)
    counts[0] = np.bincount(state.ravel(), minlength=len(table))
    if update == "best":
        tie = 1e-9 * float(np.abs(table).max())
        best_takes_over(state, counts, table, played, others, edges == "periodic", tie)
    elif update in ("fermi", "fermi_synchronous"):
        if not noise > 0:
            raise ValueError(f"The noise of the Fermi rule is above 0, not {noise}.")
        run = fermi_sequential if update == "fermi" else fermi_synchronous
        run(
            state,
            counts,
            table,
            played,
            others,
            edges == "periodic",
            float(noise),
            checked_generator(random, update),
        )
    else:
        raise ValueError(f'An update is "best", "fermi" or "fermi_synchronous", not {update!r}.')
    return StructuredRun(counts, state)
