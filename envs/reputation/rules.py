"""What follows from the parameters of the game and is needed in every turn: worked out once for a device."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..spatial_dilemma import Links
from .norms import NORMS
from .turns import Turn, turns
from .view import View

if TYPE_CHECKING:
    from .reputation_dilemma import ReputationDilemma

UNKNOWN = 2
"""No move yet."""


@dataclass(frozen=True, eq=False)
class Rules:
    """The turns, and tables from which a turn reads what it needs."""

    turns: tuple[Turn, ...]
    """Of an encounter."""
    links: Links
    view: View
    per_round: float
    """What turns a mean over turns into a mean per round of the game."""
    scale: Tensor
    """The same."""
    unit: float
    """In which reputations are shown."""
    payoffs: Tensor
    """By own move and the other's, float64 [4]."""
    judgements: Tensor
    """The new reputation by the own move and whether the other is bad, float64 [4]."""
    pays: Tensor
    """What a punishment pays, unjust and just, float64 [2]."""
    judges: Tensor
    """What it does to the punisher's reputation, float64 [2]."""
    kinds: Tensor
    """0 to 3 [kind, 1, 1, 1]."""
    slots: Tensor
    """Where a member is among the neighbours of another [another * seats + member]."""
    moves: Tensor
    """What is seen in a stage of two moves, with the stage, float32 [stage, 3 * theirs + own, entry]."""
    may_select: Tensor
    """Bool [seat, 1, action]."""
    first: Tensor
    """Whether an action is 0, bool [action]."""
    second: Tensor
    """Whether it is 1."""
    yes: Tensor
    """True []."""


@lru_cache(maxsize=64)
def rules_of(game: ReputationDilemma, device: torch.device) -> Rules:
    """What follows from the parameters of a game."""
    with torch.inference_mode(False):  # cached tensors must also serve learners
        programme = turns(
            game.links,
            game.rounds,
            game.partners == "chosen",
            game.punishment in ("direct", "both"),
            game.punishment in ("third_party", "both"),
            game.reputation == "assigned",
            device,
        )
        links, actions = game.links.to(device), torch.arange(game.actions(0).n, device=device)
        seats = torch.arange(game.seats, device=device)
        per_round = len(programme) / game.rounds
        return Rules(
            programme,
            links,
            game.view,
            per_round,
            _numbers((per_round,), device)[0],
            1.0 if game.reputation in ("norm", "assigned") else float(game.rounds),
            _numbers(game.payoffs, device),
            _numbers(sum(NORMS[game.norm], ()), device),
            _numbers((game.unjust, game.just), device),
            _numbers((-3.0, 2.0), device),
            torch.arange(4, device=device)[:, None, None, None],
            (links.neighbours[:, None] == seats[:, None]).long().argmax(-1).flatten(),
            _seen_moves(device),
            actions < links.degree[:, None, None],
            actions == 0,
            actions == 1,
            torch.ones((), dtype=torch.bool, device=device),
        )


def _numbers(numbers: tuple[float, ...], device: torch.device) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64, device=device)


def _seen_moves(device: torch.device) -> Tensor:
    """The stage, one-hot; whether the other cooperated, whether it defected; the same of oneself."""
    stage = torch.eye(4, device=device)[:, None].expand(4, 9, 4)
    move = torch.eye(3, device=device)[:, :2]
    both = torch.cat((move.repeat_interleave(3, 0), move.repeat(3, 1)), 1)
    return torch.cat((stage, both.expand(4, 9, 4)), -1)
