"""A gated recurrent unit with weights for each chair, over whole episodes, with a hand-written gradient.

The unit axis comes before the table axis, so that each gate is one block of memory: elementwise operations are
several times faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .histories import Histories


class Recurrence:
    """A gated recurrent unit (Cho et al. 2014, as in cuDNN) with a linear layer on it, from h = 0.

        r, z, b, a, _ = W [h; x; 1]
        n = tanh(b + sigmoid(r) a),   h' = n + sigmoid(z) (h - n)
        _, _, _, _, y = W [h'; 0; 1]
    W, transposed, is [chair, unit + input + 1, 4 unit + output]. Buffers are reused from call to call: allocating
    them can cost more than the arithmetic.
    """

    def __init__(self, units: int):
        self.units = units
        self._spare: tuple[Tensor, Tensor] | None = None

    def unroll(self, weight: Tensor, inputs: Tensor) -> Tensor:
        """y [round, chair, output, table] of x [round, chair, input, table].

        Differentiable once, in the weights only: the inputs are data.
        """
        return self.unroll_histories(weight, list(inputs), [Histories(x, None, None) for x in inputs])

    def unroll_histories(self, weight: Tensor, inputs: Sequence[Tensor], course: Sequence[Histories]) -> Tensor:
        """The same, of a history each: x [chair, input, history] by round, and y of the tables that have them."""
        outputs: Tensor = _Unrolled.apply(weight, inputs, course, self)  # type: ignore[no-untyped-call]
        return outputs

    def unroll_smoothly(self, weight: Tensor, inputs: Tensor) -> Tensor:
        """The same as `unroll`, differentiable any number of times; several times slower."""
        units = self.units
        by_hidden, by_rest = weight[:, :units, : 4 * units].mT, weight[:, units:, : 4 * units].mT
        driven = torch.matmul(by_rest[..., :-1], inputs.to(weight.dtype)) + by_rest[..., -1:]
        hidden = weight.new_zeros(len(weight), units, inputs.shape[-1])
        course = []
        for drive in driven:
            reset, update, new, recalled = _by_gate(torch.baddbmm(drive, by_hidden, hidden), units).unbind(1)
            fresh = torch.tanh(new + reset.sigmoid() * recalled)
            hidden = torch.lerp(fresh, hidden, update.sigmoid())
            course.append(hidden)
        out = weight[..., 4 * units :].mT
        return torch.matmul(out[..., :units], torch.stack(course)) + out[..., -1:]

    def step(self, weight: Tensor, inputs: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """y [chair, output, table] of one round's x [chair, input, table], and h' [chair, unit, table]."""
        chairs, _, tables = inputs.shape
        if hidden is None:
            hidden = weight.new_zeros(chairs, self.units, tables)
        joined = torch.cat((hidden, inputs.to(weight.dtype), weight.new_ones(chairs, 1, tables)), 1)
        gates = self.gates(torch.bmm(weight.mT, joined))
        hidden = torch.lerp(gates[:, 2], hidden, gates[:, 1])
        out = weight[..., 4 * self.units :].mT
        return torch.baddbmm(out[..., -1:], out[..., : self.units], hidden), hidden

    def gates(self, product: Tensor) -> Tensor:
        """sigmoid(r), sigmoid(z), n, a [chair, 4, unit, table], computed in place from W [h; x; 1]."""
        gates = _by_gate(product, self.units)
        gates[:, :2].sigmoid_()
        reset, _, new, recalled = gates.unbind(1)
        # tanh(x) = 2 sigmoid(2 x) - 1: on CPUs torch's sigmoid takes a fifth of the time of its tanh.
        new.addcmul_(reset, recalled).mul_(2).sigmoid_().mul_(2).sub_(1)
        return gates

    def take(self, weight: Tensor, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Two buffers: for [h; x; 1] of every round and the end, and for W [h; x; 1]."""
        columns = len(weight) * (sum(x.shape[-1] for x in inputs) + inputs[-1].shape[-1])
        sizes = [columns * rows for rows in weight.shape[1:]]
        stacked, product = self._spare or (weight, weight)
        self._spare = None
        if (
            stacked.dim() != 1
            or stacked.dtype != weight.dtype
            or len(stacked) < sizes[0]
            or len(product) < sizes[1]
        ):
            stacked, product = (weight.new_empty(size) for size in sizes)
        return stacked, product

    def give_back(self, stacked: Tensor, product: Tensor) -> None:
        """Let the next call reuse these buffers; autograd refuses a second backward pass after that."""
        self._spare = stacked, product


def _by_gate(product: Tensor, units: int) -> Tensor:
    """The gate part of W [h; x; 1], without outputs, as [chair, 4, unit, table]."""
    chairs, _, tables = product.shape
    return product[:, : 4 * units].view(chairs, 4, units, tables)


def _blocks(buffer: Tensor, chairs: int, rows: int, columns: Sequence[int]) -> list[Tensor]:
    """A buffer as consecutive [chair, row, column], one for each number of columns."""
    sizes = [chairs * rows * each for each in columns]
    parts = torch.split(buffer[: sum(sizes)], sizes)
    return [part.view(chairs, rows, each) for part, each in zip(parts, columns, strict=True)]


def _by_round(
    buffers: Sequence[Tensor], weight: Tensor, columns: Sequence[int]
) -> tuple[list[Tensor], list[Tensor]]:
    """[h; x; 1] and W [h; x; 1] of every round and the end, with so many columns each."""
    chairs, rows, width = weight.shape
    return _blocks(buffers[0], chairs, rows, columns), _blocks(buffers[1], chairs, width, columns)


def _alike(blocks: Sequence[Tensor]) -> Tensor:
    """Consecutive blocks of memory [chair, row, column] of one shape, as one [block, chair, row, column]."""
    shape = (len(blocks), *blocks[0].shape)
    return blocks[0].as_strided(shape, (blocks[0].numel(), *blocks[0].stride()))


def _at(values: Tensor, index: Tensor | None) -> Tensor:
    """Values [chair, row, history] at `index` [chair, table]; None: as they are."""
    return values if index is None else values.gather(2, index[:, None].expand(-1, values.shape[1], -1))


def _summed(values: Tensor, index: Tensor | None, count: int) -> Tensor:
    """Values [chair, row, table] summed over the tables of each of `count` histories [chair, row, history]."""
    if index is None:
        return values
    into = values.new_zeros(*values.shape[:2], count)
    return into.scatter_add_(2, index[:, None].expand_as(values), values)


class _Unrolled(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, inputs: Sequence[Tensor], course: Sequence[Histories], net: Recurrence
    ) -> Tensor:
        units = net.units
        buffers = net.take(weight, inputs)
        columns = [x.shape[-1] for x in inputs] + [inputs[-1].shape[-1]]
        stacked, product = _by_round(buffers, weight, columns)
        # From some round on all have as many columns: those are one block of memory, filled by one operation.
        alike = next(t for t in range(len(columns)) if columns[t] == columns[-1])
        rest, products = (_alike(blocks[alike:]) for blocks in (stacked, product))
        for joined, x in zip(stacked[:alike], inputs, strict=False):
            joined[:, units:-1] = x
            joined[:, -1] = 1
        if alike < len(inputs):
            rest[:-1, :, units:-1] = torch.stack(list(inputs[alike:]))
        rest[-1, :, units:-1] = 0
        rest[:, :, -1] = 1
        stacked[0][:, :units] = 0
        # The outputs of a round are read off the product of the next.
        parents = [each.parent for each in course[1:]] + [None]
        of_table = [each.of_table for each in course[1:]] + [course[-1].of_table]
        across = weight.mT
        hidden: list[Tensor] = []
        for joined, found, following, parent in zip(stacked, product, stacked[1:], parents, strict=False):
            gates = net.gates(torch.bmm(across, joined, out=found))
            if parent is None:
                after = torch.lerp(gates[:, 2], joined[:, :units], gates[:, 1], out=following[:, :units])
            else:
                after = torch.lerp(gates[:, 2], joined[:, :units], gates[:, 1])
                following[:, :units] = _at(after, parent)
            hidden.append(after)
        torch.bmm(across, stacked[-1], out=product[-1])
        if alike == 0 and all(index is None for index in of_table):
            outputs = products[1:, :, 4 * units :].clone(memory_format=torch.contiguous_format)
        else:
            read = (_at(found[:, 4 * units :], index) for found, index in zip(product[1:], of_table, strict=True))
            outputs = torch.stack(list(read))
        if ctx.needs_input_grad[0]:
            ctx.net, ctx.columns, ctx.course = net, columns, (parents, of_table)
            ctx.hidden = hidden
            ctx.save_for_backward(weight, *buffers)
        else:
            net.give_back(*buffers)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_output: Tensor) -> tuple[Tensor, None, None, None]:
        weight, *buffers = ctx.saved_tensors
        units, (chairs, _, width) = ctx.net.units, weight.shape
        stacked, product = _by_round(buffers, weight, ctx.columns)
        parents, of_table = ctx.course
        by_weight = torch.zeros_like(weight)
        room = weight.new_empty(chairs * width * max(ctx.columns))
        by_product = _blocks(room, chairs, width, ctx.columns[-1:])[0].zero_()
        carried = weight.new_zeros(chairs, units, ctx.columns[-1])
        for t in range(len(by_output), 0, -1):
            by_product[:, 4 * units :] = _summed(by_output[t - 1], of_table[t - 1], ctx.columns[t])
            by_weight.baddbmm_(stacked[t], by_product.mT)
            by_hidden = carried.baddbmm_(weight[:, :units], by_product)
            by_hidden = _summed(by_hidden, parents[t - 1], ctx.columns[t - 1])
            (by_product,) = _blocks(room, chairs, width, ctx.columns[t - 1 : t])
            by_reset, by_update, by_new, by_recalled = _by_gate(by_product, units).unbind(1)
            reset, update, new, recalled = _by_gate(product[t - 1], units).unbind(1)
            carried = by_hidden * update
            mixed = by_hidden.sub_(carried)  # 1 - z times that of h'
            torch.sub(ctx.hidden[t - 1], new, out=by_update).mul_(mixed)  # h' - n is z (h - n)
            torch.addcmul(mixed, mixed, new * new, value=-1, out=by_new)
            torch.mul(by_new, reset, out=by_recalled)
            torch.mul(by_recalled, recalled, out=by_reset)
            by_reset.addcmul_(by_reset, reset, value=-1)
        by_product[:, 4 * units :] = 0
        by_weight.baddbmm_(stacked[0], by_product.mT)
        ctx.net.give_back(*buffers)
        return by_weight, None, None, None
