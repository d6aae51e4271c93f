"""LOQA: a learner that shapes what the other finds worth doing, taken to choose by its action values."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ....envs.environment import Discrete, Environment
from ...agent import Chairs, Player
from ..policy_gradient.policy_gradient import Positive
from .advantage_shaper import AdvantageShaper, AdvantageShaperPlayer, discounted_past
from .critics import ActionTableCritics, Critics, CriticValues, NetCritics


class Loqa(AdvantageShaper):
    """Climbs its own return, and makes the other want what is to its own advantage.

    The other is taken to choose b in proportion to exp(Q(s, b) / temperature), with values Q estimated from what
    it was seen to earn. The value of what it did is taken to follow from one's own later actions (DiCE):
        Q(s_t, b_t) = r_t + discount G_{t+1}
        grad G_{t+1} = sum_{k>t} discount^(k-t-1) decay^(k-t) A^other_k grad log pi(a_k | s_k)
    and the loss is, with one-step advantages A_t = r_t + discount V_{t+1}(s_{t+1}) - V_t(s_t),
        - mean_t [log pi(a_t | s_t) A_t + weight log softmax(Q(s_t, .) / temperature)(b_t) A_t]
    Both terms come to one advantage for each own action, which PPO may climb in several passes; the defaults take
    one, which is a step down this loss. What is past is taken with lambda 0 whatever `gae` is, as in advantage
    alignment.

    Published: 2048 tables of 50 rounds, discount 0.96, Adam at 1e-3 for the policy over thousands of updates,
    nets as critics with a target net that follows by 1 %, a fifth of all actions at random while it learns,
    and self-play against own past selves, with their true values. Here one other is met, and its values are
    estimated; 200 episodes need a larger rate; nothing is done at random but what the policy draws; and
    critics are tables over rounds and last outcomes, fitted from the last round back: one episode does what
    many steps to a slow target do. Where features are seen, critics are a net of them and of the time left, which
    sees what the chair sees.
    """

    source: ClassVar[str] = "Aghajohari et al. 2024, LOQA: Learning with Opponent Q-Learning Awareness"

    learning_rate: Positive = Field(0.1, description="of Adam")
    spread: float = Field(0.0, description="standard deviation of a table's logits at the start", ge=0)
    weight: float = Field(1.0, description="of the other's choices in the loss", ge=0)
    temperature: Positive = Field(1.0, description="of the other's choices among its values")
    decay: float = Field(
        0.9, description="further weight of each round from the other's action to ours", ge=0, le=1
    )
    normalise: Literal["advantages", "nothing"] = Field(
        "nothing", description="what is shifted and scaled to mean 0 and deviation 1 over a chair's rounds"
    )
    epochs: int = Field(1, description="passes over an episode", ge=1)
    entropy_weight: float = Field(0.0, description="weight of the policy's entropy", ge=0)

    def refuses(self, game: Environment) -> str | None:
        spaces = [game.actions(seat) for seat in range(game.seats)]
        if len(spaces) != 2 or not all(isinstance(space, Discrete) for space in spaces):
            return "plays repeated matrix games of two, and environments of two who choose among actions"
        if spaces[0] != spaces[1]:
            return "plays games in which both have the same actions"
        return super().refuses(game)

    def sit(self, chairs: Chairs) -> Player:
        return LoqaPlayer(self, chairs)


class LoqaPlayer(AdvantageShaperPlayer):
    """LOQA on its chairs."""

    agent: Loqa

    def __init__(self, agent: Loqa, chairs: Chairs):
        super().__init__(agent, chairs)
        nought = torch.zeros(chairs.shape[0], dtype=torch.float64, device=chairs.device)
        self._measures |= dict.fromkeys(("influence", "openness"), nought)

    def make_critics(self) -> Critics:
        agent, states = self.agent, self.perception.states
        if states is None:
            net = self.critic_net(2 + self.actions)
            return NetCritics(net, agent.discount, self.actions, agent.temperature)
        return ActionTableCritics(
            self.chairs, states, self.actions, agent.discount, agent.temperature, agent.memory
        )

    def shaping(self, past: Tensor, others: Tensor, judged: CriticValues) -> Tensor:
        """The second term of the loss."""
        agent = self.agent
        assert judged.likely is not None
        openness = (1 - judged.likely) / agent.temperature
        influence = agent.weight * shaping(past, openness, others, agent.discount * agent.decay)
        self._measures["influence"] = influence.square().mean((0, 2)).sqrt()
        self._measures["openness"] = openness.mean((0, 2))
        return influence


def shaping(own: Tensor, openness: Tensor, other: Tensor, discount: float) -> Tensor:
    """What the second term of the loss adds to the advantages of the own actions [round, chair, table].

        other_k * sum_{t<k} discount^(k-t) own_t openness_t
    `openness` is (1 - softmax(Q / temperature)(b_t)) / temperature, by which a change of Q(s_t, b_t) moves the log
    probability of b_t.
    """
    return discounted_past(own * openness, discount) * other
