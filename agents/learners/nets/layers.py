"""Layers with a set of weights for every chair, as functions of stacked tensors [chair, ...].

What is fed in is [..., chair, table, input], or states int64 [..., chair, table], which stand for their
one-hot code.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ....envs.chance import Chance, Purpose, derive
from ...agent import Chairs


def linear(fed: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """fed W + b, with W [chair, input, output] and b [chair, output]; of states, a look-up in W + b."""
    if not fed.is_floating_point():
        return lookup(weight + bias[:, None], fed)
    rows = _by_chair(fed)
    product = torch.baddbmm(bias[:, None], rows, weight)
    return product.view(len(weight), *fed.shape[:-3], fed.shape[-2], -1).movedim(0, -3)


def lookup(table: Tensor, states: Tensor) -> Tensor:
    """Rows of a table [chair, state, output] at states [..., chair, table]: [..., chair, table, output]."""
    chairs, count, outputs = table.shape
    if outputs == 1 and states.dim() == 2:
        return table[..., 0].gather(1, states)[..., None]
    first = torch.arange(0, chairs * count, count, device=states.device)[:, None]
    rows = table.reshape(-1) if outputs == 1 else table.reshape(-1, outputs)  # one number a row is 4 times faster
    return rows.index_select(0, (states + first).reshape(-1)).view(*states.shape, outputs)


def normal_parameters(chairs: Chairs, count: int, component: int = 0) -> Tensor:
    """Standard normal deviates float64 [chair, count], which depend on the chair alone."""
    return parameter_chance(chairs, count, component).normal(Purpose.PARAMETERS, 0, 0)


def uniform_parameters(chairs: Chairs, count: int, component: int = 0) -> Tensor:
    """Uniform float64 [chair, count] between -1 and 1, which depend on the chair alone."""
    return 2 * parameter_chance(chairs, count, component).uniform(Purpose.PARAMETERS, 0, 0) - 1


def parameter_chance(chairs: Chairs, count: int, component: int = 0) -> Chance:
    """Chance [chair, count] for the parameters of a component, the same however many tables there are."""
    own = derive(chairs.chance.keys[:, :1], component)
    return Chance(derive(own, torch.arange(count, device=own.device)))


def _by_chair(fed: Tensor) -> Tensor:
    """[..., chair, table, input] as [chair, rows, input]."""
    return fed.movedim(-3, 0).reshape(fed.shape[-3], math.prod(fed.shape[:-3]) * fed.shape[-2], fed.shape[-1])
