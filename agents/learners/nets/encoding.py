"""Encoders: what a learner's policy takes as input, the last round's outcome or the environment's features."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ....envs.environment import Discrete, Environment, SelectiveMove
from ...agent import Chairs, Observation, Round
from ...game_spec import GameSpec


class Encoder(ABC):
    """Turns observations into the input of a policy."""

    states: int | None
    """The number of discrete states; None for feature vectors."""
    inputs: int
    """The length of a feature vector; for states, of their one-hot encoding."""

    def begin(self) -> None:  # noqa: B027 (features need no reset)
        """An episode starts."""

    @abstractmethod
    def encode(self, observation: Observation) -> Tensor:
        """Encode an observation: states int64 [chair, table], or features [chair, table, input].

        Features are float32, or uint8 where the environment's are, which take a quarter of the memory.
        """

    def observe(self, round: Round) -> None:  # noqa: B027
        """A round has been played."""


class OutcomeEncoder(Encoder):
    """The last round's outcome as a discrete state, own action first.

        state = 0 in the first round, then 1 + own action * width + sum of the others' observed actions
    In 2x2 games: START, CC, CD, DC, DD. In two-player games of K x L actions: K * L + 1 states. For N players
    with two actions: the own action and the number of others that defected. On a graph the others are neighbours,
    and of an action that also says whom one plays with, the move alone counts.
    """

    def __init__(self, chairs: Chairs):
        sizes = moves_by_seat(chairs.spec)
        self._moves = torch.tensor(sizes, device=chairs.device).clamp(min=1)[chairs.seat][:, None]
        # Seats may have different numbers of actions, and so may their opponents.
        graph = chairs.spec.neighbours
        if graph is None:
            widths = [1 + sum(sizes) - size - (len(sizes) - 1) for size in sizes]
        else:
            widths = [1 + sum(sizes[other] - 1 for other in row if other >= 0) for row in graph.tolist()]
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

    def encode(self, observation: Observation) -> Tensor:
        return self.state

    def observe(self, round: Round) -> None:
        others = round.others
        own = round.own % self._moves
        self.state = self.outcome(own, others[:, 0] if self._one_other else others.sum(1))

    def outcome(self, own: Tensor, others: Tensor) -> Tensor:
        """The state after `own` actions and a sum of `others`', both [..., chair, table]."""
        return own * self.width + others + 1

    def from_other_side(self, state: Tensor) -> Tensor:
        """The same state from the other player's side, in two-player games with equal action sets."""
        last = state - 1
        swapped = last % self.width * self.width + last // self.width + 1
        return torch.where(state == 0, 0, swapped)


class FeatureEncoder(Encoder):
    """The environment's features, flattened to a vector."""

    def __init__(self, inputs: int):
        self.states, self.inputs = None, inputs

    def encode(self, observation: Observation) -> Tensor:
        assert observation.features is not None
        return observation.features.flatten(2).float()


class ByteEncoder(FeatureEncoder):
    """The environment's features, flattened; zeros and ones stay the bytes that they are."""

    def encode(self, observation: Observation) -> Tensor:
        assert observation.features is not None
        features = observation.features.flatten(2)
        return features if features.dtype == torch.uint8 else features.float()


def encoder_of(chairs: Chairs) -> Encoder:
    """The encoder for these chairs: of features if the environment has them, or else of the last outcome."""
    inputs = feature_count(chairs.spec)
    return OutcomeEncoder(chairs) if inputs is None else ByteEncoder(inputs)


def feature_count(game: Environment | GameSpec) -> int | None:
    """The length of an observation; None in games whose only observation is the others' actions."""
    shape = game.observation(0)
    return None if shape is None else math.prod(shape)


def moves_by_seat(game: Environment | GameSpec) -> list[int]:
    """The number of actions of each seat, or of moves where an action also says whom the seat plays with."""
    spaces = [game.actions(seat) for seat in range(game.seats)]
    return [
        space.moves if isinstance(space, SelectiveMove) else size
        for space, size in zip(spaces, actions_by_seat(game), strict=True)
    ]


def actions_by_seat(game: Environment | GameSpec) -> list[int]:
    """The number of actions of each seat; 0 of a seat that acts in real numbers."""
    spaces = [game.actions(seat) for seat in range(game.seats)]
    return [space.n if isinstance(space, Discrete) else 0 for space in spaces]


def actions_of(game: Environment | GameSpec, seats: Tensor) -> Tensor:
    """Whether seats [...] have each of the actions that any seat has, bool [..., action]."""
    sizes = torch.tensor(actions_by_seat(game), device=seats.device)
    return torch.arange(int(sizes.max()), device=seats.device) < sizes[seats][..., None]
