"""Tables of means, for critics and models of a small number of cells, without a learning rate."""

from __future__ import annotations

import torch
from torch import Tensor

from ..nets.layers import lookup


def cells(table: Tensor, index: Tensor) -> Tensor:
    """Numbers of a table [chair, ...], flattened, at `index` [..., chair, table]; differentiable."""
    return lookup(table.flatten(1)[..., None], index)[..., 0]


def cells_by_round(table: Tensor, state: Tensor) -> Tensor:
    """Numbers of a table [chair, round, state] at states [round, chair, table]."""
    rounds = torch.arange(len(state), device=state.device)[:, None, None]
    return cells(table, rounds * table.shape[2] + state)


def fitted(table: Tensor, index: Tensor, value: Tensor, weight: Tensor | None, memory: float) -> Tensor:
    """A table [chair, ...] moved to the means of `value` by cell; what it said before counts as `memory` values.

        table <- (memory * table + sum of weight * value) / (memory + sum of weight)
    `index`, `value` and `weight` (None: 1) are [..., chair, table]; cells without values stay as they are.
    """
    if weight is None:
        weight = torch.ones_like(value)
    flat = table.flatten(1)

    def total(values: Tensor) -> Tensor:
        by_chair = values.movedim(-2, 0).flatten(1)
        return torch.zeros_like(flat).scatter_add_(1, index.movedim(-2, 0).flatten(1), by_chair)

    return ((memory * flat + total(weight * value)) / (memory + total(weight))).view_as(table)
