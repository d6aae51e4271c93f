"""Policy forms: tables, multilayer perceptrons and recurrent networks, stacked over chairs.

A form is a function of what is seen with parameters theta [chair, parameter], which are always passed in: so one
can differentiate, step and imagine with any parameters. `policy_and_value` puts two together.
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
from .encoding import Perception
from .layers import linear, lookup, normal_parameters, uniform_parameters
from .recurrence import Recurrence


def _form(name: str) -> str:
    if name not in ("tabular", "mlp", "gru") and ":" not in name:
        raise ValueError('must be "tabular", "mlp", "gru", or the import path of a factory, "package.module:name"')
    return name


FormName: TypeAlias = Annotated[str, AfterValidator(_form)]
Activation: TypeAlias = Literal["tanh", "relu"]


class Form(ABC):
    """A function from what is seen to `outputs` numbers."""

    outputs: int
    shapes: Sequence[tuple[int, ...]]
    """Of the parameter tensors of one chair."""
    states: int | None
    """How many states it can see; None where it sees features, or remembers what it saw."""
    dtype: torch.dtype

    @property
    def size(self) -> int:
        """How many parameters a chair has."""
        return sum(torch.Size(shape).numel() for shape in self.shapes)

    def unpack(self, theta: Tensor) -> list[Tensor]:
        """Views of theta [chair, parameter] as tensors [chair, *shape]."""
        sizes = [torch.Size(shape).numel() for shape in self.shapes]
        parts = torch.split(theta, sizes, 1)
        return [part.view(len(theta), *shape) for part, shape in zip(parts, self.shapes, strict=True)]

    @abstractmethod
    def initial(self, chairs: Chairs, component: int = 0) -> Tensor:
        """The first theta, by each chair's own chance; `component` tells apart the nets of one chair."""

    @abstractmethod
    def unroll(self, theta: Tensor, seen: Tensor) -> Tensor:
        """Outputs [round, chair, table, output] for whole episodes [round, chair, table, ...]."""

    @abstractmethod
    def step(self, theta: Tensor, seen: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Outputs [chair, table, output] for one round, and the memory for the next; None at the start."""

    def looked_up(self, theta: Tensor, seen: Tensor) -> Tensor:
        """Outputs at states [..., chair, table], from those of every state."""
        return lookup(self.table(theta), seen)

    def table(self, theta: Tensor) -> Tensor:
        """Outputs for every state [chair, state, output], of a form that sees nothing but states."""
        assert self.states is not None
        every = torch.arange(self.states, device=theta.device).expand(len(theta), -1)
        return self.step(theta, every, None)[0]


class Tabular(Form):
    """A number for each state and output."""

    dtype = torch.float64

    def __init__(self, states: int, outputs: int, spread: float):
        self.states, self.outputs = states, outputs
        self.shapes = [(states, outputs)]
        self._spread = spread

    def initial(self, chairs: Chairs, component: int = 0) -> Tensor:
        return self._spread * normal_parameters(chairs, self.size, component)

    def unroll(self, theta: Tensor, seen: Tensor) -> Tensor:
        return self.looked_up(theta, seen)

    def step(self, theta: Tensor, seen: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        return self.looked_up(theta, seen), None

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
    """A multilayer perceptron; where it sees states, it is evaluated once for each state, however many rounds."""

    def __init__(self, perception: Perception, hidden: Sequence[int], outputs: int, activation: Activation):
        self.states, self.outputs = perception.states, outputs
        self.dtype = torch.float32 if self.states is None else torch.float64
        self._widths = (perception.inputs, *hidden, outputs)
        self.shapes = [
            shape
            for inputs, out in zip(self._widths, self._widths[1:], strict=False)
            for shape in ((inputs, out), (out,))
        ]
        self._activation = torch.tanh if activation == "tanh" else torch.relu

    def initial(self, chairs: Chairs, component: int = 0) -> Tensor:
        inputs = [self._widths[index // 2] for index in range(len(self.shapes))]
        return fan_in(chairs, self, inputs, component)

    def unroll(self, theta: Tensor, seen: Tensor) -> Tensor:
        return self._net(theta, seen) if self.states is None else self.looked_up(theta, seen)

    def step(self, theta: Tensor, seen: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        return self._net(theta, seen), None

    def _net(self, theta: Tensor, fed: Tensor) -> Tensor:
        leaves = self.unpack(theta)
        for index in range(0, len(leaves), 2):
            if index:
                fed = self._activation(fed)
            fed = linear(fed, leaves[index], leaves[index + 1])
        return fed


class GRU(Form):
    """A gated recurrent unit, and a linear layer on it; it remembers the episode."""

    states = None
    dtype = torch.float32

    def __init__(self, perception: Perception, units: int, outputs: int):
        self.outputs = outputs
        self._inputs, self._units, self._net = perception.inputs, units, Recurrence(units)
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

    def unroll(self, theta: Tensor, seen: Tensor) -> Tensor:
        return self._net.unroll(self._joined(theta), self._fed(seen)).mT

    def step(self, theta: Tensor, seen: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        outputs, memory = self._net.step(self._joined(theta), self._fed(seen), memory)
        return outputs.mT, memory

    def _joined(self, theta: Tensor) -> Tensor:
        """All weights as one [chair, unit + input + 1, 4 unit + output]; see `Recurrence`."""
        weight_in, bias_in, weight, bias, weight_out, bias_out = self.unpack(theta)
        gates, recalled = torch.split(weight, [2 * self._units, self._units], -1)
        of_hidden = torch.cat((gates, torch.zeros_like(recalled), recalled, weight_out), -1)
        of_input = pad(weight_in, (0, self._units + self.outputs))
        of_one = torch.cat((bias_in, bias, bias_out), -1)[:, None]
        return torch.cat((of_hidden, of_input, of_one), 1)

    def _fed(self, seen: Tensor) -> Tensor:
        """Features, or the one-hot code of states [..., chair, input, table]."""
        if seen.is_floating_point():
            return seen.mT
        return seen[..., None, :] == torch.arange(self._inputs, device=seen.device)[:, None]


def fan_in(chairs: Chairs, form: Form, inputs: Sequence[int], component: int) -> Tensor:
    """Uniform between -+ 1 / sqrt(inputs) of each tensor: what torch's layers begin with."""
    sizes = torch.tensor([torch.Size(shape).numel() for shape in form.shapes], device=chairs.device)
    scale = torch.tensor(inputs, dtype=torch.float64, device=chairs.device).rsqrt().repeat_interleave(sizes)
    return (uniform_parameters(chairs, form.size, component) * scale).to(form.dtype)
