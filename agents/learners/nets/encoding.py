"""What a learner sees before it acts: the last round of a game of actions alone, or the environment's features."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ....envs.environment import Discrete, Environment
from ...agent import Chairs, Observation, Round
from ...game_spec import GameSpec


class Perception(ABC):
    """Turns rounds into what a policy is fed with."""

    states: int | None
    """How many different states there are; None where features are seen."""
    inputs: int
    """The length of a feature vector; with states, of their one-hot code."""

    def begin(self) -> None:  # noqa: B027 (features need no memory)
        """An episode starts."""

    @abstractmethod
    def see(self, observation: Observation) -> Tensor:
        """States int64 [chair, table], or features float32 [chair, table, input]."""

    def observe(self, round: Round) -> None:  # noqa: B027
        """A round has been played."""


class LastRound(Perception):
    """The last round's outcome as a state, own action first.

        state = 0 at the start, then 1 + own action * width + the sum of the others' actions as seen
    In 2x2 games: START, CC, CD, DC, DD. In two-player games of K x L actions: K * L + 1 states. Among N players
    with two actions: the own action, and how many others defected.
    """

    def __init__(self, chairs: Chairs):
        sizes = actions_by_seat(chairs.spec)
        # A seat's others may have other numbers of actions than the next seat's.
        widths = [1 + sum(sizes) - size - (len(sizes) - 1) for size in sizes]
        self.states = 1 + max(size * width for size, width in zip(sizes, widths, strict=True))
        self.inputs = self.states
        self.shape = chairs.shape
        same = len(set(widths)) == 1
        self.width: int | Tensor = (
            widths[0] if same else torch.tensor(widths, device=chairs.device)[chairs.seat][:, None]
        )
        self._one_other = chairs.spec.seats == 2
        self._device = chairs.device

    def begin(self) -> None:
        self.state = torch.zeros(self.shape, dtype=torch.int64, device=self._device)

    def see(self, observation: Observation) -> Tensor:
        return self.state

    def observe(self, round: Round) -> None:
        others = round.others
        self.state = self.outcome(round.own, others[:, 0] if self._one_other else others.sum(1))

    def outcome(self, own: Tensor, others: Tensor) -> Tensor:
        """The state after `own` actions and a sum of `others`', both [..., chair, table]."""
        return own * self.width + others + 1

    def swapped(self, state: Tensor) -> Tensor:
        """The state as the other of two sees it, in a game whose seats have the same actions."""
        last = state - 1
        swapped = last % self.width * self.width + last // self.width + 1
        return torch.where(state == 0, 0, swapped)


class Features(Perception):
    """The environment's features, flattened."""

    def __init__(self, inputs: int):
        self.states, self.inputs = None, inputs

    def see(self, observation: Observation) -> Tensor:
        assert observation.features is not None
        return observation.features.flatten(2).float()


def perceive(chairs: Chairs) -> Perception:
    """What learners on these chairs see: the environment's features where it has some, or else the last round."""
    inputs = feature_count(chairs.spec)
    return LastRound(chairs) if inputs is None else Features(inputs)


def feature_count(game: Environment | GameSpec) -> int | None:
    """How many numbers an observation has; None in games where the others' actions are all there is to see."""
    shape = game.observation(0)
    return None if shape is None else math.prod(shape)


def actions_by_seat(game: Environment | GameSpec) -> list[int]:
    """How many actions each seat has; all must be discrete."""
    sizes = []
    for seat in range(game.seats):
        space = game.actions(seat)
        assert isinstance(space, Discrete)
        sizes.append(space.n)
    return sizes
