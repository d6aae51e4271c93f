"""Public goods games: give to a pot that grows and is shared by all, whoever gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from .environment import Discrete, State
from .repeated import SimultaneousGame

Amount = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class PublicGoods(SimultaneousGame):
    """Everybody keeps what it does not give; the pot is multiplied and shared equally.

    A player that gives c_i earns
        endowment - c_i + multiplier / N * (c_1 + ... + c_N).
    Action 0 gives the whole endowment, the last action nothing, the others lie evenly between. With a
    `threshold` the pot pays only if contributions reach it, and what was given is lost if not. Without one it
    is a dilemma if 1 < multiplier < N; multiplier / N is the marginal return on a contribution (MPCR).
    """

    source: ClassVar[str] = "Isaac and Walker 1988; parameters of Fehr and Gächter 2000"

    players: int = Field(4, ge=2, description="how many play")
    endowment: Amount = Field(20.0, description="what everybody has in a round")
    multiplier: Amount = Field(1.6, description="how much the pot grows before it is shared")
    levels: int = Field(2, ge=2, description="how many amounts one can give, from all to nothing")
    threshold: Amount | None = Field(None, description="total contributions below which the pot is lost")

    @property
    def seats(self) -> int:
        return self.players

    @property
    def optimum(self) -> float:
        """The largest mean payoff of a player in a round, over what is given in total."""
        given = torch.arange(self.players * (self.levels - 1) + 1)
        return float((self.endowment - self._amount(given) / self.players + self._share(given)).max())

    @property
    def extremes(self) -> tuple[float, float]:
        top = self.levels - 1
        others = torch.arange((self.players - 1) * top + 1)
        ends = [
            self.endowment - self._amount(own) + self._share(others + own) for own in torch.arange(self.levels)
        ]
        payoffs = torch.stack(ends)
        return float(payoffs.min()), float(payoffs.max())

    def actions(self, seat: int) -> Discrete:
        return Discrete(self.levels)

    def rules(self, device: torch.device) -> Mapping[str, Tensor]:
        return {"optimum": torch.tensor(self.optimum, dtype=torch.float64, device=device)}

    def rewards(self, done: Tensor, state: State) -> Tensor:
        given = self.levels - 1 - done
        return self.endowment - self._amount(given) + self._share(given.sum(1, keepdim=True))

    def measures(self, done: Tensor, reward: Tensor, state: State) -> Mapping[str, Tensor]:
        """`contribution`: the share of the endowment given. `efficiency`: the table's earnings over the most
        it could earn."""
        contribution = (self.levels - 1 - done).double() / (self.levels - 1)
        efficiency = (reward.mean(1, keepdim=True) / state.tensors["optimum"]).expand_as(reward)
        return {"contribution": contribution, "efficiency": efficiency}

    def _amount(self, given: Tensor) -> Tensor:
        """What `given` steps of the endowment are worth."""
        return given.double() * self.endowment / (self.levels - 1)

    def _share(self, total: Tensor) -> Tensor:
        """Everybody's share of a pot into which `total` steps were given."""
        share = self._amount(total) * self.multiplier / self.players
        if self.threshold is None:
            return share
        # Compared in steps: thirds of an endowment must add up to the whole.
        return share * (total.double() * self.endowment >= self.threshold * (self.levels - 1))
