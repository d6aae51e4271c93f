"""A user's feed-forward torch module as a policy form, stacked over chairs by torch.func."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ....envs.catalogue import load_object
from ....envs.errors import DilemmaError
from ...agent import Chairs
from .encoding import Encoder
from .layers import uniform_parameters
from .policies import Form

REFUSED: dict[type[nn.Module], str] = {
    nn.RNNBase: 'is recurrent, and torch.func can\'t stack it; use policy = "gru"',
    nn.RNNCellBase: 'is recurrent, and would forget at each round; use policy = "gru"',
    nn.modules.batchnorm._NormBase: "keeps statistics of a batch, which chairs would share; use LayerNorm",
    nn.modules.dropout._DropoutNd: "draws random numbers outside of `chance`",
}


class StackedModule(Form):
    """A module made by a user's `factory(inputs, outputs)`, from [row, input] to [row, output].

    Each chair has its own parameters: uniform between -+ 1 / sqrt(fan-in). A parameter that the module initialises
    to a constant (the scale of a LayerNorm, say) keeps it. Raises DilemmaError where it can't be stacked.
    """

    dtype = torch.float32

    def __init__(self, path: str, encoder: Encoder, outputs: int):
        self.states, self.outputs = encoder.states, outputs
        self._inputs = encoder.inputs
        self._module = make(path, encoder.inputs, outputs)
        self._names = [name for name, _ in self._module.named_parameters()]
        parameters = [value.detach() for value in self._module.parameters()]
        self.shapes = [tuple(value.shape) for value in parameters]
        self._scale, self._constant = [], []
        inputs = encoder.inputs
        for value in parameters:
            inputs = math.prod(value.shape[1:]) if value.dim() > 1 else inputs  # a bias follows its weight
            alike = value.numel() > 1 and bool((value == value.flatten()[0]).all())
            self._scale.append(torch.full((value.numel(),), 0.0 if alike else inputs**-0.5, dtype=torch.float64))
            self._constant.append(value.flatten().double() * alike)

    def initial(self, chairs: Chairs, component: int = 0) -> Tensor:
        scale, constant = (torch.cat(values).to(chairs.device) for values in (self._scale, self._constant))
        return (uniform_parameters(chairs, self.size, component) * scale + constant).float()

    def unroll(self, theta: Tensor, encoded: Tensor) -> Tensor:
        if self.states is not None:
            return self.look_up(theta, encoded)
        rows = encoded.movedim(1, 0).flatten(1, 2).to(theta.dtype)
        found = self._each_chair(theta, rows)
        return found.view(*rows.shape[:1], len(encoded), -1, self.outputs).movedim(0, 1)

    def step(self, theta: Tensor, encoded: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        inputs = encoded if self.states is None else nn.functional.one_hot(encoded, self._inputs)
        return self._each_chair(theta, inputs.to(theta.dtype)), None

    def _each_chair(self, theta: Tensor, inputs: Tensor) -> Tensor:
        """[chair, row, input] to [chair, row, output]."""

        def one(leaves: dict[str, Tensor], rows: Tensor) -> Tensor:
            out: Tensor = functional_call(self._module, leaves, (rows,))
            return out

        found: Tensor = vmap(one)(dict(zip(self._names, self.unpack(theta), strict=True)), inputs)
        return found


def make(path: str, inputs: int, outputs: int) -> nn.Module:
    """The module that the factory at `path` makes; raises DilemmaError if there is none or it can't be stacked."""
    try:
        factory = load_object(path)
        if not callable(factory):
            raise TypeError("it can't be called")
        with torch.random.fork_rng(devices=[]):  # the module's own first weights are not used
            module = factory(inputs, outputs)
    except DilemmaError:
        raise
    except Exception as error:
        raise DilemmaError(f"{path} gave no module ({type(error).__name__}: {error})") from error
    if not isinstance(module, nn.Module):
        raise DilemmaError(f"{path} must give a torch.nn.Module, found {type(module).__name__}")
    for part in module.modules():
        for kind, reason in REFUSED.items():
            if isinstance(part, kind):
                raise DilemmaError(f"{type(part).__name__} in {path} {reason}")
    return module
