"""What repeated games with simultaneous moves share: noise, and what seats see."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor

from .chance import Chance, Purpose, threshold
from .environment import Discrete, Environment, Probability, State, Step


class SimultaneousGame(Environment):
    """All seats choose at once, earn by what was executed, see what the others did, and do it again.

    With probability `noise` another action than the chosen one is executed, uniformly among the seat's other
    actions. Payoffs and every memory use the executed action. A subclass defines the rewards.
    """

    noise: Probability = Field(0.0, description="probability that an action is replaced by another")

    @property
    def certain(self) -> bool:
        """Without noise, an end by chance, seats that differ, or a `begin` or `play` of a subclass's own."""
        own = type(self)
        plain = own.begin is SimultaneousGame.begin and own.play is SimultaneousGame.play
        alike = self.neighbours is None and len(set(self.roles)) == 1
        return plain and alike and self.noise == 0 and self.continuation == 1 and math.isfinite(self.rounds)

    @abstractmethod
    def actions(self, seat: int) -> Discrete:
        """What `seat` can do."""

    @abstractmethod
    def rules(self, device: torch.device) -> Mapping[str, Tensor]:
        """The constant tensors that `rewards` and `measures` need, made once an episode."""

    @abstractmethod
    def rewards(self, executed: Tensor, state: State) -> Tensor:
        """The rewards of the `executed` actions [match, seat, table], float64 of the same shape."""

    def measures(self, executed: Tensor, reward: Tensor, state: State) -> Mapping[str, Tensor]:
        """Further measures, by name [match, seat, table]."""
        return {}

    def begin(self, matches: int, tables: int, chance: Chance, episode: int) -> State:
        return State(episode, 0, tensors=self.rules(chance.keys.device))

    def play(self, state: State, action: Tensor, chance: Chance) -> tuple[State, Step]:
        executed = self.perturbed(action, self.noise, Purpose.NOISE, state, chance)
        seen = self.seen(executed, state, chance)
        reward = self.rewards(executed, state)
        measures = self.measures(executed, reward, state)
        cooperation = executed == 0
        mutual = cooperation[:, :1] & cooperation[:, 1:] if self.seats == 2 else cooperation.all(1, keepdim=True)
        return state, Step(executed, reward, seen, cooperation, mutual, measures)

    def seen(self, executed: Tensor, state: State, chance: Chance) -> Tensor | None:
        """What seats see their neighbours do [match, seat, neighbour, table]; None where they see it rightly."""
        return None

    def perturbed(self, action: Tensor, rate: float, purpose: Purpose, state: State, chance: Chance) -> Tensor:
        """`action`, each replaced with probability `rate` by another action of its seat."""
        if not rate:
            return action
        draws = chance.parts(self.seats).pair(purpose, state.episode, state.round)
        whether, which = draws.unbind(1)
        count = torch.tensor([self.actions(seat).n for seat in range(self.seats)], device=action.device)
        count = count[:, None]
        ahead = 1 + ((which + 2**31) * (count - 1) >> 32)  # uniform on 1 .. count - 1
        return torch.where(whether < threshold(rate), (action + ahead) % count, action)
