"""What a learner keeps of an episode, and the samples that it learns from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property

import torch
from torch import Tensor

from ...agent import Observation, Round


class Trajectory:
    """One episode of some chairs, round by round; each field is stacked when it is first read."""

    def __init__(self, episode: int = 0, needs: frozenset[str] = frozenset()):
        self.episode = episode
        self._needs = needs
        self._seen: list[Tensor] = []
        self._action: list[Tensor] = []
        self._mask: list[Tensor | None] = []
        self._playing: list[Tensor | None] = []
        self._reward: list[Tensor] = []
        self._own: list[Tensor] = []
        self._others: list[Tensor] = []
        self._others_reward: list[Tensor] = []

    def __len__(self) -> int:
        return len(self._reward)

    def act(self, seen: Tensor, action: Tensor, observation: Observation) -> None:
        """Keep what was seen and chosen in a round."""
        self._seen.append(seen)
        self._action.append(action)
        self._mask.append(observation.action_mask)
        self._playing.append(observation.playing)

    def observe(self, round: Round) -> None:
        """Keep what came of it."""
        self._reward.append(round.reward)
        self._own.append(round.own.clone())  # the arena may write the next round's actions where these stand
        self._others.append(round.others.clone())
        if "others_rewards" in self._needs:
            self._others_reward.append(round.others_reward)

    @cached_property
    def seen(self) -> Tensor:
        """States int64 [round, chair, table], or features [round, chair, table, input]."""
        return torch.stack(self._seen[: len(self)])

    @cached_property
    def action(self) -> Tensor:
        """What was chosen [round, chair, table]."""
        return torch.stack(self._action[: len(self)])

    @cached_property
    def own(self) -> Tensor:
        """What was done, after noise [round, chair, table]."""
        return torch.stack(self._own)

    @cached_property
    def others(self) -> Tensor:
        """What the others were seen to do [round, chair, other, table]."""
        return torch.stack(self._others)

    @cached_property
    def reward(self) -> Tensor:
        """What the environment paid, float64 [round, chair, table]."""
        return torch.stack(self._reward)

    @cached_property
    def others_reward(self) -> Tensor:
        """What it paid the others [round, chair, other, table]; for agents that need `others_rewards`."""
        return torch.stack(self._others_reward)

    @cached_property
    def mask(self) -> Tensor | None:
        """Allowed actions [round, chair, table, action]; None where everything is allowed."""
        masks = [mask for mask in self._mask[: len(self)] if mask is not None]
        return torch.stack(masks) if masks else None

    @cached_property
    def playing(self) -> Tensor | None:
        """Whether the round was played, bool [round, chair, table]; None where all were."""
        still = [playing for playing in self._playing[: len(self)] if playing is not None]
        return torch.stack(still) if still else None


@dataclass(frozen=True)
class Samples:
    """What a loss is made of; every tensor is [sample, chair, table, ...]."""

    seen: Tensor
    action: Tensor
    advantage: Tensor
    """Summed over the plays that a sample stands for; 0 where there are none."""
    target: Tensor
    """Of the value: their mean."""
    weight: Tensor | None = None
    """How many plays it stands for; 0 where a round was not played. None: one each."""
    mask: Tensor | None = None
    """Allowed actions [sample, chair, table, action]."""
    scatter: Tensor | None = None
    """The variance of the targets of those plays; None: 0."""

    @property
    def count(self) -> Tensor:
        """Plays of each chair [chair]."""
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
        return self.mean(error if self.scatter is None else error + self.scatter)

    def at_tables(self, tables: Tensor) -> Samples:
        """Those at some tables of each chair, int64 [chair, table]."""

        def take(values: Tensor) -> Tensor:
            index = tables.view(1, *tables.shape, *[1] * (values.dim() - 3))
            return values.gather(2, index.expand(len(values), *tables.shape, *values.shape[3:]))

        return self._each(take)

    def condensed(self, states: int, actions: int) -> Samples:
        """The same for a policy of `states` alone: two samples for each state and action of a chair.

        Positive advantages are summed in one, negative ones in the other. Losses that are sums of f(s, a) A, of
        min(ratio A, clip(ratio) A) or of (V(s) - target)^2 keep their value: the ratio depends on s and a only,
        and the sign of A says which bound counts.
        Returned as [2 actions, chair, state].
        """
        assert self.mask is None
        chairs = self.seen.shape[1]
        first = torch.arange(chairs, device=self.seen.device)[:, None] * states
        cell = (self.seen + first).mul_(actions).add_(self.action).flatten()
        size = chairs * states * actions

        def total(values: Tensor | None) -> Tensor:
            summed = torch.bincount(cell, None if values is None else values.flatten(), size)
            return summed.view(chairs, states, actions).movedim(2, 0).to(self.target.dtype)

        weight, gain, net = total(self.weight), total(self.advantage.clamp(min=0)), total(self.advantage)
        plays = weight.clamp(min=1)
        targets = self.target if self.weight is None else self.target * self.weight
        target = total(targets) / plays
        scatter = total(targets * self.target) / plays - target**2
        seen = torch.arange(states, device=cell.device).expand(2 * actions, chairs, states)
        action = torch.arange(actions, device=cell.device).repeat(2)[:, None, None].expand_as(seen)
        return Samples(
            seen=seen,
            action=action,
            advantage=torch.cat((gain, net - gain)),
            target=target.repeat(2, 1, 1),
            weight=torch.cat((weight, torch.zeros_like(weight))),
            scatter=scatter.repeat(2, 1, 1),
        )

    def to(self, dtype: torch.dtype) -> Samples:
        """With numbers of another precision."""
        return self._each(lambda values: values.to(dtype) if values.is_floating_point() else values)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Samples:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: change(value) for name, value in given.items() if value is not None})
