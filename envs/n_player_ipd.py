"""The prisoner's dilemma of N players: a payoff depends on how many others cooperate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor

from .environment import Discrete, State
from .repeated import SimultaneousGame

Payoffs: TypeAlias = Annotated[
    tuple[Annotated[float, Field(allow_inf_nan=False)], ...] | None, Field(strict=False)
]


class NPlayerIPD(SimultaneousGame):
    """Defection pays whatever the others do, and all would be better off if all cooperated.

    With k other cooperators a cooperator earns cooperate[k] and a defector defect[k], by default 2k and
    2k + 1 (a Schelling diagram). It is a dilemma if defect[k] > cooperate[k] for every k and
    cooperate[N - 1] > defect[0].
    """

    source: ClassVar[str] = "Schelling 1973; payoffs of three players as in pax"

    players: int = Field(3, ge=2, le=1000, description="how many play")
    cooperate: Payoffs = Field(None, description="a cooperator's payoff with 0 .. N-1 other cooperators; 2k")
    defect: Payoffs = Field(None, description="a defector's payoff with 0 .. N-1 other cooperators; 2k + 1")

    @model_validator(mode="after")
    def _is_a_dilemma(self) -> Self:
        for name, given in (("cooperate", self.cooperate), ("defect", self.defect)):
            if given is not None and len(given) != self.players:
                raise ValueError(
                    f"`{name}` needs a payoff for each of 0 to {self.players - 1} other cooperators "
                    f"({self.players} numbers), found {len(given)}"
                )
        cooperate, defect = self.payoffs.tolist()
        for others, (if_c, if_d) in enumerate(zip(cooperate, defect, strict=True)):
            if if_d <= if_c:
                raise ValueError(
                    "in a dilemma defection pays more whatever the others do; "
                    f"with {others} other cooperators cooperation earns {if_c:g} and defection {if_d:g}"
                )
        if cooperate[-1] <= defect[0]:
            raise ValueError(
                "in a dilemma all are better off if all cooperate; "
                f"all cooperating earns {cooperate[-1]:g} and all defecting {defect[0]:g}"
            )
        return self

    @property
    def payoffs(self) -> NDArray[np.float64]:
        """[own action, other cooperators]."""
        others = range(self.players)
        cooperate = self.cooperate or [2 * k for k in others]
        defect = self.defect or [2 * k + 1 for k in others]
        return np.array([cooperate, defect], dtype=np.float64)

    @property
    def seats(self) -> int:
        return self.players

    @property
    def optimum(self) -> float:
        """The largest mean payoff of a player in a round, over how many cooperate."""
        cooperators = np.arange(self.players + 1)
        total = np.zeros(self.players + 1)
        total[1:] += cooperators[1:] * self.payoffs[0]
        total[:-1] += (self.players - cooperators[:-1]) * self.payoffs[1]
        return float(total.max() / self.players)

    @property
    def extremes(self) -> tuple[float, float]:
        return float(self.payoffs.min()), float(self.payoffs.max())

    def actions(self, seat: int) -> Discrete:
        return Discrete(2)

    def rules(self, device: torch.device) -> Mapping[str, Tensor]:
        return {"payoffs": torch.as_tensor(self.payoffs, device=device).flatten()}

    def rewards(self, executed: Tensor, state: State) -> Tensor:
        cooperates = 1 - executed
        others = cooperates.sum(1, keepdim=True) - cooperates
        return state.tensors["payoffs"][executed * self.players + others]
