"""The ecological process: an infinite population, in which an agent's share grows with what it earns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from .evolution import Diary, Evolution, Fitness, Tell
from .pools import Pools

if TYPE_CHECKING:
    from ..plan import Plan, Problem


class Ecological(Evolution, Fitness):
    """From one generation to the next, each share x is multiplied by fitness over mean fitness: x f / sum(x f).

    Payoffs are means over shares, its own agent's included. Each replicate has a tournament of its own, of as many
    matches a cast as there are `repetitions`, whose payoffs stay the same for all its generations. Nothing else
    is left to chance. Axelrod 1980; Taylor and Jonker 1978.
    """

    fitness: Literal["linear", "exponential"] = Field(
        "linear",
        description="what a payoff p per round is worth: 1 - s + s p, or e^(s p), s being `selection`",
    )
    repetitions: int = Field(1, ge=1, le=1_000_000, description="matches of each cast that has to be played")

    @property
    def highest(self) -> int:
        return self.repetitions * self.replicates

    @property
    def asks_again(self) -> bool:
        return False

    def evolve(self, plan: Plan, pools: Pools, diary: Diary, tell: Tell) -> None:
        pools.ask_for(self.highest)
        begins = np.arange(self.replicates) * self.repetitions
        payoff, cooperation = np.stack(
            [pools.means(begin, begin + self.repetitions) for begin in begins.tolist()], axis=1
        )
        share = np.tile(self.shares(plan), (self.replicates, 1))
        replicate = np.arange(self.replicates)
        for generation in range(self.generations + 1):
            tell(generation, self.generations)
            earned = np.stack([np.einsum("rab,rb->ra", each, share) for each in (payoff, cooperation)])
            if generation % self.every == 0 or generation == self.generations:
                diary.write(generation, replicate, np.full(self.replicates, generation), share, earned)
            share = self.weights(share, earned[0])
            share /= share.sum(axis=1, keepdims=True)

    def problems(self, plan: Plan) -> Iterator[Problem]:
        yield from super().problems(plan)
        yield from self.negative(plan)
