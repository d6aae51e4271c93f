"""Zero-determinant strategies: memory one, chosen so that long-run payoffs obey a linear relation.

With the strategy's own payoffs X = (R, S, T, P) after CC, CD, DC, DD and the other's Y = (R, T, S, P),

    p = (1, 1, 0, 0) + phi [(X - kappa) - chi (Y - kappa)]

enforces s_X - kappa = chi (s_Y - kappa) against every opponent, and

    p = (1, 1, 0, 0) - phi (Y - kappa)

sets s_Y = kappa. Press and Dyson 2012, PNAS 109:10409; the baseline kappa after Hilbe, Nowak and Traulsen 2013,
PLoS ONE 8:e77886. All of them open with C.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from ..envs.matrix_game import FourNumbers
from .automaton import Automaton, AutomatonAgent
from .memory_one import memory_one

Direction = NDArray[np.float64]
Chi = Annotated[float, Field(ge=1, allow_inf_nan=False)]

_COOPERATED = np.array([1.0, 1.0, 0.0, 0.0])
_ROUNDING = 1e-9


def relating(chi: float, kappa: float, payoffs: FourNumbers) -> Direction:
    """(X - kappa) - chi (Y - kappa) after CC, CD, DC, DD; `payoffs` are [R, S, T, P]."""
    r, s, t, p = payoffs
    return np.array([r, s, t, p]) - kappa - chi * (np.array([r, t, s, p]) - kappa)


def setting(kappa: float, payoffs: FourNumbers) -> Direction:
    """kappa - Y after CC, CD, DC, DD; `payoffs` are [R, S, T, P]."""
    r, s, t, p = payoffs
    return kappa - np.array([r, t, s, p])


def largest_phi(direction: Direction) -> float:
    """The largest phi with which (1, 1, 0, 0) + phi * direction are probabilities; 0 if there is none."""
    leaves = np.where(_COOPERATED == 1, direction > _ROUNDING, direction < -_ROUNDING)
    return 0.0 if leaves.any() else 1 / float(np.abs(direction).max())


class ZeroDeterminantAgent(AutomatonAgent):
    """An agent with p = (1, 1, 0, 0) + phi * direction; a subclass defines the direction."""

    default_share: ClassVar[float]
    """The default phi, as a fraction of the largest feasible one."""

    phi: Annotated[float, Field(gt=0)] | None = Field(
        None, description="strength of the reaction, above 0; by default a fraction of the largest feasible one"
    )
    payoffs: FourNumbers = Field((3, 0, 5, 1), description="[R, S, T, P] of the game it is meant for")

    @abstractmethod
    def direction(self) -> Direction:
        """The direction, by outcome CC, CD, DC, DD."""

    @model_validator(mode="after")
    def _is_feasible(self) -> Self:
        largest = largest_phi(self.direction())
        if not largest:
            raise ValueError(f"no phi is feasible: the baseline must lie between P and R of {self.payoffs}")
        if self.phi is not None and self.phi > largest * (1 + _ROUNDING):
            raise ValueError(f"phi must be above 0 and at most {largest:.6g} here, found {self.phi:g}")
        return self

    def automaton(self) -> Automaton:
        direction = self.direction()
        phi = self.default_share * largest_phi(direction) if self.phi is None else self.phi
        return memory_one(1, *np.clip(_COOPERATED + phi * direction, 0, 1))


class ZeroDeterminant(ZeroDeterminantAgent):
    """Enforces s_X - kappa = chi (s_Y - kappa), for any slope chi and baseline kappa."""

    source: ClassVar[str] = "Press and Dyson 2012; Hilbe, Nowak and Traulsen 2013"
    default_share: ClassVar[float] = 0.5
    chi: Chi = Field(description="its own surplus over kappa, in units of the other's; 1 or more", examples=[2.0])
    kappa: float = Field(
        description="the baseline, between P and R: P for extortion, R for generosity", examples=[1.0]
    )

    def direction(self) -> Direction:
        return relating(self.chi, self.kappa, self.payoffs)


class Extortion(ZeroDeterminantAgent):
    """Extortion: its surplus over mutual defection is chi times the other's: s_X - P = chi (s_Y - P).

    With chi = 2 it is EXTORT-2, p = (8/9, 1/2, 1/3, 0); chi = 3 gives (11/13, 1/2, 7/26, 0).
    """

    source: ClassVar[str] = "Press and Dyson 2012 (phi in the middle of its range); Stewart and Plotkin 2012"
    default_share: ClassVar[float] = 0.5
    chi: Chi = Field(2.0, description="the extortion factor, 1 or more")

    def direction(self) -> Direction:
        return relating(self.chi, self.payoffs[3], self.payoffs)


class ZDGenerous(ZeroDeterminantAgent):
    """Generosity: its loss below mutual cooperation is chi times the other's: s_X - R = chi (s_Y - R).

    With chi = 2 it is ZDGTFT-2, p = (1, 1/8, 1, 1/4).
    """

    source: ClassVar[str] = "Stewart and Plotkin 2012 (ZDGTFT-2, the largest phi)"
    default_share: ClassVar[float] = 1.0
    chi: Chi = Field(2.0, description="its own loss, in units of the other's; 1 or more")

    def direction(self) -> Direction:
        return relating(self.chi, self.payoffs[0], self.payoffs)


class ZDSet(ZeroDeterminantAgent):
    """Sets the other's payoff, whatever it does: s_Y = target.

    With target 2 it is ZDSET-2, p = (3/4, 1/4, 1/2, 1/4).
    """

    source: ClassVar[str] = "Press and Dyson 2012; Boerlijst, Nowak and Sigmund 1997 (equalizers)"
    default_share: ClassVar[float] = 0.75
    target: float = Field(2.0, description="the other's payoff, between P and R")

    def direction(self) -> Direction:
        return setting(self.target, self.payoffs)
