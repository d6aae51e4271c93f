"""Layers with separate weights for each chair, as functions of stacked tensors [chair, ...].

Inputs are features [..., chair, table, input], or states int64 [..., chair, table], which stand for their
one-hot encoding.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ....envs.chance import Chance, Purpose, derive
from ...agent import Chairs


def linear(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """inputs W + b, with W [chair, input, output] and b [chair, output]; for states, a look-up in W + b."""
    if not inputs.is_floating_point():
        return lookup(weight + bias[:, None], inputs)
    rows = _by_chair(inputs)
    product = torch.baddbmm(bias[:, None], rows, weight)
    return product.view(len(weight), *inputs.shape[:-3], inputs.shape[-2], -1).movedim(0, -3)


def lookup(table: Tensor, states: Tensor) -> Tensor:
    """Rows of a table [chair, state, output] at states [..., chair, table]: [..., chair, table, output]."""
    chairs, count, outputs = table.shape
    if outputs == 1 and states.dim() == 2:
        return table[..., 0].gather(1, states)[..., None]
    first = torch.arange(0, chairs * count, count, device=states.device)[:, None]
    rows = table.reshape(-1) if outputs == 1 else table.reshape(-1, outputs)  # one number a row is 4 times faster
    return rows.index_select(0, (states + first).reshape(-1)).view(*states.shape, outputs)


def normal_parameters(chairs: Chairs, count: int, component: int = 0) -> Tensor:
    """Standard normal draws float64 [chair, count] that depend on the chair alone."""
    return parameter_chance(chairs, count, component).normal(Purpose.PARAMETERS, 0, 0)


def uniform_parameters(chairs: Chairs, count: int, component: int = 0) -> Tensor:
    """Uniform draws float64 [chair, count] between -1 and 1 that depend on the chair alone."""
    return 2 * parameter_chance(chairs, count, component).uniform(Purpose.PARAMETERS, 0, 0) - 1


def parameter_chance(chairs: Chairs, count: int, component: int = 0) -> Chance:
    """Chance [chair, count] for a component's parameters; it does not depend on the number of tables."""
    own = derive(chairs.chance.keys[:, :1], component)
    return Chance(derive(own, torch.arange(count, device=own.device)))


def _by_chair(inputs: Tensor) -> Tensor:
    """[..., chair, table, input] as [chair, rows, input]."""
    *rounds, chairs, tables, size = inputs.shape
    return inputs.movedim(-3, 0).reshape(chairs, math.prod(rounds) * tables, size)
