"""The trajectory of an episode, and the samples that a learner's loss is computed from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property

import torch
from torch import Tensor

from ...agent import Observation, Round
from ..nets.histories import Histories


class Trajectory:
    """One episode on some chairs, recorded round by round; a field is stacked when it is first read."""

    def __init__(self, episode: int = 0, needs: frozenset[str] = frozenset()):
        self.episode = episode
        self._needs = needs
        self._encoded: list[Tensor] = []
        self._action: list[Tensor] = []
        self._mask: list[Tensor | None] = []
        self._playing: list[Tensor | None] = []
        self._reward: list[Tensor] = []
        self._own: list[Tensor] = []
        self._others: list[Tensor] = []
        self._others_reward: list[Tensor] = []

    def __len__(self) -> int:
        return len(self._reward)

    def act(self, encoded: Tensor, action: Tensor, observation: Observation) -> None:
        """Record the encoded observation and the action of a round."""
        self._encoded.append(encoded)
        self._action.append(action)
        self._mask.append(observation.action_mask)
        self._playing.append(observation.playing)

    def observe(self, round: Round) -> None:
        """Record the outcome of the round."""
        self._reward.append(round.reward)
        self._own.append(round.own.clone())  # the arena may write the next round's actions where these stand
        self._others.append(round.others.clone())
        if "others_rewards" in self._needs:
            self._others_reward.append(round.others_reward)

    @cached_property
    def encoded(self) -> Tensor:
        """Encoded observations: states int64 [round, chair, table], or features [round, chair, table, input].

        Features are float32, or uint8 where the environment's are.
        """
        return _stacked(self._encoded, len(self))

    @cached_property
    def action(self) -> Tensor:
        """Chosen actions [round, chair, table]."""
        return torch.stack(self._action[: len(self)])

    @cached_property
    def own(self) -> Tensor:
        """Executed actions, after noise [round, chair, table]."""
        return torch.stack(self._own)

    @cached_property
    def others(self) -> Tensor:
        """The others' actions as observed [round, chair, other, table]."""
        return torch.stack(self._others)

    @cached_property
    def reward(self) -> Tensor:
        """Rewards from the environment, float64 [round, chair, table]."""
        return torch.stack(self._reward)

    @cached_property
    def others_reward(self) -> Tensor:
        """The others' rewards [round, chair, other, table], for agents that need `others_rewards`."""
        return torch.stack(self._others_reward)

    @cached_property
    def mask(self) -> Tensor | None:
        """Allowed actions [round, chair, table, action]; None where all are allowed."""
        masks = [mask for mask in self._mask[: len(self)] if mask is not None]
        return torch.stack(masks) if masks else None

    @cached_property
    def playing(self) -> Tensor | None:
        """Whether the round was played, bool [round, chair, table]; None if all were."""
        still = [playing for playing in self._playing[: len(self)] if playing is not None]
        return torch.stack(still) if still else None


def _stacked(values: list[Tensor], rounds: int) -> Tensor:
    """The first `rounds` values as one tensor [round, ...]; the list is emptied, so that no two copies stand."""
    whole = values[0].new_empty(rounds, *values[0].shape)
    for row in whole:
        row.copy_(values.pop(0))
    values.clear()
    return whole


