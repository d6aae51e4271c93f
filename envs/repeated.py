"""What repeated games with simultaneous moves share: noise, a random end, and who sees what."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor

from .chance import Chance, Purpose, threshold
from .environment import Discrete, Environment, Probability, State, Step


class SimultaneousGame(Environment):
    """Everybody chooses at once, earns by what was done, sees what the others did, and does it again.

    With probability `noise` a player does something else than it chose, uniformly among its other actions:
    payoffs and everybody's memory use what was done. A subclass says what is earned.
    """

    noise: Probability = Field(0.0, description="probability that an action is replaced by another")

    @abstractmethod
    def actions(self, seat: int) -> Discrete:
        """What `seat` can do."""

    @abstractmethod
    def rules(self, device: torch.device) -> Mapping[str, Tensor]:
        """The tensors that `rewards` and `measures` need, made once an episode."""

    @abstractmethod
    def rewards(self, done: Tensor, state: State) -> Tensor:
        """What `done` [match, seat, table] earns, float64 of the same shape."""

    def measures(self, done: Tensor, reward: Tensor, state: State) -> Mapping[str, Tensor]:
        """What else is counted, by name [match, seat, table]."""
        return {}

    def begin(self, matches: int, tables: int, chance: Chance, episode: int) -> State:
        return State(episode, 0, tensors=self.rules(chance.keys.device))

    def play(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        done = self.mistaken(action, self.noise, Purpose.NOISE, state, chance)
        seen = self.seen(done, state, chance)
        reward = self.rewards(done, state)
        measures = self.measures(done, reward, state)
        cooperation = done == 0
        mutual = cooperation[:, :1] & cooperation[:, 1:] if self.seats == 2 else cooperation.all(1, keepdim=True)
        return state, Step(done, reward, seen, cooperation, mutual, measures)

    def seen(self, done: Tensor, state: State, chance: Chance) -> Tensor | None:
        """What seats see their neighbours do [match, seat, neighbour, table]; None where that is what they do."""
        return None

    def mistaken(self, action: Tensor, rate: float, purpose: Purpose, state: State, chance: Chance) -> Tensor:
        """`action`, each replaced with probability `rate` by another action of its seat."""
        if not rate:
            return action
        draws = chance.parts(self.seats).pair(purpose, state.episode, state.round)
        whether, which = draws.unbind(1)
        count = torch.tensor([self.actions(seat).n for seat in range(self.seats)], device=action.device)
        count = count[:, None]
        ahead = 1 + ((which + 2**31) * (count - 1) >> 32)  # uniform on 1 .. count - 1
        return torch.where(whether < threshold(rate), (action + ahead) % count, action)
