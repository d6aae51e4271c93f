"""Two-player matrix games, repeated: any payoffs from 2x2 to KxK, with noise, misperception and a random end."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import cache
from typing import Annotated, ClassVar, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import (
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)
from torch import Tensor

from .chance import Chance, Purpose, threshold
from .environment import Discrete, Environment, Probability, State
from .repeated import SimultaneousGame

Row: TypeAlias = Annotated[tuple[float, ...], Field(strict=False, min_length=2)]
FourNumbers: TypeAlias = Annotated[tuple[float, float, float, float], Field(strict=False)]
Matrix: TypeAlias = Annotated[tuple[Row, ...], Field(strict=False, min_length=2)]
Bimatrix: TypeAlias = Annotated[tuple[Matrix, Matrix], Field(strict=False)]


def _validated_payoffs(given: object, validate: ValidatorFunctionWrapHandler) -> Payoffs:
    """State what is allowed once, instead of once for each form."""
    try:
        payoffs: Payoffs = validate(given)
    except ValidationError:
        raise ValueError("must be [R, S, T, P], or a matrix, or [row's, column's] matrices of numbers") from None
    if not np.isfinite(bimatrix(payoffs)).all():
        raise ValueError("must be finite numbers")
    return payoffs


Payoffs: TypeAlias = Annotated[FourNumbers | Matrix | Bimatrix, WrapValidator(_validated_payoffs)]


class RepeatedGame(SimultaneousGame):
    """Two players choose at once, and a matrix gives the payoffs; then they do it again.

    Action 0 is the cooperative one (C) where the game has one, action 1 is D. With probability `noise` a player
    executes another action than it chose (uniformly among its other actions); payoffs and memory use the
    executed one. With probability `misperception` a player sees another action than its opponent executed; it is
    then not shown the opponent's payoffs either.
    """

    misperception: Probability = Field(0.0, description="probability that the other's action is seen wrongly")

    @property
    @abstractmethod
    def matrices(self) -> NDArray[np.float64]:
        """Payoffs [seat, action of seat 0, action of seat 1]."""

    def as_repeated_game(self) -> RepeatedGame:
        return self

    @property
    def seats(self) -> int:
        return 2

    @property
    def roles(self) -> tuple[str, ...]:
        return bimatrix_roles(self.matrices)

    @property
    def grants(self) -> frozenset[str]:
        return super().grants - {"others_rewards"} if self.misperception else super().grants

    @property
    def optimum(self) -> float:
        """The largest mean payoff of the two in a round; with alternation it can exceed mutual cooperation."""
        return float(self.matrices.mean(0).max())

    @property
    def extremes(self) -> tuple[float, float]:
        return float(self.matrices.min()), float(self.matrices.max())

    def actions(self, seat: int) -> Discrete:
        return Discrete(self.matrices.shape[1 + seat])

    def rules(self, device: torch.device) -> Mapping[str, Tensor]:
        return {"payoffs": torch.as_tensor(self.matrices, device=device).flatten(1).T.contiguous()}

    def rewards(self, executed: Tensor, state: State) -> Tensor:
        joint = executed[:, 0] * self.matrices.shape[2]
        joint += executed[:, 1]
        payoffs = state.tensors["payoffs"].index_select(0, joint.view(-1))
        return payoffs.view(*joint.shape, 2).transpose(1, 2)

    def seen(self, executed: Tensor, state: State, chance: Chance) -> Tensor | None:
        if not self.misperception:
            return None
        seen = self.perturbed(executed, self.misperception, Purpose.MISPERCEPTION, state, chance)
        return seen.flip(1)[:, :, None]

    def perturbed(self, action: Tensor, rate: float, purpose: Purpose, state: State, chance: Chance) -> Tensor:
        if not rate or self.matrices.shape[1:] != (2, 2):
            return super().perturbed(action, rate, purpose, state, chance)
        # Two seats and one other action each: a single hash serves both.
        return action ^ (chance.pair(purpose, state.episode, state.round) < threshold(rate))


def two_by_two(game: Environment) -> RepeatedGame | None:
    """`game` as a repeated game of two players and two actions, if it is one."""
    found = game.as_repeated_game()
    return found if found and found.matrices.shape == (2, 2, 2) else None


def bimatrix(payoffs: Payoffs) -> NDArray[np.float64]:
    """The row and the column player's payoffs [seat, row's action, column's action].

    Raises ValueError where the shapes do not make a game.
    """
    return _bimatrix(payoffs).copy()


@cache  # not on the games: an array among their attributes can't be compared
def _bimatrix(payoffs: Payoffs) -> NDArray[np.float64]:
    try:
        given = np.asarray(payoffs, dtype=np.float64)
    except ValueError:
        raise ValueError("the rows of a matrix must have one length, and two matrices one shape") from None
    if given.ndim == 1:
        given = given.reshape(2, 2)
    if given.ndim == 3:
        return given
    if given.shape[0] != given.shape[1]:
        shape = f"{given.shape[0]}x{given.shape[1]}"
        raise ValueError(f"one matrix alone must be square, found {shape}; give [row's, column's]")
    return np.stack((given, given.T))


def bimatrix_roles(matrices: NDArray[np.float64]) -> tuple[str, str]:
    """The roles of the seats in a game with these payoffs [seat, row's action, column's action]."""
    row, column = matrices
    alike = row.shape[0] == row.shape[1] and bool((row == column.T).all())
    return ("player", "player") if alike else ("row", "column")


def payoffs_in_view(matrices: NDArray[np.float64], seat: Tensor) -> Tensor:
    """Both payoffs as each chair sees them [chair, player, own action, other's action], its own first."""
    row, column = torch.as_tensor(matrices, device=seat.device)
    return torch.stack((torch.stack((row, column)), torch.stack((column.T, row.T))))[seat]


class MatrixGame(RepeatedGame):
    """Any two-player game, given by its payoffs."""

    source: ClassVar[str] = "Luce and Raiffa 1957"

    payoffs: Payoffs = Field(
        description="[R, S, T, P]; or the row player's matrix of a symmetric game; or [row's, column's] matrices",
        examples=[(3, 0, 5, 1), (((3, 0, 1), (5, 1, 0)), ((2, 5, 0), (0, 1, 4)))],
    )

    @property
    def matrices(self) -> NDArray[np.float64]:
        return bimatrix(self.payoffs)


class PrisonersDilemma(MatrixGame):
    """Defection pays whatever the other does, and mutual cooperation pays both more than mutual defection."""

    source: ClassVar[str] = (
        "Tucker 1950; payoffs of Axelrod 1980. Also published: [-1, -3, 0, -2] (Foerster et al. 2018)"
    )
    payoffs: Payoffs = Field((3, 0, 5, 1), description="[R, S, T, P] with T > R > P > S")

    @field_validator("payoffs")
    @classmethod
    def _is_a_dilemma(cls, payoffs: Payoffs) -> Payoffs:
        if np.shape(payoffs) != (4,):
            raise ValueError("must be [R, S, T, P]; `matrix_game` takes any payoffs")
        r, s, t, p = np.asarray(payoffs, dtype=float)
        if not t > r > p >= s:
            raise ValueError(
                f"a prisoner's dilemma has T > R > P >= S, found R={r:g}, S={s:g}, T={t:g}, P={p:g}; "
                "`matrix_game` takes any payoffs"
            )
        return payoffs


class StagHunt(MatrixGame):
    """Hunting the stag together is best for both; the hare is safe."""

    source: ClassVar[str] = (
        "Rousseau 1755; Skyrms 2004. Also published: [2, 0, 1, 1] (OpenSpiel), [4, 0, 2, 2] (Melting Pot)"
    )
    payoffs: Payoffs = Field((4, 0, 3, 2), description="[R, S, T, P] with R > T >= P > S")


class Chicken(MatrixGame):
    """Hawk-dove, or snowdrift: each would rather have the other yield, and two hawks fare worst."""

    source: ClassVar[str] = (
        "Maynard Smith and Price 1973; payoffs of Leibo et al. 2021. Alternation beats mutual yielding"
    )
    payoffs: Payoffs = Field((3, 2, 5, 0), description="[R, S, T, P] with T > R > S > P")


class Harmony(MatrixGame):
    """No dilemma: cooperation pays more, whatever the other does."""

    source: ClassVar[str] = "Licht 1999"
    payoffs: Payoffs = Field((4, 3, 2, 1), description="[R, S, T, P] with R > T and S > P")


class Deadlock(MatrixGame):
    """Defection pays whatever the other does, and mutual defection pays both more than mutual cooperation."""

    source: ClassVar[str] = "Oye 1985"
    payoffs: Payoffs = Field((1, 0, 3, 2), description="[R, S, T, P] with T > P > R > S")


class BattleOfTheSexes(MatrixGame):
    """Both want to meet, each at the place it likes better."""

    source: ClassVar[str] = "Luce and Raiffa 1957"
    payoffs: Payoffs = Field((((3, 0), (0, 2)), ((2, 0), (0, 3))), description="[row's, column's] matrices")


class MatchingPennies(MatrixGame):
    """One wants to match, the other to differ."""

    source: ClassVar[str] = "von Neumann 1928"
    payoffs: Payoffs = Field((((1, -1), (-1, 1)), ((-1, 1), (1, -1))), description="[row's, column's] matrices")


class PureCoordination(MatrixGame):
    """Both earn the same, and only if they choose the same."""

    source: ClassVar[str] = "Schelling 1960"
    payoffs: Payoffs = Field(((1, 0), (0, 1)), description="the row player's matrix, KxK")


class RockPaperScissors(MatrixGame):
    """Each action beats one other."""

    source: ClassVar[str] = "von Neumann 1928"
    payoffs: Payoffs = Field(((0, -1, 1), (1, 0, -1), (-1, 1, 0)), description="the row player's matrix, KxK")


class STPlane(RepeatedGame):
    """All symmetric 2x2 dilemmas at once, with R = 1 and P = 0: fear is -S, greed is T - 1."""

    source: ClassVar[str] = "Macy and Flache 2002; Santos, Pacheco and Lenaerts 2006"

    s: float = Field(-0.5, description="payoff of a cooperator against a defector", ge=-1, le=1)
    t: float = Field(1.5, description="payoff of a defector against a cooperator", ge=0, le=2)

    @property
    def matrices(self) -> NDArray[np.float64]:
        return bimatrix((1.0, self.s, self.t, 0.0))
