"""Public goods games: contribute to a pot that is multiplied and shared equally by all."""

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
    """Each player keeps what it does not contribute; the pot is multiplied and shared equally.

    A player that contributes c_i earns
        endowment - c_i + multiplier / N * (c_1 + ... + c_N).
    Action 0 contributes the whole endowment, the last action nothing, the others lie evenly between. With a
    `threshold` the pot pays only if contributions reach it; else they are lost. Without one it is a dilemma if 1
    < multiplier < N; multiplier / N is the marginal per capita return (MPCR).
    """

    source: ClassVar[str] = "Isaac and Walker 1988; parameters of Fehr and Gächter 2000"

    players: int = Field(4, ge=2, le=1000, description="how many play")
    endowment: Amount = Field(20.0, description="endowment of each player in a round")
    multiplier: Amount = Field(1.6, description="factor by which the pot is multiplied before it is shared")
    levels: int = Field(2, ge=2, description="number of possible contributions, from all to nothing")
    threshold: Amount | None = Field(None, description="total contributions below which the pot is lost")

    @property
    def seats(self) -> int:
        return self.players

    @property
    def optimum(self) -> float:
        """The largest mean payoff of a player in a round, over all total contributions."""
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

    def rewards(self, executed: Tensor, state: State) -> Tensor:
        given = self.levels - 1 - executed
        return self.endowment - self._amount(given) + self._share(given.sum(1, keepdim=True))

    def measures(self, executed: Tensor, reward: Tensor, state: State) -> Mapping[str, Tensor]:
        """`contribution`, a share of the endowment; `efficiency`, the table's earnings over their maximum."""
        contribution = (self.levels - 1 - executed).double() / (self.levels - 1)
        efficiency = (reward.mean(1, keepdim=True) / state.tensors["optimum"]).expand_as(reward)
        return {"contribution": contribution, "efficiency": efficiency}

    def _amount(self, given: Tensor) -> Tensor:
        """`given` steps of the endowment as an amount."""
        return given.double() * self.endowment / (self.levels - 1)

    def _share(self, total: Tensor) -> Tensor:
        """Each player's share of a pot of `total` steps."""
        share = self._amount(total) * self.multiplier / self.players
        if self.threshold is None:
            return share
        # Compared in steps: thirds of an endowment must add up to the whole.
        return share * (total.double() * self.endowment >= self.threshold * (self.levels - 1))
