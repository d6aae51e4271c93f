"""Layers with separate weights for each chair, as functions of stacked tensors [chair, ...].

Inputs are features [..., chair, table, input], or states int64 [..., chair, table], which stand for their
one-hot encoding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ....envs.chance import Chance, Purpose, derive
from ...agent import Chairs

AT_ONCE = 2**20
"""Inputs, over all chairs and tables, that a layer works on at once: 4 MB of them, which a cache holds."""


def linear(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """inputs W + b, with W [chair, input, output] and b [chair, output]; for states, a look-up in W + b."""
    if inputs.dtype == torch.int64:
        return lookup(weight + bias[:, None], inputs)
    if inputs.dim() > 3 and inputs.numel() > AT_ONCE and not inputs.requires_grad:  # there are rounds
        long: Tensor = _LinearOfData.apply(inputs.flatten(0, -4), weight, bias)  # type: ignore[no-untyped-call]
        return long.view(*inputs.shape[:-1], -1)
    rows = _by_chair(inputs).to(weight.dtype)
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


class _LinearOfData(torch.autograd.Function):
    """`linear` of [round, chair, table, input], which has no gradient, a few rounds at a time.

    For the gradient it keeps the inputs as they are: no copy by chair, and no floats in the place of bytes.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(inputs)
        outputs = weight.new_empty(*inputs.shape[:-1], weight.shape[-1])
        for part, rows in _slices(inputs, weight.dtype):
            product = torch.baddbmm(bias[:, None], rows, weight)
            outputs[part] = product.view(len(weight), -1, *outputs.shape[2:]).movedim(1, 0)
        return outputs

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[None, Tensor, Tensor]:
        (inputs,) = ctx.saved_tensors
        by_weight = slope.new_zeros(slope.shape[1], inputs.shape[-1], slope.shape[-1])
        for part, rows in _slices(inputs, slope.dtype):
            by_weight = by_weight + torch.bmm(rows.mT, _by_chair(slope[part]))
        return None, by_weight, slope.sum((0, 2))


def _slices(inputs: Tensor, dtype: torch.dtype) -> Iterator[tuple[slice, Tensor]]:
    """Slices of rounds, and the inputs [round, chair, table, input] of each as [chair, row, input]."""
    size = max(1, AT_ONCE * len(inputs) // inputs.numel())
    for first in range(0, len(inputs), size):
        part = slice(first, first + size)
        by_chair = inputs[part].movedim(1, 0)
        yield part, torch.empty(by_chair.shape, dtype=dtype, device=inputs.device).copy_(by_chair).flatten(1, 2)


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
