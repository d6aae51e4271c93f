"""M-MAML: a learned initial policy for naive learning."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ...agent import Chairs, Player, Round
from ..exact.exact_learner import Point
from .meta_agent import EvolvedAgent, EvolvedPlayer, Positive


class MMaml(EvolvedAgent):
    """Starts each trial from a meta-learned policy, and continues as a naive exact learner.

    Within a trial it follows the gradient of its own value, even when frozen: only the initial policy is
    meta-learned. Lu et al. train it with exact gradients through a trial; here an evolution strategy does.
    """

    source: ClassVar[str] = "Lu et al. 2022 (M-MAML), after Finn, Abbeel and Levine 2017 and Kim et al. 2021"
    needs: ClassVar[frozenset[str]] = frozenset({"others_actions", "game_model"})

    spread: Positive = Field(0.3, description="standard deviation of the perturbations of its logits, over tables")
    learning_rate: float = Field(1.0, description="how far it moves along the gradient of V, within a trial")

    def sit(self, chairs: Chairs) -> Player:
        return MMamlPlayer(self, chairs)


class MMamlPlayer(EvolvedPlayer):
    """A naive learner with a meta-learned initial policy."""

    def __init__(self, agent: MMaml, chairs: Chairs):
        super().__init__(agent, chairs, "m_maml")
        self._rate = agent.learning_rate
        game = chairs.game.as_policy_game()
        assert game
        self._game, self._rewards = game, game.rewards(chairs.seat)

    def observe(self, round: Round) -> None:
        super().observe(round)
        other = round.others[:, 0].movedim(-1, 0)
        point = Point(self._game, self._rewards, self.policy, other)
        self.logits = self.logits + self._rate * point.gradient(1, 1)
