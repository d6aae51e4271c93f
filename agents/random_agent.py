"""A random agent, for any environment."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ..envs.chance import Purpose
from ..envs.environment import Box, Discrete, Environment, Probability
from ..envs.joint_action import seats_that_act_alike
from .agent import Chairs, Observation, Player, refuses_all_but_two_by_two
from .automaton import Automaton, AutomatonAgent


class Random(AutomatonAgent):
    """Takes each allowed action with equal probability, or cooperates with probability `p`.

    In games of two players and two actions it is an automaton with one state.
    """

    source: ClassVar[str] = "Axelrod 1980"
    p: Probability | None = Field(
        None, description="P(C) in games with two actions; by default all actions are equally likely, in any game"
    )

    def automaton(self) -> Automaton:
        return Automaton.of([0.5 if self.p is None else self.p], [[0]])

    def as_automaton(self, game: Environment) -> Automaton | None:
        return None if refuses_all_but_two_by_two(game) else super().as_automaton(game)

    def refuses(self, game: Environment) -> str | None:
        spaces = [game.actions(seat) for seat in range(game.seats)]
        if self.p is not None and any(space != Discrete(2) for space in spaces):
            return f"cooperates with p = {self.p:g}, which needs two actions; without p it plays any game"
        for seats in seats_that_act_alike(game):
            some = {spaces[seat] for seat in seats}
            if any(isinstance(space, Box) for space in some) and len(some) > 1:
                return "acts in real numbers only where all seats of a role have the same actions"
        return None

    def sit(self, chairs: Chairs) -> Player:
        if not refuses_all_but_two_by_two(chairs.spec):
            return super().sit(chairs)
        space = chairs.spec.actions(int(chairs.seat[0]) if len(chairs.seat) else 0)
        return RandomBoxPlayer(space, chairs) if isinstance(space, Box) else RandomPlayer(self.p, chairs)


class RandomPlayer(Player):
    """Draws from the actions that each chair's mask allows."""

    def __init__(self, p: float | None, chairs: Chairs):
        spaces = [chairs.spec.actions(seat) for seat in range(chairs.spec.seats)]
        counts = [space.n if isinstance(space, Discrete) else 0 for space in spaces]
        weight = (torch.arange(max(counts)) < torch.tensor(counts)[:, None]).double()
        if p is not None:
            weight[:] = torch.tensor([p, 1 - p])
        self._weight = weight.to(chairs.device)[chairs.seat][:, None]
        self._chairs = chairs

    def act(self, observation: Observation) -> Tensor:
        allowed = observation.action_mask
        weight = self._weight if allowed is None else self._weight * allowed
        total = weight.cumsum(-1)
        draw = self._chairs.chance.uniform(Purpose.ACTION, observation.episode, observation.round)
        return (total <= draw[..., None] * total[..., -1:]).sum(-1)


class RandomBoxPlayer(Player):
    """Draws real vectors, uniform between the bounds."""

    def __init__(self, box: Box, chairs: Chairs):
        self._box = box
        self._parts = [chairs.chance.part(index) for index in range(torch.Size(box.shape).numel())]
        self._shape = (*chairs.shape, *box.shape)

    def act(self, observation: Observation) -> Tensor:
        address = (Purpose.ACTION, observation.episode, observation.round)
        draws = torch.stack([part.uniform(*address) for part in self._parts], -1).view(self._shape)
        return self._box.low + (self._box.high - self._box.low) * draws
