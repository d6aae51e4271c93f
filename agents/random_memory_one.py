"""Random strategies of memory one: another one in each episode."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ..envs.chance import Purpose
from ..envs.environment import Environment
from .agent import Agent, Chairs, Observation, Player, Round, refuses_all_but_two_by_two


class RandomMemoryOne(Agent):
    """Draws a strategy of memory one in each episode and at each table, and plays that throughout the episode.

    Its five probabilities of cooperation, in the first round and after CC, CD, DC and DD, are independent and
    uniform between 0 and 1. Whoever learns to do well against it has to find out whom it has met.
    """

    source: ClassVar[str] = "Weis et al. 2026 (tabular agents with random parameters)"
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions"})

    def refuses(self, game: Environment) -> str | None:
        return refuses_all_but_two_by_two(game)

    def sit(self, chairs: Chairs) -> Player:
        return RandomMemoryOnePlayer(chairs)


class RandomMemoryOnePlayer(Player):
    """A strategy of memory one at each table: probabilities [chair, table, state]."""

    def __init__(self, chairs: Chairs):
        self._chairs = chairs

    def begin(self) -> None:
        self._state = torch.zeros(self._chairs.shape, dtype=torch.int64, device=self._chairs.device)

    def act(self, observation: Observation) -> Tensor:
        address = (observation.episode, observation.round)
        if observation.round == 0:
            drawn = self._chairs.chance.parts(5).uniform(Purpose.PARAMETERS, observation.episode, 0)
            self._policy = drawn.transpose(1, 2)
        cooperates = self._policy.gather(2, self._state[..., None])[..., 0]
        return (~self._chairs.chance.happens(cooperates, Purpose.ACTION, *address)).long()

    def observe(self, round: Round) -> None:
        self._state = 1 + 2 * round.own + round.others[:, 0]
