"""What LOLA-DiCE and POLA-DiCE differentiate through: a policy, a model of the other, and simulated play.

Both policies are tables in repeated matrix games (`table_pair`) and networks in games with features (`net_pair`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from ...agent import Observation, Round
from .dice import loaded_dice


@dataclass(frozen=True)
class Rollout(ABC):
    """Simulated episodes of two policies; every tensor starts with [round, chair, table]."""

    reward: Tensor
    their_reward: Tensor
    baseline: Tensor | None = field(default=None, kw_only=True)
    """What it expected to earn from the round on, discounted; None: the mean of the other tables."""
    their_baseline: Tensor | None = field(default=None, kw_only=True)
    playing: Tensor | None = field(default=None, kw_only=True)
    """Whether the round was played; None if all were."""

    @abstractmethod
    def log_probability(self, own: Tensor, theirs: Tensor) -> Tensor:
        """The log probability of both actions [round, chair, table], differentiable in both policies."""

    @abstractmethod
    def own_change(self, before: Tensor, after: Tensor) -> Tensor:
        """The mean over simulated rounds of KL(before || after) of its own policy [chair]."""

    @abstractmethod
    def their_change(self, before: Tensor, after: Tensor) -> Tensor:
        """The same of the other's policy."""

    @abstractmethod
    def largest_change(self, before: Tensor, after: Tensor) -> Tensor:
        """The largest change of a probability of the other's actions [chair]."""

    def value(self, log_probability: Tensor, discount: float) -> Tensor:
        """The DiCE estimate of its own return [chair]."""
        return loaded_dice(log_probability, self.reward, discount, self.baseline, self.playing)

    def their_value(self, log_probability: Tensor, discount: float) -> Tensor:
        """The DiCE estimate of the other's return [chair]."""
        return loaded_dice(log_probability, self.their_reward, discount, self.their_baseline, self.playing)


class Pair(ABC):
    """A chair's policy and its model of the other's; policies are tensors [chair, ...] that its rollouts know."""

    @abstractmethod
    def initial(self) -> Tensor:
        """The parameters of its own policy at the start [chair, parameter]."""

    # Play.

    @abstractmethod
    def begin(self, theta: Tensor) -> None:
        """An episode starts, in which it plays by these parameters."""

    @abstractmethod
    def act(self, observation: Observation) -> Tensor:
        """Its actions [chair, table]."""

    @abstractmethod
    def observe(self, round: Round, learning: bool) -> None:
        """A round has been played; while `learning`, the model is fitted to it later."""

    # Learning.

    @abstractmethod
    def fit(self) -> None:
        """Fit the model to what the other did in the last episode."""

    @abstractmethod
    def own(self, theta: Tensor) -> Tensor:
        """Its own policy at `theta`."""

    @property
    @abstractmethod
    def model(self) -> Tensor:
        """The parameters of the model [chair, ...], from which the other is expected to learn."""

    @abstractmethod
    def theirs(self, model: Tensor) -> Tensor:
        """The other's policy at the parameters `model`."""

    @abstractmethod
    def sample(self, own: Tensor, theirs: Tensor, episode: int, index: int) -> Rollout:
        """Simulate episodes of two policies; (episode, index) addresses their random numbers."""

    def learn_from(self, rollout: Rollout) -> None:  # noqa: B027 (tables have no critic)
        """Fit critics to the last simulated episodes of an update."""

    # Measures and state.

    @abstractmethod
    def measures(self, theta: Tensor) -> Mapping[str, Tensor]:
        """Metrics of the policy and of the model, each [chair]."""

    @abstractmethod
    def state_dict(self) -> dict[str, Tensor]:
        """The model, and all that it is fitted with, each tensor [chair, ...]."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from `state`, which may hold more."""


def divergence(before: Tensor, after: Tensor) -> Tensor:
    """KL(before || after) [...], of log-probabilities [..., action]."""
    return (before.exp() * (before - after)).sum(-1)
