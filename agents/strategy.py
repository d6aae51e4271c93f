"""Two-player, two-action strategies with any memory, written on tensors.

A strategy defines its opening and, from the second round on, whether (or with which probability) it cooperates.
Finite automata should use `dilemma.agents.automaton` instead, which is faster and exact.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from ..envs.chance import Purpose
from ..envs.environment import Environment
from ..envs.errors import DilemmaError
from .agent import Agent, Chairs, Observation, Player, Round, refuses_all_but_two_by_two


class Memory:
    """What a strategy remembers on its chairs: set any attribute to a tensor that starts with [chair, table].

    It updates common counts itself: `turn` (rounds played so far), and the cooperations and defections of each
    side, int64 [chair, table].
    """

    turn: int
    rounds: int | None
    """The length of the match; None if it ends at random."""

    def __init__(self, chairs: Chairs, episode: int = 0):
        game = chairs.spec
        values = self.__dict__
        values["_chairs"] = chairs
        values["_episode"] = episode
        values["turn"] = 0
        known = game.continuation == 1 and math.isfinite(game.rounds)
        values["rounds"] = int(game.rounds) if known else None
        for name in ("own_cooperations", "own_defections", "other_cooperations", "other_defections"):
            values[name] = self.zeros()

    def __getattr__(self, name: str) -> Tensor:
        raise AttributeError(f"this strategy remembers no {name!r}: set it in `begin`")

    def __setattr__(self, name: str, value: Tensor) -> None:
        self.__dict__[name] = value

    def zeros(self) -> Tensor:
        """int64 zeros [chair, table]."""
        return self._full(0, torch.int64)

    def no(self) -> Tensor:
        """False [chair, table]."""
        return self._full(False, torch.bool)

    def number(self, value: float) -> Tensor:
        """float64 [chair, table], `value` everywhere."""
        return self._full(value, torch.float64)

    def _full(self, value: float | bool, dtype: torch.dtype) -> Tensor:
        chairs: Chairs = self.__dict__["_chairs"]
        return torch.full(chairs.shape, value, dtype=dtype, device=chairs.device)

    def payoffs(self) -> Tensor:
        """Own payoffs float64 [chair, 1, own action, other's action]; requires the need `game_model`."""
        chairs: Chairs = self.__dict__["_chairs"]
        game = chairs.game.as_repeated_game()
        assert game is not None
        row, column = torch.as_tensor(game.matrices, device=chairs.device)
        return torch.stack((row, column.T))[chairs.seat][:, None]

    def chance(self) -> Tensor:
        """Uniform [0, 1) [chair, table], for choices other than the move; one draw a round."""
        chairs: Chairs = self.__dict__["_chairs"]
        return chairs.chance.uniform(Purpose.MEMORY, self.__dict__["_episode"], self.turn)


class Strategy(Agent):
    """A two-player strategy. Write `cooperate`, and `begin` if it remembers more than counts."""

    needs: ClassVar[frozenset[str]] = frozenset({"others_actions"})
    opening: ClassVar[bool | float] = True
    """Whether, or with which probability, it cooperates in the first round."""

    def begin(self, me: Memory) -> None:
        """Set up the memory; called before the first round."""

    @abstractmethod
    def cooperate(self, me: Memory, own: Tensor, other: Tensor) -> Tensor:
        """Whether to cooperate, bool [chair, table], or with which probability, float64; from round 2 on.

        `own` and `other` are bool [chair, table]: whether each side cooperated in the last round.
        """

    def refuses(self, game: Environment) -> str | None:
        return refuses_all_but_two_by_two(game)

    def sit(self, chairs: Chairs) -> Player:
        return StrategyPlayer(self, chairs)


class StrategyPlayer(Player):
    """A strategy at play."""

    def __init__(self, strategy: Strategy, chairs: Chairs):
        self._strategy = strategy
        self._chairs = chairs
        self._episode = -1

    def begin(self) -> None:
        self._episode += 1
        self._me = Memory(self._chairs, self._episode)
        self._own = self._other = self._me.no()
        self._strategy.begin(self._me)

    def act(self, observation: Observation) -> Tensor:
        me = self._me
        if me.turn == 0:
            opening = self._strategy.opening
            if not 0 <= opening <= 1:
                raise DilemmaError(f"opening is {opening!r}; allowed are True, False and probabilities")
            cooperates = me.number(opening) if 0 < opening < 1 else me.no() | bool(opening)
        else:
            cooperates = self._checked(self._strategy.cooperate(me, self._own, self._other))
        if cooperates.dtype != torch.bool:
            address = (Purpose.ACTION, observation.episode, observation.round)
            cooperates = self._chairs.chance.happens(cooperates, *address)
        return (~cooperates).long()

    def _checked(self, cooperates: object) -> Tensor:
        """The result of `cooperate`; raises DilemmaError if it is neither bool nor a probability."""
        shape = self._chairs.shape
        wanted = f"allowed is bool, or a probability as float, {list(shape)} (chair, table)"
        if not isinstance(cooperates, Tensor):
            raise DilemmaError(f"cooperate returned an object of type {type(cooperates).__name__}; {wanted}")
        right = cooperates.dtype == torch.bool or cooperates.is_floating_point()
        if not right or cooperates.shape != shape:
            found = f"{str(cooperates.dtype).removeprefix('torch.')}, {list(cooperates.shape)}"
            raise DilemmaError(f"cooperate returned a tensor of {found}; {wanted}")
        if cooperates.dtype != torch.bool and cooperates.numel():
            low, high = torch.stack(torch.aminmax(cooperates)).tolist()
            if not (low >= 0 and high <= 1):
                found = f"{high if low >= 0 else low:g}"
                raise DilemmaError(f"cooperate returned the probability {found}; allowed are 0 to 1")
        return cooperates

    def observe(self, round: Round) -> None:
        me = self._me
        self._own, self._other = round.own == 0, round.others[:, 0] == 0
        me.own_cooperations = me.own_cooperations + self._own
        me.other_cooperations = me.other_cooperations + self._other
        me.__dict__["turn"] += 1
        me.own_defections = me.turn - me.own_cooperations
        me.other_defections = me.turn - me.other_cooperations
