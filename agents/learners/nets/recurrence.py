"""A gated recurrent unit with weights for each chair, over whole episodes, with a hand-written gradient.

The unit axis comes before the table axis, so that each gate is one block of memory: elementwise operations are
several times faster.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


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
        outputs: Tensor = _Unrolled.apply(weight, inputs, self)  # type: ignore[no-untyped-call]
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

    def take(self, weight: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Buffers for [h; x; 1] of every round and the end, filled except for later h, and for W [h; x; 1]."""
        rounds, chairs, _, tables = inputs.shape
        shape = (rounds + 1, chairs, weight.shape[1], tables)
        stacked, product = self._spare or (weight, weight)
        self._spare = None
        if stacked.shape != shape or stacked.dtype != weight.dtype:
            stacked, product = weight.new_empty(shape), weight.new_empty(*shape[:2], weight.shape[2], tables)
        stacked[0, :, : self.units] = 0
        stacked[:-1, :, self.units : -1] = inputs
        stacked[-1, :, self.units : -1] = 0
        stacked[:, :, -1] = 1
        return stacked, product

    def give_back(self, stacked: Tensor, product: Tensor) -> None:
        """Let the next call reuse these buffers; autograd refuses a second backward pass after that."""
        self._spare = stacked, product


def _by_gate(product: Tensor, units: int) -> Tensor:
    """The gate part of W [h; x; 1], without outputs, as [..., chair, 4, unit, table]."""
    return product[..., : 4 * units, :].view(*product.shape[:-2], 4, units, -1)


class _Unrolled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, inputs: Tensor, net: Recurrence) -> Tensor:
        stacked, product = net.take(weight, inputs)
        across, hidden = weight.mT, stacked[:, :, : net.units].unbind()
        for joined, found, before, after in zip(stacked, product, hidden, hidden[1:], strict=False):
            gates = net.gates(torch.bmm(across, joined, out=found))
            torch.lerp(gates[:, 2], before, gates[:, 1], out=after)
        torch.bmm(across, stacked[-1], out=product[-1])
        outputs = product[1:, :, 4 * net.units :].clone(memory_format=torch.contiguous_format)
        if ctx.needs_input_grad[0]:
            ctx.net = net
            ctx.save_for_backward(weight, stacked, product)
        else:
            net.give_back(stacked, product)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_output: Tensor) -> tuple[Tensor, None, None]:
        weight, stacked, product = ctx.saved_tensors
        units = ctx.net.units
        gates, joined = _by_gate(product, units).unbind(), stacked.unbind()
        hidden = stacked[:, :, :units].unbind()
        by_weight = torch.zeros_like(weight)
        by_product = torch.zeros_like(product[0])
        by_reset, by_update, by_new, by_recalled = _by_gate(by_product, units).unbind(1)
        by_hidden = torch.zeros_like(hidden[0])
        for t in range(len(by_output), 0, -1):
            by_product[:, 4 * units :] = by_output[t - 1]
            by_weight.baddbmm_(joined[t], by_product.mT)
            by_hidden.baddbmm_(weight[:, :units], by_product)
            reset, update, new, recalled = gates[t - 1].unbind(1)
            carried = by_hidden * update
            mixed = by_hidden.sub_(carried)  # 1 - z times that of h'
            torch.sub(hidden[t], new, out=by_update).mul_(mixed)  # h' - n is z (h - n)
            torch.addcmul(mixed, mixed, new * new, value=-1, out=by_new)
            torch.mul(by_new, reset, out=by_recalled)
            torch.mul(by_recalled, recalled, out=by_reset)
            by_reset.addcmul_(by_reset, reset, value=-1)
            by_hidden = carried
        by_product[:, 4 * units :] = 0
        by_weight.baddbmm_(joined[0], by_product.mT)
        ctx.net.give_back(stacked, product)
        return by_weight, None, None
