"""A memory-one policy and a memory-one model of the other, in repeated matrix games."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ....envs.chance import Purpose
from ...agent import Chairs, Observation, Round
from ..nets.categorical import bounds, choose, entropy
from ..nets.encoding import OutcomeEncoder
from ..nets.layers import lookup
from ..nets.policies import Form
from .pair import Pair
from .rollouts import RolloutModel, TableRollout

MIN_PROBABILITY = 1e-6
"""The smallest action probability in an opponent model; it keeps the logarithm finite."""


class TablePair(Pair):
    """Policies are log-probabilities of what is done [chair, state, action]; so is the model, from counts.

    The model is the observed share of each action in each state, where the model before counts as `memory`
    observed actions.
    """

    def __init__(self, chairs: Chairs, form: Form, encoder: OutcomeEncoder, tables: int, memory: float):
        self.rollouts = RolloutModel(chairs, tables)
        self._chairs, self._form, self._encoder, self._memory = chairs, form, encoder, memory
        self._actions = self.rollouts.actions
        shape = (chairs.shape[0], 1 + self._actions**2, self._actions)
        self.probabilities = torch.full(shape, 1 / self._actions, dtype=torch.float64, device=chairs.device)
        """The model: probabilities of the other's actions in each of the chair's states."""
        self._counts = torch.zeros_like(self.probabilities)
        self._model_error = self.probabilities.new_zeros(len(self.probabilities))

    def initial(self) -> Tensor:
        return self._form.initial(self._chairs)

    def chosen(self, theta: Tensor) -> Tensor:
        """Log-probabilities of its own choices, before noise [chair, state, action]."""
        return torch.log_softmax(self._form.table(theta), -1)

    def begin(self, theta: Tensor) -> None:
        self._encoder.begin()
        self._counts = torch.zeros_like(self._counts)
        self._bounds = bounds(self.chosen(theta))

    def act(self, observation: Observation) -> Tensor:
        self._playing = observation.playing
        self._state = self._encoder.encode(observation)
        draws = self._chairs.chance.integers(Purpose.ACTION, observation.episode, observation.round)
        return choose(draws, lookup(self._bounds, self._state))

    def observe(self, round: Round, learning: bool) -> None:
        if learning:
            cell = self._state * self._actions + round.others[:, 0]
            here = torch.ones_like(cell) if self._playing is None else self._playing
            self._counts.flatten(1).scatter_add_(1, cell, here.to(self._counts.dtype))
        self._encoder.observe(round)

    def fit(self) -> None:
        before, observed = self.probabilities, self._counts.sum(-1, keepdim=True)
        self.probabilities = (self._counts + self._memory * before) / (observed + self._memory)
        surprise = ((self.probabilities - before).abs().sum(-1) * observed[..., 0]).sum(1) / 2
        self._model_error = surprise / observed.sum((1, 2))

    def own(self, theta: Tensor) -> Tensor:
        return self.rollouts.with_noise(self.chosen(theta))

    @property
    def model(self) -> Tensor:
        return self.probabilities.clamp(min=MIN_PROBABILITY).log()

    def theirs(self, model: Tensor) -> Tensor:
        return torch.log_softmax(model, -1)

    def sample(self, own: Tensor, theirs: Tensor, episode: int, index: int) -> TableRollout:
        return self.rollouts.sample(own, theirs, episode, index)

    def measures(self, theta: Tensor) -> Mapping[str, Tensor]:
        policy = self.chosen(theta)
        measures = {"model_error": self._model_error, "entropy": entropy(policy).mean(-1)}
        if self._actions == 2:
            names = ("p_start", "p_cc", "p_cd", "p_dc", "p_dd")
            measures |= dict(zip(names, policy[..., 0].exp().unbind(1), strict=True))
        return measures

    def state_dict(self) -> dict[str, Tensor]:
        return {"model": self.probabilities}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.probabilities = state["model"]
