"""Critics of a chair's and the others' returns, and of another's action values: tables, or a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ...agent import Chairs
from ..nets.fitted_net import FittedNet, lambda_returns
from ..policy_gradient.returns import returns_to_go
from ..policy_gradient.trajectory import Trajectory
from ..tabular.fitted_table import cells, cells_by_round, fitted


@dataclass(frozen=True)
class CriticValues:
    """The critics' estimates for an episode, each float64 [round, chair, table]."""

    value: Tensor
    """The chair's value."""
    value_of_others: Tensor
    likelihood: Tensor | None = None
    """The probability of the other's action by softmax(Q(s, .) / temperature); None without action values."""


class Critics(ABC):
    """Critics of the returns of the chair and of the others, from the chair's observations."""

    @abstractmethod
    def evaluate(self, trajectory: Trajectory) -> CriticValues:
        """The estimates for an episode."""

    @abstractmethod
    def fit(self, trajectory: Trajectory, estimates: CriticValues, reward: Tensor, others_reward: Tensor) -> None:
        """Fit to the rewards of an episode [round, chair, table]; `estimates` are the values before the fit."""

    @abstractmethod
    def state_dict(self) -> dict[str, Tensor]:
        """Each tensor [chair, ...]."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from `state`."""


class TableCritics(Critics):
    """Tables of mean returns [chair, round, state]."""

    def __init__(self, chairs: Chairs, states: int, discount: float, memory: float):
        self._discount, self._memory = discount, memory
        shape = (chairs.shape[0], int(chairs.spec.horizon), states)
        self.own = torch.zeros(shape, dtype=torch.float64, device=chairs.device)
        self.others = self.own.clone()

    def evaluate(self, trajectory: Trajectory) -> CriticValues:
        return CriticValues(
            cells_by_round(self.own, trajectory.encoded), cells_by_round(self.others, trajectory.encoded)
        )

    def fit(self, trajectory: Trajectory, estimates: CriticValues, reward: Tensor, others_reward: Tensor) -> None:
        encoded, playing = trajectory.encoded, trajectory.playing
        rounds = torch.arange(len(encoded), device=encoded.device)[:, None, None]
        index = rounds * self.own.shape[2] + encoded
        weight = None if playing is None else playing.double()
        own, others = (returns_to_go(earned, self._discount) for earned in (reward, others_reward))
        self.own = fitted(self.own, index, own, weight, self._memory)
        self.others = fitted(self.others, index, others, weight, self._memory)

    def state_dict(self) -> dict[str, Tensor]:
        return {"critic": self.own, "critic_of_others": self.others}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.own, self.others = state["critic"].clone(), state["critic_of_others"].clone()


class ActionTableCritics(Critics):
    """Tables for two players, with the other's action values, fitted backwards in time (expected SARSA).

        Q(s, b) -> r + discount sum_b' softmax(Q(s', .) / temperature)(b') Q(s', b')
    `own` is [chair, round, state, 1], and `other` [chair, round, state, action].
    """

    def __init__(
        self, chairs: Chairs, states: int, actions: int, discount: float, temperature: float, memory: float
    ):
        self._discount, self._temperature, self._memory = discount, temperature, memory
        shape = (chairs.shape[0], int(chairs.spec.horizon), states)
        self.own = torch.zeros(*shape, 1, dtype=torch.float64, device=chairs.device)
        self.other = self.own.new_zeros(*shape, actions)

    def evaluate(self, trajectory: Trajectory) -> CriticValues:
        encoded, policy = trajectory.encoded, self._softmax_policy()
        action = encoded * self.other.shape[3] + trajectory.others[:, :, 0]
        return CriticValues(
            cells_by_round(self.own[..., 0], encoded),
            cells_by_round((policy * self.other).sum(-1), encoded),
            cells_by_round(policy.flatten(2), action),
        )

    def fit(self, trajectory: Trajectory, estimates: CriticValues, reward: Tensor, others_reward: Tensor) -> None:
        action = trajectory.others[:, :, 0]
        policy, alone = self._softmax_policy(), torch.ones_like(self.own)
        self.own = self._fitted(self.own, alone, trajectory, torch.zeros_like(action), reward)
        self.other = self._fitted(self.other, policy, trajectory, action, others_reward)

    def _softmax_policy(self) -> Tensor:
        return torch.softmax(self.other / self._temperature, -1)

    def _fitted(
        self, critic: Tensor, policy: Tensor, trajectory: Trajectory, action: Tensor, reward: Tensor
    ) -> Tensor:
        tables = list(critic.unbind(1))
        ahead = torch.zeros_like(reward[0])
        for t in reversed(range(len(reward))):
            playing = None if trajectory.playing is None else trajectory.playing[t].to(reward.dtype)
            index = trajectory.encoded[t] * critic.shape[3] + action[t]
            target = reward[t] + self._discount * ahead
            tables[t] = fitted(tables[t], index, target, playing, self._memory)
            ahead = cells((policy[:, t] * tables[t]).sum(-1), trajectory.encoded[t])
            if playing is not None:
                ahead = ahead * playing
        return torch.stack(tables, 1)

    def state_dict(self) -> dict[str, Tensor]:
        return {"critic": self.own, "critic_of_other": self.other}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.own, self.other = state["critic"].clone(), state["critic_of_other"].clone()


class NetCritics(Critics):
    """A network of the observation and the time left: both values and, with `actions`, the other's Q(s, b).

    All are fitted to TD(0.9) returns. The other's value has its own output, fitted to the actions it took, so it
    does not assume the policy softmax(Q / temperature).
    """

    def __init__(self, net: FittedNet, discount: float, actions: int = 0, temperature: float = 1.0):
        self.net, self._discount, self._actions, self._temperature = net, discount, actions, temperature

    def evaluate(self, trajectory: Trajectory) -> CriticValues:
        own, others, *q_values = self.net.values(trajectory.encoded).unbind(-1)
        if not q_values:
            return CriticValues(own, others)
        policy = torch.softmax(torch.stack(q_values, -1) / self._temperature, -1)
        return CriticValues(own, others, policy.gather(-1, trajectory.others[:, :, 0, :, None])[..., 0])

    def fit(self, trajectory: Trajectory, estimates: CriticValues, reward: Tensor, others_reward: Tensor) -> None:
        own = lambda_returns(reward, estimates.value, self._discount, trajectory.playing)
        others = lambda_returns(others_reward, estimates.value_of_others, self._discount, trajectory.playing)
        target, known = torch.stack((own, others), -1), None
        if self._actions:
            action = one_hot(trajectory.others[:, :, 0], self._actions)
            target = torch.cat((target, others[..., None].expand(action.shape)), -1)
            known = torch.cat((torch.ones_like(action[..., :2]), action), -1)
        self.net.fit(trajectory.encoded, target, trajectory.playing, known)

    def state_dict(self) -> dict[str, Tensor]:
        return {f"critic_{name}": value for name, value in self.net.state_dict().items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        prefix = "critic_"
        self.net.load_state_dict(
            {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        )
