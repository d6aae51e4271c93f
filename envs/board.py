"""Square boards: where steps lead, and distances between cells. Cells are numbered row by row, from 0."""

from __future__ import annotations

import torch
from torch import Tensor

STEPS = ((0, 1), (0, -1), (1, 0), (-1, 0), (0, 0))
"""Rows and columns that a step goes: right, left, down, up, nowhere."""


def moves(size: int, torus: bool = True) -> Tensor:
    """Where each of `STEPS` leads from each cell, int64 [cell, step]; at an edge around the torus, or nowhere."""
    place = coordinates(size)[:, None] + torch.tensor(STEPS)
    row, column = (place % size if torus else place.clamp(0, size - 1)).unbind(-1)
    return row * size + column


def distances(size: int, torus: bool = True) -> Tensor:
    """The number of steps between any two cells, int64 [cell, cell]."""
    place = coordinates(size)
    apart = (place[:, None] - place).abs()
    return (torch.minimum(apart, size - apart) if torus else apart).sum(-1)


def centred(size: int) -> Tensor:
    """Where the cells of a torus lie for a player in the middle, int64 [its cell, cell]."""
    place = coordinates(size)
    row, column = ((place - place[:, None] + size // 2) % size).unbind(-1)
    return row * size + column


def coordinates(size: int) -> Tensor:
    """Row and column of each cell, int64 [cell, 2]."""
    cells = torch.arange(size * size)
    return torch.stack((cells // size, cells % size), -1)


def free_cell(draw: Tensor, occupied: Tensor, cells: int) -> Tensor:
    """A uniformly random cell that is not in `occupied`, for each of `draw` [match, coin, table].

    `occupied` is [match, seat, table], and may hold a cell more than once. `draw` is 32 random bits as
    `Chance.integers` gives them. `cells` is the number of cells of the board.
    """
    seats = occupied.shape[1]
    earlier = torch.ones(seats, seats, dtype=torch.bool, device=occupied.device).tril(-1)[..., None]
    one, other = occupied[:, :, None], occupied[:, None]
    again = ((one == other) & earlier).any(2)
    smaller = ((other < one) & ~again[:, None]).sum(2)
    cell = uniform_below(cells - seats + again.sum(1, keepdim=True), draw)
    # An occupied cell with f free ones before it moves the free cells from number f on one further.
    first_moved = (occupied - smaller).masked_fill(again, cells)
    return cell + (first_moved[:, :, None] <= cell[:, None]).sum(1)


def uniform_below(bound: int | Tensor, draw: Tensor) -> Tensor:
    """A uniform integer from 0 to bound - 1, from 32 random bits as `Chance.integers` gives them."""
    return (draw + 2**31) * bound >> 32
