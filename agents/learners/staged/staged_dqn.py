"""One deep Q-network for each stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ....envs.chance import Purpose
from ....envs.reputation.turns import Stage
from ...agent import Chairs, Player
from ..deep_q.q_network import QNetwork
from ..deep_q.uniform_replay import Transitions, UniformReplay
from ..nets.layers import parameter_chance
from ..policy_gradient.policy_gradient import Positive, Widths
from .staged_learner import StagedAgent, StagedPlayer, StageValues


@dataclass(frozen=True)
class PublishedStage:
    """The published settings of a stage: step size, and exploration from 0.8889 down to `floor`."""

    rate: float
    floor: float
    decrement: float
    """Of exploration at each update, as a part of what it falls in all."""


FIRST = 0.8889
HIDDEN, BATCH, COPY_EVERY, UPDATES = (128,), 100, 200, 2
PUBLISHED: dict[Stage, PublishedStage] = {
    Stage.SELECT: PublishedStage(0.01, 0.0001, 0.30007),
    Stage.PLAY: PublishedStage(0.1, 0.01, 0.30007),
    Stage.PUNISH: PublishedStage(0.001, 0.2, 0.50004),
    Stage.ASSESS: PublishedStage(0.001, 0.01, 0.30007),
}
"""Of Dasgupta and Musolesi 2025; they have no stage in which members assess."""


class StagedDQN(StagedAgent):
    """A deep Q-network for each stage: whom to select, how to play, whether to punish, what to think of others.

        Q(s, a) -> r + discount max_b Q'(s', b)
    by Adam on the Huber loss of transitions drawn from its memory, `updates` times after every round of the game;
    Q' is a copy made every `copy` updates. A fine is charged to the move it was for, and what a partner brings per
    round to the choice of that partner. An encounter's last round is followed by nothing.

    `published` sets what was published, in place of the parameters: a hidden layer of 128, batches of 100, a copy
    every 200 updates, and as many updates after a round as a member has decisions in it on average; step sizes
    and exploration by stage. Exploration is at its floor after a few updates and stays there, at 0.2 for
    punishment. Values also go on beyond the end of an encounter.
    """

    source: ClassVar[str] = "Dasgupta and Musolesi 2025"

    hidden: Widths = Field((32,), description="widths of the hidden layers")
    learning_rate: Positive = Field(0.01, description="Adam's step size")
    batch: int = Field(32, ge=1, description="transitions of an update")
    capacity: int = Field(
        20_000, ge=1, description="transitions that are remembered, of a stage and of all tables"
    )
    copy_every: int = Field(50, ge=1, description="updates after which the target network is copied")
    updates: int = Field(1, ge=1, description="updates of each network after a round of the game")
    published: bool = Field(False, description="the published settings, in place of all above but the discount")

    def sit(self, chairs: Chairs) -> Player:
        return StagedDQNPlayer(self, chairs)


class DeepValues(StageValues):
    """A Q-network and its replay memory."""

    def __init__(self, agent: StagedDQN, chairs: Chairs, stage: Stage, entries: int, allowed: Tensor):
        self._agent = agent
        hidden = HIDDEN if agent.published else agent.hidden
        self._net = QNetwork(chairs, entries, hidden, allowed, int(stage), None)
        self._rate = PUBLISHED[stage].rate if agent.published else agent.learning_rate
        self._batch = BATCH if agent.published else agent.batch
        self._copy_every = COPY_EVERY if agent.published else agent.copy_every
        self._updates = UPDATES if agent.published else agent.updates
        chance = parameter_chance(chairs, self._batch, int(stage))
        self._chance = [chance.part(index) for index in range(self._updates)]
        self._memory = UniformReplay(chairs.shape[0], agent.capacity, chairs.device)
        self.updates = torch.zeros(chairs.shape[0], dtype=torch.float64, device=chairs.device)
        """How often it was updated [chair]."""

    def best(self, view: Tensor) -> Tensor:
        return self._net.best(view)

    def learn(self, new: Transitions, there: Tensor) -> None:
        self._memory.add(new, there)

    def improve(self, episode: int, round: int) -> None:
        agent = self._agent
        if not bool((self._memory.count > 0).any()):
            return
        for chance in self._chance:
            uniform = chance.uniform(Purpose.MINIBATCH, episode, round)
            drawn, there = self._memory.draw(uniform)
            self._net.update(
                drawn.view,
                drawn.action,
                drawn.reward,
                drawn.after,
                there.expand_as(drawn.reward),
                discount=agent.discount * drawn.goes_on,
                rate=self._rate,
            )
            self.updates = self.updates + 1
            if len(self.updates) and int(self.updates[0]) % self._copy_every == 0:
                self._net.follow(1.0)

    def state_dict(self) -> dict[str, Tensor]:
        return {"updates": self.updates, **self._net.state_dict()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.updates = state["updates"]
        self._net.load_state_dict(state)


class StagedDQNPlayer(StagedPlayer):
    """Staged Q-networks on their chairs."""

    agent: StagedDQN

    def __init__(self, agent: StagedDQN, chairs: Chairs):
        self.published = agent.published
        super().__init__(agent, chairs)

    @property
    def midway(self) -> bool:
        return self.learning  # what is remembered is not in its state

    def make_values(self, stage: Stage, entries: int, allowed: Tensor) -> DeepValues:
        return DeepValues(self.agent, self.chairs, stage, entries, allowed)

    def exploration(self, stage: Stage) -> Tensor:
        if not self.published:
            return super().exploration(stage)
        values, settings = self.values[stage], PUBLISHED[stage]
        assert isinstance(values, DeepValues)
        fallen = values.updates * settings.decrement * (FIRST - settings.floor)
        return (FIRST - fallen).clamp(min=settings.floor)[:, None]
