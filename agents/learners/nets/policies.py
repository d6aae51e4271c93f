"""Policy forms: tables, multilayer perceptrons and recurrent networks, stacked over chairs.

A form is a function of encoded observations. Its parameters theta [chair, parameter] are always passed in, so that
it can be differentiated and evaluated at any parameters. `policy_and_value` combines a policy and a value.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

import torch
from pydantic import AfterValidator
from torch import Tensor
from torch.nn.functional import pad

from ...agent import Chairs
from .encoding import Encoder
from .histories import Histories, histories
from .layers import linear, lookup, normal_parameters, uniform_parameters
from .recurrence import Recurrence
from .recurrence_of_histories import RecurrenceOfHistories


def _form(name: str) -> str:
    if name not in ("tabular", "mlp", "gru") and ":" not in name:
        raise ValueError('must be "tabular", "mlp", "gru", or the import path of a factory, "package.module:name"')
    return name


FormName: TypeAlias = Annotated[str, AfterValidator(_form)]
Activation: TypeAlias = Literal["tanh", "relu"]


class Form(ABC):
    """A parametric function from encoded observations to `outputs` numbers."""

    outputs: int
    shapes: Sequence[tuple[int, ...]]
    """The shapes of the parameter tensors of one chair."""
    states: int | None
    """The number of input states; None for features, and for recurrent forms."""
    dtype: torch.dtype

    @property
    def size(self) -> int:
        """The number of parameters of a chair."""
        return sum(torch.Size(shape).numel() for shape in self.shapes)

    def unpack(self, theta: Tensor) -> list[Tensor]:
        """Views of theta [chair, parameter] as tensors [chair, *shape]."""
        sizes = [torch.Size(shape).numel() for shape in self.shapes]
        parts = torch.split(theta, sizes, 1)
        return [part.view(len(theta), *shape) for part, shape in zip(parts, self.shapes, strict=True)]

    @abstractmethod
    def initial(self, chairs: Chairs, component: int = 0) -> Tensor:
        """Initial parameters, from each chair's own chance; `component` distinguishes networks of one chair."""

    @abstractmethod
    def unroll(self, theta: Tensor, encoded: Tensor) -> Tensor:
        """Outputs [round, chair, table, output] for whole episodes [round, chair, table, ...]."""

    def unroll_smoothly(self, theta: Tensor, encoded: Tensor) -> Tensor:
        """The same as `unroll`, differentiable any number of times."""
        return self.unroll(theta, encoded)

    @abstractmethod
    def step(self, theta: Tensor, encoded: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Outputs [chair, table, output] for one round, and the memory for the next; it is None at the start."""

    def look_up(self, theta: Tensor, encoded: Tensor) -> Tensor:
        """Outputs at states [..., chair, table], looked up in the table of all states."""
        return lookup(self.table(theta), encoded)

    def table(self, theta: Tensor) -> Tensor:
        """Outputs for every state [chair, state, output], of a form whose input is a discrete state."""
        assert self.states is not None
        every = torch.arange(self.states, device=theta.device).expand(len(theta), -1)
        return self.step(theta, every, None)[0]


class Tabular(Form):
    """A parameter for each state and output."""

    dtype = torch.float64

    def __init__(self, states: int, outputs: int, spread: float):
        self.states, self.outputs = states, outputs
        self.shapes = [(states, outputs)]
        self._spread = spread

    def initial(self, chairs: Chairs, component: int = 0) -> Tensor:
        return self._spread * normal_parameters(chairs, self.size, component)

    def unroll(self, theta: Tensor, encoded: Tensor) -> Tensor:
        return self.look_up(theta, encoded)

    def step(self, theta: Tensor, encoded: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        return self.look_up(theta, encoded), None

    def table(self, theta: Tensor) -> Tensor:
        return self.unpack(theta)[0]


class LogOdds(Tabular):
    """The log-odds of the first of two actions in each state: the five logits of a memory-one policy."""

    def __init__(self, states: int, spread: float):
        super().__init__(states, 1, spread)
        self.outputs = 2

    def table(self, theta: Tensor) -> Tensor:
        return torch.stack((theta, torch.zeros_like(theta)), -1)


class MLP(Form):
    """A multilayer perceptron; for discrete states it is evaluated only once for each state."""

    def __init__(self, encoder: Encoder, hidden: Sequence[int], outputs: int, activation: Activation):
        self.states, self.outputs = encoder.states, outputs
        self.dtype = torch.float32 if self.states is None else torch.float64
        self._widths = (encoder.inputs, *hidden, outputs)
        self.shapes = [
            shape
            for inputs, out in zip(self._widths, self._widths[1:], strict=False)
            for shape in ((inputs, out), (out,))
        ]
        self._activation = torch.tanh if activation == "tanh" else torch.relu

    def initial(self, chairs: Chairs, component: int = 0) -> Tensor:
        inputs = [self._widths[index // 2] for index in range(len(self.shapes))]
        return fan_in(chairs, self, inputs, component)

    def unroll(self, theta: Tensor, encoded: Tensor) -> Tensor:
        return self._net(theta, encoded) if self.states is None else self.look_up(theta, encoded)

    def step(self, theta: Tensor, encoded: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        return self._net(theta, encoded), None

    def _net(self, theta: Tensor, inputs: Tensor) -> Tensor:
        leaves = self.unpack(theta)
        for index in range(0, len(leaves), 2):
            if index:
                inputs = self._activation(inputs)
            inputs = linear(inputs, leaves[index], leaves[index + 1])
        return inputs


class GRU(Form):
    """A gated recurrent unit with a linear output layer; its memory lasts for the episode."""

    states = None
    dtype = torch.float32

    def __init__(self, encoder: Encoder, units: int, outputs: int):
        self.outputs = outputs
        self._inputs, self._units, self._net = encoder.inputs, units, Recurrence(units)
        self._of_histories = RecurrenceOfHistories()
        self._last: tuple[Tensor, Histories] | None = None
        self.shapes = [
            (self._inputs, 3 * units),
            (3 * units,),
            (units, 3 * units),
            (units,),
            (units, outputs),
            (outputs,),
        ]

    def initial(self, chairs: Chairs, component: int = 0) -> Tensor:
        return fan_in(chairs, self, [self._units] * len(self.shapes), component)

    def unroll(self, theta: Tensor, encoded: Tensor) -> Tensor:
        if self.shares_histories(encoded) and theta.dtype == self.dtype:
            return self.unroll_histories(theta, self.histories(encoded))
        return self._net.unroll(self._joined(theta), self._as_features(encoded)).mT

    def unroll_smoothly(self, theta: Tensor, encoded: Tensor) -> Tensor:
        return self._net.unroll_smoothly(self._joined(theta), self._as_features(encoded)).mT

    def step(self, theta: Tensor, encoded: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        if self.shares_histories(encoded) and theta.dtype == self.dtype and not theta.requires_grad:
            outputs, memory = self._of_histories.step(self.unpack(theta), encoded, memory)
        else:
            outputs, memory = self._net.step(self._joined(theta), self._as_features(encoded), memory)
        return outputs.mT, memory

    def shares_histories(self, encoded: Tensor) -> bool:
        """Whether what tables have in common is computed once: of states, on the CPU."""
        return encoded.dtype == torch.int64 and not encoded.is_cuda

    def histories(self, states: Tensor) -> Histories:
        """The distinct histories of states [round, chair, table]."""
        # An episode is unrolled several times before the next.
        if self._last is None or self._last[0] is not states:
            self._last = states, histories(states, self._inputs)
        return self._last[1]

    def unroll_histories(self, theta: Tensor, histories: Histories) -> Tensor:
        """Outputs [round, chair, table, output] of the histories of tables."""
        return self._of_histories.unroll(self.unpack(theta), histories).mT

    def _joined(self, theta: Tensor) -> Tensor:
        """All weights as one [chair, unit + input + 1, 4 unit + output]; see `Recurrence`."""
        weight_in, bias_in, weight, bias, weight_out, bias_out = self.unpack(theta)
        gates, recalled = torch.split(weight, [2 * self._units, self._units], -1)
        of_hidden = torch.cat((gates, torch.zeros_like(recalled), recalled, weight_out), -1)
        of_input = pad(weight_in, (0, self._units + self.outputs))
        of_one = torch.cat((bias_in, bias, bias_out), -1)[:, None]
        return torch.cat((of_hidden, of_input, of_one), 1)

    def _as_features(self, encoded: Tensor) -> Tensor:
        """Features, or the one-hot encoding of states [..., chair, input, table]."""
        if encoded.dtype != torch.int64:
            return encoded.mT
        return encoded[..., None, :] == torch.arange(self._inputs, device=encoded.device)[:, None]


def fan_in(chairs: Chairs, form: Form, inputs: Sequence[int], component: int) -> Tensor:
    """Uniform between -+ 1 / sqrt(inputs) for each tensor: the default initialisation of torch's layers."""
    sizes = torch.tensor([torch.Size(shape).numel() for shape in form.shapes], device=chairs.device)
    scale = torch.tensor(inputs, dtype=torch.float64, device=chairs.device).rsqrt().repeat_interleave(sizes)
    return (uniform_parameters(chairs, form.size, component) * scale).to(form.dtype)
