"""Automata in games whose actions are policies: those with at most one round of memory are constants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..envs.differentiable_game import DifferentiableGame
from .agent import Chairs, Observation, Player

if TYPE_CHECKING:
    from .automaton import Automaton


def constant_policy(automaton: Automaton, game: DifferentiableGame) -> tuple[float, ...] | str:
    """The action equivalent to an automaton in `game`; or why there is none, as the end of a sentence."""
    if not game.as_policy_game() and not (game.probabilities and len(game.components) == 1):
        return "knows two actions, cooperate and defect"
    action = constant_action(automaton, len(game.components))
    return action or "remembers more than the last round, which no action here can say"


def constant_action(automaton: Automaton, components: int) -> tuple[float, ...] | None:
    """The equivalent action, P(C) or a memory-one policy; None if the automaton remembers more."""
    return (float(automaton.cooperation[0]),) if components == 1 else memory_one_policy(automaton)


def memory_one_policy(automaton: Automaton) -> tuple[float, ...] | None:
    """P(C) at the start and after CC, CD, DC, DD (own action first); None if these depend on more.

    Without noise an automaton never deviates from its own moves, so only states reachable that way count. Outcomes
    that it never produces are taken from its first state.
    """
    after: dict[int, float] = {}
    reached = [0]
    for state in reached:  # the list grows in the loop
        cooperation = automaton.cooperation[state]
        for outcome, following in enumerate(automaton.transitions[state].ravel().tolist()):
            if cooperation == (0 if outcome < 2 else 1):
                continue
            if after.setdefault(outcome, automaton.cooperation[following]) != automaton.cooperation[following]:
                return None
            if following not in reached:
                reached.append(following)
    elsewhere = automaton.cooperation[automaton.transitions[0].ravel()]
    start = automaton.cooperation[0]
    return tuple(float(p) for p in (start, *(after.get(outcome, elsewhere[outcome]) for outcome in range(4))))


class ConstantPlayer(Player):
    """Plays a constant action [component]."""

    def __init__(self, action: tuple[float, ...], chairs: Chairs):
        shown = torch.tensor(action, dtype=torch.float64, device=chairs.device)
        self._action = shown.expand(*chairs.shape, len(action))

    def act(self, observation: Observation) -> Tensor:
        return self._action
