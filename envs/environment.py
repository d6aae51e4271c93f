"""What an environment is: an N-player general-sum stochastic game with simultaneous moves, at many tables at once.

An environment is a frozen value: rules and parameters. Its state is passed in and returned, so checkpoints,
imagined play and replays need nothing more. Shapes start with [match, seat, table].
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from torch import Tensor

from .chance import Chance, Purpose

if TYPE_CHECKING:
    from .differentiable_game import DifferentiableGame
    from .matrix_game import RepeatedGame
    from .policy_game import PolicyGame

Probability = Annotated[float, Field(ge=0, le=1)]

GRANTS = {
    "others_actions": "others' actions",
    "others_rewards": "others' rewards",
    "others_observations": "others' observations",
    "game_model": "the rules of the game",
    "public": "what everybody is told of a round",
}
"""What an environment may grant agents to read beyond their own seat, and its description in messages."""


def _whole_or_inf(rounds: float) -> float:
    if rounds == math.inf:
        return rounds
    if rounds < 1 or rounds != int(rounds):
        raise ValueError("must be a whole number of at least 1, or inf")
    return int(rounds)


Rounds = Annotated[float, AfterValidator(_whole_or_inf)]


@dataclass(frozen=True, slots=True)
class Discrete:
    """Actions 0..n-1."""

    n: int


@dataclass(frozen=True, slots=True)
class SelectiveMove(Discrete):
    """A move, and the neighbours that a seat refuses to play with, as one number.

    action = move + moves * (sum of 2^j over the neighbours j that are refused): the first `moves` refuse nobody.
    """

    moves: int
    neighbours: int

    @classmethod
    def among(cls, neighbours: int, moves: int = 2) -> SelectiveMove:
        """Any of so many moves with any of so many neighbours."""
        return cls(moves << neighbours, moves, neighbours)


@dataclass(frozen=True, slots=True)
class MoveOrPartner(Discrete):
    """A move, one of the first `moves` of 0..n-1, or in other rounds the number of a neighbour to meet."""

    moves: int


@dataclass(frozen=True, slots=True)
class Box:
    """Real vectors of a shape, between `low` and `high`."""

    low: float
    high: float
    shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """The state of some tables: which round it is, which tables still play, and the game's own tensors."""

    episode: int
    round: int
    playing: Tensor | None = None
    """Bool [match, seat, table]; None while all play."""
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    observation: Tensor | None = None
    """What seats observe [match, seat, table, ...]; None where the others' actions are all there is to see."""
    action_mask: Tensor | None = None
    """Bool [match, seat, table, action]; None where everything is allowed."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one round did."""

    action: Tensor
    """The executed actions, after noise [match, seat, table]."""
    reward: Tensor
    """float64 [match, seat, table]; `Environment.step` makes it 0 where the seat did not play."""
    seen: Tensor | None = None
    """Its neighbours' actions as a seat sees them [match, seat, neighbour, table]; None where it sees what they
    did."""
    cooperation: Tensor | None = None
    """How much each seat cooperated, bool or float64 [match, seat, table]; None where it is not
    defined."""
    mutual: Tensor | None = None
    """How much all seats cooperated at once [match, 1, table]; None where it is not defined."""
    measures: Mapping[str, Tensor] = field(default_factory=dict)
    """Further measures, per seat and round [match, seat, table], 0 where the seat did not play; reports show their
    mean per round."""
    decided: Tensor | None = None
    """Where `cooperation` counts, bool [match, seat, table]; None where it counts everywhere."""
    public: Mapping[str, Tensor] = field(default_factory=dict)
    """What everybody is told of the round, by name [match, table, ...]."""
    chosen: Tensor | None = None
    """The seat that each seat chose to meet, int64 [match, seat, table]; None where nobody chooses."""


