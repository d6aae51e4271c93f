"""Finite automata, strategies as data: states, P(C) in each, transitions on (own action, other's action).

Tit for tat, grudger, Pavlov and the zero-determinant strategies are rows of numbers, played by one class together.
Automata have exact payoffs (`dilemma.tournament.exact.exact_payoffs`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..envs.chance import Purpose, threshold
from ..envs.environment import Box, Discrete, Environment
from ..envs.errors import DilemmaError
from .agent import Agent, Chairs, Observation, Player, Round, refuses_all_but_two_by_two
from .constant_policy import ConstantPlayer, constant_action, constant_policy

S = TypeVar("S", bound=Hashable)


@dataclass(frozen=True, eq=False)
class Automaton:
    """A finite automaton that starts in state 0.

    `cooperation` is P(C) in each state [state]; `transitions` the next state [state, own action, other's
    action], where own actions are as executed and the other's as observed, 0 for C and 1 for D. Both are
    read-only. Raises DilemmaError for invalid arrays.
    """

    cooperation: NDArray[np.float64]
    transitions: NDArray[np.int64]

    def __post_init__(self) -> None:
        kinds = {"cooperation": np.float64, "transitions": np.int64}
        for name, kind in kinds.items():
            given = getattr(self, name)
            if not isinstance(given, np.ndarray) or given.dtype != kind:
                found = (
                    f"an array of {given.dtype}" if isinstance(given, np.ndarray) else f"a {type(given).__name__}"
                )
                raise DilemmaError(f"an automaton's {name}: found {found}; allowed is an array of {kind.__name__}")
            own = given.copy()
            own.setflags(write=False)
            object.__setattr__(self, name, own)
        states = self.cooperation.size
        if not states or self.cooperation.shape != (states,) or self.transitions.shape != (states, 2, 2):
            found = f"{list(self.cooperation.shape)} and {list(self.transitions.shape)}"
            raise DilemmaError(
                f"an automaton's cooperation and transitions: found {found}; allowed are [state] and [state, 2, 2]"
            )
        for name, values, most in (("P(C)", self.cooperation, 1), ("next state", self.transitions, states - 1)):
            wrong = values[~((values >= 0) & (values <= most))]
            if wrong.size:
                raise DilemmaError(f"an automaton's {name}: found {wrong[0]:g}; allowed are 0 to {most}")

    @staticmethod
    def of(cooperation: Sequence[float], transitions: Sequence[Sequence[int]]) -> Automaton:
        """Build from rows: P(C) of each state, and the next states after CC, CD, DC, DD (own action first).

        A row of two has the next states after the other's C and D; a row of one has a single next state.
        """
        rows = [np.resize(row, (2, 2)) for row in transitions]
        return Automaton(np.array(cooperation, float), np.array(rows, np.int64))

    @staticmethod
    def unfold(start: S, cooperation: Callable[[S], float], after: Callable[[S, str, str], S]) -> Automaton:
        """Build from functions: P(C) in a state, and the next state after own and other's action, "C" or "D".

        Its states are those reachable from `start`.
        """
        number = {start: 0}
        states = [start]
        transitions = []
        for state in states:  # the list grows in the loop
            for own, other in product("CD", repeat=2):
                following = after(state, own, other)
                if following not in number:
                    number[following] = len(states)
                    states.append(following)
                transitions.append(number[following])
        return Automaton(
            np.array([cooperation(state) for state in states], float),
            np.array(transitions, np.int64).reshape(-1, 2, 2),
        )

    @property
    def states(self) -> int:
        return len(self.cooperation)

    @property
    def deterministic(self) -> bool:
        return bool(np.isin(self.cooperation, (0, 1)).all())

    @property
    def watches_others(self) -> bool:
        """Whether any transition depends on the other's action."""
        return bool((self.transitions[..., 0] != self.transitions[..., 1]).any())


class AutomatonAgent(Agent):
    """An agent whose behaviour is a finite automaton, defined by a subclass."""

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        return frozenset({"others_actions"} if _automaton(self).watches_others else ())

    @abstractmethod
    def automaton(self) -> Automaton:
        """The automaton."""

    def as_automaton(self, game: Environment) -> Automaton | None:
        return None if game.as_differentiable_game() else _automaton(self)

    def refuses(self, game: Environment) -> str | None:
        if differentiable := game.as_differentiable_game():
            action = constant_policy(_automaton(self), differentiable)
            return action if isinstance(action, str) else None
        if _automaton(self).watches_others:
            return refuses_all_but_two_by_two(game)
        if any(game.actions(seat) != Discrete(2) for seat in range(game.seats)):
            return "knows two actions, cooperate and defect"
        return None

    def sit(self, chairs: Chairs) -> Player:
        space = chairs.spec.actions(0)
        if isinstance(space, Box):
            action = constant_action(_automaton(self), *space.shape)
            assert action
            return ConstantPlayer(action, chairs)
        return AutomatonPlayer([_automaton(self)], torch.zeros_like(chairs.seat), chairs)


@lru_cache(maxsize=4096)
def _automaton(agent: AutomatonAgent) -> Automaton:
    return agent.automaton()


class AutomatonPlayer(Player):
    """Many automata on many chairs: `which` [chair] is the index of each chair's automaton."""

    def __init__(self, automata: Sequence[Automaton], which: Tensor, chairs: Chairs):
        device = chairs.device
        first = np.cumsum([0, *(automaton.states for automaton in automata[:-1])])
        cooperation = np.concatenate([automaton.cooperation for automaton in automata])
        transitions = np.concatenate(
            [automaton.transitions + start for automaton, start in zip(automata, first, strict=True)]
        )
        self._deterministic = all(automaton.deterministic for automaton in automata)
        self._watches = any(automaton.watches_others for automaton in automata)
        self._threshold = _tensor_threshold(cooperation).to(device)
        self._transitions = torch.as_tensor(transitions.reshape(-1), device=device)
        self._start = torch.as_tensor(first, device=device)[which].repeat_interleave(chairs.shape[1])
        self._state = self._start
        self._chairs = chairs

    def begin(self) -> None:
        self._state = self._start

    def act(self, observation: Observation) -> Tensor:
        bound = self._threshold.index_select(0, self._state).view(self._chairs.shape)
        if self._deterministic:
            return (bound < 0).long()
        draws = self._chairs.chance.integers(Purpose.ACTION, observation.episode, observation.round)
        return (draws >= bound).long()

    def observe(self, round: Round) -> None:
        outcome = round.own * 2
        if self._watches:
            outcome += round.others[:, 0]
        address = self._state * 4
        address += outcome.view(-1)
        self._state = self._transitions.index_select(0, address)


def _tensor_threshold(probability: NDArray[np.float64]) -> Tensor:
    bound = threshold(torch.as_tensor(probability))
    assert isinstance(bound, Tensor)
    return bound
