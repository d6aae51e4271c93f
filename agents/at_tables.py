"""Some of the tables of each chair: what a player sees that sits at those alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from .agent import Agent, Observation, Round, check_declared


@dataclass(frozen=True)
class Tables:
    """For each place of a chair the table where it is [chair, place]."""

    index: Tensor
    taken: Tensor | None = None
    """Places that are at a table, bool [chair, place]; None: all. What others see is what some table sees."""

    def take(self, values: Tensor, dim: int = 1) -> Tensor:
        """Values [chair, ..., table, ...] at these tables, which are the dimension `dim`."""
        chairs, places = self.index.shape
        shape = [*values.shape[:dim], places, *values.shape[dim + 1 :]]
        view = [chairs, *[1] * (dim - 1), places, *[1] * (values.dim() - dim - 1)]
        return values.gather(dim, self.index.view(view).expand(shape))


class ObservationAt(Observation):
    """An observation at some of the tables."""

    def __init__(self, whole: Observation, tables: Tables):
        self.episode, self.round = whole.episode, whole.round
        self._whole, self._tables = whole, tables

    @cached_property
    def features(self) -> Tensor | None:
        features = self._whole.features
        return None if features is None else self._tables.take(features)

    @cached_property
    def action_mask(self) -> Tensor | None:
        mask = self._whole.action_mask
        return None if mask is None else self._tables.take(mask)

    @cached_property
    def playing(self) -> Tensor | None:
        playing, taken = self._whole.playing, self._tables.taken
        if playing is None:
            return taken
        here = self._tables.take(playing)
        return here if taken is None else here & taken


class RoundAt(Round):
    """A round at some of the tables, as `agent` sees it."""

    def __init__(self, whole: Round, tables: Tables, agent: Agent):
        self._whole, self._tables, self._agent = whole, tables, agent

    @cached_property
    def own(self) -> Tensor:
        return self._tables.take(self._whole.own)

    @cached_property
    def others(self) -> Tensor:
        check_declared(self._agent, "others_actions")
        return self._tables.take(self._whole.others, 2)

    @property
    def degree(self) -> Tensor | None:
        return self._whole.degree

    @cached_property
    def reward(self) -> Tensor:
        return self._tables.take(self._whole.reward)

    @cached_property
    def others_reward(self) -> Tensor:
        check_declared(self._agent, "others_rewards")
        return self._tables.take(self._whole.others_reward, 2)

    @cached_property
    def public(self) -> Mapping[str, Tensor]:
        check_declared(self._agent, "public")
        return {name: self._tables.take(told) for name, told in self._whole.public.items()}