@dataclass(frozen=True)
class Samples:
    """The samples of a loss; every tensor is [sample, chair, table, ...]. A sample may stand for several plays."""

    encoded: Tensor | Histories
    action: Tensor
    advantage: Tensor
    """The sum of advantages over the plays of the sample; 0 if it has none."""
    target: Tensor
    """The mean value target over those plays."""
    weight: Tensor | None = None
    """The number of plays of the sample; 0 where a round was not played. None: 1 for each."""
    mask: Tensor | None = None
    """Allowed actions [sample, chair, table, action]."""
    target_variance: Tensor | None = None
    """The variance of the value targets over those plays; None: 0."""

    @property
    def count(self) -> Tensor:
        """The number of plays of each chair [chair]."""
        if self.weight is None:
            rounds, chairs, tables = self.action.shape
            return self.target.new_full((chairs,), rounds * tables)
        return self.weight.sum((0, 2)).clamp(min=1)

    def mean(self, values: Tensor) -> Tensor:
        """Mean over a chair's plays [chair] of values [sample, chair, table]."""
        return (values if self.weight is None else values * self.weight).sum((0, 2)) / self.count

    def squared_error(self, value: Tensor) -> Tensor:
        """Mean of (value - target)^2 over a chair's plays [chair]."""
        error = (value - self.target) ** 2
        return self.mean(error if self.target_variance is None else error + self.target_variance)

    def at_tables(self, tables: Tensor) -> Samples:
        """The samples of a subset of each chair's tables, int64 [chair, table]."""

        def take(values: Tensor) -> Tensor:
            index = tables.view(1, *tables.shape, *[1] * (values.dim() - 3))
            return values.gather(2, index.expand(len(values), *tables.shape, *values.shape[3:]))

        return self._each(take)

    def aggregated(self, states: int, actions: int) -> Samples:
        """Aggregate samples over `states`: two for each state and action, as [2 actions, chair, state].

        One sums positive advantages, the other negative ones. Losses that are sums of f(s, a) A, of
        min(ratio A, clip(ratio) A) or of (V(s) - target)^2 keep their value: the ratio depends on s and a only,
        and the sign of A determines which bound applies.
        """
        assert self.mask is None
        assert isinstance(self.encoded, Tensor)
        chairs = self.encoded.shape[1]
        first = torch.arange(chairs, device=self.encoded.device)[:, None] * states
        cell = (self.encoded + first).mul_(actions).add_(self.action).flatten()
        size = chairs * states * actions

        def total(values: Tensor | None) -> Tensor:
            summed = torch.bincount(cell, None if values is None else values.flatten(), size)
            return summed.view(chairs, states, actions).movedim(2, 0).to(self.target.dtype)

        weight, gain, net = total(self.weight), total(self.advantage.clamp(min=0)), total(self.advantage)
        plays = weight.clamp(min=1)
        targets = self.target if self.weight is None else self.target * self.weight
        target = total(targets) / plays
        target_variance = total(targets * self.target) / plays - target**2
        encoded = torch.arange(states, device=cell.device).expand(2 * actions, chairs, states)
        action = torch.arange(actions, device=cell.device).repeat(2)[:, None, None].expand_as(encoded)
        return Samples(
            encoded=encoded,
            action=action,
            advantage=torch.cat((gain, net - gain)),
            target=target.repeat(2, 1, 1),
            weight=torch.cat((weight, torch.zeros_like(weight))),
            target_variance=target_variance.repeat(2, 1, 1),
        )

    def aggregated_by_history(self, histories: Histories, actions: int) -> Samples:
        """Aggregate samples of which the policy is a function of `histories`, as [1, chair, sample].

        There is one for each history and action, and for each sign of advantages; see `aggregated`. Chairs with
        fewer have some of weight 0 at the end.
        """
        assert self.mask is None
        first, of_table = torch.from_numpy(histories.first), torch.from_numpy(histories.of_table)
        cell = ((of_table * actions + self.action) * 2 + (self.advantage < 0)).flatten()
        weight = None if self.weight is None else self.weight.flatten()
        plays = torch.bincount(cell, weight, 2 * actions * len(histories.state))
        kept = plays.nonzero()[:, 0]
        history = kept // (2 * actions)
        chair = torch.bucketize(history, first[1:, 0].contiguous(), right=True)
        counts = chair.bincount(minlength=len(first))
        place = torch.arange(len(kept)) - (counts.cumsum(0) - counts)[chair]

        def by_chair(values: Tensor, unused: Tensor) -> Tensor:
            whole = unused[:, None].repeat(1, int(counts.max()))
            whole[chair, place] = values.to(whole.dtype)
            return whole[None]

        def total(values: Tensor) -> Tensor:
            weighted = values.flatten() if weight is None else values.flatten() * weight
            return torch.bincount(cell, weighted.double(), len(plays))[kept]

        nothing = self.target.new_zeros(len(counts))
        target = total(self.target) / plays[kept]
        target_variance = total(self.target.double() ** 2) / plays[kept] - target**2
        return Samples(
            encoded=histories._replace(of_table=by_chair(history, first[:, 0]).numpy()),
            action=by_chair(kept // 2 % actions, torch.zeros_like(counts)),
            advantage=by_chair(total(self.advantage), nothing),
            target=by_chair(target, nothing),
            weight=by_chair(plays[kept], nothing),
            target_variance=by_chair(target_variance, nothing),
        )

    def to(self, dtype: torch.dtype) -> Samples:
        """Convert floating-point tensors to `dtype`."""
        return self._each(lambda values: values.to(dtype) if values.is_floating_point() else values)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Samples:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: change(value) for name, value in given.items() if isinstance(value, Tensor)})