class Environment(BaseModel, ABC):
    """Rules and parameters of a game; no state. Subclasses add parameters as fields and define the dynamics.

    A game writes `begin` and `play`. Around them, `reset` and `step` count rounds, end episodes by chance, and
    set rewards to 0 where a seat has stopped playing. docs/howto/own_environment.md shows how to write one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)

    source: ClassVar[str] = ""
    """Where the rules come from."""
    slow: ClassVar[bool] = False
    """Whether a match takes so long that few go into a chunk."""
    note: ClassVar[str] = ""
    """A remark that reports must show."""
    shares: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Ratios of measures in reports: name -> (part, whole); the part is at most the whole."""

    rounds: Rounds = Field(
        200, description="rounds of a match, or the most there can be with `continuation`; inf is exact only"
    )
    discount: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="weight of a round relative to the one before, in the payoff"
    )
    continuation: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="probability that another round follows, the same for all seats of a table"
    )

    @property
    @abstractmethod
    def seats(self) -> int:
        """How many seats there are."""

    @property
    def horizon(self) -> float:
        """The largest number of rounds that an episode can have."""
        return self.rounds

    def weight(self, round: int) -> float:
        """The weight of a round in the payoff per round; rounds count from 0."""
        return self.discount**round

    @property
    def curve(self) -> Literal["episode", "round"]:
        """What a point of a learning curve is."""
        return "episode"

    @property
    def roles(self) -> tuple[str, ...]:
        """The role of each seat [seat]; seats of one role are interchangeable."""
        return ("player",) * self.seats

    @property
    def seating(self) -> NDArray[np.int64] | None:
        """The place in the cast of each seat [seat], the same in every match.

        None: chance moves agents among the seats of a role.
        """
        return None

    @property
    def neighbours(self) -> Tensor | None:
        """The seats that each seat sees and may be granted knowledge of, int64 [seat, neighbour].

        Where a seat has fewer than others, its row ends in -1. None means all others, the next seat first, then
        around.
        """
        return None

    @property
    def extremes(self) -> tuple[float, float] | None:
        """The smallest and the largest reward that a seat can have in a round, if they are known."""
        return None

    @property
    def grants(self) -> frozenset[str]:
        """What agents may read beyond their own seat: some of `GRANTS`.

        By default nothing is hidden, and nothing `public`: a game whose steps have that grants it.
        """
        return frozenset(GRANTS) - {"public"}

    @abstractmethod
    def actions(self, seat: int) -> Discrete | Box:
        """What `seat` can do."""

    def observation(self, seat: int) -> tuple[int, ...] | None:
        """The shape of what `seat` observes at a table; None where the others' actions are all there is to see."""
        seen = self.reset(1, 1, Chance.at_tables(torch.zeros(1, dtype=torch.int64), 1)).observation
        return None if seen is None else tuple(seen.shape[3:])

    @abstractmethod
    def begin(self, matches: int, tables: int, chance: Chance, episode: int) -> State:
        """The state in round 0 of an episode. It has `playing` where the game itself may end for some seats."""

    @abstractmethod
    def play(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        """The state after a round, and what the round did, as if every seat still played.

        `step` sets the round of the new state. Where the game itself ends for some seats, the new state's
        `playing` is false for them.
        """

    def reset(self, matches: int, tables: int, chance: Chance, episode: int = 0) -> State:
        """The start of an episode; `chance` is [match, table]."""
        state = self.begin(matches, tables, chance, episode)
        if self.continuation == 1 or state.playing is not None:
            return state
        shape = (matches, self.seats, tables)
        return replace(state, playing=torch.ones(shape, dtype=torch.bool, device=chance.keys.device))

    def step(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        """Play one round: `action` is int64 [match, seat, table] (float for a Box)."""
        after, step = self.play(state, action, chance)
        playing = state.playing
        if playing is None:
            return replace(after, round=state.round + 1), step
        measures = {name: value * playing for name, value in step.measures.items()}
        step = replace(step, reward=step.reward * playing, measures=measures)
        if after.playing is not None and after.playing is not playing:
            playing = playing & after.playing
        if self.continuation < 1:
            playing = playing & ~self.ends_by_chance(state, chance)[:, None]
        return replace(after, round=state.round + 1, playing=playing), step

    @property
    def certain(self) -> bool:
        """Whether chance has no part in it: what agents do decides what each of them earns, whoever sits where.

        A match of agents that draw nothing either is then known exactly once it is played.
        """
        return False

    def as_repeated_game(self) -> RepeatedGame | None:
        """The game itself if it is a repeated matrix game of two, else None."""
        return None

    def as_differentiable_game(self) -> DifferentiableGame | None:
        """The game itself if it is a game of two whose actions are policies, else None."""
        return None

    def as_policy_game(self) -> PolicyGame | None:
        """The game itself if it is a game of memory-one policies, else None."""
        return None

    def picture(self, state: State, match: int, table: int) -> Tensor | None:
        """An image of a table, uint8 [height, width, 3], one pixel a cell; None where there is no board."""
        return None

    @property
    def has_board(self) -> bool:
        """Whether it has a board to draw: a `picture` of its own."""
        return type(self).picture is not Environment.picture

    def colour_of(self, seat: int) -> tuple[int, int, int] | None:
        """The colour of a seat's player in pictures, red, green and blue; None where players have none."""
        return None

    def ends_by_chance(self, state: State, chance: Chance) -> Tensor:
        """Bool [match, table]: whether this round is the last, by `continuation`."""
        return chance.happens(1 - self.continuation, Purpose.END, state.episode, state.round)
