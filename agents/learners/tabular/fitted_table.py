"""Tables of running means, for critics and models with few cells; they need no learning rate."""

from __future__ import annotations

import torch
from torch import Tensor

from ..nets.layers import lookup


def cells(table: Tensor, index: Tensor) -> Tensor:
    """Look up `index` [..., chair, table] in a flattened table [chair, ...]; differentiable."""
    return lookup(table.flatten(1)[..., None], index)[..., 0]


def cells_by_round(table: Tensor, state: Tensor) -> Tensor:
    """Look up states [round, chair, table] in a table [chair, round, state]."""
    rounds = torch.arange(len(state), device=state.device)[:, None, None]
    return cells(table, rounds * table.shape[2] + state)


def fitted(table: Tensor, index: Tensor, value: Tensor, weight: Tensor | None, memory: float) -> Tensor:
    """Update a table [chair, ...] towards the mean of `value` in each cell; the old entry weighs `memory` values.

        table <- (memory * table + sum of weight * value) / (memory + sum of weight)
    `index`, `value` and `weight` (None: 1) are [..., chair, table]; cells without values do not change.
    """
    if weight is None:
        weight = torch.ones_like(value)
    flat = table.flatten(1)

    def total(values: Tensor) -> Tensor:
        by_chair = values.movedim(-2, 0).flatten(1)
        return torch.zeros_like(flat).scatter_add_(1, index.movedim(-2, 0).flatten(1), by_chair)

    return ((memory * flat + total(weight * value)) / (memory + total(weight))).view_as(table)
