"""A gated recurrent unit over the distinct histories of states, with a hand-written gradient, compiled.

Single precision, on the CPU. A round of a chair is one matrix product and one pass over its histories; where most
tables have seen the same, calls of array operations would take longer than the arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from ....compiled import compiled_fused
from .histories import Histories, Integers

Numbers = NDArray[np.float32]


class RecurrenceOfHistories:
    """A gated recurrent unit (Cho et al. 2014, as in cuDNN) with a linear layer on it, from h = 0.

        r, z, b = W_in x + b_in,   r', z', a = W h + (0, 0, b_h)
        n = tanh(b + sigmoid(r + r') a),   h' = n + sigmoid(z + z') (h - n),   y = W_out h' + b_out
    Buffers are reused from call to call: allocating them can cost more than the arithmetic.
    """

    def __init__(self) -> None:
        self._spare: tuple[Tensor, Tensor] | None = None

    def unroll(self, weights: Sequence[Tensor], histories: Histories) -> Tensor:
        """y [round, chair, output, table], with x the one-hot code of a state; differentiable once.

        Weights are W_in [chair, state, 3 unit], b_in [chair, 3 unit], W [chair, unit, 3 unit], b_h [chair, unit],
        W_out [chair, unit, output] and b_out [chair, output], float32.
        """
        outputs: Tensor = _Unrolled.apply(histories, self, *weights)  # type: ignore[no-untyped-call]
        return outputs

    def step(self, weights: Sequence[Tensor], states: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor]:
        """y [chair, output, table] of a round's states [chair, table], and the memory for the next round.

        Memory is h and the number of each table's history, [chair, unit + 1, table]; None at the start.
        """
        chairs, units, outputs = weights[4].shape
        tables = states.shape[1]
        before = weights[4].new_zeros(chairs, units + 1, tables) if memory is None else memory
        after, by_table = torch.empty_like(before), before.new_empty(chairs, outputs, tables)
        _step(_arrays(weights), states.contiguous().numpy(), before.numpy(), after.numpy(), by_table.numpy())
        return by_table, after

    def take(self, count: int, units: int) -> tuple[Tensor, Tensor]:
        """Two buffers, for h [history, unit] and sigmoid(r), sigmoid(z), n, a [history, 4 unit]."""
        hidden, gates = self._spare or (torch.empty(0), torch.empty(0))
        self._spare = None
        if len(hidden) < count * units:
            hidden, gates = torch.empty(count * units), torch.empty(4 * count * units)
        hidden[:0].zero_()  # autograd is told that it changes, as it doesn't see what compiled loops write
        return hidden, gates

    def give_back(self, hidden: Tensor, gates: Tensor) -> None:
        """Let the next call reuse these buffers; autograd refuses a second backward pass after that call."""
        self._spare = hidden, gates


class _Weights(NamedTuple):
    """W_in + b_in, W, b_h, W_out and b_out, or the gradients by them."""

    into: Numbers
    across: Numbers
    across_bias: Numbers
    out: Numbers
    out_bias: Numbers


class _Course(NamedTuple):
    """What is kept for the way back: h [history, unit] and the gates [history, 4 unit]."""

    hidden: Numbers
    gates: Numbers


class _Unrolled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, histories: Histories, net: RecurrenceOfHistories, *leaves: Tensor) -> Tensor:
        chairs, units, outputs = leaves[4].shape
        buffers = net.take(len(histories.state), units)
        samples, _, tables = histories.of_table.shape
        by_table = leaves[4].new_empty(samples, chairs, outputs, tables)
        _forward(_arrays(leaves), histories, _course(buffers, histories, units), by_table.numpy())
        if any(ctx.needs_input_grad):
            ctx.histories, ctx.net = histories, net
            ctx.save_for_backward(*buffers, *leaves)
        else:
            net.give_back(*buffers)
        return by_table

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_table: Tensor) -> tuple[Tensor | None, ...]:
        hidden, gates, *leaves = ctx.saved_tensors
        histories, net = ctx.histories, ctx.net
        across, _, out, _ = leaves[2:]
        by_leaves = [torch.zeros_like(each, memory_format=torch.contiguous_format) for each in leaves]
        slopes = _Weights(*(each.numpy() for each in (by_leaves[0], *by_leaves[2:])))
        course = _course((hidden, gates), histories, out.shape[1])
        _backward(_array(across.mT), _array(out.mT), histories, course, _array(by_table), slopes)
        torch.sum(by_leaves[0], 1, out=by_leaves[1])
        net.give_back(hidden, gates)
        return None, None, *by_leaves


def _arrays(leaves: Sequence[Tensor]) -> _Weights:
    into, into_bias, *rest = leaves
    return _Weights(*(_array(each) for each in (into + into_bias[:, None], *rest)))


def _array(values: Tensor) -> Numbers:
    array: Numbers = values.detach().contiguous().numpy()
    return array


def _course(buffers: tuple[Tensor, Tensor], histories: Histories, units: int) -> _Course:
    count = len(histories.state)
    hidden, gates = (
        each[: count * width].view(count, width) for each, width in zip(buffers, (units, 4 * units), strict=True)
    )
    return _Course(hidden.numpy(), gates.numpy())


@compiled_fused
def _exp(x: np.float32) -> np.float32:
    """e^x as e^r 2^n with n whole, without a branch; the polynomial for |r| < 0.35 is that of Moshier's Cephes."""
    x = np.float32(-87.0) if x < np.float32(-87.0) else x
    x = np.float32(87.0) if x > np.float32(87.0) else x
    n = np.floor(x * np.float32(1.44269504) + np.float32(0.5))
    r = x - n * np.float32(0.693359375) + n * np.float32(2.12194440e-4)
    tail = np.float32(1.9875691500e-4)
    tail = tail * r + np.float32(1.3981999507e-3)
    tail = tail * r + np.float32(8.3334519073e-3)
    tail = tail * r + np.float32(4.1665795894e-2)
    tail = tail * r + np.float32(1.6666665459e-1)
    tail = tail * r + np.float32(5.0000001201e-1)
    power = np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)
    return np.float32((tail * r * r + r + np.float32(1)) * power)


@compiled_fused
def _remember(
    past: Numbers, sums: Numbers, into: Numbers, bias: Numbers, state: Integers, hidden: Numbers, gates: Numbers
) -> None:
    """Fill in h' [history, unit] and the gates, from h, W h, and the state of each history."""
    one, two = np.float32(1), np.float32(2)
    units = past.shape[1]
    for i in range(len(past)):
        x, s, gate, h = into[state[i]], sums[i], gates[i], hidden[i]
        for j in range(2 * units):
            gate[j] = one / (one + _exp(-(s[j] + x[j])))
        for j in range(units):
            recalled = s[2 * units + j] + bias[j]
            fresh = two / (one + _exp(-two * (x[2 * units + j] + gate[j] * recalled))) - one
            gate[2 * units + j] = fresh
            gate[3 * units + j] = recalled
            h[j] = fresh + gate[units + j] * (past[i, j] - fresh)


@compiled_fused
def _step(weights: _Weights, states: Integers, before: Numbers, after: Numbers, by_table: Numbers) -> None:
    """Fill in the memory after a round, and y of each table."""
    into, across, across_bias, out, out_bias = weights
    chairs, units, outputs = out.shape
    tables, kinds = states.shape[1], into.shape[1]
    known = np.empty(tables * kinds, np.int64)  # by history before and state
    of_table, state = np.empty(tables, np.int64), np.empty(tables, np.int64)
    past, hidden = np.empty((tables, units), np.float32), np.empty((tables, units), np.float32)
    sums, gates = np.empty((tables, 3 * units), np.float32), np.empty((tables, 4 * units), np.float32)
    said = np.empty((tables, outputs), np.float32)
    for chair in range(chairs):
        known[:] = -1
        count = 0
        for table in range(tables):
            at = np.int64(before[chair, units, table]) * kinds + states[chair, table]
            if known[at] < 0:
                known[at] = count
                state[count] = states[chair, table]
                for j in range(units):
                    past[count, j] = before[chair, j, table]
                count += 1
            of_table[table] = known[at]
            after[chair, units, table] = known[at]
        np.dot(past[:count], across[chair], sums[:count])
        _remember(past[:count], sums[:count], into[chair], across_bias[chair], state, hidden, gates)
        np.dot(hidden[:count], out[chair], said[:count])
        for j in range(units):
            for table in range(tables):
                after[chair, j, table] = hidden[of_table[table], j]
        for j in range(outputs):
            for table in range(tables):
                by_table[chair, j, table] = said[of_table[table], j] + out_bias[chair, j]


@compiled_fused
def _sizes(first: Integers) -> tuple[int, int]:
    """The most histories that a chair has in a round, and in all."""
    widest, most = 0, 0
    for chair in range(len(first)):
        most = max(most, first[chair, -1] - first[chair, 0])
        for t in range(first.shape[1] - 1):
            widest = max(widest, first[chair, t + 1] - first[chair, t])
    return widest, most


@compiled_fused
def _recall(hidden: Numbers, parent: Integers, past: Numbers) -> None:
    """Fill in the h of the histories that are continued."""
    for i in range(len(past)):
        for j in range(past.shape[1]):
            past[i, j] = hidden[parent[i], j]


@compiled_fused
def _forward(weights: _Weights, histories: Histories, course: _Course, by_table: Numbers) -> None:
    """Fill in the course, and y of each table."""
    into, across, across_bias, out, out_bias = weights
    first, state, parent, of_table = histories
    hidden, gates = course
    chairs, rounds = first.shape[0], first.shape[1] - 1
    units, outputs = out.shape[1:]
    widest, most = _sizes(first)
    before, product = np.empty((widest, units), np.float32), np.empty((widest, 3 * units), np.float32)
    said = np.empty((most, outputs), np.float32)
    for chair in range(chairs):
        for t in range(rounds):
            begin, end = first[chair, t], first[chair, t + 1]
            past, sums = before[: end - begin], product[: end - begin]
            if t:
                _recall(hidden, parent[begin:end], past)
            else:
                past[:] = 0
            np.dot(past, across[chair], sums)
            _remember(
                past, sums, into[chair], across_bias[chair], state[begin:end], hidden[begin:end], gates[begin:end]
            )
        begin, end = first[chair, 0], first[chair, rounds]
        np.dot(hidden[begin:end], out[chair], said[: end - begin])
        for t in range(len(of_table)):
            for j in range(outputs):
                for i in range(of_table.shape[2]):
                    by_table[t, chair, j, i] = said[of_table[t, chair, i] - begin, j] + out_bias[chair, j]


@compiled_fused
def _backward(
    back: Numbers, out_back: Numbers, histories: Histories, course: _Course, by_table: Numbers, slopes: _Weights
) -> None:
    """Add to the gradients; `back` and `out_back` are W and W_out, transposed."""
    by_into, by_across, by_bias, by_out, by_out_bias = slopes
    first, state, parent, of_table = histories
    hidden, gates = course
    one = np.float32(1)
    chairs, rounds = first.shape[0], first.shape[1] - 1
    outputs, units = out_back.shape[1:]
    widest, most = _sizes(first)
    by_said, by_hidden = np.empty((most, outputs), np.float32), np.empty((most, units), np.float32)
    before, onward = np.empty((widest, units), np.float32), np.empty((widest, units), np.float32)
    by_sums = np.empty((widest, 3 * units), np.float32)
    of_round = np.empty((units, 3 * units), np.float32)
    for chair in range(chairs):
        start = first[chair, 0]
        said = by_said[: first[chair, rounds] - start]
        carried = by_hidden[: first[chair, rounds] - start]
        said[:] = 0
        for t in range(len(of_table)):
            for j in range(outputs):
                for i in range(of_table.shape[2]):
                    said[of_table[t, chair, i] - start, j] += by_table[t, chair, j, i]
        for i in range(len(said)):
            for j in range(outputs):
                by_out_bias[chair, j] += said[i, j]
        np.dot(hidden[start : first[chair, rounds]].T, said, by_out[chair])
        np.dot(said, out_back[chair], carried)
        for t in range(rounds - 1, -1, -1):
            begin, end = first[chair, t], first[chair, t + 1]
            count = end - begin
            past, by_past, sums = before[:count], onward[:count], by_sums[:count]
            if t:
                _recall(hidden, parent[begin:end], past)
            else:
                past[:] = 0
            for i in range(count):
                gate, by_h, s, x = gates[begin + i], carried[begin - start + i], sums[i], past[i]
                by_x = by_into[chair, state[begin + i]]
                for j in range(units):
                    reset, update = gate[j], gate[units + j]
                    fresh, recalled = gate[2 * units + j], gate[3 * units + j]
                    kept = by_h[j] * update
                    mixed = by_h[j] - kept
                    by_update = mixed * update * (x[j] - fresh)
                    by_fresh = mixed * (one - fresh * fresh)
                    by_reset = by_fresh * recalled * reset * (one - reset)
                    s[j] = by_reset
                    s[units + j] = by_update
                    s[2 * units + j] = by_fresh * reset
                    by_x[j] += by_reset
                    by_x[units + j] += by_update
                    by_x[2 * units + j] += by_fresh
                    by_bias[chair, j] += by_fresh * reset
                    by_h[j] = kept
            if t:
                np.dot(past.T, sums, of_round)
                for j in range(units):
                    for k in range(3 * units):
                        by_across[chair, j, k] += of_round[j, k]
                np.dot(sums, back[chair], by_past)
                for i in range(count):
                    by_parent = carried[parent[begin + i] - start]
                    for j in range(units):
                        by_parent[j] += by_past[i, j] + carried[begin - start + i, j]
