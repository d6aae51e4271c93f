"""The trembling hand: any agent, with some of its actions replaced by random ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ..envs.board import uniform_below
from ..envs.catalogue import Nested
from ..envs.chance import Purpose, threshold
from ..envs.environment import Discrete, Environment, Probability
from .agent import Chairs, Observation, Player, Round
from .any_agent import AnyAgent
from .automaton import Automaton
from .wrapper import Wrapper


class Tremble(Wrapper):
    """Plays as another agent does, with a trembling hand.

    With probability `rate`, the action that the agent chose is replaced by one that is drawn uniformly from the
    allowed ones, so of n actions it is another one with probability rate (n - 1) / n. The agent knows what was
    played, as it does where the game has noise: memories hold the played actions, Q-learning learns of these, and
    policy gradients are those of the chosen ones, for which trembling is a part of the world. A finite automaton
    that trembles is one.
    """

    source: ClassVar[str] = "Selten 1975, trembling hands; McKee, Bai and Fiske 2024"

    of: Annotated[AnyAgent, Nested()] = Field(
        description="the agent: a label of the config, a registered name, or a table as of its entry, such as "
        '{ name = "reactive", y = 1.0, p = 0.9, q = 0.1 }',
        examples=["tit_for_tat", "gradual", "reinforce"],
    )
    rate: Probability = Field(0.1, description="probability that an action is replaced by a random one")

    @property
    def remembers(self) -> float:  # type: ignore[override]
        return self.of.remembers

    def refuses(self, game: Environment) -> str | None:
        if not all(isinstance(game.actions(seat), Discrete) for seat in range(game.seats)):
            return "trembles among actions that can be counted"
        return super().refuses(game)

    def sit(self, chairs: Chairs) -> Player:
        return TremblePlayer(self.of.sit(chairs.of(self.of)), self.rate, chairs)

    @property
    def in_words(self) -> str:
        return self.of.in_words and f"with probability {self.rate:g} any action, else\n{self.of.in_words}"

    def trained_runs(self, chairs: Chairs) -> Tensor | None:
        return self.of.trained_runs(chairs.of(self.of))

    def as_automaton(self, game: Environment) -> Automaton | None:
        steady = self.of.as_automaton(game)
        if steady is None:
            return None
        # Transitions are on played actions already.
        cooperation = (1 - self.rate) * steady.cooperation + self.rate / 2
        return Automaton(np.clip(cooperation, 0, 1), steady.transitions)


class TremblePlayer(Player):
    """The player of the agent inside, and what its hand does."""

    def __init__(self, player: Player, rate: float, chairs: Chairs):
        self._player, self._chairs, self._threshold = player, chairs, threshold(rate)
        spaces = [chairs.spec.actions(seat) for seat in range(chairs.spec.seats)]
        counts = [space.n for space in spaces if isinstance(space, Discrete)]
        self._count = torch.tensor(counts, device=chairs.device)[chairs.seat][:, None]

    @property
    def learning(self) -> bool:
        return self._player.learning

    @learning.setter
    def learning(self, learning: bool) -> None:
        self._player.learning = learning

    @property
    def midway(self) -> bool:
        return self._player.midway

    def begin(self) -> None:
        self._player.begin()

    def act(self, observation: Observation) -> Tensor:
        chosen = self._player.act(observation)
        address = (Purpose.TREMBLE, observation.episode, observation.round)
        trembles, which = self._chairs.chance.pair(*address).unbind(1)
        return torch.where(trembles < self._threshold, self._drawn(which, observation.action_mask), chosen)

    def _drawn(self, draw: Tensor, mask: Tensor | None) -> Tensor:
        """Uniformly random allowed actions [chair, table]."""
        if mask is None:
            return uniform_below(self._count, draw)
        own = mask & (torch.arange(mask.shape[-1], device=mask.device) < self._count[..., None])
        rank = uniform_below(own.sum(-1), draw)
        return (own.cumsum(-1) <= rank[..., None]).sum(-1).clamp(max=self._count - 1)

    def observe(self, round: Round) -> None:
        self._player.observe(round)

    def learn(self) -> None:
        self._player.learn()

    def measures(self) -> Mapping[str, Tensor]:
        return self._player.measures()

    def state_dict(self) -> dict[str, Tensor]:
        return self._player.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self._player.load_state_dict(state)
