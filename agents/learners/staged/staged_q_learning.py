"""One table of values for each stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ....envs.chance import Purpose
from ....envs.reputation.turns import Stage
from ...agent import Chairs, Player
from ..deep_q.uniform_replay import Transitions
from ..nets.layers import lookup, parameter_chance
from .staged_learner import StagedAgent, StagedPlayer, StageValues

STATES = 3**4
"""Both moves (unknown, C, D), and both reputations (0, good, bad)."""


class StagedQLearning(StagedAgent):
    """Q-learning with a table for each stage of a population with reputations.

        Q(s, a) <- Q(s, a) + rate (r + discount max_b Q(s', b) - Q(s, a))
    A state is what the two moves of a dyad were (C, D or unknown), and whether each reputation is above, at or
    below 0. Whom to select has no state: it learns what each neighbour brings per round.
    """

    source: ClassVar[str] = "Anastassacos et al. 2021"

    learning_rate: float = Field(0.1, gt=0, le=1, description="step of a value towards its target")
    initial: float = Field(0.0, allow_inf_nan=False, description="mean of the values at the start")
    spread: float = Field(1.0, ge=0, allow_inf_nan=False, description="their standard deviation")

    def sit(self, chairs: Chairs) -> Player:
        return StagedQLearningPlayer(self, chairs)


class TableValues(StageValues):
    """A table of values [chair, state, decision]."""

    def __init__(self, agent: StagedQLearning, chairs: Chairs, stage: Stage, allowed: Tensor):
        self._agent, self._select, self._allowed = agent, stage == Stage.SELECT, allowed[:, None]
        shape = (len(allowed), 1 if self._select else STATES, allowed.shape[1])
        draws = parameter_chance(chairs, shape[1] * shape[2], int(stage)).normal(Purpose.PARAMETERS, 0, 0)
        self.table = (agent.initial + agent.spread * draws).view(shape).masked_fill(~self._allowed, -torch.inf)

    def state(self, view: Tensor) -> Tensor:
        """The state of what is seen [chair, row]."""
        if self._select:
            return torch.zeros(view.shape[:-1], dtype=torch.int64, device=view.device)
        theirs, own = view[..., 0] + 2 * view[..., 1], view[..., 2] + 2 * view[..., 3]
        their, mine = ((part > 0) + 2 * (part < 0) for part in (view[..., 4], view[..., 5]))
        return (theirs + 3 * own).long() + 9 * their.long() + 27 * mine.long()

    def best(self, view: Tensor) -> Tensor:
        return lookup(self.table, self.state(view)).argmax(-1)

    def learn(self, new: Transitions, there: Tensor) -> None:
        follows = lookup(self.table, self.state(new.after)).amax(-1)
        target = new.reward + self._agent.discount * new.goes_on * follows
        cell = self.state(new.view) * self.table.shape[2] + new.action
        weight = there.double()
        total, visits = (
            torch.zeros_like(self.table).flatten(1).scatter_add_(1, cell, amount).view_as(self.table)
            for amount in (weight * target, weight)
        )
        moved = self.table + self._agent.learning_rate * (total / visits.clamp(min=1) - self.table)
        self.table = torch.where(visits > 0, moved, self.table)

    def state_dict(self) -> dict[str, Tensor]:
        return {"table": self.table}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.table = state["table"].clone()


class StagedQLearningPlayer(StagedPlayer):
    """Staged tables on their chairs."""

    agent: StagedQLearning

    def make_values(self, stage: Stage, entries: int, allowed: Tensor) -> TableValues:
        return TableValues(self.agent, self.chairs, stage, allowed)
