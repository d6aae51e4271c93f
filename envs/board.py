"""Square boards: where a step leads, and how far cells lie apart. Cells are numbered row by row, from 0."""

from __future__ import annotations

import torch
from torch import Tensor

STEPS = ((0, 1), (0, -1), (1, 0), (-1, 0), (0, 0))
"""Rows and columns that a step goes: right, left, down, up, nowhere."""


def moves(size: int, torus: bool = True) -> Tensor:
    """Where each of `STEPS` leads from each cell, int64 [cell, step]; at the edge round the torus, or nowhere."""
    place = places(size)[:, None] + torch.tensor(STEPS)
    row, column = (place % size if torus else place.clamp(0, size - 1)).unbind(-1)
    return row * size + column


def distances(size: int, torus: bool = True) -> Tensor:
    """How many steps it takes from each cell to each other one, int64 [cell, cell]."""
    place = places(size)
    apart = (place[:, None] - place).abs()
    return (torch.minimum(apart, size - apart) if torus else apart).sum(-1)


def centred(size: int) -> Tensor:
    """Where cells of a torus lie for somebody who stands in the middle, int64 [its cell, cell]."""
    place = places(size)
    row, column = ((place - place[:, None] + size // 2) % size).unbind(-1)
    return row * size + column


def places(size: int) -> Tensor:
    """Row and column of each cell, int64 [cell, 2]."""
    cells = torch.arange(size * size)
    return torch.stack((cells // size, cells % size), -1)


def free_cell(draw: Tensor, occupied: Tensor, cells: int) -> Tensor:
    """Uniform among the `cells` not in `occupied` [match, seat, table], where a cell may stand more than once;
    one for each of `draw` [match, coin, table], 32 random bits as `Chance.integers` gives them."""
    seats = occupied.shape[1]
    earlier = torch.ones(seats, seats, dtype=torch.bool, device=occupied.device).tril(-1)[..., None]
    one, other = occupied[:, :, None], occupied[:, None]
    again = ((one == other) & earlier).any(2)
    smaller = ((other < one) & ~again[:, None]).sum(2)
    cell = below(cells - seats + again.sum(1, keepdim=True), draw)
    # An occupied cell with f free ones before it moves the free cells from number f on one further.
    first_moved = (occupied - smaller).masked_fill(again, cells)
    return cell + (first_moved[:, :, None] <= cell[:, None]).sum(1)


def below(bound: int | Tensor, draw: Tensor) -> Tensor:
    """Uniform on 0 .. bound - 1, from 32 random bits as `Chance.integers` gives them."""
    return (draw + 2**31) * bound >> 32
