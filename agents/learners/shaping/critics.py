"""What a chair and the others are to earn, and what another's actions are worth: tables of outcomes, or a net."""

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
    """What the critics so far say of an episode, each float64 [round, chair, table]."""

    value: Tensor
    """What the chair was to earn."""
    value_of_others: Tensor
    likely: Tensor | None = None
    """How likely what the other did was, by softmax(Q(s, .) / temperature); None where actions are not valued."""


class Critics(ABC):
    """Critics of the chair and of the others, from what the chair sees."""

    @abstractmethod
    def judge(self, trajectory: Trajectory) -> CriticValues:
        """What they say of an episode."""

    @abstractmethod
    def fit(self, trajectory: Trajectory, judged: CriticValues, paid: Tensor, theirs: Tensor) -> None:
        """Take in an episode that was `judged` so, and in which these were earned [round, chair, table]."""

    @abstractmethod
    def state_dict(self) -> dict[str, Tensor]:
        """Each tensor [chair, ...]."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on as those that gave `state`."""


class TableCritics(Critics):
    """Tables of mean returns [chair, round, state]."""

    def __init__(self, chairs: Chairs, states: int, discount: float, memory: float):
        self._discount, self._memory = discount, memory
        shape = (chairs.shape[0], int(chairs.spec.horizon), states)
        self.own = torch.zeros(shape, dtype=torch.float64, device=chairs.device)
        self.others = self.own.clone()

    def judge(self, trajectory: Trajectory) -> CriticValues:
        return CriticValues(
            cells_by_round(self.own, trajectory.seen), cells_by_round(self.others, trajectory.seen)
        )

    def fit(self, trajectory: Trajectory, judged: CriticValues, paid: Tensor, theirs: Tensor) -> None:
        seen, playing = trajectory.seen, trajectory.playing
        rounds = torch.arange(len(seen), device=seen.device)[:, None, None]
        index = rounds * self.own.shape[2] + seen
        weight = None if playing is None else playing.double()
        own, others = (returns_to_go(reward, self._discount) for reward in (paid, theirs))
        self.own = fitted(self.own, index, own, weight, self._memory)
        self.others = fitted(self.others, index, others, weight, self._memory)

    def state_dict(self) -> dict[str, Tensor]:
        return {"critic": self.own, "critic_of_others": self.others}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.own, self.others = state["critic"].clone(), state["critic_of_others"].clone()


class ActionTableCritics(Critics):
    """Tables of the other's actions too, of two players, fitted from the last round back (expected SARSA).

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

    def judge(self, trajectory: Trajectory) -> CriticValues:
        seen, wanted = trajectory.seen, self._wanted()
        did = seen * self.other.shape[3] + trajectory.others[:, :, 0]
        return CriticValues(
            cells_by_round(self.own[..., 0], seen),
            cells_by_round((wanted * self.other).sum(-1), seen),
            cells_by_round(wanted.flatten(2), did),
        )

    def fit(self, trajectory: Trajectory, judged: CriticValues, paid: Tensor, theirs: Tensor) -> None:
        did = trajectory.others[:, :, 0]
        wanted, alone = self._wanted(), torch.ones_like(self.own)
        self.own = self._fitted(self.own, alone, trajectory, torch.zeros_like(did), paid)
        self.other = self._fitted(self.other, wanted, trajectory, did, theirs)

    def _wanted(self) -> Tensor:
        return torch.softmax(self.other / self._temperature, -1)

    def _fitted(
        self, critic: Tensor, policy: Tensor, trajectory: Trajectory, action: Tensor, reward: Tensor
    ) -> Tensor:
        tables = list(critic.unbind(1))
        ahead = torch.zeros_like(reward[0])
        for t in reversed(range(len(reward))):
            playing = None if trajectory.playing is None else trajectory.playing[t].to(reward.dtype)
            index = trajectory.seen[t] * critic.shape[3] + action[t]
            target = reward[t] + self._discount * ahead
            tables[t] = fitted(tables[t], index, target, playing, self._memory)
            ahead = cells((policy[:, t] * tables[t]).sum(-1), trajectory.seen[t])
            if playing is not None:
                ahead = ahead * playing
        return torch.stack(tables, 1)

    def state_dict(self) -> dict[str, Tensor]:
        return {"critic": self.own, "critic_of_other": self.other}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.own, self.other = state["critic"].clone(), state["critic_of_other"].clone()


class NetCritics(Critics):
    """A net of what the chair sees and of the time left: both values and, for `actions`, Q(s, b) of the other's.

    All are fitted to returns with lambda 0.9, the other's to both its value and Q of what it did. So its value is
    that of what it does, whether or not it chooses by softmax(Q / temperature).
    """

    def __init__(self, net: FittedNet, discount: float, actions: int = 0, temperature: float = 1.0):
        self.net, self._discount, self._actions, self._temperature = net, discount, actions, temperature

    def judge(self, trajectory: Trajectory) -> CriticValues:
        own, others, *worth = self.net.values(trajectory.seen).unbind(-1)
        if not worth:
            return CriticValues(own, others)
        wanted = torch.softmax(torch.stack(worth, -1) / self._temperature, -1)
        return CriticValues(own, others, wanted.gather(-1, trajectory.others[:, :, 0, :, None])[..., 0])

    def fit(self, trajectory: Trajectory, judged: CriticValues, paid: Tensor, theirs: Tensor) -> None:
        own = lambda_returns(paid, judged.value, self._discount, trajectory.playing)
        others = lambda_returns(theirs, judged.value_of_others, self._discount, trajectory.playing)
        target, known = torch.stack((own, others), -1), None
        if self._actions:
            did = one_hot(trajectory.others[:, :, 0], self._actions)
            target = torch.cat((target, others[..., None].expand(did.shape)), -1)
            known = torch.cat((torch.ones_like(did[..., :2]), did), -1)
        self.net.fit(trajectory.seen, target, trajectory.playing, known)

    def state_dict(self) -> dict[str, Tensor]:
        return {f"critic_{name}": value for name, value in self.net.state_dict().items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        prefix = "critic_"
        self.net.load_state_dict(
            {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        )
