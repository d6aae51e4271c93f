"""The joint action of a round: one tensor, also where some seats act in other ways than others.

Where all seats have actions of one form, whole numbers or real vectors of one shape, the joint action is
[match, seat, table, *shape]. Where they differ, it is float64 [match, seat, table, width]: a seat's numbers come
first, and zeros fill the rest of its row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from .environment import Box, Discrete, Environment


@dataclass(frozen=True, slots=True)
class Form:
    """What tells one action from another kind of action: its dtype and its shape."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    @staticmethod
    def of(space: Discrete | Box) -> Form:
        """The form of the actions in a space."""
        return Form(torch.float64, space.shape) if isinstance(space, Box) else Form(torch.int64, ())

    @staticmethod
    def joint(forms: Iterable[Form]) -> Form:
        """The form that actions of all these forms have in a joint action."""
        different = list(dict.fromkeys(forms))
        if len(different) == 1:
            return different[0]
        return Form(torch.float64, (max(math.prod(form.shape) for form in different),))

    def packed(self, action: Tensor, joint: Form) -> Tensor:
        """Actions of this form [row, table, *shape] as part of a joint action."""
        if self == joint:
            return action
        flat = action.reshape(*action.shape[: action.dim() - len(self.shape)], -1).to(joint.dtype)
        return pad(flat, (0, joint.shape[0] - flat.shape[-1]))

    def unpacked(self, rows: Tensor, joint: Form) -> Tensor:
        """Rows of a joint action [row, ..., table, *joint.shape] as actions of this form."""
        if self == joint:
            return rows
        own = rows[..., : math.prod(self.shape)]
        return own.reshape((*rows.shape[:-1], *self.shape)).to(self.dtype)


def forms(game: Environment) -> tuple[Form, ...]:
    """The form of each seat's actions [seat]."""
    return tuple(Form.of(game.actions(seat)) for seat in range(game.seats))


def seats_that_act_alike(game: Environment) -> list[list[int]]:
    """All seats; where the actions of some have another form, those of each role."""
    if len(set(forms(game))) == 1:
        return [list(range(game.seats))]
    return [[seat for seat, its in enumerate(game.roles) if its == role] for role in dict.fromkeys(game.roles)]


def empty(game: Environment, shape: tuple[int, int, int], device: torch.device) -> Tensor:
    """A joint action [match, seat, table, ...], not yet filled; `shape` is its first three dimensions."""
    joint = Form.joint(forms(game))
    return torch.empty((*shape, *joint.shape), dtype=joint.dtype, device=device)


@dataclass(frozen=True, slots=True)
class ActionView:
    """How some chairs, all of one form, read a joint action: each action as its seat's player returned it."""

    own: Form
    others: Form
    """The form of their neighbours' actions; that of the joint action where these differ."""
    joint: Form

    @staticmethod
    def of_seats(game: Environment, seats: Iterable[int]) -> ActionView | None:
        """The view from these seats; None where all seats act alike, and there is nothing to convert."""
        every = forms(game)
        if len(set(every)) == 1:
            return None
        some = sorted(set(seats))
        graph = None if game.neighbours is None else game.neighbours.tolist()
        seen = [other for seat in some for other in (range(game.seats) if graph is None else graph[seat])]
        theirs = {every[other] for other in seen if other >= 0}
        joint = Form.joint(every)
        return ActionView(every[some[0]], theirs.pop() if len(theirs) == 1 else joint, joint)
