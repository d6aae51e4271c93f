"""An inner learner: one that begins anew with every trial, so that others can learn over trials to shape it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from ..envs.catalogue import Nested
from ..envs.chance import Chance, derive
from ..envs.errors import DilemmaError
from .agent import Chairs, Observation, Player, Round
from .any_agent import AnyAgent
from .at_tables import Groups, ObservationAt, RoundAt
from .wrapper import Wrapper


class InnerLearner(Wrapper):
    """A learner that begins anew with every trial of so many episodes: it forgets, and draws its parameters anew.

    Each group of `tables` neighbouring tables has a learner of its own: whoever meets it plays as many trials side
    by side as there are groups, which those need who learn over trials. Frozen, it begins anew no more.
    """

    source: ClassVar[str] = "Lu et al. 2022; Khan et al. 2023; Meulemans et al. 2024 (naive co-players)"

    of: Annotated[AnyAgent, Nested()] = Field(
        description="the learner: a label of the config, a registered name, or a table as of its entry",
        examples=["q_learning", "reinforce"],
    )
    episodes: int = Field(16, description="episodes of a trial", ge=1)
    tables: int | None = Field(
        None, description="tables that a learner of its own has; by default all of a match have one", ge=1
    )

    def sit(self, chairs: Chairs) -> Player:
        return InnerLearnerPlayer(self, chairs)


class InnerLearnerPlayer(Player):
    """The learner of the present trial, on chairs [chair * group] with the tables of a group."""

    def __init__(self, agent: InnerLearner, chairs: Chairs):
        own = agent.tables or chairs.shape[1]
        if chairs.shape[1] % own:
            raise DilemmaError(
                f"an inner learner has {own} tables; found {chairs.shape[1]} tables, allowed are multiples"
            )
        self._agent, self._chairs, self._groups = agent, chairs, Groups(chairs.shape[1] // own)
        self._trial, self._learning = 0, True
        self._kept: Mapping[str, Tensor] | None = None
        self._player = self._seated()

    def _seated(self) -> Player:
        """The learner of the trial, with chance of its own."""
        own = self._chairs.of(self._agent.of, Chance(derive(self._chairs.chance.keys, self._trial)))
        return self._agent.of.sit(self._groups.chairs(own, self._agent.of))

    @property
    def learning(self) -> bool:
        return self._learning and self._player.learning

    @learning.setter
    def learning(self, learning: bool) -> None:
        self._learning = self._player.learning = learning

    @property
    def midway(self) -> bool:
        return self._player.midway

    def act(self, observation: Observation) -> Tensor:
        if observation.round == 0:
            self._begin(observation.episode)
        chosen = self._player.act(ObservationAt(observation, self._groups, self._agent.of))
        return chosen.reshape(*self._chairs.shape, *chosen.shape[2:])

    def _begin(self, episode: int) -> None:
        """An episode starts: with it a trial, or it goes on."""
        trial, number = divmod(episode, self._agent.episodes)
        if self.learning and trial != self._trial:
            self._trial = trial
            self._player = self._seated()
            if self._kept is not None and number > 0:
                self._player.load_state_dict(self._kept)
        self._kept = None
        self._player.begin()

    def observe(self, round: Round) -> None:
        self._player.observe(RoundAt(round, self._groups, self._agent.of))

    def learn(self) -> None:
        self._player.learn()

    def measures(self) -> Mapping[str, Tensor]:
        return {name: self._by_chair(value).flatten(1) for name, value in self._player.measures().items()}

    def state_dict(self) -> dict[str, Tensor]:
        return {name: self._by_chair(value) for name, value in self._player.state_dict().items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self._kept = {name: value.flatten(0, 1) for name, value in state.items()}
        self._player.load_state_dict(self._kept)

    def _by_chair(self, values: Tensor) -> Tensor:
        """Values [chair * group, ...] as [chair, group, ...]."""
        return values.view(self._chairs.shape[0], self._groups.count, *values.shape[1:])
