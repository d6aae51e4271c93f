"""Checks of what agents return; each error says what was found and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..agents.agent import Chairs
from ..envs.environment import Box, Environment
from ..envs.errors import DilemmaError

RESERVED = frozenset(
    {
        "match",
        "cast",
        "setting",
        "role",
        "repetition",
        "seat",
        "agent",
        "opponent",
        "k",
        "point",
        "payoff",
        "cooperation",
    }
)
"""Columns of the curves table that learners may not use."""


class Allowed:
    """The allowed actions of some chairs [chair, table, ...]: type, dtype, shape, device and range."""

    def __init__(self, game: Environment, chairs: Chairs, learns: bool = False):
        spaces = [game.actions(seat) for seat in range(game.seats)]
        # Chairs have one role where seats act in different ways.
        own = [spaces[seat] for seat in set(chairs.seat.tolist())]
        self._box = next((space for space in own if isinstance(space, Box)), None)
        self._shape = (*chairs.shape, *(self._box.shape if self._box else ()))
        self._device = chairs.device
        self._may_fail = learns
        limits = [(space.low, space.high) if isinstance(space, Box) else (0, space.n - 1) for space in spaces]
        self._low, self._high = min(low for low, _ in limits), max(high for _, high in limits)
        self._seat = chairs.seat.clone()  # the player could write there
        self._limits = limits if len(set(limits)) > 1 else None

    def checked(self, chosen: object) -> Tensor:
        """The actions, unchanged; raises DilemmaError if they are not allowed.

        If the agent learns, real actions may be NaN: learning can fail on one chair alone, and then only its match
        fails.
        """
        kind = "floats" if self._box else "int64"
        wanted = f"a tensor of {kind}, {list(self._shape)} (chair, table)"
        if not isinstance(chosen, Tensor):
            raise DilemmaError(f"act returned {_kind(chosen)}; allowed is {wanted}")
        right = chosen.is_floating_point() if self._box else chosen.dtype == torch.int64
        if not right or chosen.shape != self._shape or chosen.device != self._device:
            found = f"{str(chosen.dtype).removeprefix('torch.')}, {list(chosen.shape)}"
            where = f" on {chosen.device}" if chosen.device != self._device else ""
            raise DilemmaError(f"act returned a tensor of {found}{where}; allowed is {wanted}")
        if not chosen.numel():
            return chosen
        low, high = torch.stack(torch.aminmax(chosen)).tolist()
        if low != low and self._may_fail:
            low, high = torch.stack(torch.aminmax(chosen.nan_to_num(self._low, torch.inf, -torch.inf))).tolist()
        if not (self._low <= low and high <= self._high):
            self._refuse(low if not self._low <= low else high, self._low, self._high)
        if self._limits:
            self._check_seats(chosen, self._limits)
        return chosen

    def _check_seats(self, chosen: Tensor, limits: list[tuple[float, float]]) -> None:
        """Check seats with different actions."""
        if self._may_fail and self._box:
            chosen = chosen.nan_to_num(self._low)
        bounds = torch.tensor(limits, dtype=torch.float64, device=self._device)[self._seat]
        low, high = bounds.view(len(chosen), 2, *[1] * (chosen.dim() - 1)).unbind(1)
        wrong = ~((chosen >= low) & (chosen <= high))
        if wrong.any():
            chair = int(wrong.flatten(1).any(1).nonzero()[0])
            value = chosen[chair][wrong[chair]][0].item()
            seat = int(self._seat[chair])
            self._refuse(value, *limits[seat], f" in seat {seat}")

    @staticmethod
    def _refuse(value: float, low: float, high: float, where: str = "") -> None:
        raise DilemmaError(f"act returned {value:g}{where}; allowed are {low:g} to {high:g}")


def measures_of(given: object, chairs: int, taken: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The metrics that a learner reports, by name, as float64 [chair]: means over tables.

    Raises DilemmaError if they are of another form, or use a name that is `taken`.
    """
    found = {}
    for name, value in _named(given, chairs, "measures").items():
        if name in RESERVED or name in taken:
            raise DilemmaError(f"measures has the name {name!r}, which is taken: give it another")
        found[name] = value.double().flatten(1).mean(1) if value.dim() > 1 else value.double()
    return found


def state_of(given: object, chairs: int) -> dict[str, Tensor]:
    """The learned state of a learner, by name; raises DilemmaError if it is of another form."""
    return _named(given, chairs, "state_dict")


def _named(given: object, chairs: int, method: str) -> dict[str, Tensor]:
    wanted = f"allowed are tensors by name, each [{chairs}, ...] (chair, ...)"
    if not isinstance(given, Mapping):
        raise DilemmaError(f"{method} returned {_kind(given)}; {wanted}")
    found = {}
    for name, value in given.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise DilemmaError(f"{method} returned {_kind(value)} by the name {name!r}; {wanted}")
        if not value.dim() or len(value) != chairs:
            raise DilemmaError(f"{method} returned {list(value.shape)} by the name {name!r}; {wanted}")
        found[name] = value
    return found


def _kind(thing: object) -> str:
    return "nothing" if thing is None else f"an object of type {type(thing).__name__}"
