"""LOQA: an opponent shaper that models the other as choosing by its action values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ....envs.environment import Discrete, Environment
from ...agent import Chairs, Player
from ..policy_gradient.policy_gradient import Positive
from .advantage_shaper import AdvantageShaper, AdvantageShaperPlayer, discounted_past
from .critics import ActionTableCritics, Critics, CriticValues, NetCritics
from .reward_unit import RewardUnit


class Loqa(AdvantageShaper):
    """Policy gradient on its own return, plus the effect of its policy on the other's action values.

    The other is modelled as choosing b with probability softmax(Q(s, b) / temperature); Q is estimated from its
    observed rewards. The value of its action depends on one's own later actions (DiCE):
        Q(s_t, b_t) = r_t + discount G_{t+1}
        grad G_{t+1} = sum_{k>t} discount^(k-t-1) decay^(k-t) A^other_k grad log pi(a_k | s_k)
    With one-step advantages A_t = r_t + discount V_{t+1}(s_{t+1}) - V_t(s_t), the loss is
        - mean_t [log pi(a_t | s_t) A_t + weight log softmax(Q(s_t, .) / temperature)(b_t) A_t]
    Both terms combine into one advantage for each own action, which PPO ascends; by default in one pass.

    All rewards are in units of a third of the range seen so far, each player's by itself, so that neither the
    temperature nor what is learned depends on the payoffs' scale. In the published games, the prisoner's dilemma
    -1, -3, 0, -2 and Coins with one coin, that unit is 1. (Payoffs that are shifted do make a difference: critics
    start from 0.)

    With `form` "published", as in the authors' code, the next round counts without decay, decay^(k-t-1), and
    A^other is the other's return to go less its value; the default has one decay more, and the other's
    advantages with lambda = `gae`.

    Published: 2048 tables of 50 rounds, discount 0.96, Adam at 1e-3, thousands of updates, network critics
    with a 1 % target network, a fifth of actions random in training, and self-play against its own past versions
    with their true values. Here it meets one other, whose values it estimates; the rate is larger, for 200
    episodes; actions are drawn from the policy; critics are tables over rounds and last outcomes, fitted
    backwards in time, or, with features, a network that also sees the time left.
    """

    source: ClassVar[str] = "Aghajohari et al. 2024, LOQA: Learning with Opponent Q-Learning Awareness"

    learning_rate: Positive = Field(0.1, description="Adam's step size")
    spread: float = Field(0.0, description="standard deviation of a table's logits at the start", ge=0)
    weight: float = Field(1.0, description="weight of the other's choices in the loss", ge=0)
    temperature: Positive = Field(
        1.0, description="temperature of the other's softmax policy, in thirds of the range of its rewards"
    )
    form: Literal["one_decay_more", "published"] = Field(
        "one_decay_more",
        exclude_if=lambda form: form == "one_decay_more",  # matches from before there were two keep their identity
        description='of the shaping term: "published" decays from the second round on, and takes the other\'s '
        "advantages from returns to go",
    )
    decay: float = Field(
        0.9, description="further discount for each round between the other's action and its own", ge=0, le=1
    )
    normalise: Literal["advantages", "nothing"] = Field(
        "nothing", description="what is standardised, over a chair's rounds and tables"
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
        self.units = {"own": RewardUnit(chairs), "other": RewardUnit(chairs)}
        zeros = torch.zeros(chairs.shape[0], dtype=torch.float64, device=chairs.device)
        self._measures |= dict.fromkeys(("influence", "openness"), zeros)

    def make_critics(self) -> Critics:
        agent, states = self.agent, self.encoder.states
        if states is None:
            net = self.critic_net(2 + self.actions)
            return NetCritics(net, self.discount, self.actions, agent.temperature)
        return ActionTableCritics(
            self.chairs, states, self.actions, self.discount, agent.temperature, agent.memory
        )

    def in_units(self, own: Tensor, others: Tensor, playing: Tensor | None) -> tuple[Tensor, Tensor]:
        unit, their_unit = self.units["own"].see(own, playing), self.units["other"].see(others, playing)
        return own / unit[:, None], others / their_unit[:, None]

    @property
    def decay_of_others(self) -> float:
        return 1.0 if self.agent.form == "published" else self.agent.gae

    def shaping(self, past: Tensor, others: Tensor, estimates: CriticValues) -> Tensor:
        """The second term of the loss."""
        agent = self.agent
        assert estimates.likelihood is not None
        openness = (1 - estimates.likelihood) / agent.temperature
        discount, decay = self.discount * agent.decay, 1.0
        if agent.form == "published":
            discount, decay = self.discount, agent.decay
        influence = agent.weight * shaping(past, openness, others, discount, decay)
        self._measures["influence"] = influence.square().mean((0, 2)).sqrt()
        self._measures["openness"] = openness.mean((0, 2))
        return influence

    def state_dict(self) -> dict[str, Tensor]:
        units = {
            f"{whose}_{name}": value
            for whose, unit in self.units.items()
            for name, value in unit.state_dict().items()
        }
        return {**super().state_dict(), **units}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        super().load_state_dict(state)
        for whose, unit in self.units.items():
            # Checkpoints from before there were units lack them.
            unit.load_state_dict(
                {name: state.get(f"{whose}_{name}", old) for name, old in unit.state_dict().items()}
            )


def shaping(own: Tensor, openness: Tensor, other: Tensor, discount: float, decay: float = 1.0) -> Tensor:
    """The second term of the loss as an advantage of its own actions [round, chair, table].

        other_k * sum_{t<k} discount^(k-t) decay^(k-t-1) own_t openness_t
    `openness` is (1 - softmax(Q / temperature)(b_t)) / temperature, the derivative of the log probability of b_t
    in Q(s_t, b_t).
    """
    return discounted_past(own * openness, discount, decay) * other
