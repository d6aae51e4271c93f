"""Past selves: a learner, and frozen copies of it from earlier on, at shares of the tables."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from ..envs.catalogue import Nested
from .agent import Chairs, Observation, Player
from .any_agent import AnyAgent
from .mixture import Deal, MixturePlayer
from .wrapper import Wrapper


class PastSelves(Wrapper):
    """A learner that plays at a share of the tables as it is, and at the others as it was, frozen.

    Every `every` episodes it is copied, and the copy takes the place of the oldest of `kept`; until there are so
    many, what it was at the start stands in. Tables are dealt anew in every episode. Whoever meets it learns to do
    well against what it has been, too: in self-play, fictitious play by learners. It learns from the tables where
    it plays as it is. Of its measures `payoff_1` is what it earns there, and `payoff_2` and so on are its copies'.
    """

    source: ClassVar[str] = "Heinrich, Lanctot and Silver 2015; Strouse et al. 2021 (past checkpoints as partners)"

    of: Annotated[AnyAgent, Nested()] = Field(
        description="the learner: a label of the config, a registered name, or a table as of its entry",
        examples=["ppo", "reinforce"],
    )
    share: float = Field(0.5, description="share of the tables where it plays as it is", gt=0, lt=1)
    kept: int = Field(4, description="past selves that are kept", ge=1)
    every: int = Field(50, description="episodes from one copy to the next", ge=1)

    def sit(self, chairs: Chairs) -> Player:
        return PastSelvesPlayer(self, chairs)


class PastSelvesPlayer(MixturePlayer):
    """The learner, and after it its past selves."""

    def __init__(self, agent: PastSelves, chairs: Chairs):
        agents = [agent.of] * (1 + agent.kept)
        deal = Deal([agent.share, *[(1 - agent.share) / agent.kept] * agent.kept], 1, chairs)
        present, *past = [agent.of.sit(seat) for seat in deal.seats(agents)]
        for player in past:
            player.learning = False
            _copy(present, player)
        super().__init__(agents, [present, *past], deal)
        self._every = agent.every

    def act(self, observation: Observation) -> Tensor:
        copies, number = divmod(observation.episode, self._every)
        if observation.round == 0 and number == 0 and copies > 0 and self.learning:
            present, *past = self.players
            oldest = past[(copies - 1) % len(past)]
            _copy(present, oldest)
            oldest.begin()
        return super().act(observation)


def _copy(player: Player, to: Player) -> None:
    """Let another player of the same agent go on from what one has learned."""
    to.load_state_dict({name: value.clone() for name, value in player.state_dict().items()})
