"""Who sees whom: all others, or a seat's neighbours on a graph."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor


@lru_cache(maxsize=64)
def all_others(seats: int, device: torch.device) -> Tensor:
    """The others of each seat, the next seat first, then around, int64 [seat, other]."""
    with torch.inference_mode(False):  # what is kept must serve learners too
        seat = torch.arange(seats, device=device)
        return (seat[:, None] + seat[1:]) % seats


def of_neighbours(known: Tensor, chairs: Tensor | None, neighbours: Tensor | None) -> Tensor:
    """What is `known` of every seat [match, seat, ...], of the neighbours of each chair [chair, neighbour, ...].

    `chairs` are rows of [match, seat], all of them where it is None; `neighbours` [seat, neighbour] is that of
    `Environment`. Where there is no neighbour stands 0.
    """
    matches, seats = known.shape[:2]
    flat = known.flatten(0, 1)
    if seats == 2 and neighbours is None:
        return (known.flip(1).flatten(0, 1) if chairs is None else flat.index_select(0, chairs ^ 1))[:, None]
    if chairs is None:
        chairs = torch.arange(matches * seats, device=known.device)
    seat = chairs % seats
    graph = all_others(seats, known.device) if neighbours is None else neighbours
    who = graph.index_select(0, seat)
    row = (chairs - seat)[:, None] + who
    found = flat.index_select(0, row.clamp_(min=0).flatten()).view(*row.shape, *known.shape[2:])
    if neighbours is None:
        return found
    return found.masked_fill_((who < 0).view(*who.shape, *(1,) * (found.dim() - 2)), 0)
