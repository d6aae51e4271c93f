"""Shares declared by an environment: the ratio of two of its measures, over all play of an agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..arrays import Numbers
from ..cells import Cells
from .influence_functions import by_pair
from .ratios import ratio


def shares(cells: Cells, declared: Mapping[str, Sequence[str]]) -> dict[str, Numbers]:
    """Each share [agent], and the ends `NAME_low` and `NAME_high` of its 95 % interval; `declared` as in `Game`.

    With means per round of the agent's own seats, a share is sum part / sum whole over partners, self-play
    included. Its interval is Student's, over partners, by the delta method. NaN if the whole is 0.
    """
    found = dict[str, Numbers]()
    for name, (part, whole) in declared.items():
        estimate = ratio(_per_round(cells, part), _per_round(cells, whole))
        half = estimate.half_width()
        found[name] = estimate.value
        found[f"{name}_low"], found[f"{name}_high"] = (
            (estimate.value + side * half).clip(0, 1) for side in (-1, 1)
        )
    return found


def _per_round(cells: Cells, measure: str) -> Numbers:
    """The mean per round of a measure [agent, opponent]; NaN if unknown."""
    weights = cells.per_match(cells.weights())
    mean = cells.per_cell(weights * cells.per_match(cells.column(measure))) / cells.per_cell(weights)
    return by_pair(cells, np.asarray(mean))
