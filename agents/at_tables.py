"""Some of the tables of each chair, or groups of them: what a player sees that sits there alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from ..envs.chance import Chance
from .agent import Agent, Chairs, Observation, Round, check_declared


class Part(ABC):
    """A part of the tables of chairs, which may stand for chairs of its own."""

    taken: Tensor | None = None
    """Places that are at a table, bool [chair, place]; None: all. What others see is what some table sees."""

    @abstractmethod
    def take(self, values: Tensor, dim: int = 1) -> Tensor:
        """Values [chair, ..., table, ...] of the part, whose tables are the dimension `dim`."""

    def of_chairs(self, values: Tensor) -> Tensor:
        """Values [chair] of the part's chairs."""
        return values


@dataclass(frozen=True)
class Tables(Part):
    """For each place of a chair the table where it is [chair, place]."""

    index: Tensor
    taken: Tensor | None = None

    def take(self, values: Tensor, dim: int = 1) -> Tensor:
        chairs, places = self.index.shape
        shape = [*values.shape[:dim], places, *values.shape[dim + 1 :]]
        view = [chairs, *[1] * (dim - 1), places, *[1] * (values.dim() - dim - 1)]
        return values.gather(dim, self.index.view(view).expand(shape))


@dataclass(frozen=True)
class Groups(Part):
    """The tables of each chair in so many groups of neighbours, each of them a chair [chair * group, table]."""

    count: int

    def take(self, values: Tensor, dim: int = 1) -> Tensor:
        grouped = values.reshape(*values.shape[:dim], self.count, -1, *values.shape[dim + 1 :])
        return grouped.movedim(dim, 1).flatten(0, 1)

    def of_chairs(self, values: Tensor) -> Tensor:
        return values.repeat_interleave(self.count, 0)

    def chairs(self, whole: Chairs, agent: Agent) -> Chairs:
        """The chairs that they are, for an agent; each group is a match of its own."""
        group = torch.arange(self.count, device=whole.device).repeat(whole.shape[0])
        return replace(
            whole.of(agent, Chance(self.take(whole.chance.keys))),
            seat=self.of_chairs(whole.seat),
            _match=self.of_chairs(whole.match) * self.count + group,
        )


class ObservationAt(Observation):
    """An observation at some of the tables, as `agent` sees it."""

    def __init__(self, whole: Observation, part: Part, agent: Agent):
        self.episode, self.round = whole.episode, whole.round
        self._whole, self._part, self._agent = whole, part, agent

    @cached_property
    def features(self) -> Tensor | None:
        features = self._whole.features
        return None if features is None else self._part.take(features)

    @cached_property
    def others_features(self) -> Tensor | None:
        check_declared(self._agent, "others_observations")
        features = self._whole.others_features
        return None if features is None else self._part.take(features, 2)

    @cached_property
    def action_mask(self) -> Tensor | None:
        mask = self._whole.action_mask
        return None if mask is None else self._part.take(mask)

    @cached_property
    def playing(self) -> Tensor | None:
        playing, taken = self._whole.playing, self._part.taken
        if playing is None:
            return taken
        here = self._part.take(playing)
        return here if taken is None else here & taken


class RoundAt(Round):
    """A round at some of the tables, as `agent` sees it."""

    def __init__(self, whole: Round, part: Part, agent: Agent):
        self._whole, self._part, self._agent = whole, part, agent

    @cached_property
    def own(self) -> Tensor:
        return self._part.take(self._whole.own)

    @cached_property
    def others(self) -> Tensor:
        check_declared(self._agent, "others_actions")
        return self._part.take(self._whole.others, 2)

    @property
    def degree(self) -> Tensor | None:
        degree = self._whole.degree
        return None if degree is None else self._part.of_chairs(degree)

    @cached_property
    def reward(self) -> Tensor:
        return self._part.take(self._whole.reward)

    @cached_property
    def others_reward(self) -> Tensor:
        check_declared(self._agent, "others_rewards")
        return self._part.take(self._whole.others_reward, 2)

    @cached_property
    def public(self) -> Mapping[str, Tensor]:
        check_declared(self._agent, "public")
        return {name: self._part.take(told) for name, told in self._whole.public.items()}
