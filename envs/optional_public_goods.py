"""Optional public goods: who would rather not play the public goods game lives on a small income of its own."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations_with_replacement
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from .environment import Discrete, Rounds, State
from .public_goods import Amount
from .repeated import SimultaneousGame

CONTRIBUTE, DEFECT, STAY_OUT, PUNISH = range(4)


class OptionalPublicGoods(SimultaneousGame):
    """Members of a group contribute, defect, or stay out; with `punishers` some also fine defectors.

    Action 0 contributes, 1 defects, 2 stays out as a loner, 3 contributes and punishes. With S who take part and g
    of them who contribute,
        a defector earns     multiplier cost g / S - fine * (punishers),
        a contributor        multiplier cost g / S - cost,
        a punisher           multiplier cost g / S - cost - fee * (defectors),
        a loner              alone, as does who takes part with nobody else.
    With 2 < multiplier < N and 0 < alone < (multiplier - 1) cost, defectors gain where contributors prevail,
    loners where defectors do, and contributors among loners. Cooperation counts action 0; measures:
    `contribution`, `participation`.
    """

    source: ClassVar[str] = "Hauert, De Monte, Hofbauer and Sigmund 2002; punishers as in Hauert et al. 2007"

    rounds: Rounds = Field(1, description="rounds of a match, or the most there can be with `continuation`")
    players: int = Field(5, ge=2, le=20, description="how many are asked to play")
    cost: Amount = Field(1.0, description="what a contribution costs")
    multiplier: Amount = Field(3.0, description="factor by which the pot is multiplied before it is shared")
    alone: float = Field(1.0, allow_inf_nan=False, description="income of a loner")
    punishers: bool = Field(False, description="whether one can also contribute and punish")
    fine: float = Field(1.0, ge=0, allow_inf_nan=False, description="cost to a defector of each punisher")
    fee: float = Field(0.3, ge=0, allow_inf_nan=False, description="cost to a punisher of each defector")

    @property
    def seats(self) -> int:
        return self.players

    @property
    def optimum(self) -> float:
        """The largest mean payoff of a player in a round."""
        return float(self._all().mean(1).max())

    @property
    def extremes(self) -> tuple[float, float]:
        payoffs = self._all()
        return float(payoffs.min()), float(payoffs.max())

    def actions(self, seat: int) -> Discrete:
        return Discrete(4 if self.punishers else 3)

    def rules(self, device: torch.device) -> Mapping[str, Tensor]:
        return {}

    def rewards(self, executed: Tensor, state: State) -> Tensor:
        return self._paid(executed)

    def measures(self, executed: Tensor, reward: Tensor, state: State) -> Mapping[str, Tensor]:
        return {"contribution": _gives(executed).double(), "participation": (executed != STAY_OUT).double()}

    def _paid(self, executed: Tensor) -> Tensor:
        """Payoffs of actions [match, seat, table]."""
        gives, defects, punishes = _gives(executed), executed == DEFECT, executed == PUNISH
        taking_part = executed != STAY_OUT
        number = taking_part.sum(1, keepdim=True)
        share = self.multiplier * self.cost * gives.sum(1, keepdim=True).double() / number.clamp(min=1)
        fines = self.fine * punishes.sum(1, keepdim=True) * defects
        fees = self.fee * defects.sum(1, keepdim=True) * punishes
        return torch.where(taking_part & (number > 1), share - self.cost * gives - fines - fees, self.alone)

    def _all(self) -> Tensor:
        """Payoffs [group, seat, 1] of all compositions of a group."""
        every = list(combinations_with_replacement(range(self.actions(0).n), self.players))
        return self._paid(torch.tensor(every)[..., None])


def _gives(executed: Tensor) -> Tensor:
    return (executed == CONTRIBUTE) | (executed == PUNISH)
